/**
 * An engine in this process, for tests and experiments, shared by several logs that each stand for a node. Its streams
 * are streams of the core, so that shared logs are tested against the behaviour of a stream in one process.
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

/** Messages pushed to followers. */
export type Pushed =
  | { readonly kind: 'data'; readonly from: number; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'claimed' }
  | { readonly kind: 'end' };

/** The result of reading from an offset. */
export type Found =
  /** @property skipTo the start of the chunks; it is beyond the requested offset if bytes in between are gone */
  | { readonly kind: 'chunks'; readonly skipTo: number; readonly before: number; readonly chunks: Uint8Array[] }
  | { readonly kind: 'end'; readonly end: LogEnd }
  | { readonly kind: 'nothing' }
  /** The engine ends before the offset: it has lost bytes. */
  | { readonly kind: 'behind'; readonly endOffset: number }
  | { readonly kind: 'replaced' };

/** The result of each batch of a call. */
export type Outcome = Appended | StreamFSError;

interface Entry {
  readonly path: string;
  stream: RingStream;
  terms: StreamTerms;
  readonly producers: Producers;
  end: LogEnd | undefined;
  activeAt: number;
  /** The order of the last batch that had one. */
  order: string | undefined;
  readonly followers: Set<(message: Pushed) => void>;
  /** The last call of each node: a repeated call gets the same results again. */
  readonly calls: Map<string, { seq: number; outcomes: readonly Outcome[] }>;
}

const ENDED: LogEnd = { reason: 'ended', status: undefined };

const MAX_READ_BYTES = 1 << 20;
/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const NO_LIMITS: LogLimits = {
  maxStreams: Number.POSITIVE_INFINITY,
  maxProducers: Number.POSITIVE_INFINITY,
  producerTtl: 0,
};

export class MemoryEngine {
  /** Simulates an engine without free memory: refuses whatever needs memory. */
  isFull = false;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  /** Removed streams by generation, so that a disconnected follower still learns how they ended. */
  readonly #gone = new Map<string, Entry>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  find(path: string): StreamState | undefined {
    const entry = this.#get(path);
    return entry === undefined ? undefined : stateOf(entry);
  }

  create(wanted: NewStream, limits: LogLimits): { stream: StreamState; isNew: boolean } {
    const { path } = wanted;
    const there = this.find(path);
    if (there !== undefined) return { stream: there, isNew: false };
    if (this.isFull) throw full();
    this.#expireDue();
    for (const other of this.#entries.keys()) {
      if (other.startsWith(`${path}/`)) throw createError('IS_A_DIRECTORY', { path });
      if (path.startsWith(`${other}/`)) throw createError('NOT_A_DIRECTORY', { path: other });
    }
    const { maxProducers, maxStreams, producerTtl } = limits;
    if (this.#entries.size >= maxStreams) throw limitReached('STREAM_LIMIT', 'streams', maxStreams);
    const entry: Entry = {
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
    this.#entries.set(path, entry);
    this.#take(entry, wanted.chunks ?? []);
    if (wanted.isEnded === true) this.#end(entry, ENDED);
    this.#expireLater(entry);
    return { stream: stateOf(entry), isNew: true };
  }

  #newStream(generation: string, retention: number, createdAt: number): RingStream {
    const stream = new RingStream({ generation, createdAt, retention, maxLag: 1, now: this.#now });
    return stream;
  }

  /**
   * Appends batches of one stream. A call repeated by a node gets its previous results.
   *
   * @param seen the highest end offset that the node knows; if the engine ends before it, the result is `behind`
   */
  append(node: string, seq: number, batches: readonly LogBatch[], seen: number): readonly Outcome[] | 'behind' {
    const { path, generation } = batches[0]!;
    const entry = this.#requireEntry(path, generation);
    const last = entry.calls.get(node);
    if (last?.seq === seq) return last.outcomes;
    if (entry.stream.endOffset < seen) return 'behind';
    if (this.isFull) throw full();
    const outcomes = batches.map((batch): Outcome => {
      try {
        return this.#appendOne(entry, batch);
      } catch (error) {
        if (isStreamFSError(error)) return error;
        throw error;
      }
    });
    entry.calls.set(node, { seq, outcomes });
    return outcomes;
  }

  #appendOne(entry: Entry, batch: LogBatch): Appended {
    const { isEnd, order, producer } = batch;
    const appended =
      producer === undefined ? this.#appendPlain(entry, batch) : this.#appendPart(entry, batch, producer);
    entry.activeAt = this.#now();
    if (appended.isRepeated) return appended;
    entry.order = order ?? entry.order;
    if (isEnd === true) this.#end(entry, ENDED);
    return appended;
  }

  #appendPlain(entry: Entry, { chunks, expectedEnd, isEnd, order }: LogBatch): Appended {
    const isEndedAgain = isEnd === true && chunks.length === 0 && entry.end?.reason === 'ended';
    if (!isEndedAgain) {
      entry.stream.requireOpen();
      requireOrder(entry, order);
      requireEnd(entry, expectedEnd);
      this.#take(entry, chunks);
    }
    return { endOffset: entry.stream.endOffset, isRepeated: false, applied: 0, lastSeq: -1 };
  }

  #appendPart(entry: Entry, { chunks, expectedEnd, order }: LogBatch, part: ProducerPart): Appended {
    const { producers, stream } = entry;
    const { id, epoch, from, isLast } = part;
    const known = producers.records().find((one) => one.id === id);
    if (producers.isRepeated(part)) {
      return { endOffset: known!.endOffset, isRepeated: true, applied: 0, lastSeq: producers.lastSeq(id)! };
    }
    stream.requireOpen();
    requireOrder(entry, order);
    requireEnd(entry, expectedEnd);
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
    const fresh = skipBytes(chunks, applied - from);
    this.#take(entry, fresh);
    attempt.recordApplied(lengthOf(fresh), stream.endOffset);
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

  #take(entry: Entry, chunks: readonly Uint8Array[]): void {
    entry.activeAt = this.#now();
    if (chunks.length === 0) return;
    const from = entry.stream.endOffset;
    const kept = chunks.map((chunk) => new Uint8Array(chunk));
    for (const chunk of kept) entry.stream.append(chunk);
    this.#push(entry, { kind: 'data', from, chunks: kept });
  }

  #push({ followers }: Entry, message: Pushed): void {
    for (const follower of followers) follower(message);
  }

  finish(path: string, generation: string, end: LogEnd): StreamState {
    const entry = this.#requireEntry(path, generation);
    this.#end(entry, end);
    return stateOf(entry);
  }

  #end(entry: Entry, end: LogEnd): void {
    if (end.reason === 'ended') {
      if (entry.end !== undefined) return;
      entry.end = end;
      entry.stream.end('ended', end.status);
    } else {
      entry.end = end;
      entry.stream.end(end.reason, end.status);
      this.#entries.delete(entry.path);
      this.#gone.set(entry.stream.generation, entry);
    }
    this.#push(entry, { kind: 'end' });
  }

  update(path: string, generation: string, { claim, isTouched }: StreamChange): StreamState {
    const entry = this.#requireEntry(path, generation);
    entry.activeAt = this.#now();
    if (isTouched === true) entry.stream.modifiedAt = this.#now();
    if (claim !== undefined && claim.from === entry.terms.facts) this.#claim(entry, claim.terms);
    return stateOf(entry);
  }

  #claim(entry: Entry, terms: StreamTerms): void {
    if (terms.retention !== entry.terms.retention) this.#rebuild(entry, entry.stream.endOffset, terms.retention);
    entry.terms = terms;
    this.#expireLater(entry);
    this.#push(entry, { kind: 'claimed' });
  }

  list(directory: string, after: string | undefined, limit: number): LogChild[] {
    this.#expireDue();
    const prefix = directory === '/' ? '/' : `${directory}/`;
    const children = new Map<string, StreamState | undefined>();
    for (const entry of this.#entries.values()) {
      if (!entry.path.startsWith(prefix)) continue;
      const [name, ...below] = entry.path.slice(prefix.length).split('/');
      children.set(name!, below.length === 0 ? stateOf(entry) : undefined);
    }
    return [...children]
      .filter(([name]) => after === undefined || byBytes(name, after) > 0)
      .sort(([one], [other]) => byBytes(one, other))
      .slice(0, limit)
      .map(([name, stream]) => ({ name, stream }));
  }

  // ── followers ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns a function that stops following. */
  follow(path: string, generation: string, follower: (message: Pushed) => void): () => void {
    const entry = this.#get(path);
    if (entry?.stream.generation !== generation) return () => undefined;
    entry.followers.add(follower);
    return () => entry.followers.delete(follower);
  }

  /** The facts of a stream that exists or existed. */
  factsOf(path: string, generation: string): string | undefined {
    const there = this.#get(path);
    return (there?.stream.generation === generation ? there : this.#gone.get(generation))?.terms.facts;
  }

  read(path: string, generation: string, from: number): Found {
    const there = this.#get(path);
    const entry = there?.stream.generation === generation ? there : this.#gone.get(generation);
    if (entry === undefined) return { kind: 'replaced' };
    const { end, stream } = entry;
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

  // ── simulated faults ───────────────────────────────────────────────────────────────────────────────────────────

  /** Drops the newest chunks of a stream, until it ends at or before `endOffset`. */
  lose(path: string, endOffset: number): void {
    const entry = this.#get(path)!;
    this.#rebuild(entry, endOffset, entry.terms.retention);
  }

  /** Drops a stream without a trace. */
  forget(path: string): void {
    this.#entries.delete(path);
  }

  /** Appends lost bytes again, unless something else was appended in the meantime. */
  heal(path: string, generation: string, endOffset: number, chunks: readonly Uint8Array[]): void {
    const entry = this.#requireEntry(path, generation);
    if (entry.stream.endOffset === endOffset) this.#take(entry, chunks);
  }

  #rebuild(entry: Entry, endOffset: number, retention: number): void {
    const old = entry.stream;
    const stream = this.#newStream(old.generation, retention, old.createdAt);
    stream.skipTo(old.startOffset, old.chunksAt(old.startOffset));
    for (let at = old.startOffset; at < old.endOffset; ) {
      const to = old.chunkEnd(at);
      if (to > endOffset) break;
      stream.restoreChunk(Buffer.concat(old.retainParts(at, to)));
      at = to;
    }
    stream.modifiedAt = old.modifiedAt;
    entry.stream = stream;
  }

  // ── directory ──────────────────────────────────────────────────────────────────────────────────────────────────

  #get(path: string): Entry | undefined {
    const entry = this.#entries.get(path);
    if (entry === undefined || this.#now() < dueAt(entry)) return entry;
    this.#end(entry, { reason: 'expired', status: undefined });
    return undefined;
  }

  /** Checks for expiry when it may be due, so that followers get the end. */
  #expireLater(entry: Entry): void {
    const left = dueAt(entry) - this.#now();
    if (left > MAX_TIMER_MS) return;
    const look = () => {
      if (this.#get(entry.path) === entry) this.#expireLater(entry);
    };
    setTimeout(look, Math.max(1, left)).unref();
  }

  #expireDue(): void {
    for (const path of [...this.#entries.keys()]) this.#get(path);
  }

  #requireEntry(path: string, generation: string): Entry {
    const entry = this.#get(path);
    if (entry === undefined) throw createError('STREAM_NOT_FOUND', { path });
    entry.stream.requireGeneration(generation);
    return entry;
  }
}

/** When the stream expires if it is not used until then. */
function dueAt({ activeAt, terms: { expiresAt, ttl } }: Entry): number {
  return Math.min(activeAt + (ttl ?? Number.POSITIVE_INFINITY), expiresAt ?? Number.POSITIVE_INFINITY);
}

function stateOf({ end, path, stream, terms }: Entry): StreamState {
  const { createdAt, endOffset, generation, modifiedAt, startOffset } = stream;
  const chunkCount = stream.stats().totalChunks;
  return { path, generation, startOffset, endOffset, chunkCount, createdAt, modifiedAt, end, facts: terms.facts };
}

function requireOrder({ order: last }: Entry, order: string | undefined): void {
  if (order === undefined || last === undefined || byBytes(order, last) > 0) return;
  throw createError('STREAM_SEQ_ORDER', { seq: order, last });
}

function requireEnd({ stream: { endOffset } }: Entry, expected: number | undefined): void {
  if (expected !== undefined && expected !== endOffset) throw createError('EXPECTED_OFFSET', { end: endOffset });
}

function full(): StreamFSError {
  return createError('LOG_FULL', { log: 'memory' });
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** The chunks without their first `skip` bytes. */
function skipBytes(chunks: readonly Uint8Array[], skip: number): Uint8Array[] {
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
