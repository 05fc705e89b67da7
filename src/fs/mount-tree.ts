/**
 * Which mount a path belongs to, and nothing else: no plugin is called here.
 *
 * The mounts lie in a flat map by path. A path is looked up by cutting its last part off until a mount is found, so a
 * lookup costs the depth of the path, not the number of mounts, and whole parts are compared (contract 75). What is
 * above a mount and below none is a virtual directory: `/` and `/a`, when `/a/b` is the only mount.
 */

import { isWithin, parentPath, splitPath } from './path.ts';
import type { PluginConfig, PluginInstance } from './plugin.ts';

export type MountStatus = 'pending' | 'mounted' | 'failed';

export interface Mount {
  readonly path: string;
  readonly pluginName: string;
  readonly config: PluginConfig;
  /** The name its configuration gives this instance, if any. */
  readonly name: string | undefined;
  status: MountStatus;
  /** Why it failed. */
  error: string | undefined;
  /** There while `status` is `mounted`. */
  instance: PluginInstance | undefined;
  /** When it was mounted; before that, when it was asked for. */
  since: Date;
}

export class MountTree {
  readonly #mounts = new Map<string, Mount>();
  /** Another one whenever a mount has come or gone: what was looked up before may no longer hold. */
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

  /** The longest mount that a path is, or lies below (contract 75). */
  covering(path: string): Mount | undefined {
    for (let at = path; ; at = parentPath(at)) {
      const mount = this.#mounts.get(at);
      if (mount || at === '/') return mount;
    }
  }

  /** Whether a mount lies below a path, at any depth. The path's own mount does not count. */
  hasBelow(path: string): boolean {
    for (const mount of this.#mounts.values()) {
      if (mount.path !== path && isWithin(mount.path, path)) return true;
    }
    return false;
  }

  /**
   * What mounts add to the listing of a directory, sorted by name: for each next part the mount that lies there, or
   * undefined where it is only on the way to one. Mounts that do not run add nothing, since nothing could be done
   * with what would be listed.
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
