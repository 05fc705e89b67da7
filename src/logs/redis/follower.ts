/**
 * One stream on its way into the mirror of this node.
 *
 * The tail is pushed; what was missed is read. Subscribed first, then read, then what was pushed meanwhile is applied: so
 * nothing falls in between, and what comes twice is known by its offset and must be known by its tag too.
 *
 * Where the engine is behind the mirror it has lost its newest bytes, and is given them back as they were. Where it has other
 * bytes, or such as cannot be told from others, the stream gets another generation.
 */
import type { LogEnd, LogFollower, LogSink } from '../log.ts';
import { type Argument, ConnectionLost, type Reply } from './driver.ts';
import type { Subscriber } from './engine.ts';
import { textOfLengths } from './lengths.ts';
import { LongBatches } from './long-batches.ts';
import {
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

/** Bytes at which a page of history is full. */
const PAGE_BYTES = 1024 * 1024;

/** Bytes of pushed messages that are held back while history is read; more are dropped, and read as well. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** Milliseconds that a node which cannot heal a stream leaves to others before the stream gets another generation. */
const HEAL_WAIT_MS = 3000;

/** Milliseconds that nodes without a mirror wait while a stream is made again. */
const RESTORE_WAIT_MS = 5000;

/** Batches given back that are under way at a time. */
const HEALS_AT_A_TIME = 64;

/** Milliseconds between attempts that nothing else brings about. */
const AGAIN_MS = 100;

/** Longest time of a timer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What is known of a mirror: it may be followed again, from where it ends. */
export interface MirrorMemory {
  readonly tags: Tags;
  /** Of the last batch that the mirror has; undefined where it is not known. */
  tag: string | undefined;
  /** Chunks that ended before the mirror's end. */
  chunkCount: number;
}

/** What has happened to a stream whose bytes the engine has lost. */
export interface Mended {
  readonly path: string;
  /** From which on the engine had lost them. */
  readonly offset: number;
  readonly bytes: number;
}

/** A stream of which this node and the engine had different bytes. */
export interface Forked {
  readonly path: string;
  /** Where what this node had ends, and where what the engine has. */
  readonly nodeEnd: number;
  readonly logEnd: number;
}

/** What a follower needs of its log. */
export interface FollowerHost {
  memoryOf(sink: LogSink): MirrorMemory;
  keys(path: string, generation: string): string[];
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply>;
  subscribe(subscriber: Subscriber): void;
  unsubscribe(subscriber: Subscriber): void;
  /** Few streams are read at a time. */
  inTurn<T>(read: () => Promise<T>): Promise<T>;
  /** Removes what is over its time. @returns when it would be, by the clock of Redis, where it is not; and that clock */
  expire(path: string, generation: string): Promise<{ due: number; now: number } | undefined>;
  replace(path: string, generation: string): Promise<void>;
  /** A stream that was made again is listed again. */
  enlist(path: string, generation: string): Promise<void>;
  /** Counts a heal: this node begins to give back what the engine has lost. */
  healed(): void;
  /** The engine has lost bytes of a stream, and got these back from this node. */
  gaveBack(what: Mended): void;
  /** The engine has lost a stream, which is made again with what this node has of it. */
  restored(what: Mended): void;
  /** The engine has other bytes than this node, and the stream gets another generation. */
  forked(what: Forked): void;
  /** Reading failed, and is tried again. */
  failed(path: string, error: unknown): void;
  closed(follower: Follower): void;
}

interface Wait {
  readonly end: number;
  readonly tag: string | undefined;
  readonly settle: (outcome: Outcome) => void;
}

/** `has`: the mirror has the batch. `lost`: it has other bytes there. `over`: it gets nothing more, though it was applied. */
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
  /** What was last read of the stream; undefined before it was first read. */
  #stored: StoredStream | undefined;
  #isReading = false;
  #isReadWanted = false;
  /** While undefined, messages are applied as they come. */
  #held: Message[] | undefined = [];
  #heldBytes = 0;
  #isOver = false;
  #hasEnded: LogEnd | undefined;
  #isReplaced = false;
  /** A batch was pushed that is not the mirror's at its offset. */
  #isContradicted = false;
  #waits: Wait[] = [];
  #readWaits: (() => void)[] = [];
  /** Since when the engine has been behind, and this node could not mend it. */
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

  /** Of the last batch that the mirror has; undefined where it is not known. */
  get tag(): string | undefined {
    return this.#memory.tag;
  }

  get position(): number {
    return this.#sink.endOffset;
  }

  /** Whether it has read the stream: only then is the mirror what appends are held against. */
  get hasJoined(): boolean {
    return this.#stored !== undefined;
  }

  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  message(message: Buffer): void {
    if (this.#isOver) return;
    const parsed = parseMessage(message);
    if (parsed.type === 'head') this.#meet(parsed.head);
    else this.#receive(parsed, message.length);
  }

  /** Keeps what this node sends, until it is released: it need not come back. */
  keep(tag: string, chunks: readonly Uint8Array[]): void {
    this.#long.keep(tag, chunks);
  }

  release(tag: string): void {
    this.#long.release(tag);
  }

  /** The engine has appended a batch that was kept, as it was, with no producer's part. */
  confirm(batch: { end: number; tag: string; before: string; chunkCount: number }): void {
    const chunks = this.#long.ownOf(batch.tag);
    if (this.#isOver || chunks === undefined) return;
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#receive({ type: 'data', entry: entryOfChunks({ ...batch, length, proof: undefined }, chunks) }, length);
  }

  /** The head of a long batch: of one that the mirror has not got yet, the bytes are here or are read. */
  #meet(head: Head): void {
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

  interrupted(): void {
    this.#held ??= [];
  }

  /** Settles when what the engine has now was read, and the engine mended where it must be. */
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
      // A push may be lost with its connection, which is noticed only later.
      const timer = setTimeout(() => void this.read(), AGAIN_MS);
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
      // What lies further back than tags are remembered was there before.
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
        await this.#host.inTurn(() => this.#readPages());
      } catch (error) {
        this.#host.failed(this.path, error);
        // The engine is away. Subscribing again brings about the next reading, but it may be only this connection.
        await pause(AGAIN_MS);
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
      // Applying may have asked for another reading: what is left is part of that.
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
      if (this.#isContradicted || !this.#take((rest[1] as readonly Reply[]).map(parseEntry), stored.startOffset)) {
        await this.#fork(stored.endOffset);
        continue;
      }
      if (this.#isOver) return;
      if (!isRemoved) {
        this.#stored = stored;
        this.#awaitExpiry(stored);
      }
      if (this.position < stored.endOffset && this.position > position) continue;
      if (this.position < stored.endOffset) this.#skip(stored.endOffset, stored.chunkCount);
      if (stored.end !== undefined) this.#end(stored.end);
      else if (this.#hasEnded !== undefined) await this.#endAgain(this.#hasEnded);
      // What was answered before this reading, and is not in it, the engine has lost.
      const lost = this.#waits.filter((wait) => wait.end > this.position && waiting.includes(wait));
      this.#waits = this.#waits.filter((wait) => !lost.includes(wait));
      for (const wait of lost) wait.settle('lost');
      return;
    }
  }

  /** Whether the engine has all that the mirror has. Mends it where it has not, or gives the stream another generation. */
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
    const isContradiction = own !== undefined && own !== tag;
    if (!isContradiction) {
      // Another node may know more.
      this.#behindSince ??= performance.now();
      if (performance.now() - this.#behindSince < HEAL_WAIT_MS) {
        await pause(AGAIN_MS);
        return false;
      }
    }
    await this.#fork(end);
    return false;
  }

  /** Another generation for what the engine has; this mirror is over, as the next look shows. */
  async #fork(logEnd: number): Promise<void> {
    const nodeEnd = this.position;
    await this.#host.replace(this.path, this.generation);
    this.#host.forked({ path: this.path, nodeEnd, logEnd });
  }

  /**
   * Gives back what the engine has lost, batch by batch, each behind the one it came behind. Several nodes do so at once and
   * their batches mix: one that was refused was given by another, and the next of the same node may be taken. So it is a
   * heal of each node of which anything was taken.
   */
  async #heal(from: number, chunks: readonly Uint8Array[]): Promise<void> {
    let bytes = 0;
    let offset = 0;
    const give = async (batch: TaggedBatch, own: readonly Uint8Array[]) => {
      const code = await this.#give(batch, own);
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
      await this.#giveAll(this.#memory.tags.after(from), chunks, give);
    } finally {
      if (bytes > 0) this.#host.gaveBack({ path: this.path, offset, bytes });
    }
  }

  async #giveAll(
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
      // Where another node was first the end has moved: what is left is looked up again.
      if (given.length >= HEALS_AT_A_TIME && (await firstRefusal(given.splice(0))) !== 'OK') return;
    }
    await firstRefusal(given);
  }

  async #give(batch: TaggedBatch, chunks: readonly Uint8Array[]): Promise<string> {
    const { start, tag, before, proof } = batch;
    const bytes = Buffer.concat(chunks);
    const lengths = `${chunks.length} ${textOfLengths(chunks)}`;
    const args = [this.generation, tag, String(start), before, bytes, lengths, proof ?? ''];
    return partsOf(await this.#host.run(SCRIPTS.heal, this.#keys, args)).code;
  }

  /** There is nothing in the engine, not even that it was removed. @returns whether to look again */
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
    this.#host.restored({ path: this.path, offset: from, bytes: this.position - from });
    await this.#host.enlist(this.path, this.generation);
    return true;
  }

  /** The lowest offset between batches from which on the mirror has all. */
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

  /** The stream had ended, which the engine has lost. */
  async #endAgain({ reason, status }: LogEnd): Promise<void> {
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
    if (message.type === 'head') return;
    const { entry } = message;
    const { position } = this;
    if (this.#isKnown(entry)) return;
    if (entry.start === position && (this.tag === undefined || this.tag === entry.before)) this.#append(entry);
    else void this.read();
  }

  /** Whether the mirror ends behind a batch already: then by the same tag. */
  #isKnown({ end, tag }: { end: number; tag: string }): boolean {
    if (end > this.position) return false;
    const known = this.#memory.tags.at(end);
    if (known === undefined || known === tag) return true;
    this.#isContradicted = true;
    void this.read();
    return true;
  }

  /** What was read of history. @returns false where it has other bytes than the mirror at the same offsets */
  #take(entries: readonly Entry[], startOffset: number): boolean {
    for (const entry of entries) {
      const { position, tag } = this;
      if (entry.end <= position) continue;
      if (entry.start > position || position < startOffset) {
        const to = Math.max(entry.start, startOffset);
        this.#skip(to, entry.chunkCount - chunksBehind(entry, to));
      } else if (tag !== undefined && (entry.start < position || entry.before !== tag)) return false;
      this.#append(entry);
    }
    return true;
  }

  /** The bytes below an offset are gone, and with them what tells where batches ended. */
  #skip(to: number, chunkCount: number): void {
    this.#memory.tags.clear();
    this.#memory.tag = undefined;
    const chunks = chunkCount - this.#memory.chunkCount;
    this.#memory.chunkCount = chunkCount;
    this.#sink.gap(to, chunks);
  }

  /** What of an entry is behind the mirror's end. */
  #append(entry: Entry): void {
    const { position } = this;
    const chunks = entry.start < position ? behind(entry, position) : entry.chunks;
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

  #finish(tell?: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#expiry);
    this.#long.close();
    this.#host.closed(this);
    tell?.();
    this.#held = undefined;
    this.#settleWaits();
    this.#catchUp?.();
    for (const done of this.#readWaits.splice(0)) done();
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

  /** Its time may be over: Redis decides, whose clock is the one of all nodes. */
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

/** How many chunks of an entry end behind an offset. */
function chunksBehind(entry: Entry, offset: number): number {
  let at = entry.end;
  let count = 0;
  for (let n = entry.chunks.length - 1; n >= 0 && at > offset; n--) {
    count++;
    at -= entry.chunks[n]!.length;
  }
  return count;
}

/** What of an entry is behind an offset. */
function behind({ start, chunks }: Entry, offset: number): Uint8Array[] {
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
