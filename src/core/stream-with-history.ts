/**
 * A stream including the history in its log, for asynchronous reads: evicted bytes are loaded from the log first.
 *
 *     startOffset        floor of the ring        endOffset
 *        │   block │ block │ slab │ slab │ slab       │
 *
 * Bytes are returned without a copy, one slab at a time, so a caller never holds more than one slab of a stream.
 */
import type { StreamFSError } from '../errors/index.ts';
import type { History, HistoryBlock } from './history.ts';
import type { Ring } from './ring.ts';
import type { Slab } from './slab.ts';

/** Backward searches scan this many bytes at a time. */
const STRIDE_BYTES = 256 * 1024;

const NEWLINE = 10;

/** The view of a stream that is needed to read all of it. */
export interface HistoryStream {
  readonly ring: Ring;
  readonly firstOffset: number;
  readonly startOffset: number;
  readonly endOffset: number;
  /** The error for an offset that is no longer retained. */
  offsetGone(offset: number, earliest?: number): StreamFSError;
  /** @throws OFFSET_BEYOND_END for an offset that will never be reached */
  requireReachable(offset: number): void;
  /** The offset after the line that contains an offset in memory. */
  lineEnd(offset: number): number;
}

export class StreamWithHistory {
  private readonly stream: HistoryStream;
  private readonly history: History | undefined;

  constructor(stream: HistoryStream, history: History | undefined) {
    this.stream = stream;
    this.history = history;
  }

  /** The oldest readable offset, in the ring or the log. */
  get startOffset(): number {
    const { startOffset } = this.stream;
    return this.history === undefined ? startOffset : Math.min(startOffset, this.history.floor);
  }

  /**
   * The bytes between two offsets, one slab at a time. They stay unchanged for as long as they are referenced.
   *
   * @throws OFFSET_GONE, with the offset at which data resumes, if bytes in the range are lost; the abort reason of the
   * signal
   */
  async *pieces(from: number, to: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let at = from; at < to; ) {
      signal?.throwIfAborted();
      const piece = await this.inSlab(at, (slab) => slab.retain(at, Math.min(slab.end, to)));
      yield piece;
      at += piece.length;
    }
  }

  /**
   * The same bytes, one chunk at a time, as they were written.
   *
   * @throws as {@link pieces}
   */
  async *chunks(from: number, to: number): AsyncGenerator<Uint8Array> {
    for (let at = from; at < to; ) {
      const whole = await this.inSlab(at, (slab) => {
        const end = slab.chunkEnd(at);
        return end < 0 ? undefined : slab.retain(at, Math.min(end, to));
      });
      const chunk = whole ?? (await this.bytes(at, Math.min(to, await this.chunkEnd(at))));
      yield chunk;
      at += chunk.length;
    }
  }

  /**
   * The bytes between two offsets as one array.
   *
   * @throws as {@link pieces}
   */
  async bytes(from: number, to: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const piece of this.pieces(from, to)) parts.push(piece);
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /**
   * The bytes at an offset: as many as are contiguous in memory, at most `max`. Undefined at the end.
   *
   * @throws OFFSET_GONE, OFFSET_BEYOND_END
   */
  async at(offset: number, max: number): Promise<Uint8Array | undefined> {
    this.stream.requireReachable(offset);
    if (offset >= this.stream.endOffset) return undefined;
    // The ring may hold slightly more than the retained bytes.
    if (offset < this.startOffset) throw this.stream.offsetGone(offset, this.startOffset);
    return this.inSlab(offset, (slab) => slab.retain(offset, Math.min(slab.end, offset + max, this.stream.endOffset)));
  }

  /**
   * The result of `use` for the slab or block that contains an offset before the end.
   *
   * @param use called while the slab is valid: after any wait, an append may have evicted it and reused its memory
   * @throws OFFSET_GONE
   */
  private inSlab<T>(offset: number, use: (slab: Slab) => T): Promise<T> {
    return this.inBlock(offset, (block) => {
      if (block.kind === 'slab') return use(block.slab);
      throw this.stream.offsetGone(offset, block.to);
    });
  }

  /** Like {@link inSlab}, for callers that read on after a hole. */
  private async inBlock<T>(offset: number, use: (block: HistoryBlock) => T): Promise<T> {
    const { history, stream } = this;
    for (;;) {
      if (offset >= stream.ring.floor) return use({ kind: 'slab', slab: stream.ring.locate(offset) });
      if (history === undefined || offset < history.floor) return use({ kind: 'hole', to: this.startOffset });
      const block = history.block(offset);
      if (block !== undefined) return use(block);
      await new Promise<void>((resolve) => history.load(offset, resolve));
    }
  }

  // ── chunks and lines ───────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The start of the chunk that contains `offset`. A chunk start and the end are returned unchanged.
   *
   * @throws OFFSET_GONE
   */
  async chunkStart(offset: number): Promise<number> {
    const { startOffset } = this;
    if (offset < startOffset) throw this.stream.offsetGone(offset, startOffset);
    if (offset >= this.stream.endOffset) return this.stream.endOffset;
    for (let at = offset; ; ) {
      const { base, start } = await this.inSlab(at, (slab) => ({ base: slab.base, start: slab.chunkStart(at) }));
      if (start >= 0) return Math.max(startOffset, start);
      if (base <= startOffset) return startOffset;
      at = base - 1;
    }
  }

  /**
   * The offset after the chunk that contains `offset`. The end of the stream is returned unchanged.
   *
   * @throws OFFSET_GONE
   */
  async chunkEnd(offset: number): Promise<number> {
    for (let at = offset; at < this.stream.endOffset; ) {
      const { chunkEnd, end } = await this.inSlab(at, (slab) => ({ chunkEnd: slab.chunkEnd(at), end: slab.end }));
      if (chunkEnd >= 0) return chunkEnd;
      at = end;
    }
    return this.stream.endOffset;
  }

  /**
   * The start of the line that contains `offset`; undefined if that start is no longer readable.
   *
   * @throws OFFSET_GONE
   */
  async lineStart(offset: number): Promise<number | undefined> {
    const { ring } = this.stream;
    const { startOffset } = this;
    const inMemory = ring.newlineBefore(ring.floor, offset);
    if (inMemory >= startOffset) return inMemory + 1;
    for (let to = Math.min(offset, Math.max(startOffset, ring.floor)); to > startOffset; ) {
      const from = Math.max(startOffset, to - STRIDE_BYTES);
      const { begin, newlines } = await this.newlines(from, to);
      if (newlines.length > 0) return newlines.at(-1)! + 1;
      if (begin > from) return undefined;
      to = from;
    }
    return this.isLineStart(startOffset) ? startOffset : undefined;
  }

  /** The first readable line start; the end of the stream if there is none. */
  async firstLineStart(): Promise<number> {
    const { startOffset } = this;
    return this.isLineStart(startOffset) ? startOffset : this.lineEnd(startOffset);
  }

  /** The offset after the line that contains `offset`; the end of the stream if that line is unfinished. */
  async lineEnd(offset: number): Promise<number> {
    for (let at = offset; at < this.stream.ring.floor; ) {
      const from = at;
      const { end, newline } = await this.inSlab(from, (slab) => ({
        end: slab.end,
        newline: slab.borrow(from, slab.end).indexOf(NEWLINE),
      }));
      if (newline >= 0) return from + newline + 1;
      at = end;
      if (at >= this.stream.ring.floor) return this.stream.lineEnd(at);
    }
    return this.stream.lineEnd(offset);
  }

  private isLineStart(offset: number): boolean {
    const { firstOffset, ring } = this.stream;
    return offset === firstOffset || (offset >= ring.floor && ring.followsNewline(offset));
  }

  /**
   * The start of the last `count` lines, including an unfinished one. Never further back than the last hole.
   *
   * @throws the abort reason of the signal
   */
  async startOfLines(count: number, signal?: AbortSignal): Promise<number> {
    const { endOffset, ring, startOffset: inMemory } = this.stream;
    const found = ring.lastLines(count, inMemory, endOffset);
    if (found > inMemory || this.startOffset === inMemory) return found;
    let left = count;
    // A newline that is the last byte of the stream does not begin a line.
    for (let to = endOffset - 1; to > this.startOffset; ) {
      const from = Math.max(this.startOffset, to - STRIDE_BYTES);
      const { begin, newlines } = await this.newlines(from, to, signal);
      if (newlines.length >= left) return newlines[newlines.length - left]! + 1;
      left -= newlines.length;
      if (begin > from) return begin;
      to = from;
    }
    return this.startOffset;
  }

  /** The newlines between two offsets; only those after the last hole in the range, which ends at `begin`. */
  private async newlines(from: number, to: number, signal?: AbortSignal) {
    let begin = from;
    let newlines: number[] = [];
    for (let at = from; at < to; ) {
      signal?.throwIfAborted();
      const start = at;
      at = await this.inBlock(start, (block) => {
        if (block.kind === 'hole') {
          newlines = [];
          begin = Math.min(block.to, to);
          return begin;
        }
        const end = Math.min(block.slab.end, to);
        const bytes = block.slab.borrow(start, end);
        for (let n = bytes.indexOf(NEWLINE); n >= 0; n = bytes.indexOf(NEWLINE, n + 1)) newlines.push(start + n);
        return end;
      });
    }
    return { begin, newlines };
  }
}
