/** The devices as a fixed set of files. */
import { createError } from '../../errors/index.ts';
import type {
  ByteRange,
  FileHandle,
  FileInfo,
  FileWriter,
  OpenHandleOptions,
  SizedContent,
  StreamSource,
  WriteOptions,
} from '../../fs/index.ts';
import { baseName, parentPath, sizedContent } from '../../fs/index.ts';
import { requireBytes } from '../../units/index.ts';
import { fileAccessOf } from '../access.ts';
import { FixedFileSystem } from '../base/fixed-file-system.ts';
import { checkedInteger } from '../numbers.ts';
import { DEVICES, type Device } from './devices.ts';
import { contentOf } from './endless.ts';
import { DeviceHandle } from './handle.ts';

const NAME = 'devfs';

/** Maximum bytes per read. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

export class DeviceFileSystem extends FixedFileSystem {
  readonly #since = new Date();
  #isStopped = false;

  constructor() {
    super(NAME);
  }

  /** Ends all contents that are being read. */
  stop(): void {
    this.#isStopped = true;
  }

  /** @throws FILE_NOT_FOUND; NOT_A_DIRECTORY for a path below a device; IS_A_DIRECTORY for the root */
  #device(path: string): Device {
    if (path === '/') throw createError('IS_A_DIRECTORY', { path });
    const parent = parentPath(path);
    if (parent !== '/' && DEVICES.has(parent.slice(1))) throw createError('NOT_A_DIRECTORY', { path: parent });
    const device = parent === '/' ? DEVICES.get(baseName(path)) : undefined;
    if (!device) throw createError('FILE_NOT_FOUND', { path });
    return device;
  }

  override async stat(path: string): Promise<FileInfo> {
    if (path === '/') return this.#info('/', 0o755, 'dir');
    this.#device(path);
    return this.#info(baseName(path), 0o666, 'device');
  }

  #info(name: string, mode: number, type: 'dir' | 'device'): FileInfo {
    const meta = { Name: NAME, Type: type, Content: null };
    return { name, size: 0, mode, modTime: this.#since, isDir: type === 'dir', meta };
  }

  override async readDir(path: string): Promise<FileInfo[]> {
    if (path === '/') return [...DEVICES.keys()].map((name) => this.#info(name, 0o666, 'device'));
    this.#device(path);
    throw createError('NOT_A_DIRECTORY', { path });
  }

  /**
   * Returns `size` bytes, whatever the offset; `null` is always empty. An endless device cannot be read as a whole.
   *
   * @throws DEVICE_HAS_NO_END for a negative size, INVALID_PARAMETER for one over 64 MiB
   */
  override async open(path: string, { size: asked = -1 }: ByteRange = {}): Promise<SizedContent> {
    const device = this.#device(path);
    const size = this.#sizeOf(path, device, asked);
    return sizedContent(size, this.#content(device, size));
  }

  #sizeOf(path: string, device: Device, size: number): number {
    if (device.hasEnd) return 0;
    if (size < 0) throw createError('DEVICE_HAS_NO_END', { path });
    checkedInteger('size', size, 0);
    if (size <= MAX_READ_BYTES) return size;
    throw createError('INVALID_PARAMETER', {
      name: 'size',
      reason: `at most ${MAX_READ_BYTES} bytes per read: ${size}`,
    });
  }

  #content(device: Device, size?: number): AsyncIterable<Uint8Array> {
    return contentOf(device, () => this.#isStopped, size);
  }

  /** Continues until the reader leaves. The start is irrelevant, because all bytes of a device are alike. */
  override async openStream(path: string): Promise<StreamSource> {
    return { kind: 'content', content: this.#content(this.#device(path)) };
  }

  override async openWrite(path: string, options?: WriteOptions): Promise<FileWriter> {
    await this.requireWritable(path, options);
    return new DiscardingWriter();
  }

  override async truncate(path: string, size: number): Promise<void> {
    this.#device(path);
    checkedInteger('size', size, 0);
  }

  override async touch(path: string): Promise<void> {
    if (path !== '/') await this.requireWritable(path);
  }

  override async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    const device = this.#device(path);
    const flags = checkedInteger('flags', options.flags, 0);
    if (fileAccessOf(flags, options.create).isExclusive) throw createError('FILE_EXISTS', { path });
    const info = await this.stat(path);
    return new DeviceHandle(
      path,
      device,
      flags,
      () => info,
      () => this.#isStopped,
    );
  }
}

/** Counts the bytes and discards them. */
class DiscardingWriter implements FileWriter {
  written = 0;
  #isOpen = true;

  write(piece: Uint8Array): void {
    if (!this.#isOpen) throw createError('WRITER_CLOSED');
    requireBytes(piece);
    this.written += piece.length;
  }

  async close({ end = false }: { end?: boolean | undefined } = {}): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (end) throw createError('NOT_SUPPORTED', { operation: 'end', plugin: NAME });
  }

  async abort(): Promise<void> {
    this.#isOpen = false;
  }
}
