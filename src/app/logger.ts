/**
 * The log of a running server: lines on stderr, because stdout is for data; JSON for programs, or lines for people. The
 * rest of the project depends only on a small interface, never on the library behind it.
 */
import { isatty } from 'node:tty';
import { destination, pino } from 'pino';
import type { LogFormat, LogLevel } from '../config/index.ts';
import type { PluginLogger } from '../fs/index.ts';
import { prettyLine } from './pretty-log.ts';

const STDERR = 2;

/** Creates a logger that writes messages of at least `level` to stderr. */
export function createLogger(level: LogLevel, format: LogFormat): PluginLogger {
  const isTerminal = isatty(STDERR);
  // Synchronous, so that the last lines of a crashing process are not lost.
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
