/**
 * The mounts of a server: which there are, and how they come and go. What is done with paths once they are there is
 * {@link MountedFileSystem}.
 *
 * A path is taken from the moment a mount is asked for until its instance has shut down, so that of two mounts at one
 * path exactly one wins, and a new instance never meets what an old one left.
 *
 *   declare ─► pending ─► mounted ─► (unmount) gone
 *                  └────► failed ──► (unmount) gone
 *
 * A declared mount that fails stays, with its error, and the others run on (contract 76). One that was asked for at
 * run time and fails leaves nothing behind: the caller gets the error.
 */

import type { MemoryBudget } from '../core/index.ts';
import { createError, isStreamFSError, limitReached, StreamFSError } from '../errors/index.ts';
import type { LimitCounters } from '../errors/limit-counters.ts';
import type { MountCounts } from '../protocol/index.ts';
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
  /** Told of mounts that come, go and fail, and handed to the plugins. Default: no log. */
  logger?: PluginLogger | undefined;
  /** The memory of all mounts together. Default: no bound. */
  memory?: MemoryBudget | undefined;
  /** Handed to the plugins. */
  limits?: LimitCounters | undefined;
  /** How many mounts there may be; 0 for any number, the default. */
  maxMounts?: number | undefined;
  pathLimits?: PathLimits | undefined;
}

export interface MountOptions {
  /** The name the configuration gives this instance. */
  instance?: string | undefined;
  /** Where it was asked for, such as `streamfs.yaml:12`: the log names it where the mount fails. */
  where?: string | undefined;
}

/** A mount as `GET /mounts` lists it (contract 76). */
export interface MountInfo {
  path: string;
  pluginName: string;
  instance?: string | undefined;
  status: MountStatus;
  /** Why it failed. */
  error?: string | undefined;
  /** As it was given; left out where nothing was (contract 67). */
  config?: PluginConfig | undefined;
}

/** A plugin as `GET /plugins` lists it. */
export interface PluginInfo {
  name: string;
  is_external: false;
  mounted_paths: { path: string; config?: PluginConfig | undefined }[];
  config_params: readonly ConfigParameter[];
}

/** Told of a mount that is gone, after its instance has shut down. */
export type UnmountListener = (mountPath: string) => void | Promise<void>;

const SILENT: PluginLogger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Mounts as one file system: each path belongs to the longest mount above it.
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
  /** Paths whose instance is shutting down: in the tree no longer, and not free yet. */
  readonly #leaving = new Set<string>();
  /** Starts and stops under way, for the shutdown to wait for. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Declared and not yet started. */
  /** Each with where it was asked for. */
  readonly #declared = new Map<Mount, string | undefined>();
  #shutdown: Promise<void> | undefined;

  constructor(options: MountTableOptions) {
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
   * Mounts a plugin, at once or not at all (contract 74). The path may lie inside another mount.
   *
   * INVALID_PATH, UNKNOWN_FSTYPE, MOUNT_EXISTS, MOUNT_LIMIT, MOUNT_BUSY while the path's last mount is shutting down,
   * PLUGIN_INVALID where the plugin refuses the configuration, PLUGIN_FAILED where it does not start, SHUTTING_DOWN.
   */
  async mount(fstype: string, path: string, config: PluginConfig = {}, options: MountOptions = {}): Promise<void> {
    const plugin = this.#registry.get(fstype);
    const mount = this.#reserve(fstype, path, config, options);
    try {
      await this.#track(this.#start(plugin, mount));
    } catch (error) {
      this.#tree.delete(mount.path);
      throw error;
    }
  }

  /**
   * Declares a mount without starting it: it is listed as pending until {@link startDeclared}, which reports errors of its
   * plugin or configuration. INVALID_PATH, MOUNT_EXISTS, SHUTTING_DOWN.
   */
  declare(fstype: string, path: string, config: PluginConfig = {}, options: MountOptions = {}): void {
    this.#declared.set(this.#reserve(fstype, path, config, options), options.where);
  }

  /** Starts every declared mount and waits for all. One that fails is `failed`, with its error; nothing is thrown. */
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
      // One record for each thing that is wrong.
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
    if (this.#leaving.has(normal)) throw createError('MOUNT_BUSY', { path: normal });
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
      throw because('PLUGIN_INVALID', error);
    }
    try {
      mount.instance = await plugin.initialize(mount.config, { mountPath: mount.path, ...this.#context });
    } catch (error) {
      throw because('PLUGIN_FAILED', error);
    }
    mount.status = 'mounted';
    mount.since = new Date();
    this.#logger.info('mounted', { path: mount.path, plugin: mount.pluginName });
  }

  /**
   * Unmounts: from this call on its paths are free; its instance shuts down, which gives every reader
   * the end (contract 28); then the listeners are called, which close its handles (contract 64). Mounts that lie
   * inside it stay. A failed mount can be unmounted like any other.
   *
   * MOUNT_NOT_FOUND; MOUNT_BUSY while it starts or is being unmounted already. What a plugin throws when it shuts down
   * is passed on, after the mount is gone.
   */
  async unmount(path: string): Promise<void> {
    const normal = this.normal(path);
    if (this.#leaving.has(normal)) throw createError('MOUNT_BUSY', { path: normal });
    const mount = this.#tree.get(normal);
    if (!mount) throw createError('MOUNT_NOT_FOUND', { path: normal });
    if (mount.status === 'pending') throw createError('MOUNT_BUSY', { path: normal });
    await this.#track(this.#stop(mount));
  }

  async #stop(mount: Mount): Promise<void> {
    this.#tree.delete(mount.path);
    this.#leaving.add(mount.path);
    try {
      await mount.instance?.shutdown();
    } finally {
      await this.#tellListeners(mount.path);
      this.#leaving.delete(mount.path);
      this.#logger.info('unmounted', { path: mount.path, plugin: mount.pluginName });
    }
  }

  async #tellListeners(mountPath: string): Promise<void> {
    const told = await Promise.allSettled([...this.#listeners].map(async (listener) => listener(mountPath)));
    for (const outcome of told) {
      if (outcome.status === 'fulfilled') continue;
      this.#logger.error('unmount listener failed', { path: mountPath, error: messageOf(outcome.reason) });
    }
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  /** Has `listener` told of every mount that goes, at unmount or shutdown. Gives the way to stop that. */
  onUnmount(listener: UnmountListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Every mount, sorted by path. */
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

  /** Every plugin, with where it is mounted. */
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

  /** What the streams of each mount that has some come to, sorted by path. */
  totals(): { path: string; totals: StreamTotals }[] {
    return this.#tree.list().flatMap(({ path, instance }) => {
      const totals = instance?.totals?.();
      return totals === undefined ? [] : [{ path, totals }];
    });
  }

  /** What the log on disk of each mount that has one has come to, sorted by path. */
  disks(): { path: string; disk: DiskTotals }[] {
    return this.#tree.list().flatMap(({ path, instance }) => {
      const disk = instance?.disk?.();
      return disk === undefined ? [] : [{ path, disk }];
    });
  }

  /** What the shared log of each mount that has one has come to, sorted by path. */
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
   * Takes every mount away, as {@link unmount} does, and takes no new ones. Waits for mounts that are just starting.
   * A plugin that fails to shut down holds up no other; the failure is logged. Twice is harmless.
   */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#stopAll();
    return this.#shutdown;
  }

  async #stopAll(): Promise<void> {
    this.#declared.clear();
    // Running mounts are shut down at once; one that is still starting is awaited first.
    const running = this.#tree.list().filter((mount) => mount.status === 'mounted');
    await Promise.all(running.map((mount) => this.#stopQuietly(mount)));
    await Promise.allSettled(this.#underWay);
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
  return values.length === 0 ? {} : { config: Object.fromEntries(values.map(([key, value]) => [key, shown(value)])) };
}

/**
 * An address is shown without the name and the password that it may hold. Where it cannot be told which part they are, such as
 * with a password in which a `/` is not escaped, nothing behind its scheme is shown.
 */
function shown(value: unknown): unknown {
  const [, scheme] = (typeof value === 'string' && /^\s*([a-z][a-z0-9+.-]*):\/\//i.exec(value)) || [];
  if (typeof value !== 'string' || scheme === undefined) return value;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || `${url.pathname}${url.search}${url.hash}`.includes('@')) return `${scheme}://…`;
  if (url.username === '' && url.password === '') return value;
  url.username = '';
  url.password = '';
  return url.href;
}

function because(code: 'PLUGIN_INVALID' | 'PLUGIN_FAILED', error: unknown): StreamFSError {
  // A configuration error tells one problem a line: each says by itself what it is about.
  const text = messageOf(error);
  const lines = isStreamFSError(error, 'CONFIG_INVALID') ? text.split('\n') : [text];
  const message = lines.map((reason) => createError(code, { reason }).message).join('\n');
  return new StreamFSError(code, message, isStreamFSError(error) ? { ...error.details } : {}, error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
