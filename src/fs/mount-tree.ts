/**
 * Finds the mount that a path belongs to. No plugin is called here.
 *
 * The mounts are stored in a flat map by path. A lookup removes the last part of the path until a mount is found. So
 * its cost depends on the depth of the path, not on the number of mounts, and whole parts are compared (contract 75). A
 * path above a mount and not below any is a virtual directory: `/` and `/a`, if `/a/b` is the only mount.
 */

import { isWithin, parentPath, splitPath } from './path.ts';
import type { PluginConfig, PluginInstance } from './plugin.ts';

export type MountStatus = 'pending' | 'mounted' | 'failed';

export interface Mount {
  readonly path: string;
  readonly pluginName: string;
  readonly config: PluginConfig;
  /** The name of this instance in the configuration, if any. */
  readonly name: string | undefined;
  status: MountStatus;
  /** Why the mount failed. */
  error: string | undefined;
  /** Set while `status` is `mounted`. */
  instance: PluginInstance | undefined;
  /** When the mount became ready; before that, when it was requested. */
  since: Date;
}

export class MountTree {
  readonly #mounts = new Map<string, Mount>();
  /** Changes whenever a mount is added or removed, which invalidates earlier lookups. */
  version = 0;

  get(path: string): Mount | undefined {
    return this.#mounts.get(path);
  }

  get size(): number {
    return this.#mounts.size;
  }

  add(mount: Mount): void {
    this.#mounts.set(mount.path, mount);
    this.version++;
  }

  delete(path: string): void {
    this.#mounts.delete(path);
    this.version++;
  }

  /** All mounts, sorted by path. */
  list(): Mount[] {
    return [...this.#mounts.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The longest mount that contains a path (contract 75). */
  covering(path: string): Mount | undefined {
    for (let at = path; ; at = parentPath(at)) {
      const mount = this.#mounts.get(at);
      if (mount || at === '/') return mount;
    }
  }

  /** Whether a mount lies below a path, at any depth. A mount at the path itself does not count. */
  hasBelow(path: string): boolean {
    for (const mount of this.#mounts.values()) {
      if (mount.path !== path && isWithin(mount.path, path)) return true;
    }
    return false;
  }

  /**
   * The entries that mounts add to the listing of a directory, sorted by name: for each child name the mount at that
   * path, or undefined if the child is only a virtual directory above a mount. Mounts that are not running add nothing,
   * because their entries would not be usable.
   */
  childrenOf(directory: string): [name: string, mount: Mount | undefined][] {
    const depth = splitPath(directory).length;
    const children = new Map<string, Mount | undefined>();
    for (const mount of this.#mounts.values()) {
      if (mount.status !== 'mounted' || mount.path === directory || !isWithin(mount.path, directory)) continue;
      const parts = splitPath(mount.path);
      const name = parts[depth] as string;
      if (parts.length === depth + 1) children.set(name, mount);
      else if (!children.has(name)) children.set(name, undefined);
    }
    return [...children].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
