/**
 * The log of a running server: lines on stderr, since stdout belongs to data; JSON for programs, or lines for people. The
 * rest of the project knows only the small interface it is given, never the library behind it.
 */
import { isatty } from 'node:tty';
import { destination, pino } from 'pino';
import type { LogFormat, LogLevel } from '../config/index.ts';
import type { PluginLogger } from '../fs/index.ts';
import { prettyLine } from './pretty-log.ts';

const STDERR = 2;

/** A logger that writes to stderr what is at least as important as `level`. */
export function createLogger(level: LogLevel, format: LogFormat): PluginLogger {
  const isTerminal = isatty(STDERR);
  // Written at once, so that the last lines of a dying process are not lost.
  const stderr = destination({ dest: STDERR, sync: true });
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal);
  const colour = isTerminal && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    isPretty ? { write: (line) => void stderr.write(prettyLine(line, colour)) } : stderr,
  );
  return {
    writes: (at) => log.isLevelEnabled(at),
    debug: (message, facts) => log.debug(facts ?? {}, message),
    info: (message, facts) => log.info(facts ?? {}, message),
    warn: (message, facts) => log.warn(facts ?? {}, message),
    error: (message, facts) => log.error(facts ?? {}, message),
  };
}
