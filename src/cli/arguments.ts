/** Values of arguments, read when they are parsed, so that a wrong one is a usage error before anything is done. */
import { InvalidArgumentError } from 'commander';
import { parseMemory } from '../config/limits.ts';
import { parseDuration, parseInteger, parseMode, parseSize } from '../units/index.ts';

function reading<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

/** Bytes of `512KB`, `1.5MB`, `4096`. */
export const size = reading(parseSize);

/** Bytes of `1GB`, or of `50%` of what the process may use; 0 for no bound. */
export const memory = reading(parseMemory);

/** Milliseconds of `30` (seconds), `500ms`, `5m`; 0 would be no time at all. */
export const duration = reading((text) => {
  const milliseconds = parseDuration(text);
  if (milliseconds === 0) throw new Error('expected more than 0');
  return milliseconds;
});

/** Milliseconds to wait for something; 0: not at all. */
export const patience = reading(parseDuration);

/** Milliseconds that something is good for: less than a second would be over at once. */
export const lifetime = reading((text) => {
  const milliseconds = parseDuration(text);
  if (milliseconds < 1000) throw new Error('expected 1s or more');
  return milliseconds;
});

function whole(text: string, least: number): number {
  const value = parseInteger(text, least);
  if (value === undefined) throw new Error(`expected a whole number of at least ${least}`);
  return value;
}

export const offset = reading((text) => whole(text, 0));
export const count = reading((text) => whole(text, 1));

/** Permission bits, as the server takes them: `755`. */
export const mode = reading(parseMode);
