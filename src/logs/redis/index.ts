/** The log on Redis or Valkey. */
import type { Log, LogOptions } from '../log.ts';
import { RedisLog } from './redis-log.ts';

/** @throws CONFIG_INVALID for an invalid address; other problems are detected by `start` */
export function createRedisLog(options: LogOptions): Log {
  return new RedisLog(options);
}
