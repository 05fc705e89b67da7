/**
 * Base class for file systems. A plugin extends it, implements `stat`, `readDir` and `open`, and overrides what it
 * supports in addition to reading. Other methods use these three where possible, and are refused with NOT_SUPPORTED otherwise.
 * `capabilities` is derived from the overridden methods. See docs/plugins.md.
 *
 * `openProducerWrite`, `openAppend`, `streamSettings` and `renew` are absent: they are for file systems with streams.
 */
import { createError, isStreamFSError, type StreamFSError } from '../../errors/index.ts';
import { abortWrite } from '../../fs/abort-write.ts';
import {
  type ByteRange,
  type Capabilities,
  type CreateOptions,
  contentOfParts,
  type EndOptions,
  type FileHandle,
  type FileInfo,
  type FileSystem,
  type FileWriter,
  type OpenHandleOptions,
  type OpenStreamOptions,
  type SizedContent,
  type Snapshot,
  type StreamSource,
  type WriteOptions,
} from '../../fs/index.ts';
import { requireBytes } from '../../units/index.ts';
import { fileAccessOf } from '../access.ts';
import { checkedInteger, checkedMode, checkedOffset } from '../numbers.ts';
import { bytesOf } from './bytes-of.ts';
import { PathHandle } from './path-handle.ts';
import { startOf } from './start.ts';

/** Methods that only throw NOT_SUPPORTED: a file system that inherits one does not support the operation. */
const REFUSALS = new Set<unknown>();

/** Marks methods of a class as refusals, for which {@link BaseFileSystem.supports} returns false. */
export function markRefusals(prototype: FileSystem, names: readonly (keyof FileSystem)[]): void {
  for (const name of names) REFUSALS.add(prototype[name]);
}

export abstract class BaseFileSystem implements FileSystem {
  /** The name in errors: `rename not supported by memfs`. */
  protected readonly pluginName: string;

  constructor(pluginName: string) {
    this.pluginName = pluginName;
  }

  /** @throws FILE_NOT_FOUND, NOT_A_DIRECTORY */
  abstract stat(path: string): Promise<FileInfo>;

  /**
   * Sorted by name.
   *
   * @throws FILE_NOT_FOUND, NOT_A_DIRECTORY
   */
  abstract readDir(path: string): Promise<FileInfo[]>;

  /** @throws FILE_NOT_FOUND, IS_A_DIRECTORY */
  abstract open(path: string, range?: ByteRange): Promise<SizedContent>;

  // ── based on the methods above ─────────────────────────────────────────────────────────────────────────────────

  async read(path: string, offset: number, size: number): Promise<Uint8Array> {
    return bytesOf(await this.open(path, { offset, size }));
  }

  async snapshot(path: string, options: OpenStreamOptions = {}): Promise<Snapshot> {
    this.#refuseGeneration(options);
    const bytes = await this.read(path, 0, -1);
    const offset = startOf(bytes, options.start);
    return { parts: [bytes.subarray(offset)], offset };
  }

  /** The current content of the file, followed by the end. */
  async openStream(path: string, options: OpenStreamOptions = {}): Promise<StreamSource> {
    this.#refuseGeneration(options);
    const content = await this.#contentFrom(path, options);
    return { kind: 'content', content, size: content.size };
  }

  async #contentFrom(path: string, { start = { from: 'earliest' } }: OpenStreamOptions): Promise<SizedContent> {
    if ('lastLines' in start) return contentOfParts((await this.snapshot(path, { start })).parts);
    if ('offset' in start) return this.open(path, { offset: checkedOffset(start.offset) });
    if ('from' in start && start.from === 'earliest') return this.open(path);
    const last = 'lastBytes' in start ? checkedInteger('last', start.lastBytes, 0) : 0;
    return this.open(path, { offset: Math.max(0, (await this.stat(path)).size - last) });
  }

  #refuseGeneration({ generation }: OpenStreamOptions): void {
    if (generation !== undefined) throw this.notSupported('generation');
  }

  // ── based on `openWrite` ───────────────────────────────────────────────────────────────────────────────────────

  async write(path: string, data: Uint8Array, options?: WriteOptions): Promise<number> {
    requireBytes(data);
    // The caller may change `data` while the writer is being opened (contract 2).
    const copy = this.supports('openWrite') ? new Uint8Array(data) : data;
    const writer = await this.openWrite(path, options);
    try {
      await writer.write(copy);
    } catch (error) {
      await abortWrite(writer, error);
    }
    await writer.close();
    return writer.written;
  }

  async create(path: string, options: CreateOptions = {}): Promise<void> {
    if (!this.supports('openWrite')) throw this.notSupported('create');
    const writer = await this.openWrite(path, { ...options, create: true, exclusive: true });
    await writer.close();
  }

  /**
   * Reads with `open` and `stat`, writes with `write` and `truncate`. Creates an absent file with `create`, and sets
   * its mode with `chmod`.
   */
  async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    const access = fileAccessOf(checkedInteger('flags', options.flags, 0), options.create);
    const mode = checkedMode(options.mode);
    const info = await this.infoOf(path);
    if (info?.isDir) throw createError(access.isExclusive ? 'DIRECTORY_EXISTS' : 'IS_A_DIRECTORY', { path });
    if (access.writes && !this.supports('openWrite')) throw this.notSupported('write');
    if (info && access.isExclusive) throw createError('FILE_EXISTS', { path });
    if (!info) {
      if (!access.creates) throw createError('FILE_NOT_FOUND', { path });
      await this.create(path, options);
      if (this.supports('chmod')) await this.chmod(path, mode);
    }
    return new PathHandle(this, path, access, info ?? (await this.stat(path)));
  }

  /** The result of `stat`, or undefined if the path does not exist. */
  protected async infoOf(path: string): Promise<FileInfo | undefined> {
    try {
      return await this.stat(path);
    } catch (error) {
      if (isStreamFSError(error) && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Same as `remove`. Override it if directories can have content. */
  async removeAll(path: string): Promise<void> {
    await this.remove(path);
  }

  // ── refused until overridden ───────────────────────────────────────────────────────────────────────────────────

  async openWrite(_path: string, _options?: WriteOptions): Promise<FileWriter> {
    throw this.notSupported('write');
  }

  async mkdir(_path: string, _mode: number): Promise<void> {
    throw this.notSupported('mkdir');
  }

  async remove(_path: string): Promise<void> {
    throw this.notSupported('remove');
  }

  async rename(_from: string, _to: string): Promise<void> {
    throw this.notSupported('rename');
  }

  async chmod(_path: string, _mode: number): Promise<void> {
    throw this.notSupported('chmod');
  }

  async truncate(_path: string, _size: number): Promise<void> {
    throw this.notSupported('truncate');
  }

  async touch(_path: string, _options?: CreateOptions): Promise<void> {
    throw this.notSupported('touch');
  }

  async symlink(_target: string, _path: string): Promise<void> {
    throw this.notSupported('symlink');
  }

  async readlink(_path: string): Promise<string> {
    throw this.notSupported('readlink');
  }

  async end(_path: string, _options?: EndOptions): Promise<void> {
    throw this.notSupported('end');
  }

  // ── capabilities ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Derived from the overridden methods, for files that can be written at any offset. Override it otherwise:
   * `{ ...(await super.capabilities(path)), supportsRandomWrite: false }`.
   */
  async capabilities(path: string): Promise<Capabilities> {
    const isFile = (await this.infoOf(path))?.isDir !== true;
    const isWritable = this.supports('openWrite');
    return {
      isAppendOnly: false,
      isBroadcast: false,
      isReadOnly: !isWritable,
      supportsRandomWrite: isFile && isWritable,
      supportsTruncate: isFile && this.supports('truncate'),
      supportsRename: this.supports('rename'),
      supportsDirectories: this.supports('mkdir'),
      supportsStreamRead: isFile,
      supportsStreamWrite: isFile && isWritable,
      supportsFileHandle: isFile,
      supportsTouch: this.supports('touch'),
      supportsSymlink: this.supports('symlink') && this.supports('readlink'),
      supportsSync: isFile,
      isReadDestructive: false,
      isObjectStore: false,
    };
  }

  /** Whether a method is implemented, not just a refusal. */
  protected supports(method: keyof FileSystem): boolean {
    return this[method as keyof this] !== undefined && !REFUSALS.has(this[method as keyof this]);
  }

  protected notSupported(operation: string): StreamFSError {
    return createError('NOT_SUPPORTED', { operation, plugin: this.pluginName });
  }
}

markRefusals(BaseFileSystem.prototype, [
  'openWrite',
  'mkdir',
  'remove',
  'rename',
  'chmod',
  'truncate',
  'touch',
  'symlink',
  'readlink',
  'end',
]);
