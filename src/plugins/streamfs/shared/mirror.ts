/**
 * A stream of this node that is fed by a log: it has the order, the offsets, the chunks and the end that the log says, and
 * its own readers.
 */
import { lifeDetails, type RingStream } from '../../../core/internal.ts';
import { createError } from '../../../errors/index.ts';
import type { Log, LogEnd, LogFollower, LogSink } from '../../../logs/index.ts';
import type { Entry } from '../entry.ts';
import { Backlog } from './backlog.ts';

/** Bytes of one stream that may wait for the log. */
const MAX_STREAM_BACKLOG_BYTES = 8 * 1024 * 1024;

export interface MirrorOwner {
  /** The path is free, or another's: once. */
  over(mirror: Mirror): void;
  /** Bytes that this node never had. */
  lost(bytes: number): void;
  /** Its first byte has come; only for one that readers had opened before there was a writer. */
  claimed(mirror: Mirror): void;
  /** What its bytes are has to be found anew: some are missing. */
  formatLost(mirror: Mirror): void;
}

export class Mirror implements LogSink {
  readonly entry: Entry;
  readonly backlog = new Backlog(MAX_STREAM_BACKLOG_BYTES);
  /** When it was last used, and when the log last heard that it is, by the clock that never leaps. */
  usedAt: number;
  renewedAt: number;
  /** As in the facts of its stream. */
  idleTimeout: number;
  private readonly owner: MirrorOwner;
  private readonly follower: LogFollower;
  private isCaughtUp = false;
  private waiting = new Set<() => void>();

  constructor(entry: Entry, idleTimeout: number, log: Log, owner: MirrorOwner, now: number) {
    this.entry = entry;
    this.idleTimeout = idleTimeout;
    this.owner = owner;
    this.usedAt = now;
    this.renewedAt = now;
    this.follower = log.follow(entry.path, entry.stream.generation, this);
  }

  get stream(): RingStream {
    return this.entry.stream;
  }

  /** The path is not its any more. */
  get isOver(): boolean {
    return this.stream.isGone;
  }

  get isUsed(): boolean {
    const { handles, stream, writers } = this.entry;
    return stream.readerCount > 0 || writers.size > 0 || handles > 0 || this.backlog.bytes > 0;
  }

  /** Settles when it has what the log had at first. */
  async caughtUp(): Promise<void> {
    await this.follower.caughtUp;
    this.isCaughtUp = true;
  }

  // ── what the log tells ─────────────────────────────────────────────────────────────────────────────────────────

  get endOffset(): number {
    return this.stream.endOffset;
  }

  get chunkCount(): number {
    return this.stream.chunksAt(this.stream.endOffset);
  }

  data(chunks: readonly Uint8Array[]): void {
    const { entry, stream } = this;
    for (const chunk of chunks) stream.append(chunk);
    if (entry.autoCreated) {
      entry.autoCreated = false;
      this.owner.claimed(this);
    }
    this.changed();
  }

  gap(offset: number, chunks: number): void {
    const { stream } = this;
    if (this.isCaughtUp) this.owner.lost(offset - stream.endOffset);
    stream.skipTo(offset, chunks);
    this.owner.formatLost(this);
    this.changed();
  }

  end({ reason, status }: LogEnd): void {
    this.stream.end(reason, status);
    if (this.isOver) this.close();
    this.changed();
  }

  /** Its readers reconnect and then learn that it is another stream. */
  replaced(): void {
    this.leave();
  }

  retained(offset: number): readonly Uint8Array[] | undefined {
    const { stream } = this;
    if (offset < stream.startOffset || stream.chunkStart(offset) !== offset) return undefined;
    const chunks: Uint8Array[] = [];
    for (let at = offset; at < stream.endOffset; ) {
      const to = stream.chunkEnd(at);
      chunks.push(Buffer.concat(stream.retainParts(at, to)));
      at = to;
    }
    return chunks;
  }

  // ── for the file system ────────────────────────────────────────────────────────────────────────────────────────

  /** Settles when a condition holds, or the mirror is over; `deadline` milliseconds later it rejects. */
  async until(holds: () => boolean, deadline: number, log: Log): Promise<void> {
    const end = performance.now() + deadline;
    while (!this.isOver && !holds()) {
      const left = end - performance.now();
      if (left <= 0) throw unavailable(log);
      let wake: () => void = () => undefined;
      const timer = setTimeout(() => wake(), left);
      await new Promise<void>((resolve) => {
        wake = resolve;
        this.waiting.add(wake);
      });
      clearTimeout(timer);
      this.waiting.delete(wake);
    }
  }

  private changed(): void {
    const { waiting } = this;
    this.waiting = new Set();
    for (const go of waiting) go();
  }

  /** Stops being fed; its readers come back. */
  leave(): void {
    this.stream.end('shutdown');
    this.close();
    this.changed();
  }

  private close(): void {
    this.follower.close();
    this.owner.over(this);
  }

  /** The error for a generation that is asked for and not this one's. */
  requireGeneration(generation: string): void {
    if (this.isOver) throw createError('STREAM_NOT_FOUND', { path: this.entry.path }, lifeDetails(generation));
    this.stream.requireGeneration(generation);
  }
}

export function unavailable(log: Log) {
  return createError('LOG_UNAVAILABLE', { log: log.name, reason: log.state.problem ?? 'it has not answered in time' });
}
