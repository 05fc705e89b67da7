/** Writes a producer's append to a stream, applying each byte once (contract 72). */
import { type AppendId, MAX_CHUNK } from '../../core/index.ts';
import type { Attempt, Producers, RingStream } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import type { CloseOptions, FileWriter, ProducerFacts } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import type { LineHolder, ProducerLine, StreamLines } from './stream-lines.ts';
import { StreamWriter, type WriterOwner } from './stream-writer.ts';

/** Attempts whose last piece waits for a blocking reader. A newer attempt must wait until their result is known. */
const inFlight = new WeakMap<Producers, Map<string, Promise<void>>>();

export interface ProducerTarget {
  stream: RingStream;
  producers: Producers;
  append: AppendId;
  /** Set if lines must stay whole. */
  lines: StreamLines | undefined;
}

/**
 * Opens an attempt at an append, or a writer that acknowledges an append already applied.
 *
 * @throws as `Producers.begin` and `Stream.requireOpen`; MEMORY_LIMIT
 */
export async function openProducerWriter(target: ProducerTarget, owner: WriterOwner): Promise<FileWriter> {
  const { stream, producers, append } = target;
  for (;;) {
    if (producers.isRepeated(append)) return new RepeatedWriter(stream, producers, append);
    stream.requireOpen();
    producers.supersede(append.id);
    const pending = inFlight.get(producers)?.get(append.id);
    if (pending === undefined) return new ProducerWriter(target, owner);
    await pending;
  }
}

/** Writes only bytes that no earlier attempt has applied. */
class ProducerWriter extends StreamWriter implements LineHolder {
  readonly producer: ProducerFacts;
  readonly keepsLines: boolean;
  private readonly attempt: Attempt;
  private readonly target: ProducerTarget;
  private readonly line: ProducerLine | undefined;
  /** Applied bytes still to be skipped at the start of the body. */
  private skip: number;

  constructor(target: ProducerTarget, owner: WriterOwner) {
    super(target.stream, owner);
    const { append, lines, producers } = target;
    this.target = target;
    this.keepsLines = lines !== undefined;
    this.attempt = producers.begin(append, () => this.onStop?.(createError('PRODUCER_SUPERSEDED')));
    try {
      this.line = lines?.beginAttempt(append, this);
    } catch (error) {
      this.attempt.giveUp();
      throw error;
    }
    this.skip = this.attempt.applied;
    this.written = this.skip;
    this.producer = { isRepeated: false, epoch: append.epoch, seq: append.seq };
  }

  override write(piece: Uint8Array): void | Promise<void> {
    if (!this.attempt.isRunning) throw createError('PRODUCER_SUPERSEDED');
    const at = Math.min(this.skip, piece.length);
    this.skip -= at;
    const waiting = this.line === undefined ? this.writeFrom(piece, at) : this.line.write(piece.subarray(at));
    return waiting === undefined ? undefined : this.track(waiting);
  }

  /**
   * Writes in chunks, each of which is appended completely or not at all. If one waits, so do all after it; the last
   * resolves when all have been appended.
   */
  private writeFrom(piece: Uint8Array, from: number): void | Promise<void> {
    let last: Promise<void> | undefined;
    for (let at = from; at < piece.length; at += MAX_CHUNK) {
      const part = piece.subarray(at, at + MAX_CHUNK);
      const waiting = this.stream.write(part);
      if (waiting === undefined) this.wrote(part.length);
      else {
        last = waiting.then(() => this.wrote(part.length));
        last.catch(() => undefined);
      }
    }
    return last;
  }

  /** Makes other attempts wait until the result of this one is known. */
  private track(waiting: Promise<void>): Promise<void> {
    const { producers, append } = this.target;
    const all = inFlight.get(producers) ?? new Map<string, Promise<void>>();
    inFlight.set(producers, all);
    const settled = waiting
      .catch(() => undefined)
      .then(() => {
        if (all.get(append.id) === settled) all.delete(append.id);
      });
    all.set(append.id, settled);
    return waiting.then(() => {
      if (!this.attempt.isRunning) throw createError('PRODUCER_SUPERSEDED');
    });
  }

  wrote(length: number): void {
    this.attempt.recordApplied(length, this.stream.writtenEnd);
    this.took(length);
  }

  /** Completes the append and ends the stream in one step. */
  override async close(options: CloseOptions = {}): Promise<void> {
    try {
      const { applied } = this.attempt;
      if (this.skip > 0) throw createError('PRODUCER_MISMATCH', { length: applied - this.skip, applied }, { applied });
      const waiting = this.completeLine();
      if (waiting !== undefined) await this.track(waiting);
      this.attempt.complete();
    } catch (error) {
      await this.abort();
      throw error;
    }
    this.line?.release();
    await super.close(options);
  }

  private completeLine(): void | Promise<void> {
    if (!this.attempt.isRunning) throw createError('PRODUCER_SUPERSEDED');
    return this.line?.complete();
  }

  override async abort(): Promise<void> {
    this.attempt.giveUp(this.line?.isBegun);
    this.line?.keep(this);
    await super.abort();
  }
}

/** Discards the body of a repeated append. */
class RepeatedWriter implements FileWriter {
  written = 0;
  endOffset: number;
  readonly generation: string;
  readonly durability: Durability | undefined;
  readonly producer: ProducerFacts;
  private readonly stream: RingStream;

  constructor(stream: RingStream, producers: Producers, { id, epoch, seq }: AppendId) {
    this.stream = stream;
    this.endOffset = stream.endOffset;
    this.generation = stream.generation;
    this.durability = stream.durability;
    this.producer = { isRepeated: true, epoch, seq: producers.lastSeq(id) ?? seq };
  }

  write(piece: Uint8Array): void {
    this.written += piece.length;
  }

  /** The repeated append may not be durable yet. */
  async close(): Promise<void> {
    await this.stream.whenSaved();
    this.endOffset = this.stream.endOffset;
  }

  async abort(): Promise<void> {}
}
