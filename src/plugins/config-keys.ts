/**
 * A configuration with an unknown key is a mistake: every plugin refuses it in the same
 * words (contract 81), which clients of the original know.
 */
import { createError } from '../errors/index.ts';
import type { PluginConfig } from '../fs/index.ts';

/** CONFIG_INVALID where `config` has keys that are not among `allowed`; names both. */
export function refuseUnknownKeys(config: PluginConfig, allowed: readonly string[]): void {
  const unknown = Object.keys(config).filter((key) => !allowed.includes(key));
  if (unknown.length === 0) return;
  throw createError('CONFIG_INVALID', {
    reason: `unknown configuration parameter(s) ${quoted(unknown)} - allowed parameters are: ${quoted(allowed)}`,
  });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
