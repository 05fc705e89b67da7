/** Formats a log line for people: the time of day, the level, the message, then the fields as `name=value`. */
import { styleText } from 'node:util';

const COLOURS = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const;

/** Values that are unambiguous without quotes. */
const PLAIN = /^[\w./:@+-]+$/;

/**
 * Formats one JSON line for people. A multi-line value, such as a stack, is printed below it. Control characters are
 * escaped, because parts of a message may come from any client.
 */
export function prettyLine(json: string, colour: boolean): string {
  const { level, time, msg, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const style = COLOURS[level as keyof typeof COLOURS] ?? 'dim';
  const word = String(level).toUpperCase().padEnd(5);
  const shown = colour ? styleText(style, word, { validateStream: false }) : word;
  const parts = [timeOfDay(String(time)), shown, printable(String(msg))];
  const below: string[] = [];
  for (const [name, value] of Object.entries(facts)) {
    if (typeof value === 'string' && value.includes('\n')) below.push(...value.split('\n'));
    else parts.push(`${name}=${textOf(value)}`);
  }
  return [parts.join(' '), ...below.map((line) => `  ${printable(line)}`), ''].join('\n');
}

/** Local time, to the millisecond. */
function timeOfDay(time: string): string {
  const date = new Date(time);
  const two = (part: number) => String(part).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' && PLAIN.test(value) ? value : JSON.stringify(value);
  return printable(text);
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\uFFFD');
}
