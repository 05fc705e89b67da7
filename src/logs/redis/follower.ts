/**
 * Feeds the mirror of one stream on this node.
 *
 * The tail is pushed; missing data is read. The follower first subscribes, then reads, then applies the messages pushed
 * in the meantime. So nothing is missed, and duplicates are recognized by their offset and verified by their tag.
 *
 * If the engine ends before the mirror, it has lost its newest bytes, and the mirror restores them. If the engine has
 * other bytes, or bytes that cannot be verified, the stream gets a new generation.
 */
import type { LogEnd, LogFollower, LogSink } from '../log.ts';
import { type Argument, ConnectionLost, type Reply } from './driver.ts';
import type { Subscriber } from './engine.ts';
import { textOfLengths } from './lengths.ts';
import { LongBatches } from './long-batches.ts';
import {
  type CompletedAppend,
  type Entry,
  entryOfChunks,
  type Head,
  type Message,
  parseEntry,
  parseMessage,
  parseState,
  partsOf,
  type StoredStream,
} from './replies.ts';
import { SCRIPTS, type Script } from './scripts.ts';
import type { TaggedBatch, Tags } from './tags.ts';

/** Size of a page of history in bytes. */
const PAGE_BYTES = 1024 * 1024;

/** Limit in bytes of the pushed messages held while history is read; beyond it they are dropped and read instead. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** Milliseconds for which a node that cannot heal a stream waits for others before the stream gets a new generation. */
const HEAL_WAIT_MS = 3000;

/** Milliseconds for which nodes without a mirror wait while a stream is restored. */
const RESTORE_WAIT_MS = 5000;

/** Maximum number of concurrent heal calls. */
const MAX_CONCURRENT_HEALS = 64;

/** Maximum number of producers of a stream whose last append is remembered. */
const MAX_COMPLETED = 1000;

/** Milliseconds between retries. */
const RETRY_MS = 100;

/** The longest delay of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The state of a mirror that must survive a follower, so that a later follower can resume at its end. */
export interface MirrorMemory {
  readonly tags: Tags;
  /** The tag of the last batch in the mirror; undefined if unknown. */
  tag: string | undefined;
  /** Chunks that end at or before the mirror's end. */
  chunkCount: number;
  /** The last append that each producer has completed, on any node since this one follows; the newest last. */
  completed: Map<string, CompletedAppend> | undefined;
}

/** Bytes of a stream that the engine lost and this node restored. */
export interface Restored {
  readonly path: string;
  /** The offset from which on the engine had lost bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** A stream of which this node and the engine had different bytes. */
export interface Forked {
  readonly path: string;
  /** The end offsets of the mirror and of the engine. */
  readonly nodeEnd: number;
  readonly logEnd: number;
}

/** The services that a follower uses. */
export interface FollowerHost {
  memoryOf(sink: LogSink): MirrorMemory;
  keys(path: string, generation: string): string[];
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  subscribe(subscriber: Subscriber): void;
  unsubscribe(subscriber: Subscriber): void;
  /** Limits the number of streams read concurrently. */
  limitReads<T>(read: () => Promise<T>): Promise<T>;
  /**
   * Removes an expired stream.
   *
   * @returns if it has not expired: when it will, and the current time, both by the clock of Redis
   */
  expire(path: string, generation: string): Promise<{ due: number; now: number } | undefined>;
  replace(path: string, generation: string): Promise<void>;
  /** Adds a restored stream to the index. */
  enlist(path: string, generation: string): Promise<void>;
  /** Counts a heal: this node begins to restore bytes that the engine has lost. */
  healed(): void;
  /** The engine lost bytes of a stream, and got the given ones back from this node. */
  restoredBytes(what: Restored): void;
  /** The engine lost a whole stream, which was restored with the content of this node. */
  restoredStream(what: Restored): void;
  /** The engine has other bytes than this node, so the stream gets a new generation. */
  forked(what: Forked): void;
  /** A read failed and will be retried. */
  failed(path: string, error: unknown): void;
  closed(follower: Follower): void;
}

interface Wait {
  readonly end: number;
  readonly tag: string | undefined;
  readonly settle: (outcome: Outcome) => void;
}

/**
 * `has`: the mirror has the batch. `lost`: it has other bytes there. `over`: it gets no more, although the batch was
 * applied.
 */
type Outcome = 'has' | 'lost' | 'over';

export class Follower implements LogFollower, Subscriber {
  readonly path: string;
  readonly generation: string;
  readonly channel: string;
  readonly caughtUp: Promise<void>;
  readonly #host: FollowerHost;
  readonly #sink: LogSink;
  readonly #keys: readonly string[];
  readonly #memory: MirrorMemory;
  readonly #long: LongBatches;
  #catchUp: (() => void) | undefined;
  /** The state of the stream at the last read or change; undefined before the first read. */
  #stored: StoredStream | undefined;
  /** The facts that the mirror has received. */
  #facts: string | undefined;
  #isReading = false;
  #isReadWanted = false;
  /** Messages held until reading has finished. While undefined, messages are applied as they arrive. */
  #held: Message[] | undefined = [];
  #heldBytes = 0;
  #isOver = false;
  #hasEnded: LogEnd | undefined;
  #isReplaced = false;
  /** A pushed batch conflicts with the mirror at its offset. */
  #hasConflict = false;
  #waits: Wait[] = [];
  #readWaits: (() => void)[] = [];
  /** Since when the engine has been behind without this node being able to heal it. */
  #behindSince: number | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(host: FollowerHost, path: string, generation: string, sink: LogSink) {
    this.#host = host;
    this.path = path;
    this.generation = generation;
    this.#sink = sink;
    this.#keys = host.keys(path, generation);
    this.channel = this.#keys[1]!;
    this.#memory = host.memoryOf(sink);
    this.#long = new LongBatches(this.channel, host);
    this.caughtUp = new Promise((resolve) => {
      this.#catchUp = resolve;
    });
    host.subscribe(this);
  }

  /** The tag of the last batch in the mirror; undefined if unknown. */
  get tag(): string | undefined {
    return this.#memory.tag;
  }

  get position(): number {
    return this.#sink.endOffset;
  }

  /** Whether the stream has been read: only then are appends checked against the mirror. */
  get hasJoined(): boolean {
    return this.#stored !== undefined;
  }

  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  message(message: Buffer): void {
    if (this.#isOver) return;
    const parsed = parseMessage(message);
    if (parsed === undefined) return;
    if (parsed.type === 'head') this.#receiveHead(parsed.head);
    else if (parsed.type === 'completed') this.complete(parsed.id, parsed.append);
    else this.#receive(parsed, message.length);
  }

  /** Keeps a batch that this node sends until it is released, so that its bytes need not come back. */
  keep(tag: string, chunks: readonly Uint8Array[]): void {
    this.#long.keep(tag, chunks);
  }

  release(tag: string): void {
    this.#long.release(tag);
  }

  /** Applies a kept batch that the engine has appended unchanged, without producer state. */
  confirm(batch: { end: number; tag: string; before: string; chunkCount: number }): void {
    const chunks = this.#long.ownOf(batch.tag);
    if (this.#isOver || chunks === undefined) return;
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#receive({ type: 'data', entry: entryOfChunks({ ...batch, length, proof: undefined }, chunks) }, length);
  }

  /** Remembers the last append of a producer. */
  complete(id: string, append: CompletedAppend): void {
    this.#memory.completed ??= new Map();
    const { completed } = this.#memory;
    const known = completed.get(id);
    // What is published may come after a later append of this node.
    if (known !== undefined && (known.epoch - append.epoch || known.seq - append.seq) >= 0) return;
    completed.delete(id);
    completed.set(id, append);
    if (completed.size <= MAX_COMPLETED) return;
    for (const oldest of completed.keys()) {
      completed.delete(oldest);
      break;
    }
  }

  completedBy(id: string): CompletedAppend | undefined {
    return this.#memory.completed?.get(id);
  }

  /** Applies a change of the stream that this node made, before its next appends are confirmed. */
  changed(stored: StoredStream): void {
    if (!this.#isOver) this.#receive({ type: 'changed', stored }, 0);
  }

  /** Handles the head of a long batch: if the mirror lacks the batch, its bytes are taken from a push or read. */
  #receiveHead(head: Head): void {
    if (this.#held === undefined && this.#isKnown(head)) return;
    const entry = this.#long.entryOf(head);
    if (entry !== undefined) this.#receive({ type: 'data', entry }, head.length);
    else if (this.#held === undefined) void this.read();
    else this.#isReadWanted = true;
  }

  #receive(message: Message, bytes: number): void {
    if (this.#held === undefined) {
      this.#apply(message);
      return;
    }
    this.#heldBytes += bytes;
    if (this.#heldBytes > MAX_HELD_BYTES) {
      this.#held = [];
      this.#heldBytes = 0;
      this.#isReadWanted = true;
    } else this.#held.push(message);
  }

  subscribed(): void {
    void this.read();
  }

  /** Settles when the current content of the engine has been read, and healed if necessary. */
  read(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    const done = new Promise<void>((resolve) => this.#readWaits.push(resolve));
    this.#isReadWanted = true;
    if (!this.#isReading) void this.#readAll();
    return done;
  }

  /** Waits for a batch, or for bytes up to an offset. */
  waitFor(end: number, tag: string | undefined): Promise<Outcome> {
    const outcome = this.#outcomeOf(end, tag);
    if (outcome !== undefined) return Promise.resolve(outcome);
    return new Promise((resolve) => {
      // A push may be lost with its connection, and the loss noticed only later.
      const timer = setTimeout(() => void this.read(), RETRY_MS);
      timer.unref();
      this.#waits.push({
        end,
        tag,
        settle: (found) => {
          clearTimeout(timer);
          resolve(found);
        },
      });
    });
  }

  close(): void {
    this.#finish();
  }

  #outcomeOf(end: number, tag: string | undefined): Outcome | undefined {
    if (this.position >= end) {
      // Before the oldest known tag there is nothing to compare: such a batch arrived earlier.
      const { tags } = this.#memory;
      return tag === undefined || tags.at(end) === tag || !tags.reachTo(end) ? 'has' : 'lost';
    }
    return this.#isOver ? 'over' : undefined;
  }

  #settleWaits(): void {
    if (this.#waits.length === 0) return;
    const still: Wait[] = [];
    for (const wait of this.#waits) {
      const outcome = this.#outcomeOf(wait.end, wait.tag);
      if (outcome === undefined) still.push(wait);
      else wait.settle(outcome);
    }
    this.#waits = still;
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    this.#held ??= [];
    while (this.#isReadWanted && !this.#isOver) {
      this.#isReadWanted = false;
      const waits = this.#readWaits;
      this.#readWaits = [];
      try {
        await this.#host.limitReads(() => this.#readPages());
      } catch (error) {
        this.#host.failed(this.path, error);
        // The engine is unreachable. A new subscription would trigger the next read, but only this connection may be
        // down.
        await pause(RETRY_MS);
        this.#isReadWanted = true;
      }
      if (this.#isReadWanted && !this.#isOver) this.#readWaits.unshift(...waits);
      else for (const done of waits) done();
      if (!this.#isReadWanted) this.#applyHeld();
    }
    this.#isReading = false;
    for (const done of this.#readWaits.splice(0)) done();
  }

  #applyHeld(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const message of held) {
      if (this.#isOver) return;
      // Applying may have requested another read, which includes the remaining messages.
      if (this.#held !== undefined) return;
      this.#apply(message);
    }
    this.#catchUp?.();
  }

  async #readPages(): Promise<void> {
    const waiting = [...this.#waits];
    for (;;) {
      const args = [this.generation, String(this.position), String(PAGE_BYTES)];
      const { code, rest } = partsOf(await this.#host.run(SCRIPTS.read, this.#keys.slice(0, 2), args));
      if (this.#isOver) return;
      if (code === 'RECREATED') return this.#replaced();
      if (code === 'EXPIRED') {
        await this.#host.expire(this.path, this.generation);
        continue;
      }
      if (code === 'NOSTREAM') {
        if (await this.#restore()) continue;
        return;
      }
      const stored = parseState(rest[0]!);
      const isRemoved = stored.end !== undefined && stored.end.reason !== 'ended';
      const isSame = await this.#compare(stored, isRemoved);
      if (this.#isOver) return;
      if (!isSame) continue;
      const position = this.position;
      if (!isRemoved) this.#tellFacts(stored);
      if (this.#hasConflict || !this.#applyHistory((rest[1] as readonly Reply[]).map(parseEntry), stored.startOffset)) {
        await this.#fork(stored.endOffset);
        continue;
      }
      if (this.#isOver) return;
      if (!isRemoved) this.#remember(stored);
      if (this.position < stored.endOffset && this.position > position) continue;
      if (this.position < stored.endOffset) this.#skip(stored.endOffset, stored.chunkCount);
      if (stored.end !== undefined) this.#end(stored.end);
      else if (this.#hasEnded !== undefined) await this.#restoreEnd(this.#hasEnded);
      // Batches acknowledged before this read and not contained in it have been lost by the engine.
      const lost = this.#waits.filter((wait) => wait.end > this.position && waiting.includes(wait));
      this.#waits = this.#waits.filter((wait) => !lost.includes(wait));
      for (const wait of lost) wait.settle('lost');
      return;
    }
  }

  /** Returns whether the engine has all that the mirror has. If not, heals it or gives the stream a new generation. */
  async #compare(stored: StoredStream, isRemoved: boolean): Promise<boolean> {
    const { endOffset: end, tag } = stored;
    if (end > this.position || isRemoved) return true;
    const own = this.#memory.tags.at(end);
    if (end === this.position) {
      if (this.tag === undefined || this.tag === tag) {
        this.#behindSince = undefined;
        return true;
      }
    } else if (own === tag && stored.end === undefined) {
      const chunks = this.#sink.retained(end);
      if (chunks !== undefined) {
        await this.#heal(end, chunks);
        return false;
      }
    }
    const isConflict = own !== undefined && own !== tag;
    if (!isConflict) {
      // Another node may have more.
      this.#behindSince ??= performance.now();
      if (performance.now() - this.#behindSince < HEAL_WAIT_MS) {
        await pause(RETRY_MS);
        return false;
      }
    }
    await this.#fork(end);
    return false;
  }

  /** Replaces the generation. This mirror is over, which the next read detects. */
  async #fork(logEnd: number): Promise<void> {
    const nodeEnd = this.position;
    await this.#host.replace(this.path, this.generation);
    this.#host.forked({ path: this.path, nodeEnd, logEnd });
  }

  /**
   * Restores the bytes that the engine has lost, batch by batch, each after its predecessor. Several nodes may do so
   * concurrently, with their batches interleaved: a refused batch was restored by another node, and a later one may be
   * accepted. Therefore each node that restored at least one batch counts a heal.
   */
  async #heal(from: number, chunks: readonly Uint8Array[]): Promise<void> {
    let bytes = 0;
    let offset = 0;
    const give = async (batch: TaggedBatch, own: readonly Uint8Array[]) => {
      const code = await this.#restoreBatch(batch, own);
      if (code === 'OK') {
        if (bytes === 0) {
          offset = batch.start;
          this.#host.healed();
        }
        bytes += batch.end - batch.start;
      }
      return code;
    };
    try {
      await this.#restoreAll(this.#memory.tags.after(from), chunks, give);
    } finally {
      if (bytes > 0) this.#host.restoredBytes({ path: this.path, offset, bytes });
    }
  }

  async #restoreAll(
    batches: Iterable<TaggedBatch>,
    chunks: readonly Uint8Array[],
    give: (batch: TaggedBatch, own: readonly Uint8Array[]) => Promise<string>,
  ): Promise<void> {
    let next = 0;
    const given: Promise<string>[] = [];
    for (const batch of batches) {
      const own: Uint8Array[] = [];
      for (let length = batch.end - batch.start; length > 0 && next < chunks.length; next++) {
        own.push(chunks[next]!);
        length -= chunks[next]!.length;
      }
      given.push(give(batch, own));
      // If another node was faster, the end has moved: the rest is determined again.
      if (given.length >= MAX_CONCURRENT_HEALS && (await firstRefusal(given.splice(0))) !== 'OK') return;
    }
    await firstRefusal(given);
  }

  async #restoreBatch(batch: TaggedBatch, chunks: readonly Uint8Array[]): Promise<string> {
    const { start, tag, before, proof } = batch;
    const bytes = Buffer.concat(chunks);
    const lengths = `${chunks.length} ${textOfLengths(chunks)}`;
    const args = [this.generation, tag, String(start), before, bytes, lengths, proof ?? ''];
    return partsOf(await this.#host.run(SCRIPTS.heal, this.#keys, args)).code;
  }

  /**
   * Restores a stream of which the engine has nothing, not even a tombstone.
   *
   * @returns whether to read again
   */
  async #restore(): Promise<boolean> {
    const stored = this.#stored;
    if (stored === undefined) {
      this.#over({ reason: 'removed', status: undefined });
      return false;
    }
    const from = this.#restorableFrom();
    const { createdAt, modifiedAt, retention, ttl, expiresAt, facts } = stored;
    const before = this.#memory.chunkCount - (this.#sink.retained(from)?.length ?? 0);
    const reply = await this.#host.run(SCRIPTS.restore, this.#keys, [
      this.generation,
      String(from),
      String(before),
      this.#memory.tags.at(from) ?? '',
      String(createdAt),
      String(modifiedAt),
      String(retention),
      ttl === undefined ? '' : String(ttl),
      expiresAt === undefined ? '' : String(expiresAt),
      facts,
      String(this.position),
      String(RESTORE_WAIT_MS),
    ]);
    if (partsOf(reply).code === 'EXPIRED') {
      this.#over({ reason: 'expired', status: undefined });
      return false;
    }
    this.#host.healed();
    this.#host.restoredStream({ path: this.path, offset: from, bytes: this.position - from });
    await this.#host.enlist(this.path, this.generation);
    return true;
  }

  /** The lowest batch boundary from which on the mirror has all bytes. */
  #restorableFrom(): number {
    const boundaries = [0, ...this.#memory.tags.boundaries()];
    let low = 0;
    let high = boundaries.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sink.retained(boundaries[middle]!) === undefined) low = middle + 1;
      else high = middle;
    }
    const lowest = boundaries[low]!;
    return this.#sink.retained(lowest) === undefined ? this.position : lowest;
  }

  /** Ends the stream again after the engine has lost its end. */
  async #restoreEnd({ reason, status }: LogEnd): Promise<void> {
    const args = [
      this.generation,
      reason,
      status === undefined ? '0' : '1',
      status ?? '',
      String(this.position),
      this.tag ?? '',
    ];
    await this.#host.run(SCRIPTS.finish, this.#keys, args);
  }

  #apply(message: Message): void {
    if (message.type === 'replaced') {
      this.#replaced();
      return;
    }
    if (message.type === 'end') {
      if (message.offset === this.position) this.#end(message.end);
      else void this.read();
      return;
    }
    if (message.type === 'changed') {
      this.#tellFacts(message.stored);
      this.#remember(message.stored);
      return;
    }
    if (message.type !== 'data') return;
    const { entry } = message;
    const { position } = this;
    if (this.#isKnown(entry)) return;
    if (entry.start === position && (this.tag === undefined || this.tag === entry.before)) this.#append(entry);
    else void this.read();
  }

  /** Whether the mirror already contains a batch. A different tag at the same offset is a conflict. */
  #isKnown({ end, tag }: { end: number; tag: string }): boolean {
    if (end > this.position) return false;
    const known = this.#memory.tags.at(end);
    if (known === undefined || known === tag) return true;
    this.#hasConflict = true;
    void this.read();
    return true;
  }

  /**
   * Applies a page of history.
   *
   * @returns false if the engine has other bytes than the mirror at the same offsets
   */
  #applyHistory(entries: readonly Entry[], startOffset: number): boolean {
    for (const entry of entries) {
      const { position, tag } = this;
      if (entry.end <= position) continue;
      if (entry.start > position || position < startOffset) {
        const to = Math.max(entry.start, startOffset);
        this.#skip(to, entry.chunkCount - chunksAfter(entry, to));
      } else if (tag !== undefined && (entry.start < position || entry.before !== tag)) return false;
      this.#append(entry);
    }
    return true;
  }

  /** Skips bytes that are gone, along with the batch boundaries below them. */
  #skip(to: number, chunkCount: number): void {
    this.#memory.tags.clear();
    this.#memory.tag = undefined;
    const chunks = chunkCount - this.#memory.chunkCount;
    this.#memory.chunkCount = chunkCount;
    this.#sink.gap(to, chunks);
  }

  /** Appends the part of an entry after the mirror's end. */
  #append(entry: Entry): void {
    const { position } = this;
    const chunks = entry.start < position ? chunksFrom(entry, position) : entry.chunks;
    if (this.tag === undefined && entry.start === position && entry.before !== '') {
      this.#memory.tags.add(position, entry.before, undefined);
    }
    this.#memory.tags.add(entry.end, entry.tag, entry.proof === undefined ? undefined : Buffer.from(entry.proof));
    this.#memory.tag = entry.tag;
    this.#memory.chunkCount = entry.chunkCount;
    this.#sink.data(chunks);
    if (this.#stored !== undefined) this.#memory.tags.forgetBefore(entry.end - this.#stored.retention);
    this.#settleWaits();
  }

  #end(end: LogEnd): void {
    if (end.reason !== 'ended') {
      this.#over(end);
      return;
    }
    if (this.#hasEnded !== undefined) return;
    this.#hasEnded = end;
    this.#sink.end(end);
    this.#settleWaits();
  }

  #over(end: LogEnd): void {
    if (this.#isOver) return;
    this.#finish(() => this.#sink.end(end));
  }

  #replaced(): void {
    if (this.#isOver) return;
    this.#isReplaced = true;
    this.#finish(() => this.#sink.replaced());
  }

  #finish(notify?: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#expiry);
    this.#long.close();
    this.#host.closed(this);
    notify?.();
    this.#held = undefined;
    this.#settleWaits();
    this.#catchUp?.();
    for (const done of this.#readWaits.splice(0)) done();
  }

  #tellFacts({ facts }: StoredStream): void {
    if (facts === this.#facts) return;
    this.#facts = facts;
    this.#sink.facts(facts);
  }

  #remember(stored: StoredStream): void {
    this.#stored = stored;
    this.#awaitExpiry(stored);
  }

  #awaitExpiry({ ttl, expiresAt, usedAt, now }: StoredStream): void {
    clearTimeout(this.#expiry);
    const idle = ttl === undefined ? Number.POSITIVE_INFINITY : usedAt + ttl;
    const due = Math.min(idle, expiresAt ?? Number.POSITIVE_INFINITY);
    if (due === Number.POSITIVE_INFINITY) return;
    this.#expireAt(due - now);
  }

  #expireAt(wait: number): void {
    this.#expiry = setTimeout(() => void this.#expire(), Math.min(Math.max(wait, 1), MAX_TIMER_MS));
    this.#expiry.unref();
  }

  /** The time may have come. Redis decides, because its clock is the reference for all nodes. */
  async #expire(): Promise<void> {
    if (this.#isOver) return;
    try {
      const left = await this.#host.expire(this.path, this.generation);
      if (this.#isOver) return;
      if (left === undefined) void this.read();
      else if (left.due !== Number.POSITIVE_INFINITY) this.#expireAt(left.due - left.now);
    } catch {
      if (!this.#isOver) this.#expireAt(1000);
    }
  }
}

/** The number of chunks of an entry that end after an offset. */
function chunksAfter(entry: Entry, offset: number): number {
  let at = entry.end;
  let count = 0;
  for (let n = entry.chunks.length - 1; n >= 0 && at > offset; n--) {
    count++;
    at -= entry.chunks[n]!.length;
  }
  return count;
}

/** The part of an entry after an offset. */
function chunksFrom({ start, chunks }: Entry, offset: number): Uint8Array[] {
  const left: Uint8Array[] = [];
  let at = start;
  for (const chunk of chunks) {
    const end = at + chunk.length;
    if (end > offset) left.push(at < offset ? chunk.subarray(offset - at) : chunk);
    at = end;
  }
  return left;
}

async function firstRefusal(given: readonly Promise<string>[]): Promise<string> {
  const codes = await Promise.allSettled(given);
  for (const result of codes) {
    if (result.status === 'rejected') throw new ConnectionLost(String(result.reason));
    if (result.value !== 'OK') return result.value;
  }
  return 'OK';
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
