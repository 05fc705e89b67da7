/**
 * The kinds of file system a mount can be made of. Plugins are handed in by the program that embeds them: nothing
 * here loads code by a name or a path that came with a request (contract 79).
 */
import { createError, hint } from '../errors/index.ts';
import type { Plugin } from './plugin.ts';

export class PluginRegistry {
  readonly #plugins = new Map<string, Plugin>();

  constructor(plugins: Iterable<Plugin> = []) {
    for (const plugin of plugins) this.register(plugin);
  }

  /** Adds a plugin under its own name. PLUGIN_EXISTS where another has that name. */
  register(plugin: Plugin): void {
    if (this.#plugins.has(plugin.name)) throw createError('PLUGIN_EXISTS', { name: plugin.name });
    this.#plugins.set(plugin.name, plugin);
  }

  /** The plugin of exactly that name. @throws UNKNOWN_FSTYPE, which suggests a similar name (contract 74) */
  get(name: string): Plugin {
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
