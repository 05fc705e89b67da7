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

export interface LogAppenderOptions {
  sender: Sender;
  /** The mirror of the path, if this node has one. */
  mirror: Mirror | undefined;
  /** Returns the mirror of the path, creating it if there is none. */
  open: () => Promise<Mirror>;
  /** Called at each append. */
  onUse: () => void;
  /** Whether each piece ends with a line. */
  isLines: boolean;
}

export class LogAppender implements Appender {
  isPlaced = false;
  private mirror: Mirror | undefined;
  /** Whether `open` has returned the mirror, and thereby checked what may be written to it. */
  private isOpened = false;
  private readonly options: LogAppenderOptions;

  constructor(options: LogAppenderOptions) {
    this.options = options;
    this.mirror = options.mirror;
  }

  /** Empty until the first append, if there was no mirror. */
  get generation(): string {
    return this.mirror?.stream.generation ?? '';
  }

  get endOffset(): number {
    return this.mirror?.endOffset ?? 0;
  }

  get isOver(): boolean {
    return this.mirror !== undefined && this.mirror.stream.closedBy !== undefined;
  }

  /**
   * Passes a piece to the log in this turn if nothing has to be waited for: then the log places it after the pieces of
   * earlier calls.
   */
  append(piece: Uint8Array): Promise<number> {
    const copy = new Uint8Array(piece);
    const { isOpened, mirror } = this;
    this.isPlaced = isOpened && mirror !== undefined && this.acceptsNow(mirror, copy.length);
    return this.isPlaced ? this.sendOrReopen(mirror!, copy) : this.sendAfterOpening(copy);
  }

  private async sendAfterOpening(piece: Uint8Array): Promise<number> {
    return this.sendOrReopen(await this.openWithRoom(piece.length), piece);
  }

  private async sendOrReopen(mirror: Mirror, piece: Uint8Array): Promise<number> {
    try {
      return await this.send(mirror, piece);
    } catch (error) {
      // Another node removed the stream, which this node did not know yet: the path may belong to another stream now.
      if (!mirror.isOver || !isStreamFSError(error, 'STREAM_CLOSED', 'STREAM_SHUT_DOWN')) throw error;
      return this.send(await this.openWithRoom(piece.length), piece);
    }
  }

  private async openWithRoom(length: number): Promise<Mirror> {
    const { open, sender } = this.options;
    const mirror = await open();
    this.mirror = mirror;
    this.isOpened = true;
    await mirror.stream.whenRoom(length);
    while (sender.isFull(mirror)) await sender.whenRoom(mirror);
    return mirror;
  }

  private acceptsNow(mirror: Mirror, length: number): boolean {
    const { stream } = mirror;
    return stream.closedBy === undefined && stream.acceptsNow(length) && !this.options.sender.isFull(mirror);
  }

  private async send(mirror: Mirror, piece: Uint8Array): Promise<number> {
    const { sender, onUse } = this.options;
    const { closedBy } = mirror.stream;
    if (closedBy !== undefined) throw closedError(closedBy);
    onUse();
    const bytes = this.completeLines(mirror, piece);
    if (bytes.length === 0) return mirror.endOffset;
    sender.took(mirror, bytes.length);
    try {
      return (await sender.append(mirror, chunksOf(bytes), undefined)).endOffset;
    } finally {
      sender.gave(mirror, bytes.length);
    }
  }

  private completeLines({ entry: { settings } }: Mirror, piece: Uint8Array): Uint8Array {
    if (isJsonType(settings.type)) return completeJsonLines(piece);
    return this.options.isLines || settings.atomic === 'lines' ? completeLastLine(piece) : piece;
  }
}
