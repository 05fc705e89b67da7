/**
 * Cache of blocks read back from a log, shared by all readers. Its size is limited in bytes; blocks do not expire by
 * time. A dropped block stays valid for the readers that hold it.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryBudget } from '../core/index.ts';
import { firstWhere, type History, type HistoryBlock, historySlab, slabMemory } from '../core/internal.ts';
import { type BlockBuffer, BlockMemory } from './block-memory.ts';
import { lacksDescriptors } from './disk.ts';
import type { KnownStream } from './known-stream.ts';
import type { Found, LogReader } from './log-reader.ts';

/** Short parts of a journal are merged into blocks of up to this size. */
const JOINED_BYTES = 64 * 1024;

/** Before the next attempt to read a block when no file could be opened. */
const RETRY_MS = 1000;

/** Charge for a hole: the object and its table entries. */
const HOLE_BYTES = 128;

interface Cached {
  known: KnownStream;
  from: number;
  to: number;
  block: HistoryBlock;
  bytes: number;
  /** The memory that the block was read into, if it can be reused. */
  memory: BlockBuffer | undefined;
  /** Bytes charged to the budget. */
  charged: number;
}

export interface BlockCacheOptions {
  maxCache: number;
  memory?: MemoryBudget | undefined;
}

export class BlockCache {
  readonly #reader: LogReader;
  readonly #max: number;
  readonly #memory: MemoryBudget | undefined;
  /** Least recently used first. */
  readonly #cached = new Set<Cached>();
  /** Sorted by start offset. */
  readonly #ofStream = new Map<KnownStream, Cached[]>();
  readonly #spare = new BlockMemory();
  readonly #loading = new Map<KnownStream, Map<number, (() => void)[]>>();
  #bytes = 0;
  /** Cache hits and misses. */
  hits = 0;
  misses = 0;
  /**
   * The block for which the budget had no room. It is kept until the next block arrives, for the readers that wait for
   * it.
   */
  #uncharged: Cached | undefined;

  constructor(reader: LogReader, { maxCache, memory }: BlockCacheOptions) {
    this.#reader = reader;
    this.#max = maxCache;
    this.#memory = memory;
  }

  of(known: KnownStream): History {
    return new CachedHistory(this, known);
  }

  /** The cached block that contains an offset of a stream, if any. */
  find(known: KnownStream, offset: number): Cached | undefined {
    const blocks = this.#ofStream.get(known);
    if (blocks === undefined) return undefined;
    const cached = blocks[firstWhere(blocks.length, (n) => blocks[n]!.from > offset) - 1];
    return cached !== undefined && offset < cached.to ? cached : undefined;
  }

  block(known: KnownStream, offset: number): HistoryBlock | undefined {
    const cached = this.find(known, offset);
    if (cached === undefined) return undefined;
    this.#cached.delete(cached);
    this.#cached.add(cached);
    this.hits++;
    return cached.block;
  }

  load(known: KnownStream, offset: number, done: () => void): void {
    let ofStream = this.#loading.get(known);
    if (ofStream === undefined) {
      ofStream = new Map();
      this.#loading.set(known, ofStream);
    }
    const waiting = ofStream.get(offset);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    const waiters = [done];
    ofStream.set(offset, waiters);
    void this.#read(known, offset).then((cached) => {
      ofStream.delete(offset);
      if (ofStream.size === 0) this.#loading.delete(known);
      if (cached !== undefined) this.#keep(cached);
      for (const wake of waiters) wake();
    });
  }

  /** Always asynchronous: never completes in the turn of the call. */
  async #read(known: KnownStream, offset: number): Promise<Cached | undefined> {
    await nextTurn();
    if (this.find(known, offset) !== undefined) return undefined;
    this.misses++;
    const first = await this.#at(known, offset);
    if (first.kind === 'hole') {
      const to = Math.max(first.to.offset, offset + 1);
      return { known, from: offset, to, block: { kind: 'hole', to }, bytes: HOLE_BYTES, charged: 0, memory: undefined };
    }
    if (first.memory !== undefined) {
      const { data, from, lengths, memory } = first;
      const slab = historySlab(from.offset, from.chunks, lengths, data, memory.index);
      return {
        known,
        from: slab.base,
        to: slab.end,
        block: { kind: 'slab', slab },
        bytes: slabMemory(memory.bytes.length),
        charged: 0,
        memory,
      };
    }
    const parts = [first.data];
    const lengths = [...first.lengths];
    let { offset: to } = first.to;
    while (to - first.from.offset < JOINED_BYTES && to < known.reach.offset) {
      const next = await this.#at(known, to);
      if (next.kind === 'hole' || next.memory !== undefined || next.from.offset !== to) break;
      parts.push(next.data);
      for (const length of next.lengths) lengths.push(length);
      to = next.to.offset;
    }
    const data = parts.length === 1 ? first.data : Buffer.concat(parts);
    const { chunks, offset: from } = first.from;
    const slab = historySlab(from, chunks, lengths, data);
    return { known, from, to, block: { kind: 'slab', slab }, bytes: slab.byteLength, charged: 0, memory: undefined };
  }

  /** Waits as long as no file can be opened. */
  async #at(known: KnownStream, offset: number): Promise<Found> {
    for (;;) {
      try {
        const found = await this.#reader.at(known, offset, this.#spare.take);
        // Bytes in a journal may have been moved while they were read.
        return found.kind === 'chunks' ? found : await this.#reader.at(known, offset);
      } catch (error) {
        if (!lacksDescriptors(error)) throw error;
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  #keep(cached: Cached): void {
    const { bytes } = cached;
    if (this.#uncharged !== undefined) this.#drop(this.#uncharged);
    for (const oldest of this.#cached) {
      if (this.#bytes + bytes <= this.#max) break;
      this.#drop(oldest);
    }
    let hasRoom = this.#memory?.tryTake(bytes) !== false;
    for (const oldest of this.#cached) {
      if (hasRoom) break;
      this.#drop(oldest);
      hasRoom = this.#memory?.tryTake(bytes) !== false;
    }
    if (hasRoom) cached.charged = bytes;
    else this.#uncharged = cached;
    this.#bytes += cached.bytes;
    this.#cached.add(cached);
    const blocks = this.#ofStream.get(cached.known) ?? [];
    this.#ofStream.set(cached.known, blocks);
    const at = firstWhere(blocks.length, (n) => blocks[n]!.from >= cached.from);
    blocks.splice(at, 0, cached);
  }

  #drop(cached: Cached): void {
    this.#cached.delete(cached);
    if (this.#uncharged === cached) this.#uncharged = undefined;
    this.#bytes -= cached.bytes;
    if (cached.charged > 0) this.#memory?.give(cached.charged);
    const blocks = this.#ofStream.get(cached.known)!;
    blocks.splice(blocks.indexOf(cached), 1);
    if (blocks.length === 0) this.#ofStream.delete(cached.known);
    if (cached.memory !== undefined && cached.block.kind === 'slab') this.#spare.give(cached.memory, cached.block.slab);
  }

  /** Called when a stream has been removed from the log. */
  forget(known: KnownStream): void {
    for (const cached of [...(this.#ofStream.get(known) ?? [])]) this.#drop(cached);
  }

  clear(): void {
    for (const cached of [...this.#cached]) this.#drop(cached);
  }
}

/** The history of a stream before its ring, read through the cache. */
class CachedHistory implements History {
  readonly #cache: BlockCache;
  readonly #known: KnownStream;

  constructor(cache: BlockCache, known: KnownStream) {
    this.#cache = cache;
    this.#known = known;
  }

  get floor(): number {
    return this.#known.floor.offset;
  }

  block(offset: number): HistoryBlock | undefined {
    return this.#cache.block(this.#known, offset);
  }

  holeEnd(offset: number): number | undefined {
    const found = this.#cache.find(this.#known, offset)?.block;
    return found?.kind === 'hole' ? found.to : undefined;
  }

  load(offset: number, done: () => void): void {
    this.#cache.load(this.#known, offset, done);
  }

  isHeld(offset: number): boolean {
    return this.#cache.find(this.#known, offset) !== undefined;
  }
}
