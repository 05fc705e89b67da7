/** The log on Redis or Valkey. */
import type { Log, LogOptions } from '../log.ts';
import { RedisLog } from './redis-log.ts';

/** @throws CONFIG_INVALID for an address that is none; what it needs beside that is found out in `start` */
export function createRedisLog(options: LogOptions): Log {
  return new RedisLog(options);
}
