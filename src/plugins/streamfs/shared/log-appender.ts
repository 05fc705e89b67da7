/** Appends short bodies to a shared stream: each is a separate batch, and the log sends concurrent batches together. */
import { closedError } from '../../../core/internal.ts';
import { isStreamFSError } from '../../../errors/index.ts';
import type { Appender } from '../../../fs/index.ts';
import { isJsonType } from '../json-text.ts';
import { completeJsonLines } from '../json-writer.ts';
import { completeLastLine } from '../line-cutter.ts';
import { chunksOf } from './log-writer.ts';
import type { Mirror } from './mirror.ts';
import type { Sender } from './sender.ts';

export class LogAppender implements Appender {
  endOffset = 0;
  private mirror: Mirror | undefined;
  private readonly sender: Sender;
  private readonly open: () => Promise<Mirror>;
  private readonly isLines: boolean;

  /** @param open returns the mirror of the path, creating it if there is none */
  constructor(sender: Sender, mirror: Mirror | undefined, open: () => Promise<Mirror>, isLines: boolean) {
    this.sender = sender;
    this.mirror = mirror;
    this.open = open;
    this.isLines = isLines;
    this.endOffset = mirror?.endOffset ?? 0;
  }

  /** Empty until the first append, if there was no mirror. */
  get generation(): string {
    return this.mirror?.stream.generation ?? '';
  }

  get isOver(): boolean {
    return this.mirror !== undefined && this.mirror.stream.closedBy !== undefined;
  }

  append(piece: Uint8Array): Promise<void> {
    return this.appendCopy(new Uint8Array(piece));
  }

  private async appendCopy(piece: Uint8Array): Promise<void> {
    const mirror = await this.open();
    this.mirror = mirror;
    try {
      await this.appendTo(mirror, piece);
    } catch (error) {
      // Another node removed the stream, which this node did not know yet: the path may belong to another stream now.
      if (!mirror.isOver || !isStreamFSError(error, 'STREAM_CLOSED', 'STREAM_SHUT_DOWN')) throw error;
      this.mirror = await this.open();
      await this.appendTo(this.mirror, piece);
    }
  }

  private async appendTo(mirror: Mirror, piece: Uint8Array): Promise<void> {
    const { sender } = this;
    const { closedBy } = mirror.stream;
    if (closedBy !== undefined) throw closedError(closedBy);
    const bytes = this.wholeLines(mirror, piece);
    if (bytes.length === 0) {
      this.endOffset = mirror.endOffset;
      return;
    }
    await mirror.stream.whenRoom(bytes.length);
    while (sender.isFull(mirror)) await sender.whenRoom(mirror);
    sender.took(mirror, bytes.length);
    try {
      this.endOffset = (await sender.append(mirror, chunksOf(bytes), undefined)).endOffset;
    } finally {
      sender.gave(mirror, bytes.length);
    }
  }

  private wholeLines({ entry: { settings } }: Mirror, piece: Uint8Array): Uint8Array {
    if (isJsonType(settings.type)) return completeJsonLines(piece);
    return this.isLines || settings.atomic === 'lines' ? completeLastLine(piece) : piece;
  }
}
