/**
 * Parsers for the values of arguments, applied while the command line is parsed: a wrong value is a usage error before
 * any work starts.
 */
import { InvalidArgumentError } from 'commander';
import { parseAddress } from '../config/address.ts';
import { parseMemory } from '../config/limits.ts';
import { parseDuration, parseInteger, parseMode, parseSize } from '../units/index.ts';

function parsedWith<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

/** Parses a size to bytes: `512KB`, `1.5MB`, `4096`. */
export const size = parsedWith(parseSize);

/** Parses a memory limit to bytes: `1GB`, or `50%` of the memory available to the process; 0 for no limit. */
export const memory = parsedWith(parseMemory);

/** Parses a duration to milliseconds: `30` (seconds), `500ms`, `5m`. 0 is refused. */
export const duration = parsedWith((text) => {
  const milliseconds = parseDuration(text);
  if (milliseconds === 0) throw new Error('expected more than 0');
  return milliseconds;
});

/** Parses a wait to milliseconds; 0 means not to wait. */
export const patience = parsedWith(parseDuration);

/** Parses a lifetime to milliseconds: less than a second is refused. */
export const lifetime = parsedWith((text) => {
  const milliseconds = parseDuration(text);
  if (milliseconds < 1000) throw new Error('expected 1s or more');
  return milliseconds;
});

function integerFrom(text: string, least: number): number {
  const value = parseInteger(text, least);
  if (value === undefined) throw new Error(`expected a whole number from ${least} to ${Number.MAX_SAFE_INTEGER}`);
  return value;
}

export const offset = parsedWith((text) => integerFrom(text, 0));
export const count = parsedWith((text) => integerFrom(text, 1));

/** The name of a file. An empty one is usually an unset variable of a script. */
export const file = parsedWith((text) => {
  if (text === '') throw new Error('expected the name of a file');
  if (text === '-') throw new Error('expected the name of a file: use /dev/stdin for standard input, ./- for a file -');
  return text;
});

/** Checks where to listen; the text is parsed again with the configuration. */
export const address = parsedWith((text) => {
  parseAddress(text);
  return text;
});

/** Parses permission bits like the server: `755`. */
export const mode = parsedWith(parseMode);
