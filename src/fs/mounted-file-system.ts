/**
 * Combines many file systems into one: each call goes to the mount that its path belongs to, with the path relative to
 * that mount. The mounts themselves and the virtual directories above them, which no plugin knows, are handled here.
 *
 * Errors of a plugin pass through unchanged: their paths are relative to the mount. Errors raised here, outside of any
 * mount, contain the full path.
 */
import type { AppendId } from '../core/index.ts';
import { createError, isStreamFSError } from '../errors/index.ts';
import { requireBytes, requireType } from '../units/index.ts';
import type { Mount, MountTree } from './mount-tree.ts';
import { openAppender } from './open-appender.ts';
import { baseName, DEFAULT_PATH_LIMITS, normalizePath, type PathLimits, pathInside } from './path.ts';
import type { StreamSettingsInForce } from './stream-settings.ts';
import type {
  Appender,
  ByteRange,
  Capabilities,
  CreateOptions,
  DirectoryPage,
  EndOptions,
  FileHandle,
  FileInfo,
  FileSystem,
  FileWriter,
  OpenHandleOptions,
  OpenStreamOptions,
  ProducerWriteOptions,
  SizedContent,
  Snapshot,
  StreamSource,
  WriteOptions,
} from './types.ts';

/** A resolved path: the file system of its mount, and the path inside it. */
export interface ResolvedPath {
  fileSystem: FileSystem;
  mountPath: string;
  /** Normalised and relative to the mount, `/` for the mount itself. */
  path: string;
}

/** Called after a file or directory was moved, with its normalised old and new paths. */
export type RenameListener = (from: string, to: string) => void;

const VIRTUAL_DIRECTORY: Capabilities = {
  isAppendOnly: false,
  isBroadcast: false,
  isReadOnly: true,
  supportsRandomWrite: false,
  supportsTruncate: false,
  supportsRename: false,
  supportsDirectories: true,
  supportsStreamRead: false,
  supportsStreamWrite: false,
  supportsFileHandle: false,
  supportsTouch: false,
  supportsSymlink: false,
  supportsSync: false,
  isReadDestructive: false,
  isObjectStore: false,
};

export class MountedFileSystem implements FileSystem {
  readonly #tree: MountTree;
  /** The modification time of virtual directories: the creation time of the table. */
  readonly #since = new Date();
  readonly #limits: PathLimits;
  readonly #renameListeners = new Set<RenameListener>();

  constructor(tree: MountTree, limits: PathLimits = DEFAULT_PATH_LIMITS) {
    this.#tree = tree;
    this.#limits = limits;
  }

  /** Changes whenever a mount is added or removed: paths resolved before may then belong to another mount. */
  get version(): number {
    return this.#tree.version;
  }

  /** Calls `listener` after every move of a file or directory. Returns a function that unsubscribes. */
  onRename(listener: RenameListener): () => void {
    this.#renameListeners.add(listener);
    return () => this.#renameListeners.delete(listener);
  }

  /** Normalises a path within the limits of this table. Throws INVALID_PATH, PATH_TOO_LONG, PATH_TOO_DEEP. */
  normal(path: string): string {
    return normalizePath(path, this.#limits);
  }

  /**
   * The file system that a path belongs to: that of the longest mount that matches whole path parts (contract 75).
   *
   * Throws INVALID_PATH; NOTHING_MOUNTED; IS_A_DIRECTORY for a virtual directory; MOUNT_NOT_READY for a mount that has
   * not started yet, MOUNT_FAILED for one that failed to start. The paths of such a mount never fall through to another
   * mount, so nothing is written to the wrong place.
   */
  resolve(path: string): ResolvedPath {
    return this.#resolve(this.normal(path));
  }

  #resolve(path: string): ResolvedPath {
    const mount = this.#tree.covering(path);
    if (!mount)
      throw this.#isVirtual(path) ? createError('IS_A_DIRECTORY', { path }) : createError('NOTHING_MOUNTED', { path });
    return { fileSystem: running(mount), mountPath: mount.path, path: pathInside(path, mount.path) };
  }

  /** Whether a path outside of all mounts is a directory because mounts lie below it. The root always is. */
  #isVirtual(path: string): boolean {
    return path === '/' || this.#tree.hasBelow(path);
  }

  #refuseMounts(path: string): void {
    const isMount = this.#tree.get(path) !== undefined;
    if (isMount || this.#tree.hasBelow(path) || path === '/') throw createError('MOUNT_IS_FIXED', { path });
  }

  async create(path: string, options?: CreateOptions): Promise<void> {
    const at = this.resolve(path);
    requireSettable(at, options);
    await at.fileSystem.create(at.path, options);
  }

  async mkdir(path: string, mode: number): Promise<void> {
    const normal = this.normal(path);
    // The plugin of a mount above does not know this directory, and would create a second one that the mount hides.
    if (this.#tree.get(normal) || this.#isVirtual(normal)) throw createError('DIRECTORY_EXISTS', { path: normal });
    const at = this.#resolve(normal);
    await at.fileSystem.mkdir(at.path, mode);
  }

  async remove(path: string): Promise<void> {
    const normal = this.normal(path);
    this.#refuseMounts(normal);
    const at = this.#resolve(normal);
    await at.fileSystem.remove(at.path);
  }

  async removeAll(path: string): Promise<void> {
    const normal = this.normal(path);
    this.#refuseMounts(normal);
    const at = this.#resolve(normal);
    await at.fileSystem.removeAll(at.path);
  }

  async read(path: string, offset: number, size: number): Promise<Uint8Array> {
    const at = this.resolve(path);
    return at.fileSystem.read(at.path, offset, size);
  }

  async write(path: string, data: Uint8Array, options?: WriteOptions): Promise<number> {
    const at = this.resolve(path);
    requireBytes(data);
    requireSettable(at, options);
    return at.fileSystem.write(at.path, data, options);
  }

  /**
   * The plugin's entries in the plugin's order, then the mounts below that it does not know, by name. A mount hides an
   * entry of the same name, as in all operations.
   */
  async readDir(path: string): Promise<FileInfo[]> {
    const normal = this.normal(path);
    const children = new Map(this.#tree.childrenOf(normal));
    const entries = await this.#entriesOfPlugin(normal);
    const listing: FileInfo[] = [];
    for (const entry of entries) {
      const mount = children.get(entry.name);
      listing.push(mount ? this.#mountInfo(mount) : entry);
      children.delete(entry.name);
    }
    for (const [name, mount] of children) listing.push(mount ? this.#mountInfo(mount) : this.#virtualInfo(name));
    return listing;
  }

  /**
   * A page of a listing. It is in the order of `readDir` if the plugin supports pages and nothing is mounted in the
   * directory, else sorted by name. A page with fewer than `limit` entries is the last.
   */
  async readDirPage(path: string, page: DirectoryPage): Promise<FileInfo[]> {
    const normal = this.normal(path);
    const pages = this.#pagesOf(normal);
    if (pages !== undefined) return pages(page);
    const { after, limit } = page;
    const entries = await this.readDir(normal);
    return entries
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .filter(({ name }) => after === undefined || name > after)
      .slice(0, limit);
  }

  /**
   * The result of `readDir`, in parts of `size` entries if the plugin supports pages, so that a long listing does not
   * block the event loop.
   */
  async *readDirInParts(path: string, size: number): AsyncGenerator<FileInfo[]> {
    const normal = this.normal(path);
    const pages = this.#pagesOf(normal);
    if (pages === undefined) {
      yield await this.readDir(normal);
      return;
    }
    for (let after: string | undefined; ; ) {
      const part = await pages({ after, limit: size });
      yield part;
      if (part.length < size) return;
      after = part.at(-1)?.name;
    }
  }

  /** Undefined if the plugin does not support pages, or if mounts belong between its entries. */
  #pagesOf(path: string): ((page: DirectoryPage) => Promise<FileInfo[]>) | undefined {
    const mount = this.#tree.covering(path);
    if (mount === undefined || this.#tree.childrenOf(path).length > 0) return undefined;
    const fileSystem = running(mount);
    if (fileSystem.readDirPage === undefined) return undefined;
    return (page) => fileSystem.readDirPage!(pathInside(path, mount.path), page);
  }

  async #entriesOfPlugin(path: string): Promise<FileInfo[]> {
    const mount = this.#tree.covering(path);
    if (!mount) {
      if (this.#isVirtual(path)) return [];
      throw createError('NOTHING_MOUNTED', { path });
    }
    try {
      return await running(mount).readDir(pathInside(path, mount.path));
    } catch (error) {
      if (this.#isOnlyVirtual(path, error)) return [];
      throw error;
    }
  }

  /** Whether a path that the plugin reports as absent is a directory because another mount lies below it. */
  #isOnlyVirtual(path: string, error: unknown): boolean {
    return isStreamFSError(error) && error.status === 404 && this.#tree.hasBelow(path);
  }

  /** The table provides the facts of a mount (contract 39), the plugin those of everything below it. */
  async stat(path: string): Promise<FileInfo> {
    const normal = this.normal(path);
    const mount = this.#tree.covering(normal);
    if (!mount) {
      if (this.#isVirtual(normal)) return this.#virtualInfo(baseName(normal));
      throw createError('NOTHING_MOUNTED', { path: normal });
    }
    const fileSystem = running(mount);
    if (mount.path === normal) return this.#mountInfo(mount);
    try {
      return await fileSystem.stat(pathInside(normal, mount.path));
    } catch (error) {
      if (this.#isOnlyVirtual(normal, error)) return this.#virtualInfo(baseName(normal));
      throw error;
    }
  }

  #mountInfo(mount: Mount): FileInfo {
    return directoryInfo(baseName(mount.path), mount.since, { Name: mount.pluginName, Type: '', Content: null });
  }

  #virtualInfo(name: string): FileInfo {
    return directoryInfo(name, this.#since, { Name: 'rootfs', Type: 'dir', Content: null });
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.normal(from);
    const target = this.normal(to);
    this.#refuseMounts(source);
    this.#refuseMounts(target);
    const at = this.#resolve(source);
    const goal = this.#resolve(target);
    if (at.mountPath !== goal.mountPath) throw createError('RENAME_ACROSS_MOUNTS', { from: source, to: target });
    await at.fileSystem.rename(at.path, goal.path);
    for (const listener of this.#renameListeners) listener(source, target);
  }

  async chmod(path: string, mode: number): Promise<void> {
    const at = this.resolve(path);
    await at.fileSystem.chmod(at.path, mode);
  }

  async truncate(path: string, size: number): Promise<void> {
    const at = this.resolve(path);
    await at.fileSystem.truncate(at.path, size);
  }

  async touch(path: string, options?: CreateOptions): Promise<void> {
    const at = this.resolve(path);
    requireSettable(at, options);
    await at.fileSystem.touch(at.path, options);
  }

  /** The target is the content of the link and passes unchanged, because only the plugin can interpret it. */
  async symlink(target: string, path: string): Promise<void> {
    const at = this.resolve(path);
    await at.fileSystem.symlink(target, at.path);
  }

  async readlink(path: string): Promise<string> {
    const at = this.resolve(path);
    return at.fileSystem.readlink(at.path);
  }

  async open(path: string, range?: ByteRange): Promise<SizedContent> {
    const at = this.resolve(path);
    return at.fileSystem.open(at.path, range);
  }

  async openWrite(path: string, options?: WriteOptions): Promise<FileWriter> {
    const at = this.resolve(path);
    requireSettable(at, options);
    return at.fileSystem.openWrite(at.path, options);
  }

  async openProducerWrite(path: string, append: AppendId, options?: ProducerWriteOptions): Promise<FileWriter> {
    const at = this.resolve(path);
    if (at.fileSystem.openProducerWrite === undefined) throw createError('PRODUCERS_NOT_SUPPORTED', { path });
    return at.fileSystem.openProducerWrite(at.path, append, options);
  }

  /** Undefined if the file system of the path has no streams. */
  tryAppend(path: string, options?: CreateOptions): Appender | undefined {
    const at = this.resolve(path);
    return openAppender(at.fileSystem, at.path, options);
  }

  async openStream(path: string, options?: OpenStreamOptions): Promise<StreamSource> {
    requireType('options', options, 'object', true);
    const at = this.resolve(path);
    return at.fileSystem.openStream(at.path, options);
  }

  async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    const at = this.resolve(path);
    return at.fileSystem.openHandle(at.path, options);
  }

  async end(path: string, options?: EndOptions): Promise<void> {
    const at = this.resolve(path);
    await at.fileSystem.end(at.path, options);
  }

  async snapshot(path: string, options?: OpenStreamOptions): Promise<Snapshot> {
    requireType('options', options, 'object', true);
    const at = this.resolve(path);
    return at.fileSystem.snapshot(at.path, options);
  }

  async streamSettings(path: string): Promise<StreamSettingsInForce> {
    const at = this.resolve(path);
    if (at.fileSystem.streamSettings === undefined) throw createError('SETTINGS_NOT_SUPPORTED', { path });
    return at.fileSystem.streamSettings(at.path);
  }

  async renew(path: string): Promise<void> {
    const at = this.resolve(path);
    await at.fileSystem.renew?.(at.path);
  }

  async capabilities(path: string): Promise<Capabilities> {
    const normal = this.normal(path);
    if (!this.#tree.covering(normal) && this.#isVirtual(normal)) return { ...VIRTUAL_DIRECTORY };
    const at = this.#resolve(normal);
    return at.fileSystem.capabilities(at.path);
  }
}

/**
 * Refuses stream settings that the file system would otherwise ignore.
 *
 * @throws SETTINGS_NOT_SUPPORTED if there are settings and the file system has no streams
 */
function requireSettable({ fileSystem, path }: ResolvedPath, options: CreateOptions | undefined): void {
  requireType('options', options, 'object', true);
  if (options?.settings !== undefined && fileSystem.streamSettings === undefined) {
    throw createError('SETTINGS_NOT_SUPPORTED', { path });
  }
}

function running(mount: Mount): FileSystem {
  if (mount.instance) return mount.instance.fileSystem;
  if (mount.status === 'failed')
    throw createError('MOUNT_FAILED', { path: mount.path, reason: mount.error ?? 'unknown' });
  throw createError('MOUNT_NOT_READY', { path: mount.path, reason: 'it is being started' });
}

function directoryInfo(name: string, modTime: Date, meta: FileInfo['meta']): FileInfo {
  return { name, size: 0, mode: 0o755, modTime, isDir: true, meta };
}
