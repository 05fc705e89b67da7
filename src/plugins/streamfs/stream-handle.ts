/**
 * A handle on a stream: a reader's cursor with an id, and no copy of anything (contract 57).
 *
 * Positions are the stream's absolute offsets (contract 56). A waiting read blocks nothing else: a seek, a close, new
 * bytes or another read's delivery wake it, and it looks again (contract 55). The position moves only when a read is
 * said to have been delivered (contract 54).
 */
import { type CursorReader, type RingStream, waitToBeWoken } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import type { FileHandle, FileInfo, HandleRead, HandleReadOptions, StreamSource } from '../../fs/index.ts';
import type { Access } from '../access.ts';
import { checkedOffset, checkedWhole, seekTarget } from '../numbers.ts';
import { isJsonType } from './json-text.ts';
import { completeJsonLines } from './json-writer.ts';

const EMPTY = new Uint8Array(0);

/** What writes for a handle, where that is not the stream itself. */
export interface HandleWriter {
  write(bytes: Uint8Array): void | Promise<void>;
  /** Completes the line that has begun, if lines are kept whole. */
  completeQuietly(): void;
  /** The handle is closed: the same, and its reader is released. */
  abandon(): void;
}

export interface StreamHandleOptions {
  path: string;
  stream: RingStream;
  /** The stream's content type now: its first writer may come later. */
  type: () => string;
  access: Access;
  /** Where lines are to stay whole: the one that the handle is in the middle of. */
  line?: HandleWriter | undefined;
  stat: () => Promise<FileInfo>;
  /** Where it is kept on disk. */
  sync?: (() => Promise<void>) | undefined;
  /** Called once, at the first close. */
  onClose: () => void;
}

export class StreamHandle implements FileHandle {
  readonly path: string;
  private readonly options: StreamHandleOptions;
  /** Where the handle reads; undefined when it is not open for reading. */
  reader: CursorReader | undefined;
  /** Whether that reader is being sent as a live read. */
  private streaming = false;
  /** Reads that wait. */
  private readonly waiting = new Set<() => void>();
  /** A read from the position on its way to its client: the next waits until it is known whether it arrived. */
  private underWay: object | undefined;
  /** Bytes lost before the position that no delivered answer has reported yet. */
  private skipped = 0;
  private closed = false;

  constructor(options: StreamHandleOptions) {
    this.options = options;
    this.path = options.path;
    if (options.access.reads) this.reader = options.stream.openReader({ reachBack: true });
  }

  async read(options: HandleReadOptions): Promise<HandleRead> {
    checkedWhole('size', options.size, 1);
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
      if (left <= 0) return this.nothing(offset ?? reader.cursor, false);
      await this.change(reader, left, options.signal);
    }
  }

  /** The reader, ready to be used; undefined on a handle for writing only. @throws HANDLE_BUSY during a live read */
  private idleReader(): CursorReader | undefined {
    if (this.streaming && this.reader!.isClosed) {
      // The live read is over: go on where it stopped.
      this.streaming = false;
      const { stream } = this.options;
      const { cursor } = this.reader!;
      // It may have been waiting beyond the end when the stream ended.
      const offset = stream.endReason === undefined ? cursor : Math.min(cursor, stream.endOffset);
      this.reader = stream.openReader({ start: { offset, onExpired: 'skip' }, reachBack: true });
    }
    if (this.streaming) throw createError('HANDLE_BUSY');
    return this.reader;
  }

  /** Bytes at an offset; the position has nothing to do with it. */
  private async at(offset: number, size: number): Promise<HandleRead | undefined> {
    const { stream } = this.options;
    const data = await stream.whole.at(offset, size);
    if (data !== undefined) return { data, eof: false, offset, skipped: 0, commit: () => undefined };
    return stream.endReason === undefined ? undefined : this.nothing(offset, true);
  }

  /** Bytes at the position, which moves when they have been delivered. */
  private next(reader: CursorReader, size: number): HandleRead | undefined {
    if (this.underWay !== undefined) return undefined;
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
    this.underWay = token;
    const commit = (delivered = true) => {
      if (this.underWay !== token) return;
      this.underWay = undefined;
      // A seek in between has the last word on the position.
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

  /** Waits until something may have changed: new bytes, a seek, a close, a read delivered; or the time is up. */
  private async change(reader: CursorReader, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const news = {
      // The first read that waits puts the reader on the list; a wake-up wakes all of them.
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
      const { startOffset } = stream.whole;
      if (target < startOffset) throw stream.offsetGone(target, startOffset);
      return target;
    }
    reader.seek(target);
    this.skipped = 0;
    this.wake();
    return target;
  }

  /** For a stream on disk: everything written so far is synced afterwards, with any `persist_sync`. */
  async sync(): Promise<void> {
    this.checkOpen();
    await this.options.sync?.();
  }

  async stat(): Promise<FileInfo> {
    this.checkOpen();
    return this.options.stat();
  }

  /** Does nothing, as on the path (contract 45). */
  async truncate(size: number): Promise<void> {
    this.checkOpen();
    checkedWhole('size', size, 0);
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
    if (this.waiting.size > 0 || this.underWay !== undefined) throw createError('HANDLE_BUSY');
    return { kind: 'live', reader, type: this.options.type() };
  }

  private checkOpen(): void {
    if (this.closed) throw createError('HANDLE_NOT_FOUND');
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.reader?.close();
    this.options.line?.abandon();
    this.wake();
    this.options.onClose();
  }
}

async function* nothingAtAll(): AsyncGenerator<Uint8Array> {}
