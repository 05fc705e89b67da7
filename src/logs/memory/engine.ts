/**
 * An engine in this process, for tests and for trying: what several logs, each of a node of its own, share. Each of its
 * streams is a stream of the core, so what a log promises is held against what a stream of one process does.
 */
import { newGeneration, Producers, producerGap, RingStream } from '../../core/internal.ts';
import { createError, isStreamFSError, limitReached, type StreamFSError } from '../../errors/index.ts';
import type {
  Appended,
  LogBatch,
  LogChild,
  LogEnd,
  LogLimits,
  NewStream,
  ProducerPart,
  StreamChange,
  StreamState,
  StreamTerms,
} from '../log.ts';

/** What is pushed to followers. */
export type Pushed =
  | { readonly kind: 'data'; readonly from: number; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'end' };

/** What there is behind an offset. */
export type Found =
  /** @property skipTo where the chunks begin, which is behind the offset where what lay between is gone */
  | { readonly kind: 'chunks'; readonly skipTo: number; readonly before: number; readonly chunks: Uint8Array[] }
  | { readonly kind: 'end'; readonly end: LogEnd }
  | { readonly kind: 'nothing' }
  /** The engine ends before it: it has lost what was there. */
  | { readonly kind: 'behind'; readonly endOffset: number }
  | { readonly kind: 'replaced' };

/** The answer to each batch of a call. */
export type Outcome = Appended | StreamFSError;

interface Life {
  readonly path: string;
  stream: RingStream;
  terms: StreamTerms;
  readonly producers: Producers;
  end: LogEnd | undefined;
  activeAt: number;
  /** Of the last batch that had one. */
  order: string | undefined;
  readonly followers: Set<(message: Pushed) => void>;
  /** The last call of each node, so that one that is repeated is only answered. */
  readonly calls: Map<string, { seq: number; outcomes: readonly Outcome[] }>;
}

const ENDED: LogEnd = { reason: 'ended', status: undefined };

const MAX_READ_BYTES = 1 << 20;
/** What a timer can wait for. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const NO_LIMITS: LogLimits = {
  maxStreams: Number.POSITIVE_INFINITY,
  maxProducers: Number.POSITIVE_INFINITY,
  producerTtl: 0,
};

export class MemoryEngine {
  /** Refuses what needs memory, as an engine does that has none left. */
  isFull = false;
  readonly #now: () => number;
  readonly #lives = new Map<string, Life>();
  /** Removed streams, by generation: a follower that was away learns how they ended. */
  readonly #gone = new Map<string, Life>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  find(path: string): StreamState | undefined {
    const life = this.#get(path);
    return life === undefined ? undefined : stateOf(life);
  }

  create(wanted: NewStream, limits: LogLimits): { stream: StreamState; isNew: boolean } {
    const { path } = wanted;
    const there = this.find(path);
    if (there !== undefined) return { stream: there, isNew: false };
    if (this.isFull) throw full();
    this.#expireDue();
    for (const other of this.#lives.keys()) {
      if (other.startsWith(`${path}/`)) throw createError('IS_A_DIRECTORY', { path });
      if (path.startsWith(`${other}/`)) throw createError('NOT_A_DIRECTORY', { path: other });
    }
    const { maxProducers, maxStreams, producerTtl } = limits;
    if (this.#lives.size >= maxStreams) throw limitReached('STREAM_LIMIT', 'streams', maxStreams);
    const life: Life = {
      path,
      stream: this.#newStream(newGeneration(), wanted.retention, this.#now()),
      terms: wanted,
      producers: new Producers({ max: maxProducers, ttl: producerTtl, now: this.#now }),
      end: undefined,
      activeAt: this.#now(),
      order: undefined,
      followers: new Set(),
      calls: new Map(),
    };
    this.#lives.set(path, life);
    this.#take(life, wanted.chunks ?? []);
    if (wanted.isEnded === true) this.#over(life, ENDED);
    this.#expireLater(life);
    return { stream: stateOf(life), isNew: true };
  }

  #newStream(generation: string, retention: number, createdAt: number): RingStream {
    const stream = new RingStream({ generation, createdAt, retention, maxLag: 1, now: this.#now });
    return stream;
  }

  /**
   * Appends batches of one stream. A call that a node repeats is answered as it was.
   *
   * @param seen the highest end offset that the node knows of: where the engine ends before, it says `behind`
   */
  append(node: string, seq: number, batches: readonly LogBatch[], seen: number): readonly Outcome[] | 'behind' {
    const { path, generation } = batches[0]!;
    const life = this.#lifeOf(path, generation);
    const last = life.calls.get(node);
    if (last?.seq === seq) return last.outcomes;
    if (life.stream.endOffset < seen) return 'behind';
    if (this.isFull) throw full();
    const outcomes = batches.map((batch): Outcome => {
      try {
        return this.#appendOne(life, batch);
      } catch (error) {
        if (isStreamFSError(error)) return error;
        throw error;
      }
    });
    life.calls.set(node, { seq, outcomes });
    return outcomes;
  }

  #appendOne(life: Life, batch: LogBatch): Appended {
    const { isEnd, order, producer } = batch;
    const appended = producer === undefined ? this.#appendPlain(life, batch) : this.#appendPart(life, batch, producer);
    life.activeAt = this.#now();
    if (appended.isRepeated) return appended;
    life.order = order ?? life.order;
    if (isEnd === true) this.#over(life, ENDED);
    return appended;
  }

  #appendPlain(life: Life, { chunks, expectedEnd, isEnd, order }: LogBatch): Appended {
    const isEndedAgain = isEnd === true && chunks.length === 0 && life.end?.reason === 'ended';
    if (!isEndedAgain) {
      life.stream.requireOpen();
      requireOrder(life, order);
      requireEnd(life, expectedEnd);
      this.#take(life, chunks);
    }
    return { endOffset: life.stream.endOffset, isRepeated: false, applied: 0, lastSeq: -1 };
  }

  #appendPart(life: Life, { chunks, expectedEnd, order }: LogBatch, part: ProducerPart): Appended {
    const { producers, stream } = life;
    const { id, epoch, from, isLast } = part;
    const known = producers.records().find((one) => one.id === id);
    if (producers.isRepeated(part)) {
      return { endOffset: known!.endOffset, isRepeated: true, applied: 0, lastSeq: producers.lastSeq(id)! };
    }
    stream.requireOpen();
    requireOrder(life, order);
    requireEnd(life, expectedEnd);
    const current = known?.epoch === epoch ? known : undefined;
    const applied = current?.applied ?? 0;
    const length = lengthOf(chunks);
    if (from > applied) throw producerGap(0, part.seq, producers.forgottenTo);
    if (isLast && from + length < applied) {
      throw createError('PRODUCER_MISMATCH', { length: from + length, applied }, { applied });
    }
    const lastSeq = current === undefined ? -1 : current.expected - 1;
    if (length === 0 && !isLast) {
      return { endOffset: current?.endOffset ?? stream.endOffset, isRepeated: false, applied, lastSeq };
    }
    const attempt = producers.begin(part, () => undefined);
    const fresh = behind(chunks, applied - from);
    this.#take(life, fresh);
    attempt.took(lengthOf(fresh), stream.endOffset);
    const whole = attempt.applied;
    if (isLast) attempt.complete();
    else attempt.giveUp();
    return {
      endOffset: stream.endOffset,
      isRepeated: false,
      applied: isLast ? 0 : whole,
      lastSeq: isLast ? part.seq : lastSeq,
    };
  }

  #take(life: Life, chunks: readonly Uint8Array[]): void {
    life.activeAt = this.#now();
    if (chunks.length === 0) return;
    const from = life.stream.endOffset;
    const kept = chunks.map((chunk) => new Uint8Array(chunk));
    for (const chunk of kept) life.stream.append(chunk);
    this.#push(life, { kind: 'data', from, chunks: kept });
  }

  #push({ followers }: Life, message: Pushed): void {
    for (const follower of followers) follower(message);
  }

  finish(path: string, generation: string, end: LogEnd): StreamState {
    const life = this.#lifeOf(path, generation);
    this.#over(life, end);
    return stateOf(life);
  }

  #over(life: Life, end: LogEnd): void {
    if (end.reason === 'ended') {
      if (life.end !== undefined) return;
      life.end = end;
      life.stream.end('ended', end.status);
    } else {
      life.end = end;
      life.stream.end(end.reason, end.status);
      this.#lives.delete(life.path);
      this.#gone.set(life.stream.generation, life);
    }
    this.#push(life, { kind: 'end' });
  }

  update(path: string, generation: string, { modifiedAt, terms }: StreamChange): void {
    const life = this.#lifeOf(path, generation);
    life.activeAt = this.#now();
    if (modifiedAt !== undefined) life.stream.modifiedAt = modifiedAt;
    if (terms === undefined) return;
    if (terms.retention !== life.terms.retention) this.#remake(life, life.stream.endOffset, terms.retention);
    life.terms = terms;
    this.#expireLater(life);
  }

  list(directory: string, after: string | undefined, limit: number): LogChild[] {
    this.#expireDue();
    const prefix = directory === '/' ? '/' : `${directory}/`;
    const children = new Map<string, StreamState | undefined>();
    for (const life of this.#lives.values()) {
      if (!life.path.startsWith(prefix)) continue;
      const [name, ...below] = life.path.slice(prefix.length).split('/');
      children.set(name!, below.length === 0 ? stateOf(life) : undefined);
    }
    return [...children]
      .filter(([name]) => after === undefined || byBytes(name, after) > 0)
      .sort(([one], [other]) => byBytes(one, other))
      .slice(0, limit)
      .map(([name, stream]) => ({ name, stream }));
  }

  // ── followers ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Gives the way to stop it. */
  follow(path: string, generation: string, follower: (message: Pushed) => void): () => void {
    const life = this.#get(path);
    if (life?.stream.generation !== generation) return () => undefined;
    life.followers.add(follower);
    return () => life.followers.delete(follower);
  }

  read(path: string, generation: string, from: number): Found {
    const there = this.#get(path);
    const life = there?.stream.generation === generation ? there : this.#gone.get(generation);
    if (life === undefined) return { kind: 'replaced' };
    const { end, stream } = life;
    const { endOffset } = stream;
    if (from > endOffset) return { kind: 'behind', endOffset };
    if (from === endOffset) return end === undefined ? { kind: 'nothing' } : { kind: 'end', end };
    const skipTo = Math.max(from, stream.startOffset);
    const chunks: Uint8Array[] = [];
    for (let at = skipTo; at < endOffset && at < skipTo + MAX_READ_BYTES; ) {
      const to = stream.chunkEnd(at);
      chunks.push(Buffer.concat(stream.retainParts(at, to)));
      at = to;
    }
    return { kind: 'chunks', skipTo, before: stream.chunksAt(skipTo), chunks };
  }

  // ── what befalls an engine ─────────────────────────────────────────────────────────────────────────────────────

  /** Loses the newest chunks of a stream, until it ends at `endOffset` or before. */
  lose(path: string, endOffset: number): void {
    const life = this.#get(path)!;
    this.#remake(life, endOffset, life.terms.retention);
  }

  /** Forgets a stream, and that it was there. */
  forget(path: string): void {
    this.#lives.delete(path);
  }

  /** Takes lost bytes back, unless something was appended meanwhile. */
  heal(path: string, generation: string, endOffset: number, chunks: readonly Uint8Array[]): void {
    const life = this.#lifeOf(path, generation);
    if (life.stream.endOffset === endOffset) this.#take(life, chunks);
  }

  #remake(life: Life, endOffset: number, retention: number): void {
    const old = life.stream;
    const stream = this.#newStream(old.generation, retention, old.createdAt);
    stream.skipTo(old.startOffset, old.chunksAt(old.startOffset));
    for (let at = old.startOffset; at < old.endOffset; ) {
      const to = old.chunkEnd(at);
      if (to > endOffset) break;
      stream.restoreChunk(Buffer.concat(old.retainParts(at, to)));
      at = to;
    }
    stream.modifiedAt = old.modifiedAt;
    life.stream = stream;
  }

  // ── directory ──────────────────────────────────────────────────────────────────────────────────────────────────

  #get(path: string): Life | undefined {
    const life = this.#lives.get(path);
    if (life === undefined || this.#now() < dueAt(life)) return life;
    this.#over(life, { reason: 'expired', status: undefined });
    return undefined;
  }

  /** Checks for expiry when it may be due, so that followers get the end. */
  #expireLater(life: Life): void {
    const left = dueAt(life) - this.#now();
    if (left > MAX_TIMER_MS) return;
    const look = () => {
      if (this.#get(life.path) === life) this.#expireLater(life);
    };
    setTimeout(look, Math.max(1, left)).unref();
  }

  #expireDue(): void {
    for (const path of [...this.#lives.keys()]) this.#get(path);
  }

  #lifeOf(path: string, generation: string): Life {
    const life = this.#get(path);
    if (life === undefined) throw createError('STREAM_NOT_FOUND', { path });
    life.stream.requireGeneration(generation);
    return life;
  }
}

/** When it is over, unless something happens until then. */
function dueAt({ activeAt, terms: { expiresAt, ttl } }: Life): number {
  return Math.min(activeAt + (ttl ?? Number.POSITIVE_INFINITY), expiresAt ?? Number.POSITIVE_INFINITY);
}

function stateOf({ end, path, stream, terms }: Life): StreamState {
  const { createdAt, endOffset, generation, modifiedAt, startOffset } = stream;
  const chunkCount = stream.stats().totalChunks;
  return { path, generation, startOffset, endOffset, chunkCount, createdAt, modifiedAt, end, facts: terms.facts };
}

function requireOrder({ order: last }: Life, order: string | undefined): void {
  if (order === undefined || last === undefined || byBytes(order, last) > 0) return;
  throw createError('STREAM_SEQ_ORDER', { seq: order, last });
}

function requireEnd({ stream: { endOffset } }: Life, expected: number | undefined): void {
  if (expected !== undefined && expected !== endOffset) throw createError('EXPECTED_OFFSET', { end: endOffset });
}

function full(): StreamFSError {
  return createError('LOG_FULL', { log: 'memory' });
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** The chunks without their first `skip` bytes. */
function behind(chunks: readonly Uint8Array[], skip: number): Uint8Array[] {
  let left = skip;
  return chunks.flatMap((chunk) => {
    const part = chunk.subarray(Math.min(left, chunk.length));
    left -= chunk.length - part.length;
    return part.length === 0 ? [] : [part];
  });
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
