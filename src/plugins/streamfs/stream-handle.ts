/**
 * A handle on a stream: a reader's cursor with an id, without a copy of any bytes (contract 57).
 *
 * Positions are absolute offsets of the stream (contract 56). A waiting read blocks nothing else: a seek, a close, new
 * bytes or the delivery of another read wakes it to check again (contract 55). The position moves only when the
 * delivery of a read is confirmed (contract 54).
 */
import { type CursorReader, type RingStream, waitToBeWoken } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import type { Access } from '../access.ts';
import { checkedInteger, checkedOffset, seekTarget } from '../numbers.ts';
import { isJsonType } from './json-text.ts';
import { completeJsonLines } from './json-writer.ts';

const EMPTY = new Uint8Array(0);

/** The writer of a handle, if it does not write to the stream directly. */
export interface HandleWriter {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Completes an unfinished line, if lines are kept whole. */
  completeQuietly(): void;
  /** Called once, when the handle is closed: completes an unfinished line and releases the writer. */
  close(): Promise<void>;
}

export interface StreamHandleOptions {
  path: string;
  stream: RingStream;
  /** The current content type of the stream: its first writer may change it. */
  type: () => string;
  access: Access;
  /** The unfinished line of the handle, if lines are kept whole. */
  line?: HandleWriter | undefined;
  stat: () => Promise<FileInfo>;
  /** Set if the stream is persistent. */
  sync?: (() => Promise<void>) | undefined;
  /** Called once, at the first close. */
  onClose: () => void;
}

export class StreamHandle implements FileHandle {
  readonly path: string;
  private readonly options: StreamHandleOptions;
  /** The cursor of the handle; undefined if it is not open for reading. */
  reader: CursorReader | undefined;
  /** Whether the reader is in use by a live read. */
  private streaming = false;
  /** Waiting reads. */
  private readonly waiting = new Set<() => void>();
  /** A read from the position whose delivery is not confirmed yet; the next read waits for that. */
  private inFlight: object | undefined;
  /** Lost bytes before the position that no delivered response has reported yet. */
  private skipped = 0;
  private closed = false;

  constructor(options: StreamHandleOptions) {
    this.options = options;
    this.path = options.path;
    if (options.access.reads) this.reader = options.stream.openReader({ reachBack: true });
  }

  async read(options: HandleReadOptions): Promise<HandleRead> {
    checkedInteger('size', options.size, 1);
    if (options.offset !== undefined) checkedOffset(options.offset);
    const deadline = performance.now() + options.timeout;
    for (;;) {
      this.checkOpen();
      options.signal?.throwIfAborted();
      const reader = this.idleReader();
      if (reader === undefined) return this.nothing(this.options.stream.endOffset, false);
      const { offset, size } = options;
      const found = offset === undefined ? this.next(reader, size) : await this.at(offset, size);
      if (found !== undefined) return found;
      const left = deadline - performance.now();
      // A loss that was found before there were bytes is reported with the next ones: until then the position is before it.
      if (left <= 0) return this.nothing(offset ?? reader.cursor - this.skipped, false);
      await this.change(reader, left, options.signal);
    }
  }

  /**
   * The reader; undefined on a write-only handle.
   *
   * @throws HANDLE_BUSY during a live read
   */
  private idleReader(): CursorReader | undefined {
    if (this.streaming && this.reader!.isClosed) {
      // The live read is over: continue at its position.
      this.streaming = false;
      const { stream } = this.options;
      const { cursor } = this.reader!;
      // The reader may have been waiting beyond the end when the stream ended.
      const offset = stream.endReason === undefined ? cursor : Math.min(cursor, stream.endOffset);
      this.reader = stream.openReader({ start: { offset, onExpired: 'skip' }, reachBack: true });
    }
    if (this.streaming) throw createError('HANDLE_BUSY');
    return this.reader;
  }

  /** Reads at an offset, independent of the position. */
  private async at(offset: number, size: number): Promise<HandleRead | undefined> {
    const { stream } = this.options;
    const data = await stream.withHistory.at(offset, size);
    if (data !== undefined) return { data, eof: false, offset, skipped: 0, commit: () => undefined };
    return stream.endReason === undefined ? undefined : this.nothing(offset, true);
  }

  /** Reads at the position, which advances on delivery. */
  private next(reader: CursorReader, size: number): HandleRead | undefined {
    if (this.inFlight !== undefined) return undefined;
    let record = reader.peek(size);
    while (record?.type === 'gap' || record?.type === 'caught-up') {
      if (record.type === 'gap') this.skipped += record.to - record.from;
      record = reader.peek(size);
    }
    if (record === undefined) return undefined;
    const { skipped } = this;
    if (record.type === 'end') {
      this.skipped = 0;
      return { ...this.nothing(record.offset, true), skipped };
    }
    const { data, offset } = record;
    const token = {};
    this.inFlight = token;
    const commit = (delivered = true) => {
      if (this.inFlight !== token) return;
      this.inFlight = undefined;
      // A seek in between takes precedence.
      if (delivered && reader.cursor === offset) {
        reader.advance(data.length);
        this.skipped -= skipped;
      }
      this.wake();
    };
    return { data, eof: false, offset, skipped, commit };
  }

  private nothing(offset: number, eof: boolean): HandleRead {
    return { data: EMPTY, eof, offset, skipped: 0, commit: () => undefined };
  }

  /** Waits for a possible change (new bytes, a seek, a close, a delivered read) or the timeout. */
  private async change(reader: CursorReader, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const news = {
      // The first waiting read registers with the reader; a wake-up wakes all of them.
      begin: (wake: () => void) => {
        this.waiting.add(wake);
        if (this.waiting.size === 1) reader.whenReadable(() => this.wake());
      },
      end: (wake: () => void) => {
        this.waiting.delete(wake);
        if (this.waiting.size === 0) reader.cancelWait();
      },
    };
    await waitToBeWoken(news, milliseconds, signal);
  }

  private wake(): void {
    for (const woken of [...this.waiting]) woken();
  }

  async write(data: Uint8Array): Promise<{ written: number; position: number }> {
    this.checkOpen();
    if (!this.options.access.writes) throw createError('HANDLE_READ_ONLY');
    const { line, stream } = this.options;
    // A line that is only held is not passed to the stream.
    if (line !== undefined) stream.requireOpen();
    await (line ?? stream).write(isJsonType(this.options.type()) ? completeJsonLines(data) : data);
    await stream.whenSaved();
    return { written: data.length, position: stream.totalWritten };
  }

  async completeLine(): Promise<void> {
    this.options.line?.completeQuietly();
  }

  async seek(offset: number, whence: number): Promise<number> {
    this.checkOpen();
    const { stream } = this.options;
    const reader = this.idleReader();
    const target = seekTarget(offset, whence, reader?.cursor ?? stream.endOffset, stream.endOffset);
    if (target === reader?.cursor) return target;
    if (reader === undefined) {
      const { startOffset } = stream.withHistory;
      if (target < startOffset) throw stream.offsetGone(target, startOffset);
      return target;
    }
    reader.seek(target);
    this.skipped = 0;
    this.wake();
    return target;
  }

  /** For a persistent stream, makes all writes so far durable, with any `persist_sync`. */
  async sync(): Promise<void> {
    this.checkOpen();
    await this.options.sync?.();
  }

  async stat(): Promise<FileInfo> {
    this.checkOpen();
    return this.options.stat();
  }

  /** Does nothing, as for the path (contract 45). */
  async truncate(size: number): Promise<void> {
    this.checkOpen();
    checkedInteger('size', size, 0);
  }

  async stream(): Promise<StreamSource> {
    const source = await this.describeStream();
    if (source.kind === 'live') this.streaming = true;
    return source;
  }

  async describeStream(): Promise<StreamSource> {
    this.checkOpen();
    const reader = this.idleReader();
    if (reader === undefined) return { kind: 'content', size: 0, content: nothingAtAll() };
    if (this.waiting.size > 0 || this.inFlight !== undefined) throw createError('HANDLE_BUSY');
    return { kind: 'live', reader, type: this.options.type() };
  }

  private checkOpen(): void {
    if (this.closed) throw createError('HANDLE_NOT_FOUND');
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.reader?.close();
    const { line, onClose } = this.options;
    const closing = line?.close();
    this.wake();
    onClose();
    await closing;
  }
}

async function* nothingAtAll(): AsyncGenerator<Uint8Array> {}
