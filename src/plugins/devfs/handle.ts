/** A handle on a device. It keeps a position because clients may ask for one; the content does not depend on it. */
import { createError } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import { requireBytes } from '../../units/index.ts';
import { type Access, accessOf } from '../access.ts';
import { checkedInteger, checkedOffset } from '../numbers.ts';
import { PositionedHandle } from '../positioned-handle.ts';
import type { Device } from './devices.ts';
import { contentOf } from './endless.ts';

/** Maximum bytes per read, which may be fewer than requested, because they are generated before they are sent. */
const MAX_READ = 1024 * 1024;

export class DeviceHandle extends PositionedHandle implements FileHandle {
  readonly #device: Device;
  readonly #access: Access;
  readonly #unmounted: () => boolean;
  /** A device has no end: seeking from the end counts from 0. */
  protected override readonly size = 0;

  constructor(path: string, device: Device, flags: number, info: () => FileInfo, unmounted: () => boolean) {
    super(path, info);
    this.#device = device;
    this.#access = accessOf(flags);
    this.#unmounted = unmounted;
  }

  /** Reads at most {@link MAX_READ} bytes. A write-only handle reads 0 bytes (contract 51). */
  async read(options: HandleReadOptions): Promise<HandleRead> {
    this.checkOpen();
    const size = Math.min(checkedInteger('size', options.size, 1), MAX_READ);
    const offset = options.offset === undefined ? this.position : checkedOffset(options.offset);
    if (!this.#access.reads) return { data: new Uint8Array(0), eof: true, offset, skipped: 0, commit() {} };
    const data = await this.#device.bytes(size);
    return this.found(data, offset, this.#device.hasEnd, options.offset === undefined);
  }

  async write(data: Uint8Array, offset?: number): Promise<{ written: number; position: number }> {
    this.checkOpen();
    if (!this.#access.writes) throw createError('HANDLE_READ_ONLY');
    requireBytes(data);
    if (offset === undefined) this.position += data.length;
    else checkedOffset(offset);
    return { written: data.length, position: this.position };
  }

  async truncate(size: number): Promise<void> {
    this.checkOpen();
    checkedInteger('size', size, 0);
  }

  async stream(): Promise<StreamSource> {
    const reads = this.#access.reads;
    const stopped = () => !reads || !this.isOpen || this.#unmounted();
    return { kind: 'content', content: this.beginStream(() => contentOf(this.#device, stopped)) };
  }
}
