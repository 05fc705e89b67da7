/** Parsers for configuration values, shared by all plugins: every error names the key (contract 81). */
import { createError, isStreamFSError } from '../errors/index.ts';
import type { PluginConfig } from '../fs/index.ts';
import { parseSize } from '../units/index.ts';

/** A size in bytes, or undefined if the key is absent. `example` appears in the error. Throws CONFIG_INVALID. */
export function sizeValue(config: PluginConfig, key: string, example: string): number | undefined {
  const value = config[key];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw createError('CONFIG_INVALID', { reason: `${key} must be a size string (e.g., '${example}') or number` });
  }
  try {
    return parseSize(value);
  } catch (error) {
    if (isStreamFSError(error)) throw createError('CONFIG_INVALID', { reason: `invalid ${key}: ${error.message}` });
    throw error;
  }
}

/** A string, or undefined if the key is absent. Throws CONFIG_INVALID. */
export function textValue(config: PluginConfig, key: string): string | undefined {
  const value = config[key];
  if (value === undefined || typeof value === 'string') return value;
  throw createError('CONFIG_INVALID', { reason: `${key} must be a text` });
}

/**
 * Reads all values of a configuration, even after errors, and returns them by the names of their readers. A single
 * CONFIG_INVALID lists all problems, one per line.
 */
export function readValues<Values extends object>(readers: { [Name in keyof Values]: () => Values[Name] }): Values {
  const values: Partial<Values> = {};
  const problems: string[] = [];
  for (const name of Object.keys(readers) as (keyof Values)[]) {
    try {
      values[name] = readers[name]();
    } catch (error) {
      if (!isStreamFSError(error, 'CONFIG_INVALID')) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length > 0) throw createError('CONFIG_INVALID', { reason: problems.join('\n') });
  return values as Values;
}
