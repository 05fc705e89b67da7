/** Guesses the severity of a log line, in common formats. Used only for colours. */

export type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** The level is near the beginning of a line, except in JSON, whose keys have no order. */
const SCANNED_CHARACTERS = 160;
const SCANNED_JSON_CHARACTERS = 2048;

const WORDS: Readonly<Record<string, Level>> = {
  fatal: 'fatal',
  critical: 'fatal',
  crit: 'fatal',
  panic: 'fatal',
  emerg: 'fatal',
  emergency: 'fatal',
  alert: 'fatal',
  error: 'error',
  err: 'error',
  severe: 'error',
  warn: 'warn',
  warning: 'warn',
  info: 'info',
  information: 'info',
  notice: 'info',
  debug: 'debug',
  fine: 'debug',
  trace: 'trace',
  verbose: 'trace',
  finest: 'trace',
};

const WORD = Object.keys(WORDS).join('|');
const IN_JSON =
  /"(?:level|severity|lvl|loglevel|log\.level|levelname|@level|l)"\s*:\s*(?:"([a-z]+)"|(\d{1,3})(?=\s*[,}]))/i;
const IN_LOGFMT = new RegExp(`(?:^|\\s)(?:level|lvl|severity|loglevel)=["']?(${WORD})\\b`, 'i');
/** In capitals, or in brackets, or with a colon at the beginning. */
const IN_CAPITALS = new RegExp(`(?:^|[^A-Za-z0-9_/.-])(${WORD.toUpperCase()})(?![A-Za-z0-9_/-])`);
const IN_BRACKETS = new RegExp(`[[<(](${WORD})[\\])>:]`, 'i');
const AT_THE_BEGINNING = new RegExp(`^\\s*(?:[a-z0-9_.-]+:\\s+)?(${WORD}):`, 'i');
const KLOG = /^([IWEF])\d{4} \d\d:\d\d:\d\d/;
const KLOG_LEVELS: Readonly<Record<string, Level>> = { I: 'info', W: 'warn', E: 'error', F: 'fatal' };

/** `text` has no colour sequences. */
export function levelOf(text: string): Level | undefined {
  if (/^\s*\{/.test(text)) {
    const found = IN_JSON.exec(text.slice(0, SCANNED_JSON_CHARACTERS));
    return found === null
      ? undefined
      : found[1] === undefined
        ? ofNumber(Number(found[2]))
        : WORDS[found[1].toLowerCase()];
  }
  const head = text.slice(0, SCANNED_CHARACTERS);
  const found = IN_LOGFMT.exec(head) ?? IN_CAPITALS.exec(head) ?? IN_BRACKETS.exec(head) ?? AT_THE_BEGINNING.exec(head);
  if (found !== null) return WORDS[found[1]!.toLowerCase()];
  return KLOG_LEVELS[KLOG.exec(head)?.[1] ?? ''];
}

/** The numbers of pino, bunyan and others: 10 is trace, 60 is fatal. */
function ofNumber(level: number): Level | undefined {
  if (level < 10 || level > 60) return undefined;
  return (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)[Math.floor(level / 10) - 1];
}
