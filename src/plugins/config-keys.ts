/**
 * All plugins refuse unknown configuration keys, with the same message, which clients of the original know (contract
 * 81).
 */
import { createError } from '../errors/index.ts';
import type { PluginConfig } from '../fs/index.ts';
import { requireType } from '../units/index.ts';

/** Throws CONFIG_INVALID if `config` has keys that are not in `allowed`; the error names both. */
export function refuseUnknownKeys(config: PluginConfig, allowed: readonly string[]): void {
  requireType('config', config, 'object');
  const unknown = Object.keys(config).filter((key) => !allowed.includes(key));
  if (unknown.length === 0) return;
  throw createError('CONFIG_INVALID', {
    reason: `unknown configuration parameter(s) ${quoted(unknown)} - allowed parameters are: ${quoted(allowed)}`,
  });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
