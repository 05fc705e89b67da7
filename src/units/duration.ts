/**
 * Parses and formats durations: `30` is seconds; `500ms`, `2s`, `5m`, `1h` include a unit. Configuration, queries and
 * the command line share this parser. Inside the program a duration is always in milliseconds.
 */
import { createError } from '../errors/index.ts';

/** The maximum duration, in milliseconds: 24 days. A timer with more than about 24.8 days would fire immediately. */
export const MAX_DURATION = 24 * 24 * 60 * 60 * 1000;

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
type Unit = keyof typeof MILLISECONDS;

const DURATION = /^(-?\d+(?:\.\d+)?)[ \t]*(ms|s|m|h)?$/;

/** Error messages truncate longer values. */
const SHOWN = 64;

/**
 * Converts a duration to milliseconds: a number of seconds, or a string such as `30`, `500ms`, `1.5 H`.
 *
 * The result is a whole number from 0 to {@link MAX_DURATION}. It is rounded, but only 0 itself gives 0, because 0
 * means "none" or "immediately". Negative durations, NaN, Infinity, hexadecimal, exponents and other units are
 * CONFIG_INVALID.
 *
 * @param max the maximum, for durations that no timer waits for
 */
export function parseDuration(value: string | number, max = MAX_DURATION): number {
  const shown = String(value).trim();
  const amount = typeof value === 'number' ? value * 1000 : millisecondsOf(shown.toLowerCase());
  if (Number.isNaN(amount) || value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) {
    throw invalid(shown, 'expected format: seconds, or a number with a unit ms/s/m/h');
  }
  if (amount < 0 || amount > max) throw invalid(shown, `expected a duration from 0 to ${max / MILLISECONDS.h}h`);
  if (amount === 0) return 0;
  return Math.max(1, Math.round(amount));
}

function millisecondsOf(text: string): number {
  const match = DURATION.exec(text);
  if (!match) return Number.NaN;
  return Number(match[1]) * MILLISECONDS[(match[2] ?? 's') as Unit];
}

function invalid(shown: string, expected: string) {
  const cut = shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown;
  return createError('CONFIG_INVALID', { reason: `invalid duration format: ${cut} (${expected})` });
}

/**
 * Formats a duration exactly, in the largest unit that divides it: `5s`, `90s`, `1m`, `1500ms`. Parses back to the same
 * value.
 */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = MILLISECONDS[unit];
    if (milliseconds > 0 && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return milliseconds === 0 ? '0s' : `${milliseconds}ms`;
}
