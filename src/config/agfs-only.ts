/**
 * Keys of an AGFS configuration that do not exist here. They are ignored with a warning each, so that such a file
 * starts this server. Any other unknown name is an error, because it is more likely a typo.
 */
import { isMapping, type KeyPath } from './document.ts';
import type { Problem } from './problem.ts';

const AGFS_SECTIONS: ReadonlySet<string> = new Set(['external_plugins']);

const AGFS_PLUGINS: ReadonlySet<string> = new Set([
  'gptfs',
  'heartbeatfs',
  'hellofs',
  'httagfs',
  'httpfs',
  'kvfs',
  'localfs',
  'proxyfs',
  'queuefs',
  's3fs',
  'serverinfofs',
  'sqlfs',
  'sqlfs2',
  'streamrotatefs',
  'vectorfs',
]);

/**
 * The configuration without them, and a warning for each. `own` are plugins that the program registered itself: such a
 * plugin may have the name of an AGFS plugin.
 */
export function withoutAgfsOnly(value: unknown, own: readonly string[]): { value: unknown; warnings: Problem[] } {
  if (!isMapping(value)) return { value, warnings: [] };
  const warnings: Problem[] = [];
  const kept: Record<string, unknown> = {};
  for (const [key, section] of Object.entries(value)) {
    if (AGFS_SECTIONS.has(key)) {
      warnings.push({ path: [key], text: 'this section of AGFS does not exist here and is ignored' });
    } else {
      define(kept, key, key === 'plugins' ? pluginsOf(section, own, warnings) : section);
    }
  }
  return { value: kept, warnings };
}

function pluginsOf(plugins: unknown, own: readonly string[], warnings: Problem[]): unknown {
  const isAgfsOnly = (name: unknown) => typeof name === 'string' && AGFS_PLUGINS.has(name) && !own.includes(name);
  const warn = (path: KeyPath, name: unknown) => {
    warnings.push({ path, text: `the plugin ${String(name)} of AGFS does not exist here and is ignored` });
  };
  if (Array.isArray(plugins)) {
    return plugins.map((entry: unknown, index) => {
      const path = ['plugins', index];
      if (!isMapping(entry)) return entry;
      const name = entry.plugin ?? entry.name;
      if (!isAgfsOnly(name)) return withoutInstances(entry, path, warnings);
      warn(path, name);
      // Keeps its place: the others are located by their index.
      return { plugin: name, enabled: false };
    });
  }
  if (!isMapping(plugins)) return plugins;
  const kept: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(plugins)) {
    if (isAgfsOnly(name)) warn(['plugins', name], name);
    else define(kept, name, withoutInstances(entry, ['plugins', name], warnings));
  }
  return kept;
}

/**
 * AGFS's sample has `instances` below a plugin; but AGFS, like this server, reads a list as the value of the plugin.
 */
function withoutInstances(entry: unknown, path: KeyPath, warnings: Problem[]): unknown {
  if (!isMapping(entry) || !Object.hasOwn(entry, 'instances')) return entry;
  const { instances: _, ...rest } = entry;
  warnings.push({
    path: [...path, 'instances'],
    text: 'is ignored: for several instances write a list of {path, config} as the value of the plugin',
  });
  return rest;
}

/** Assigning to `__proto__` would not create a key. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
