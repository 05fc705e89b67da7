/** The devices as files: what there is, is fixed. */
import { createError } from '../../errors/index.ts';
import type {
  ByteRange,
  Capabilities,
  FileHandle,
  FileInfo,
  FileSystem,
  FileWriter,
  OpenHandleOptions,
  SizedContent,
  Snapshot,
  StreamSource,
  WriteOptions,
} from '../../fs/index.ts';
import { baseName, parentPath, sizedContent } from '../../fs/index.ts';
import { fileAccessOf } from '../access.ts';
import { checkedWhole } from '../numbers.ts';
import { DEVICES, type Device } from './devices.ts';
import { contentOf } from './endless.ts';
import { DeviceHandle } from './handle.ts';

const NAME = 'devfs';

/** The most bytes one read gives. */
const MAX_READ = 64 * 1024 * 1024;

const CAPABILITIES: Capabilities = {
  isAppendOnly: false,
  isBroadcast: false,
  isReadOnly: false,
  supportsRandomWrite: true,
  supportsTruncate: true,
  supportsRename: false,
  supportsDirectories: false,
  supportsStreamRead: true,
  supportsStreamWrite: true,
  supportsFileHandle: true,
  supportsTouch: true,
  supportsSymlink: false,
  supportsSync: true,
  isReadDestructive: false,
  isObjectStore: false,
};

export class DeviceFileSystem implements FileSystem {
  readonly #since = new Date();
  #stopped = false;

  /** Ends every content that is being read. */
  stop(): void {
    this.#stopped = true;
  }

  /** FILE_NOT_FOUND, NOT_A_DIRECTORY for a path below a device, IS_A_DIRECTORY for the root. */
  #device(path: string): Device {
    const device = this.#find(path);
    if (!device) throw createError('FILE_NOT_FOUND', { path });
    return device;
  }

  #find(path: string): Device | undefined {
    if (path === '/') throw createError('IS_A_DIRECTORY', { path });
    const parent = parentPath(path);
    if (parent === '/') return DEVICES.get(baseName(path));
    if (DEVICES.has(parent.slice(1))) throw createError('NOT_A_DIRECTORY', { path: parent });
    return undefined;
  }

  /** The device to write to: nothing else can be made here. FILE_NOT_FOUND, PERMISSION_DENIED, FILE_EXISTS. */
  #writable(path: string, options: WriteOptions = {}): Device {
    const device = this.#find(path);
    if (!device) throw createError(options.create === false ? 'FILE_NOT_FOUND' : 'PERMISSION_DENIED', { path });
    if (options.exclusive) throw createError('FILE_EXISTS', { path });
    return device;
  }

  async create(path: string): Promise<void> {
    throw createError(this.#find(path) ? 'FILE_EXISTS' : 'PERMISSION_DENIED', { path });
  }

  async mkdir(path: string, _mode: number): Promise<void> {
    if (path === '/') throw createError('DIRECTORY_EXISTS', { path });
    throw createError(this.#find(path) ? 'FILE_EXISTS' : 'PERMISSION_DENIED', { path });
  }

  async remove(path: string): Promise<void> {
    if (path === '/') throw createError('ROOT_IS_FIXED');
    this.#device(path);
    throw createError('PERMISSION_DENIED', { path });
  }

  async removeAll(path: string): Promise<void> {
    await this.remove(path);
  }

  /**
   * `size` bytes, wherever `offset` is; `null` is always empty. A device without an end cannot be read as a whole:
   * DEVICE_HAS_NO_END for a size below 0, INVALID_PARAMETER for one over 64 MiB.
   */
  async read(path: string, _offset: number, size: number): Promise<Uint8Array> {
    const device = this.#device(path);
    return device.bytes(this.#sizeOf(path, device, size));
  }

  #sizeOf(path: string, device: Device, size: number): number {
    if (device.hasEnd) return 0;
    if (size < 0) throw createError('DEVICE_HAS_NO_END', { path });
    checkedWhole('size', size, 0);
    if (size <= MAX_READ) return size;
    throw createError('INVALID_PARAMETER', { name: 'size', reason: `at most ${MAX_READ} bytes at once: ${size}` });
  }

  async write(path: string, data: Uint8Array, options?: WriteOptions): Promise<number> {
    this.#writable(path, options);
    return data.length;
  }

  async openWrite(path: string, options?: WriteOptions): Promise<FileWriter> {
    this.#writable(path, options);
    return new DiscardingWriter();
  }

  async readDir(path: string): Promise<FileInfo[]> {
    if (path === '/') return [...DEVICES.keys()].map((name) => this.#info(name));
    this.#device(path);
    throw createError('NOT_A_DIRECTORY', { path });
  }

  async stat(path: string): Promise<FileInfo> {
    if (path === '/') {
      const meta = { Name: NAME, Type: 'dir', Content: null };
      return { name: '/', size: 0, mode: 0o755, modTime: this.#since, isDir: true, meta };
    }
    this.#device(path);
    return this.#info(baseName(path));
  }

  #info(name: string): FileInfo {
    const meta = { Name: NAME, Type: 'device', Content: null };
    return { name, size: 0, mode: 0o666, modTime: this.#since, isDir: false, meta };
  }

  async rename(from: string, _to: string): Promise<void> {
    await this.remove(from);
  }

  async chmod(path: string, _mode: number): Promise<void> {
    if (path !== '/') this.#device(path);
    throw createError('PERMISSION_DENIED', { path });
  }

  async truncate(path: string, size: number): Promise<void> {
    this.#device(path);
    checkedWhole('size', size, 0);
  }

  async touch(path: string): Promise<void> {
    if (path !== '/') this.#writable(path);
  }

  async symlink(_target: string, _path: string): Promise<void> {
    throw createError('NOT_SUPPORTED', { operation: 'symlink', plugin: NAME });
  }

  async readlink(_path: string): Promise<string> {
    throw createError('NOT_SUPPORTED', { operation: 'readlink', plugin: NAME });
  }

  async end(_path: string): Promise<void> {
    throw createError('NOT_SUPPORTED', { operation: 'end', plugin: NAME });
  }

  /** As {@link read}, in pieces that are made as they are asked for. */
  async open(path: string, { size: asked = -1 }: ByteRange = {}): Promise<SizedContent> {
    const device = this.#device(path);
    const size = this.#sizeOf(path, device, asked);
    return sizedContent(
      size,
      contentOf(device, () => this.#stopped, size),
    );
  }

  /** Of a content that is wanted as a whole, only one with an end can be given. DEVICE_HAS_NO_END. */
  async snapshot(path: string): Promise<Snapshot> {
    return { parts: [await this.read(path, 0, -1)], offset: 0 };
  }

  /** Where to start means nothing here: every byte of a device is like the others. */
  async openStream(path: string): Promise<StreamSource> {
    return { kind: 'content', content: contentOf(this.#device(path), () => this.#stopped) };
  }

  async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    const device = this.#device(path);
    const flags = checkedWhole('flags', options.flags, 0);
    if (fileAccessOf(flags, options.create).isExclusive) throw createError('FILE_EXISTS', { path });
    const info = () => this.#info(baseName(path));
    return new DeviceHandle(path, device, flags, info, () => this.#stopped);
  }

  async capabilities(_path: string): Promise<Capabilities> {
    return { ...CAPABILITIES };
  }
}

/** Counts what it is given and keeps nothing. */
class DiscardingWriter implements FileWriter {
  written = 0;
  #open = true;

  write(piece: Uint8Array): void {
    if (!this.#open) throw createError('WRITER_CLOSED');
    this.written += piece.length;
  }

  async close(options: { end?: boolean } = {}): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (options.end) throw createError('NOT_SUPPORTED', { operation: 'end', plugin: NAME });
  }

  async abort(): Promise<void> {
    this.#open = false;
  }
}
