/** The live reads in progress: their maximum number, and the memory kept only because their peers do not read. */
import type { Socket } from 'node:net';
import type { MemoryBudget, Reader } from '../../core/index.ts';
import { internalOf, type MemoryLedger } from '../../core/internal.ts';
import { limitReached } from '../../errors/index.ts';
import type { Account } from '../../fs/index.ts';
import { encryptedBytes } from '../net/index.ts';
import { QUEUED_SHARE } from './defaults.ts';

/** The cached buffers that several reads share. */
interface SharedRuns {
  /** Returns the cached buffers. Clears the cache first, if no reader has used it since the last call. */
  recent(): readonly Uint8Array[];
  /** Clears the cache. */
  forget(): void;
}

/** A live read, as the limits see it. */
export interface LiveRead {
  readonly reader: Reader;
  readonly socket: Socket;
  /** Its encoding, or its transport if that is more specific. */
  readonly kind: string;
  /** Ends it with the reason `kicked`. A peer that does not receive that within a moment is disconnected. */
  kick(): void;
  /** The buffers that it shares with other reads. */
  readonly shared: SharedRuns;
  /** Memory that is kept only because it waits in this socket: evicted from the ring, or a copy. */
  socketOnlyMemory(): readonly Uint8Array[];
}

/** How many readers can reconnect per second: a join takes some tenths of a millisecond. */
const JOINS_PER_SECOND = 5000;
/** Clients wait about this long before they reconnect anyway. */
const MIN_SPREAD_MS = 100;

export class LiveReads {
  /** Reads that have been requested and are not over. */
  count = 0;
  readonly #max: number;
  readonly #memory: MemoryLedger;
  readonly #reads = new Set<LiveRead>();
  /** Reads that are over, but still have bytes in their sockets. */
  readonly #draining = new Set<LiveRead>();
  /** How often a read ended, by reason. */
  readonly #ends = new Map<string, number>();

  /** @param max 0 for no limit */
  constructor(max: number, memory: MemoryBudget) {
    this.#max = max || Number.POSITIVE_INFINITY;
    this.#memory = internalOf(memory);
  }

  /** Counts a read, also for its account if any. {@link leave} must follow, once. @throws READER_LIMIT, TOKEN_LIMIT */
  enter(account: Account | undefined): void {
    if (this.count >= this.#max) throw limitReached('READER_LIMIT', 'readers', this.#max);
    account?.take('readers', this.#max);
    this.count++;
  }

  leave(account: Account | undefined): void {
    account?.give('readers');
    this.count--;
  }

  /**
   * Milliseconds over which the current readers should spread their reconnects when the server stops; undefined if
   * there are too few to matter. It decreases with each reader that ends, so each gets a different time.
   */
  get spreadMs(): number | undefined {
    const spread = Math.ceil((this.count * 1000) / JOINS_PER_SECOND);
    return spread < MIN_SPREAD_MS ? undefined : spread;
  }

  add(read: LiveRead): void {
    this.#reads.add(read);
  }

  delete(read: LiveRead): void {
    this.#reads.delete(read);
  }

  /** A read is over, but bytes wait in its socket: their memory stays charged until the peer has taken them. */
  drain(read: LiveRead): void {
    this.#draining.add(read);
    read.socket.once('close', () => this.#draining.delete(read));
  }

  [Symbol.iterator](): IterableIterator<LiveRead> {
    return this.#reads.values();
  }

  /** Counts a read that is over. @param reason `cut` if its peer disconnected before the end */
  ended(reason: string): void {
    this.#ends.set(reason, (this.#ends.get(reason) ?? 0) + 1);
  }

  ends(): IterableIterator<[reason: string, count: number]> {
    return this.#ends.entries();
  }

  /**
   * Measures the memory that is kept only because it waits in sockets, and reports it to the budget. Beyond an eighth
   * of the budget, the reads that have stalled for the longest time are disconnected, whatever their timeout.
   *
   * @param incoming bytes of that eighth that wait in the other direction
   */
  settle(lastProgressOf: (socket: Socket) => number, cut: (socket: Socket) => void, incoming = 0): void {
    const most = this.#memory.limit * QUEUED_SHARE - incoming;
    const waiting: { read: LiveRead; parts: readonly Uint8Array[]; encrypted: number }[] = [];
    const holders = new Map<ArrayBufferLike, number>();
    let bytes = 0;
    for (const read of [...this.#reads, ...this.#draining]) {
      const parts = read.socketOnlyMemory();
      const encrypted = encryptedBytes(read.socket);
      if (parts.length === 0 && encrypted === 0) continue;
      waiting.push({ read, parts, encrypted });
      bytes += encrypted;
      for (const { buffer } of parts) {
        const count = holders.get(buffer) ?? 0;
        if (count === 0) bytes += buffer.byteLength;
        holders.set(buffer, count + 1);
      }
    }
    if (bytes > most) {
      waiting.sort((a, b) => lastProgressOf(a.read.socket) - lastProgressOf(b.read.socket));
      for (const { read, parts, encrypted } of waiting) {
        if (bytes <= most) break;
        bytes -= encrypted;
        for (const { buffer } of parts) {
          const count = holders.get(buffer)! - 1;
          holders.set(buffer, count);
          if (count === 0) bytes -= buffer.byteLength;
        }
        cut(read.socket);
      }
    }
    this.#memory.setQueued(incoming + bytes + this.#cachedBytes(holders, most - bytes));
  }

  /**
   * Bytes of cached runs that are not counted yet, kept in case another reader comes to the same offset. Those that no
   * reader has used for a second are dropped; all are, if there is no room for them.
   */
  #cachedBytes(counted: ReadonlyMap<ArrayBufferLike, number>, room: number): number {
    const shared = new Set<LiveRead['shared']>();
    for (const read of this.#reads) shared.add(read.shared);
    const buffers = new Set<ArrayBufferLike>();
    for (const one of shared) for (const { buffer } of one.recent()) if (!counted.has(buffer)) buffers.add(buffer);
    let bytes = 0;
    for (const { byteLength } of buffers) bytes += byteLength;
    if (bytes <= room) return bytes;
    for (const one of shared) one.forget();
    return 0;
  }
}
