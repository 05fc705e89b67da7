/** The reads under way: how many there may be, and the memory that only those keep alive whose peers do not read. */
import type { Socket } from 'node:net';
import type { MemoryBudget, Reader } from '../../core/index.ts';
import { internalOf, type MemoryLedger } from '../../core/internal.ts';
import { limitReached } from '../../errors/index.ts';
import type { Account } from '../../fs/index.ts';
import { encryptedBytes } from '../net/index.ts';
import { QUEUED_SHARE } from './defaults.ts';

/** What several reads are sent, as it is seen from here. */
interface SharedRuns {
  /** Drops encoded bytes kept for readers still behind that no reader has used since the last call. */
  recent(): readonly Uint8Array[];
  /** Remembers nothing of it any more. */
  forget(): void;
}

/** A live read, as it is seen from here. */
export interface LiveRead {
  readonly reader: Reader;
  readonly socket: Socket;
  /** Its encoding, or its transport where that says more. */
  readonly kind: string;
  /** Ends it with the reason `kicked`. A peer that does not take that in within a moment is cut. */
  kick(): void;
  /** What it shares with others that are sent the same. */
  readonly shared: SharedRuns;
  /** What waits in its socket and is kept for that alone: the ring has it no more, or it is a copy. */
  stranded(): readonly Uint8Array[];
}

/** How many readers may come back in a second: a join takes some tenths of a millisecond. */
const JOINS_PER_SECOND = 5000;
/** Clients that reconnect sooner than this wait about as long by themselves. */
const LEAST_SPREAD_MS = 100;

export class LiveReads {
  /** Reads that have been asked for and are not over. */
  count = 0;
  readonly #max: number;
  readonly #memory: MemoryLedger;
  readonly #reads = new Set<LiveRead>();
  /** Those that are over, and of which something still waits in the socket. */
  readonly #draining = new Set<LiveRead>();
  /** How often a read ended for each reason. */
  readonly #ends = new Map<string, number>();

  /** @param max 0 for any number */
  constructor(max: number, memory: MemoryBudget) {
    this.#max = max || Number.POSITIVE_INFINITY;
    this.#memory = internalOf(memory);
  }

  /** One more, on an account if it is on one's; {@link leave} is to follow, once. @throws READER_LIMIT, TOKEN_LIMIT */
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
   * Milliseconds over which current readers should spread their reconnects when the server stops; undefined where they are
   * too few to matter. It decreases with each reader that gets it, so each gets a time of its own.
   */
  get spreadMs(): number | undefined {
    const spread = Math.ceil((this.count * 1000) / JOINS_PER_SECOND);
    return spread < LEAST_SPREAD_MS ? undefined : spread;
  }

  add(read: LiveRead): void {
    this.#reads.add(read);
  }

  delete(read: LiveRead): void {
    this.#reads.delete(read);
  }

  /** A read is over, but for what its peer has yet to take: until then that is memory like any other. */
  drain(read: LiveRead): void {
    this.#draining.add(read);
    read.socket.once('close', () => this.#draining.delete(read));
  }

  [Symbol.iterator](): IterableIterator<LiveRead> {
    return this.#reads.values();
  }

  /** A read is over; `cut` where its peer has gone before it ended. */
  ended(reason: string): void {
    this.#ends.set(reason, (this.#ends.get(reason) ?? 0) + 1);
  }

  ends(): IterableIterator<[reason: string, count: number]> {
    return this.#ends.entries();
  }

  /**
   * Finds out how much memory stays only because it waits in sockets, and tells the budget. Beyond an eighth of that
   * the reads are cut that have stood still longest, however long their timeout.
   *
   * @param incoming bytes of that eighth that wait in the other direction
   */
  settle(standsStillSince: (socket: Socket) => number, cut: (socket: Socket) => void, incoming = 0): void {
    const most = this.#memory.limit * QUEUED_SHARE - incoming;
    const stranded: { read: LiveRead; parts: readonly Uint8Array[]; encrypted: number }[] = [];
    const holders = new Map<ArrayBufferLike, number>();
    let bytes = 0;
    for (const read of [...this.#reads, ...this.#draining]) {
      const parts = read.stranded();
      const encrypted = encryptedBytes(read.socket);
      if (parts.length === 0 && encrypted === 0) continue;
      stranded.push({ read, parts, encrypted });
      bytes += encrypted;
      for (const { buffer } of parts) {
        const count = holders.get(buffer) ?? 0;
        if (count === 0) bytes += buffer.byteLength;
        holders.set(buffer, count + 1);
      }
    }
    if (bytes > most) {
      stranded.sort((a, b) => standsStillSince(a.read.socket) - standsStillSince(b.read.socket));
      for (const { read, parts, encrypted } of stranded) {
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
    this.#memory.setQueued(incoming + bytes + this.#remembered(holders, most - bytes));
  }

  /**
   * Bytes that were laid down for many, are not counted yet, and are kept in case another reader comes to the same
   * place. What no reader used within a second is dropped; and all of it, where there is no room for it.
   */
  #remembered(counted: ReadonlyMap<ArrayBufferLike, number>, room: number): number {
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
