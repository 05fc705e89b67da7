/**
 * A handle on a file of a {@link BaseFileSystem}: keeps a position, and uses the file system's methods for the path.
 */
import { createError } from '../../errors/index.ts';
import type { FileHandle, FileInfo, FileSystem, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import type { FileAccess } from '../access.ts';
import { checkedInteger, checkedOffset } from '../numbers.ts';
import { PositionedHandle } from '../positioned-handle.ts';
import { bytesOf } from './bytes-of.ts';

/** Maximum bytes per read, which may be fewer than requested, because they are held in memory until they are sent. */
const MAX_READ_BYTES = 1024 * 1024;

export class PathHandle extends PositionedHandle implements FileHandle {
  readonly #files: FileSystem;
  readonly #access: FileAccess;
  /** Size in bytes at the last `stat`. */
  #size: number;

  constructor(files: FileSystem, path: string, access: FileAccess, info: FileInfo) {
    super(path, () => info);
    this.#files = files;
    this.#access = access;
    this.#size = info.size;
  }

  protected override get size(): number {
    return this.#size;
  }

  override async stat(): Promise<FileInfo> {
    this.checkOpen();
    const info = await this.#files.stat(this.path);
    this.#size = info.size;
    return info;
  }

  override async seek(offset: number, whence: number): Promise<number> {
    await this.stat();
    return super.seek(offset, whence);
  }

  /** Never waits, because a file has an end. A write-only handle reads 0 bytes (contract 51). */
  async read(options: HandleReadOptions): Promise<HandleRead> {
    this.checkOpen();
    const size = Math.min(checkedInteger('size', options.size, 1), MAX_READ_BYTES);
    const offset = options.offset === undefined ? this.position : checkedOffset(options.offset);
    if (!this.#access.reads) return this.found(new Uint8Array(0), offset, true, false);
    const data = await bytesOf(await this.#files.open(this.path, { offset, size }));
    await this.stat();
    return this.found(data, offset, offset + data.length >= this.#size, options.offset === undefined);
  }

  /**
   * With `offset`, the position does not move. An appending handle ignores the offset and writes at the end, where its
   * position then is.
   *
   * @throws HANDLE_READ_ONLY
   */
  async write(data: Uint8Array, offset?: number): Promise<{ written: number; position: number }> {
    this.checkOpen();
    if (!this.#access.writes) throw createError('HANDLE_READ_ONLY');
    const { appends } = this.#access;
    const start = offset === undefined ? this.position : checkedOffset(offset);
    const how = appends ? { append: true } : { offset: start };
    const written = await this.#files.write(this.path, data, { ...how, create: false });
    if (appends) this.position = (await this.stat()).size;
    else if (offset === undefined) this.position = start + written;
    return { written, position: this.position };
  }

  async truncate(size: number): Promise<void> {
    this.checkOpen();
    if (!this.#access.writes) throw createError('HANDLE_READ_ONLY');
    await this.#files.truncate(this.path, size);
  }

  /** From the position to the current end of the file. The position advances over consumed bytes. */
  async stream(): Promise<StreamSource> {
    this.checkOpen();
    const range = this.#access.reads ? { offset: this.position } : { size: 0 };
    const rest = await this.#files.open(this.path, range);
    return { kind: 'content', content: this.beginStream(() => this.#taken(rest)), size: rest.size };
  }

  async *#taken(rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of rest) {
      yield piece;
      this.position += piece.length;
    }
  }
}
