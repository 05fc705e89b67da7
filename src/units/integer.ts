/**
 * What counts as an integer, everywhere: a whole number that JavaScript holds exactly. NaN, fractions and numbers beyond
 * 2^53 - 1 match no byte and no count. Each layer has an error of its own for what is none.
 */

/** Whether `value` is a whole number from `min` to `max`. */
export function isIntegerFrom(min: number, value: unknown, max: number = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** The whole number that decimal digits say; undefined where they say none from `min` to 2^53 - 1. */
export function parseInteger(text: string, min = 0): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && isIntegerFrom(min, value) ? value : undefined;
}
