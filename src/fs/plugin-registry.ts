/**
 * The kinds of file system that can be mounted. The embedding program registers the plugins: nothing here loads code by
 * a name or path from a request (contract 79).
 */
import { createError, hint } from '../errors/index.ts';
import { requireMethods, requireType } from '../units/index.ts';
import type { Plugin } from './plugin.ts';

export class PluginRegistry {
  readonly #plugins = new Map<string, Plugin>();

  constructor(plugins: Iterable<Plugin> = []) {
    for (const plugin of plugins) this.register(plugin);
  }

  /** Registers a plugin under its name. Throws PLUGIN_EXISTS if the name is taken. */
  register(plugin: Plugin): void {
    requireMethods('plugin', plugin, ['validate', 'initialize']);
    requireType('name of a plugin', plugin.name, 'string');
    if (this.#plugins.has(plugin.name)) throw createError('PLUGIN_EXISTS', { name: plugin.name });
    this.#plugins.set(plugin.name, plugin);
  }

  /**
   * The plugin with exactly this name.
   *
   * @throws UNKNOWN_FSTYPE, which suggests a similar name (contract 74)
   */
  get(name: string): Plugin {
    requireType('fstype', name, 'string');
    const plugin = this.#plugins.get(name);
    if (!plugin)
      throw createError('UNKNOWN_FSTYPE', { fstype: name, hint: hint(name, [...this.#plugins.keys()].sort()) });
    return plugin;
  }

  /** All plugins, by name. */
  list(): readonly Plugin[] {
    return [...this.#plugins.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
