/**
 * A handle on a file. It refers to the file itself, not its path: after a rename or removal the file stays readable and
 * writable through the handle, as on a disk.
 */
import { createError } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import type { FileAccess } from '../access.ts';
import { checkedInteger, checkedOffset } from '../numbers.ts';
import { PositionedHandle } from '../positioned-handle.ts';
import { pieces } from './pieces.ts';
import { type FileNode, releaseFile } from './tree.ts';

const EMPTY = new Uint8Array(0);

/** Larger reads get a view of the file, from which the next write has to move away. */
const MAX_COPIED_BYTES = 256 * 1024;

export class MemHandle extends PositionedHandle implements FileHandle {
  readonly #file: FileNode;
  readonly #access: FileAccess;

  constructor(path: string, file: FileNode, access: FileAccess, info: () => FileInfo) {
    super(path, info);
    this.#file = file;
    file.users += 1;
    this.#access = access;
  }

  protected override get size(): number {
    return this.#file.content.size;
  }

  /** Never waits, because a file has an end. A write-only handle reads 0 bytes (contract 51). */
  async read(options: HandleReadOptions): Promise<HandleRead> {
    this.checkOpen();
    const size = checkedInteger('size', options.size, 1);
    const offset = options.offset === undefined ? this.position : checkedOffset(options.offset);
    if (!this.#access.reads) return { data: EMPTY, eof: true, offset, skipped: 0, commit() {} };
    const { content } = this.#file;
    const end = Math.min(offset + size, content.size);
    // A copy is charged only when it is sent; a view is covered by the charge of the file.
    const data = end - offset <= MAX_COPIED_BYTES ? content.copy(offset, end) : content.view(offset, end);
    const eof = offset + data.length >= content.size;
    return this.found(data, offset, eof, options.offset === undefined);
  }

  /**
   * With `offset`, the position does not move. An appending handle ignores the offset and writes at the end, where its
   * position then is. Throws HANDLE_READ_ONLY, FILE_TOO_LARGE.
   */
  async write(data: Uint8Array, offset?: number): Promise<{ written: number; position: number }> {
    this.checkOpen();
    if (!this.#access.writes) throw createError('HANDLE_READ_ONLY');
    const asked = offset === undefined ? this.position : checkedOffset(offset);
    const start = this.#access.appends ? this.size : asked;
    this.#file.content.write(data, start);
    this.#file.modTime = new Date();
    if (offset === undefined || this.#access.appends) this.position = start + data.length;
    return { written: data.length, position: this.position };
  }

  async truncate(size: number): Promise<void> {
    this.checkOpen();
    if (!this.#access.writes) throw createError('HANDLE_READ_ONLY');
    this.#file.content.truncate(checkedInteger('size', size, 0));
    this.#file.modTime = new Date();
  }

  override async close(): Promise<void> {
    if (this.isOpen) releaseFile(this.#file);
    await super.close();
  }

  /** From the position to the current end of the file. The position advances over consumed bytes. */
  async stream(): Promise<StreamSource> {
    this.checkOpen();
    const bytes = this.#access.reads ? this.#file.content.view().subarray(this.position) : EMPTY;
    const taken = (length: number) => {
      this.position += length;
    };
    return { kind: 'content', content: this.beginStream(() => pieces(bytes, taken)), size: bytes.length };
  }
}
