/** A handle on README: a fixed text that supports reading and seeking, with any open flags (contract 50). */
import { createError } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import { checkedInteger, checkedOffset } from '../numbers.ts';
import { PositionedHandle } from '../positioned-handle.ts';

export class ContentHandle extends PositionedHandle implements FileHandle {
  private readonly content: Uint8Array;

  constructor(path: string, content: Uint8Array, info: FileInfo) {
    super(path, () => info);
    this.content = content;
  }

  protected override get size(): number {
    return this.content.length;
  }

  async read({ size, offset }: HandleReadOptions): Promise<HandleRead> {
    this.checkOpen();
    const at = Math.min(offset === undefined ? this.position : checkedOffset(offset), this.content.length);
    const data = this.content.subarray(at, at + checkedInteger('size', size, 1));
    return this.found(data, at, at + data.length === this.content.length, offset === undefined);
  }

  async write(): Promise<never> {
    this.checkOpen();
    throw createError('STREAM_NOT_INITIALIZED');
  }

  async truncate(): Promise<never> {
    this.checkOpen();
    throw createError('NAME_RESERVED', { path: this.path });
  }

  async stream(): Promise<StreamSource> {
    const rest = this.content.subarray(this.position);
    return { kind: 'content', content: this.beginStream(() => this.taking(rest)), size: rest.length };
  }

  private async *taking(rest: Uint8Array): AsyncGenerator<Uint8Array> {
    yield rest;
    this.position = this.content.length;
  }
}
