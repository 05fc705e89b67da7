/** Checks arguments before anything is sent: a wrong one is a TypeError that says what is right. */

import { END_STATUS_RULE, isEndStatus } from '../protocol/index.ts';
import { isIntegerFrom } from '../units/index.ts';

export function checkInteger(name: string, value: number | undefined, least = 0): void {
  if (value !== undefined && !isIntegerFrom(least, value)) {
    throw new TypeError(`invalid ${name}: ${value} is not a whole number of at least ${least}`);
  }
}

/** The status a writer may give at the end: see protocol/words.ts. */
export function checkEndStatus(name: string, value: string | undefined): void {
  if (value !== undefined && !isEndStatus(value)) throw new TypeError(`invalid ${name}: it ${END_STATUS_RULE}`);
}

/** At most one of several options that exclude each other may be given. */
export function checkOnlyOne(options: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(options).filter((name) => options[name] !== undefined);
  if (given.length > 1) throw new TypeError(`${given.join(' and ')} exclude each other: give only one`);
}
