import type { Logger, LogLevel } from './logger.ts';

/** Whether lines of a level are written. A logger without `writes` is assumed to write all of them. */
export function writes(logger: Logger, level: LogLevel): boolean {
  return logger.writes === undefined || logger.writes(level);
}
