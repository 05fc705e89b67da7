/**
 * The log of a running server: lines of JSON on stderr, since stdout belongs to data. The rest of the project knows
 * only the small interface it is given, never the library behind it.
 */
import { destination, pino } from 'pino';
import type { LogLevel } from '../config/index.ts';
import type { PluginLogger } from '../fs/index.ts';

/** A logger that writes to stderr what is at least as important as `level`. */
export function createLogger(level: LogLevel): PluginLogger {
  // Written at once, so that the last lines of a dying process are not lost.
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  );
  return {
    writes: (at) => log.isLevelEnabled(at),
    debug: (message, facts) => log.debug(facts ?? {}, message),
    info: (message, facts) => log.info(facts ?? {}, message),
    warn: (message, facts) => log.warn(facts ?? {}, message),
    error: (message, facts) => log.error(facts ?? {}, message),
  };
}
