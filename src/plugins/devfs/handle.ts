/** An open device. It has a position because a client may ask for one; what is read does not depend on it. */
import { fail } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import { type Access, accessOf } from '../access.ts';
import { checkedOffset, checkedWhole, seekTarget } from '../numbers.ts';
import type { Device } from './devices.ts';
import { contentOf } from './endless.ts';

/** The most bytes one read gives. */
export const MAX_READ = 64 * 1024 * 1024;

export class DeviceHandle implements FileHandle {
  readonly path: string;
  readonly #device: Device;
  readonly #access: Access;
  readonly #info: () => FileInfo;
  readonly #unmounted: () => boolean;
  #position = 0;
  #streaming = false;
  #open = true;

  constructor(path: string, device: Device, flags: number, info: () => FileInfo, unmounted: () => boolean) {
    this.path = path;
    this.#device = device;
    this.#access = accessOf(flags);
    this.#info = info;
    this.#unmounted = unmounted;
  }

  #checkOpen(): void {
    if (!this.#open) throw fail('HANDLE_NOT_FOUND');
  }

  /** At most {@link MAX_READ} bytes. A handle that only writes reads 0 bytes (contract 51). */
  async read(options: HandleReadOptions): Promise<HandleRead> {
    this.#checkOpen();
    const size = Math.min(checkedWhole('size', options.size, 1), MAX_READ);
    const offset = options.offset === undefined ? this.#position : checkedOffset(options.offset);
    if (!this.#access.reads) return { data: new Uint8Array(0), eof: true, offset, skipped: 0, commit() {} };
    const data = await this.#device.bytes(size);
    const isAtPosition = options.offset === undefined;
    const commit = (delivered = true) => {
      if (delivered && isAtPosition && this.#position === offset) this.#position = offset + data.length;
    };
    return { data, eof: this.#device.hasEnd, offset, skipped: 0, commit };
  }

  async write(data: Uint8Array, offset?: number): Promise<{ written: number; position: number }> {
    this.#checkOpen();
    if (!this.#access.writes) throw fail('HANDLE_READ_ONLY');
    if (offset === undefined) this.#position += data.length;
    else checkedOffset(offset);
    return { written: data.length, position: this.#position };
  }

  async seek(offset: number, whence: number): Promise<number> {
    this.#checkOpen();
    this.#position = seekTarget(offset, whence, this.#position, 0);
    return this.#position;
  }

  async sync(): Promise<void> {
    this.#checkOpen();
  }

  async stat(): Promise<FileInfo> {
    this.#checkOpen();
    return this.#info();
  }

  async truncate(size: number): Promise<void> {
    this.#checkOpen();
    checkedWhole('size', size, 0);
  }

  async stream(): Promise<StreamSource> {
    this.#checkOpen();
    if (this.#streaming) throw fail('HANDLE_BUSY');
    this.#streaming = true;
    return { kind: 'content', content: this.#content() };
  }

  async *#content(): AsyncGenerator<Uint8Array> {
    try {
      if (this.#access.reads) yield* contentOf(this.#device, () => !this.#open || this.#unmounted());
    } finally {
      this.#streaming = false;
    }
  }

  async close(): Promise<void> {
    this.#open = false;
  }
}
