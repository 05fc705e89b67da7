/** A body that is an append of a producer, on its way into a stream: each byte of it is applied once (contract 72). */
import { type AppendId, type Attempt, MAX_CHUNK, type Producers, type Stream } from '../../core/index.ts';
import { fail } from '../../errors/index.ts';
import type { FileWriter, ProducerFacts } from '../../fs/index.ts';
import { StreamWriter, writePiece } from './stream-writer.ts';

/** Attempts whose last piece waits for a blocking reader: whoever takes their place must know first what they wrote. */
const underWay = new WeakMap<Producers, Map<string, Promise<void>>>();

/**
 * Opens an attempt at an append, or what acknowledges it if it has been applied already.
 *
 * @param release called once, when the writer is done
 * @throws as `Producers.begin` and `Stream.requireOpen`
 */
export async function openProducerWriter(
  stream: Stream,
  producers: Producers,
  append: AppendId,
  release: () => void,
): Promise<FileWriter> {
  for (;;) {
    if (producers.isRepeated(append)) return new RepeatedWriter(stream, producers, append);
    stream.requireOpen();
    producers.cut(append.id);
    const pending = underWay.get(producers)?.get(append.id);
    if (pending === undefined) return new ProducerWriter(stream, producers, append, release);
    await pending;
  }
}

/** Takes only what no earlier attempt has applied. */
class ProducerWriter extends StreamWriter {
  readonly producer: ProducerFacts;
  private readonly attempt: Attempt;
  private readonly producers: Producers;
  private readonly append: AppendId;
  /** Bytes at the beginning of the body that are applied already. */
  private skip: number;

  constructor(stream: Stream, producers: Producers, append: AppendId, release: () => void) {
    super(stream, release);
    this.producers = producers;
    this.append = append;
    this.attempt = producers.begin(append, () => this.onStop?.(fail('PRODUCER_SUPERSEDED')));
    this.skip = this.attempt.applied;
    this.written = this.skip;
    this.producer = { isRepeated: false, epoch: append.epoch, seq: append.seq };
  }

  /** In pieces of a chunk: each is appended whole or not at all, whatever happens meanwhile. */
  override write(piece: Uint8Array): void | Promise<void> {
    if (!this.attempt.isRunning) throw fail('PRODUCER_SUPERSEDED');
    const at = Math.min(this.skip, piece.length);
    this.skip -= at;
    return this.writeFrom(piece, at);
  }

  private writeFrom(piece: Uint8Array, from: number): void | Promise<void> {
    for (let at = from; at < piece.length; at += MAX_CHUNK) {
      const part = piece.subarray(at, at + MAX_CHUNK);
      const waiting = writePiece(this.stream, part);
      if (waiting !== undefined)
        return this.wait(waiting, part.length, new Uint8Array(piece.subarray(at + part.length)));
      this.applied(part.length);
    }
    return undefined;
  }

  private wait(waiting: Promise<void>, length: number, rest: Uint8Array): Promise<void> {
    const pending = waiting.then(() => this.applied(length));
    const all = underWay.get(this.producers) ?? new Map<string, Promise<void>>();
    underWay.set(this.producers, all);
    const { id } = this.append;
    const settled = pending
      .catch(() => undefined)
      .then(() => {
        if (all.get(id) === settled) all.delete(id);
      });
    all.set(id, settled);
    return pending.then(() => {
      if (!this.attempt.isRunning) throw fail('PRODUCER_SUPERSEDED');
      return this.writeFrom(rest, 0);
    });
  }

  private applied(length: number): void {
    this.attempt.took(length, this.stream.endOffset);
    this.took(length);
  }

  /** The append becomes whole, and the stream ends with it, in one step. */
  override async close(options: { end?: boolean } = {}): Promise<void> {
    if (this.skip > 0) {
      const { applied } = this.attempt;
      await this.abort();
      throw fail('PRODUCER_MISMATCH', { length: applied - this.skip, applied }, { applied });
    }
    try {
      this.attempt.complete();
    } catch (error) {
      await this.abort();
      throw error;
    }
    await super.close(options);
  }

  override async abort(): Promise<void> {
    this.attempt.giveUp();
    await super.abort();
  }
}

/** Lets the body of a repeated append go by. */
class RepeatedWriter implements FileWriter {
  written = 0;
  readonly endOffset: number;
  readonly generation: string;
  readonly producer: ProducerFacts;

  constructor(stream: Stream, producers: Producers, { id, epoch, seq }: AppendId) {
    this.endOffset = stream.endOffset;
    this.generation = stream.generation;
    this.producer = { isRepeated: true, epoch, seq: producers.lastSeq(id) ?? seq };
  }

  write(piece: Uint8Array): void {
    this.written += piece.length;
  }

  async close(): Promise<void> {}

  async abort(): Promise<void> {}
}
