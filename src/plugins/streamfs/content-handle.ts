/** A handle on README: a fixed text that reads, seeks and ends, whatever flags it was opened with (contract 50). */
import { fail } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import { checkedOffset, checkedWhole, seekTarget } from '../numbers.ts';

export class ContentHandle implements FileHandle {
  readonly path: string;
  private readonly content: Uint8Array;
  private readonly info: FileInfo;
  private position = 0;
  private streaming = false;
  private closed = false;

  constructor(path: string, content: Uint8Array, info: FileInfo) {
    this.path = path;
    this.content = content;
    this.info = info;
  }

  async read({ size, offset }: HandleReadOptions): Promise<HandleRead> {
    this.checkOpen();
    const at = Math.min(offset === undefined ? this.position : checkedOffset(offset), this.content.length);
    const data = this.content.subarray(at, at + checkedWhole('size', size, 1));
    const commit = (delivered = true) => {
      if (delivered && offset === undefined) this.position = at + data.length;
    };
    return { data, eof: at + data.length === this.content.length, offset: at, skipped: 0, commit };
  }

  async write(): Promise<never> {
    this.checkOpen();
    throw fail('STREAM_NOT_INITIALIZED');
  }

  async seek(offset: number, whence: number): Promise<number> {
    this.checkOpen();
    this.position = seekTarget(offset, whence, this.position, this.content.length);
    return this.position;
  }

  async sync(): Promise<void> {
    this.checkOpen();
  }

  async stat(): Promise<FileInfo> {
    this.checkOpen();
    return this.info;
  }

  async truncate(): Promise<never> {
    this.checkOpen();
    throw fail('NAME_RESERVED', { path: this.path });
  }

  async stream(): Promise<StreamSource> {
    this.checkOpen();
    if (this.streaming) throw fail('HANDLE_BUSY');
    this.streaming = true;
    return { kind: 'content', size: this.content.length - this.position, content: this.rest() };
  }

  private async *rest(): AsyncGenerator<Uint8Array> {
    try {
      yield this.content.subarray(this.position);
      this.position = this.content.length;
    } finally {
      this.streaming = false;
    }
  }

  private checkOpen(): void {
    if (this.closed) throw fail('HANDLE_NOT_FOUND');
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
