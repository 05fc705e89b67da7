/**
 * The mounts of a server and their life cycle. {@link MountedFileSystem} does the operations on their paths.
 *
 * A path is reserved from the request of a mount until its instance has shut down. So exactly one of two concurrent
 * mounts at a path wins, and a new instance never runs at the same time as the old one.
 *
 *   declare ─► pending ─► mounted ─► (unmount) gone
 *                  └────► failed ──► (unmount) gone
 *
 * A declared mount that fails stays listed with its error, and the others keep running (contract 76). A mount requested
 * at run time that fails is removed, and the caller gets the error.
 */

import type { MemoryBudget } from '../core/index.ts';
import { createError, isStreamFSError, limitReached, StreamFSError } from '../errors/index.ts';
import type { LimitCounters } from '../errors/limit-counters.ts';
import type { MountCounts } from '../protocol/index.ts';
import { requireMethods, requireType } from '../units/index.ts';
import { type Mount, type MountStatus, MountTree } from './mount-tree.ts';
import { MountedFileSystem } from './mounted-file-system.ts';
import type { PathLimits } from './path.ts';
import type {
  ConfigParameter,
  DiskTotals,
  LogTotals,
  Plugin,
  PluginConfig,
  PluginContext,
  PluginLogger,
  StreamTotals,
} from './plugin.ts';
import type { PluginRegistry } from './plugin-registry.ts';

export interface MountTableOptions {
  registry: PluginRegistry;
  /** Logs mounts, unmounts and failures, and is passed to the plugins. Default: no log. */
  logger?: PluginLogger | undefined;
  /** The memory budget of all mounts together. Default: no limit. */
  memory?: MemoryBudget | undefined;
  /** Passed to the plugins. */
  limits?: LimitCounters | undefined;
  /** The maximum number of mounts; 0, the default: no limit. */
  maxMounts?: number | undefined;
  pathLimits?: PathLimits | undefined;
}

export interface MountOptions {
  /** The name of this instance in the configuration. */
  instance?: string | undefined;
  /** The origin of the mount, such as `streamfs.yaml:12`, which is logged if it fails. */
  where?: string | undefined;
}

/** A mount as `GET /mounts` lists it (contract 76). */
export interface MountInfo {
  path: string;
  pluginName: string;
  instance?: string | undefined;
  status: MountStatus;
  /** Why the mount failed. */
  error?: string | undefined;
  /** The configuration as given; absent if none was (contract 67). */
  config?: PluginConfig | undefined;
}

/** A plugin as `GET /plugins` lists it. */
export interface PluginInfo {
  name: string;
  is_external: false;
  mounted_paths: { path: string; config?: PluginConfig | undefined }[];
  config_params: readonly ConfigParameter[];
}

/** Called after the instance of a mount has shut down. */
export type UnmountListener = (mountPath: string) => void | Promise<void>;

const SILENT: PluginLogger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Combines mounts into one file system: each path belongs to the longest mount above it.
 *
 * @example
 * ```ts
 * import { MountTable, PluginRegistry } from 'streamfsd/fs';
 * import { memfsPlugin } from 'streamfsd/plugins';
 *
 * const mounts = new MountTable({ registry: new PluginRegistry([memfsPlugin]) });
 * await mounts.mount('memfs', '/notes');
 * await mounts.write('/notes/today', new TextEncoder().encode('buy milk'));
 * console.log((await mounts.stat('/notes/today')).size); // 8
 * await mounts.shutdown();
 * ```
 */
export class MountTable extends MountedFileSystem {
  readonly #tree: MountTree;
  readonly #registry: PluginRegistry;
  readonly #logger: PluginLogger;
  readonly #context: Omit<PluginContext, 'mountPath'>;
  readonly #maxMounts: number;
  readonly #listeners = new Set<UnmountListener>();
  /** Paths whose instance is shutting down: no longer in the tree, and not free yet. */
  readonly #shuttingDown = new Set<string>();
  /** Running starts and stops, which the shutdown waits for. */
  readonly #transitions = new Set<Promise<unknown>>();
  /** Declared mounts that are not started yet, each with its origin. */
  readonly #declared = new Map<Mount, string | undefined>();
  #shutdown: Promise<void> | undefined;

  constructor(options: MountTableOptions) {
    requireMethods('registry of a mount table', options?.registry, ['get', 'list']);
    const tree = new MountTree();
    super(tree, options.pathLimits);
    this.#tree = tree;
    this.#registry = options.registry;
    this.#logger = options.logger ?? SILENT;
    const { memory, limits } = options;
    this.#context = {
      logger: this.#logger,
      memory,
      limits,
    };
    this.#maxMounts = options.maxMounts || Number.POSITIVE_INFINITY;
  }

  /**
   * Mounts a plugin, entirely or not at all (contract 74). The path may lie inside another mount.
   *
   * Throws INVALID_PATH, UNKNOWN_FSTYPE, MOUNT_EXISTS, MOUNT_LIMIT, MOUNT_BUSY while the previous mount at the path is
   * shutting down, PLUGIN_INVALID if the plugin rejects the configuration, PLUGIN_FAILED if it does not start,
   * SHUTTING_DOWN.
   */
  async mount(fstype: string, path: string, config: PluginConfig = {}, options: MountOptions = {}): Promise<void> {
    const plugin = this.#registry.get(fstype);
    requireType('config', config, 'object');
    const mount = this.#reserve(fstype, path, config, options);
    try {
      await this.#track(this.#start(plugin, mount));
    } catch (error) {
      this.#tree.delete(mount.path);
      throw error;
    }
  }

  /**
   * Declares a mount without starting it: it is listed as pending until {@link startDeclared}, which reports errors of
   * its plugin or configuration. Throws INVALID_PATH, MOUNT_EXISTS, MOUNT_BUSY, MOUNT_LIMIT, SHUTTING_DOWN.
   */
  declare(fstype: string, path: string, config: PluginConfig = {}, options: MountOptions = {}): void {
    this.#declared.set(this.#reserve(fstype, path, config, options), options.where);
  }

  /**
   * Starts every declared mount and waits for all. A mount that fails gets the status `failed` and its error; nothing
   * is thrown.
   */
  async startDeclared(): Promise<void> {
    const declared = [...this.#declared];
    this.#declared.clear();
    await Promise.all(declared.map(([mount, where]) => this.#track(this.#startOrFail(mount, where))));
  }

  async #startOrFail(mount: Mount, where: string | undefined): Promise<void> {
    try {
      await this.#start(this.#registry.get(mount.pluginName), mount);
    } catch (error) {
      mount.status = 'failed';
      mount.error = messageOf(error);
      // One log record per problem.
      const problems = isStreamFSError(error, 'PLUGIN_INVALID') ? mount.error.split('\n') : [mount.error];
      for (const problem of problems) {
        const facts = { path: mount.path, plugin: mount.pluginName };
        if (where === undefined) this.#logger.error('mount failed', { ...facts, error: problem });
        else this.#logger.error(`${where}: ${problem}`, facts);
      }
    }
  }

  #reserve(pluginName: string, path: string, config: PluginConfig, options: MountOptions): Mount {
    if (this.#shutdown) throw createError('SHUTTING_DOWN');
    const normal = this.normal(path);
    if (this.#tree.get(normal)) throw createError('MOUNT_EXISTS', { path: normal });
    if (this.#shuttingDown.has(normal)) throw createError('MOUNT_BUSY', { path: normal });
    if (this.#tree.size >= this.#maxMounts) throw limitReached('MOUNT_LIMIT', 'mounts', this.#maxMounts);
    const mount: Mount = {
      path: normal,
      pluginName,
      config: Object.freeze({ ...config }),
      name: options.instance,
      status: 'pending',
      error: undefined,
      instance: undefined,
      since: new Date(),
    };
    this.#tree.add(mount);
    return mount;
  }

  async #start(plugin: Plugin, mount: Mount): Promise<void> {
    try {
      plugin.validate(mount.config);
    } catch (error) {
      throw pluginError('PLUGIN_INVALID', error);
    }
    try {
      mount.instance = await plugin.initialize(mount.config, { mountPath: mount.path, ...this.#context });
    } catch (error) {
      throw pluginError('PLUGIN_FAILED', error);
    }
    mount.status = 'mounted';
    mount.since = new Date();
    this.#logger.info('mounted', { path: mount.path, plugin: mount.pluginName });
  }

  /**
   * Unmounts. From this call on, its paths no longer belong to it. Its instance shuts down, so every reader gets the
   * end (contract 28). Then the listeners are called, which close its handles (contract 64). Mounts inside it stay. A
   * failed mount can be unmounted like any other.
   *
   * Throws MOUNT_NOT_FOUND; MOUNT_BUSY while the mount is starting or already being unmounted. An error thrown by the
   * plugin's shutdown is rethrown after the mount is gone.
   */
  async unmount(path: string): Promise<void> {
    const normal = this.normal(path);
    if (this.#shuttingDown.has(normal)) throw createError('MOUNT_BUSY', { path: normal });
    const mount = this.#tree.get(normal);
    if (!mount) throw createError('MOUNT_NOT_FOUND', { path: normal });
    if (mount.status === 'pending') throw createError('MOUNT_BUSY', { path: normal });
    await this.#track(this.#stop(mount));
  }

  async #stop(mount: Mount): Promise<void> {
    this.#tree.delete(mount.path);
    this.#shuttingDown.add(mount.path);
    try {
      await mount.instance?.shutdown();
    } finally {
      await this.#notifyListeners(mount.path);
      this.#shuttingDown.delete(mount.path);
      this.#logger.info('unmounted', { path: mount.path, plugin: mount.pluginName });
    }
  }

  async #notifyListeners(mountPath: string): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#listeners].map(async (listener) => listener(mountPath)));
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      this.#logger.error('unmount listener failed', { path: mountPath, error: messageOf(outcome.reason) });
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#transitions.add(work);
    try {
      return await work;
    } finally {
      this.#transitions.delete(work);
    }
  }

  /** Calls `listener` after every unmount, including those at shutdown. Returns a function that unsubscribes. */
  onUnmount(listener: UnmountListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All mounts, sorted by path. */
  mounts(): MountInfo[] {
    return this.#tree.list().map((mount) => ({
      path: mount.path,
      pluginName: mount.pluginName,
      instance: mount.name,
      status: mount.status,
      error: mount.error,
      ...configOf(mount),
    }));
  }

  /** All plugins, with the paths of their mounts. */
  plugins(): PluginInfo[] {
    const mounted = this.#tree.list().filter((mount) => mount.status === 'mounted');
    return this.#registry.list().map((plugin) => ({
      name: plugin.name,
      is_external: false,
      mounted_paths: mounted
        .filter((mount) => mount.pluginName === plugin.name)
        .map((mount) => ({ path: mount.path, ...configOf(mount) })),
      config_params: plugin.configParameters,
    }));
  }

  /** The stream totals of each mount with streams, sorted by path. */
  totals(): { path: string; totals: StreamTotals }[] {
    return this.#tree.list().flatMap(({ path, instance }) => {
      const totals = instance?.totals?.();
      return totals === undefined ? [] : [{ path, totals }];
    });
  }

  /** The totals of each mount with a log on disk, sorted by path. */
  disks(): { path: string; disk: DiskTotals }[] {
    return this.#tree.list().flatMap(({ path, instance }) => {
      const disk = instance?.disk?.();
      return disk === undefined ? [] : [{ path, disk }];
    });
  }

  /** The totals of each mount with a shared log, sorted by path. */
  logs(): { path: string; log: LogTotals }[] {
    return this.#tree.list().flatMap(({ path, instance }) => {
      const log = instance?.log?.();
      return log === undefined ? [] : [{ path, log }];
    });
  }

  counts(): MountCounts {
    const counts: MountCounts = { total: 0, pending: 0, mounted: 0, failed: 0 };
    for (const mount of this.#tree.list()) {
      counts.total += 1;
      counts[mount.status] += 1;
    }
    return counts;
  }

  /**
   * Unmounts everything, as {@link unmount} does, and accepts no new mounts. Waits for mounts that are starting. A
   * plugin that fails to shut down does not delay the others; the failure is logged. A second call has no further
   * effect.
   */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stopAll();
    return this.#shutdown;
  }

  async #stopAll(): Promise<void> {
    this.#declared.clear();
    // Running mounts are shut down immediately; mounts that are still starting are awaited first.
    const running = this.#tree.list().filter((mount) => mount.status === 'mounted');
    await Promise.all(running.map((mount) => this.#stopQuietly(mount)));
    await Promise.allSettled(this.#transitions);
    await Promise.all(this.#tree.list().map((mount) => this.#stopQuietly(mount)));
  }

  async #stopQuietly(mount: Mount): Promise<void> {
    try {
      await this.#stop(mount);
    } catch (error) {
      this.#logger.error('plugin failed to shut down', { path: mount.path, error: messageOf(error) });
    }
  }
}

function configOf(mount: Mount): { config?: PluginConfig | undefined } {
  const values = Object.entries(mount.config);
  return values.length === 0
    ? {}
    : { config: Object.fromEntries(values.map(([key, value]) => [key, withoutCredentials(value)])) };
}

/**
 * Removes user name and password from an address. If these cannot be located reliably, such as in a password with an
 * unescaped `/`, everything after the scheme is removed.
 */
function withoutCredentials(value: unknown): unknown {
  const [, scheme] = (typeof value === 'string' && /^\s*([a-z][a-z0-9+.-]*):\/\//i.exec(value)) || [];
  if (typeof value !== 'string' || scheme === undefined) return value;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || `${url.pathname}${url.search}${url.hash}`.includes('@')) return `${scheme}://…`;
  if (url.username === '' && url.password === '') return value;
  url.username = '';
  url.password = '';
  return url.href;
}

function pluginError(code: 'PLUGIN_INVALID' | 'PLUGIN_FAILED', error: unknown): StreamFSError {
  // A configuration error lists one problem per line. Each line gets the prefix, so that it can stand alone.
  const text = messageOf(error);
  const lines = isStreamFSError(error, 'CONFIG_INVALID') ? text.split('\n') : [text];
  const message = lines.map((reason) => createError(code, { reason }).message).join('\n');
  return new StreamFSError(code, message, isStreamFSError(error) ? { ...error.details } : {}, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
