/** A handle on README: a fixed text that reads, seeks and ends (contract 50). */
import { fail } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';

export class ContentHandle implements FileHandle {
  readonly path: string;
  private readonly content: Uint8Array;
  private readonly info: FileInfo;
  private position = 0;

  constructor(path: string, content: Uint8Array, info: FileInfo) {
    this.path = path;
    this.content = content;
    this.info = info;
  }

  async read({ size, offset }: HandleReadOptions): Promise<HandleRead> {
    const at = Math.min(offset ?? this.position, this.content.length);
    const data = this.content.subarray(at, at + size);
    const commit = (delivered = true) => {
      if (delivered && offset === undefined) this.position = at + data.length;
    };
    return { data, eof: at + data.length === this.content.length, offset: at, skipped: 0, commit };
  }

  async write(): Promise<never> {
    throw fail('STREAM_NOT_INITIALIZED');
  }

  async seek(offset: number, whence: number): Promise<number> {
    const base = [0, this.position, this.content.length][whence];
    if (base === undefined) throw fail('INVALID_WHENCE');
    if (base + offset < 0) throw fail('NEGATIVE_OFFSET');
    this.position = base + offset;
    return this.position;
  }

  async sync(): Promise<void> {}

  async stat(): Promise<FileInfo> {
    return this.info;
  }

  async truncate(): Promise<never> {
    throw fail('NAME_RESERVED', { path: this.path });
  }

  async stream(): Promise<StreamSource> {
    const rest = this.content.subarray(this.position);
    return {
      kind: 'content',
      size: rest.length,
      content: (async function* () {
        yield rest;
      })(),
    };
  }

  async close(): Promise<void> {}
}
