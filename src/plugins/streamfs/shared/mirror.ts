/**
 * A stream on this node that is fed by a log: it takes its order, offsets, chunks and end from the log, and has local
 * readers.
 */
import { type RingStream, restartDetails } from '../../../core/internal.ts';
import { createError } from '../../../errors/index.ts';
import type { Log, LogEnd, LogFollower, LogSink } from '../../../logs/index.ts';
import type { Entry } from '../entry.ts';
import { Backlog } from './backlog.ts';
import { factsOf } from './facts.ts';

/** Maximum bytes of one stream that may wait for the log. */
const MAX_STREAM_BACKLOG_BYTES = 8 * 1024 * 1024;

export interface MirrorOwner {
  /** Called once when the path is free or belongs to another stream. */
  over(mirror: Mirror): void;
  /** Bytes that this node never received. */
  lost(bytes: number): void;
  /** A stream that only readers had opened has got the settings of its first writer, on any node. */
  claimed(mirror: Mirror): void;
  /** Bytes are missing, so the format has to be detected again. */
  formatLost(mirror: Mirror): void;
}

/** A line of a writer of this node, whose start may be held. */
export interface HeldLine {
  /** Appends the held line, completed with a newline. */
  complete(): void | Promise<void>;
}

export class Mirror implements LogSink {
  readonly entry: Entry;
  readonly backlog = new Backlog(MAX_STREAM_BACKLOG_BYTES);
  /** Those of this node, by the writer or handle that they belong to. */
  private heldLines: Map<object, HeldLine> | undefined;
  /** The times of the last use and of the last renewal in the log, by the monotonic clock. */
  usedAt: number;
  renewedAt: number;
  /** The idle timeout from the facts of the stream. */
  idleTimeout: number;
  /** The facts of the stream, as stored in the log. */
  factsText: string;
  private readonly owner: MirrorOwner;
  private readonly follower: LogFollower;
  private hasCaughtUp = false;
  private waiting = new Set<() => void>();

  constructor(entry: Entry, facts: string, log: Log, owner: MirrorOwner, now: number) {
    this.entry = entry;
    this.factsText = facts;
    this.idleTimeout = factsOf({ facts }).idleTimeout;
    this.owner = owner;
    this.usedAt = now;
    this.renewedAt = now;
    this.follower = log.follow(entry.path, entry.stream.generation, this);
  }

  get stream(): RingStream {
    return this.entry.stream;
  }

  /** Whether the path no longer belongs to this mirror. */
  get isOver(): boolean {
    return this.stream.isGone;
  }

  get isUsed(): boolean {
    const { handles, stream, writers } = this.entry;
    return stream.readerCount > 0 || writers.size > 0 || handles > 0 || this.backlog.bytes > 0;
  }

  /** Whether the mirror has the initial content of the log. */
  get isCaughtUp(): boolean {
    return this.hasCaughtUp;
  }

  /** Resolves when the mirror has the initial content of the log. */
  async caughtUp(): Promise<void> {
    await this.follower.caughtUp;
    this.hasCaughtUp = true;
  }

  // ── events of the log ──────────────────────────────────────────────────────────────────────────────────────────

  get endOffset(): number {
    return this.stream.endOffset;
  }

  get chunkCount(): number {
    return this.stream.chunksAt(this.stream.endOffset);
  }

  facts(facts: string): void {
    if (facts === this.factsText) return;
    this.factsText = facts;
    this.owner.claimed(this);
  }

  data(chunks: readonly Uint8Array[]): void {
    const { stream } = this;
    for (const chunk of chunks) stream.append(chunk);
    this.changed();
  }

  gap(offset: number, chunks: number): void {
    const { stream } = this;
    if (this.hasCaughtUp) this.owner.lost(offset - stream.endOffset);
    stream.skipTo(offset, chunks);
    this.owner.formatLost(this);
    this.changed();
  }

  end({ reason, status }: LogEnd): void {
    this.stream.end(reason, status);
    if (this.isOver) this.close();
    this.changed();
  }

  /** The readers reconnect and then get the other stream. */
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

  /** Appends the unfinished lines of this node, before it ends the stream. One that cannot be appended is lost. */
  async completeLines(): Promise<void> {
    if (this.heldLines === undefined) return;
    await Promise.allSettled(Array.from(this.heldLines.values(), async (line) => line.complete()));
  }

  addHeldLine(owner: object, line: HeldLine): void {
    this.heldLines ??= new Map();
    this.heldLines.set(owner, line);
  }

  removeHeldLine(owner: object): void {
    this.heldLines?.delete(owner);
  }

  /** Resolves when a condition holds or the mirror is over; rejects after `deadline` milliseconds. */
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

  /** Stops following the log; the readers reconnect. */
  leave(): void {
    this.stream.end('shutdown');
    this.close();
    this.changed();
  }

  private close(): void {
    this.follower.close();
    this.owner.over(this);
  }

  /** Throws if the mirror does not have the requested generation. */
  requireGeneration(generation: string): void {
    if (this.isOver) throw createError('STREAM_NOT_FOUND', { path: this.entry.path }, restartDetails(generation));
    this.stream.requireGeneration(generation);
  }
}

export function unavailable(log: Log) {
  return createError('LOG_UNAVAILABLE', { log: log.name, reason: log.state.problem ?? 'it has not responded in time' });
}
