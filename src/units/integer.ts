/**
 * The definition of an integer in the whole project: a whole number that JavaScript represents exactly. NaN, fractions
 * and numbers beyond 2^53 - 1 are not valid offsets or counts. Each layer raises its own error for them.
 */

/** Whether `value` is a whole number from `min` to `max`. */
export function isIntegerFrom(min: number, value: unknown, max: number = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** Parses decimal digits; undefined unless they are a whole number from `min` to 2^53 - 1. */
export function parseInteger(text: string, min = 0): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && isIntegerFrom(min, value) ? value : undefined;
}
