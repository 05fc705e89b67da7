/** The logs by URL scheme. Another log is a folder next to this file and a line in this table. */
import type { Log, LogOptions } from './log.ts';

const LOGS: Readonly<Record<string, (options: LogOptions) => Promise<Log>>> = {
  redis: async (options) => (await import('./redis/index.ts')).createRedisLog(options),
  rediss: async (options) => (await import('./redis/index.ts')).createRedisLog(options),
};

export const LOG_SCHEMES: readonly string[] = Object.keys(LOGS);

/** Whether a log exists for a URL scheme, given without its colon. */
export function isLogScheme(scheme: string): boolean {
  return Object.hasOwn(LOGS, scheme);
}

/** @throws LOG_REFUSED */
export function openLog(options: LogOptions): Promise<Log> {
  return LOGS[options.url.protocol.slice(0, -1)]!(options);
}
