/**
 * Open files that outlive a request. A plugin opens a file; this table gives it a number and a lease (contract 60):
 *
 *   open ─► use, use, renew … ─► close                        by the client
 *                       ├──────► idle for too long             by the timer
 *                       ├──────► lease over, and room needed   by one that is opened at the limit
 *                       └──────► its mount goes                by the mount table (contract 64)
 *
 * A lease is a guarantee, not a death sentence: most clients keep a handle open for hours and never renew it. So one
 * whose lease is over stays, until another needs its place; the one unused for longest goes first.
 *
 * However many handles there are, there is one timer. It is set for the earliest end known when it was last set;
 * since a use only moves ends away, it may go off early, looks again, and is set anew.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryBudget, Reader } from '../core/index.ts';
import { createError, limitReached } from '../errors/index.ts';
import { isIntegerFrom } from '../units/index.ts';
import type { Account } from './account.ts';
import { type Clock, systemClock } from './clock.ts';
import {
  DEFAULT_HANDLE_IDLE,
  DEFAULT_LEASE,
  type Entry,
  type HandleInfo,
  idleEnd,
  infoOf,
  leaseEnd,
  leaseOf,
} from './handle-entry.ts';
import { HandleLog } from './handle-log.ts';
import type { MountTable } from './mount-table.ts';
import { isWithin, joinPath, NO_PATH_LIMITS, normalizePath, pathInside } from './path.ts';
import type { PluginLogger } from './plugin.ts';
import type { FileHandle } from './types.ts';

/** How many handles may be open at once, where the table is not told otherwise. */
export const DEFAULT_MAX_HANDLES = 10_000;

/** What a handle is charged, in bytes: itself, its place in tables, a reader; and for each character of its path. */
const HANDLE_COST = 2048;
const NAME_COST = 4;

/** The timer goes off at most this often, in milliseconds, however many handles expire one after the other. */
const SWEEP_INTERVAL = 100;

export interface HandleTableOptions {
  mounts: Pick<MountTable, 'resolve' | 'onUnmount' | 'onRename'>;
  /** How many handles may be open at once; 0 for any number. Default {@link DEFAULT_MAX_HANDLES}. */
  max?: number | undefined;
  /** Milliseconds without a use after which a handle is closed; 0 for never. Default {@link DEFAULT_HANDLE_IDLE}. */
  idle?: number | undefined;
  clock?: Clock | undefined;
  /** What they are charged to. Default: nothing. */
  memory?: MemoryBudget | undefined;
  /** Told of handles that are closed here and of those that fail to close. */
  logger?: PluginLogger | undefined;
}

export interface OpenOptions {
  /** As sent: what they mean is the plugin's to say (contract 49). */
  flags: number;
  /** Permission bits for a file that is created. */
  mode: number;
  /** Create the file where absent (contract 36). Default: as the mount says. */
  create?: boolean | undefined;
  /** Keep lines whole, over all writes to the handle (contract 88). */
  atomic?: 'lines' | undefined;
  /** Seconds, 1 or more; more than MAX_LEASE counts as that. Default {@link DEFAULT_LEASE}. */
  lease?: number | undefined;
  /** The client that opens it, shown in the list of readers. */
  address?: string | undefined;
  /** The account that it counts for. Default: none. */
  account?: Account | undefined;
}

/** A handle that stands somewhere in a stream. */
export interface HandleReader {
  readonly id: number;
  readonly reader: Reader;
  /** The account that opened it, if known. */
  readonly address: string | undefined;
}

export class HandleTable {
  /** How many handles may be open at once. Infinity for any number. */
  readonly max: number;
  readonly #mounts: HandleTableOptions['mounts'];
  readonly #clock: Clock;
  readonly #logger: PluginLogger | undefined;
  readonly #log: HandleLog;
  /** Milliseconds. Infinity for never. */
  readonly #idle: number;
  readonly #memory: MemoryBudget | undefined;
  readonly #entries = new Map<number, Entry>();
  readonly #stopListening: readonly (() => void)[];
  #lastId = 0;
  /** Handles being opened: they count, so that a burst cannot pass the limit. */
  #opening = 0;
  #timer: { at: number; cancel: () => void } | undefined;
  #lastSweep = Number.NEGATIVE_INFINITY;
  /** Before this no lease is over, so that a full table need not be looked through for each that wants in. */
  #firstLeaseEnd = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: HandleTableOptions) {
    const max = options.max ?? DEFAULT_MAX_HANDLES;
    if (!isIntegerFrom(0, max)) {
      throw createError('CONFIG_INVALID', { reason: `max handles must be a whole number from 0: ${max}` });
    }
    this.max = max || Number.POSITIVE_INFINITY;
    this.#mounts = options.mounts;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#log = new HandleLog(options.logger, this.#clock);
    this.#idle = (options.idle ?? DEFAULT_HANDLE_IDLE) || Number.POSITIVE_INFINITY;
    this.#memory = options.memory;
    this.#stopListening = [
      this.#mounts.onUnmount((mountPath) => this.closeMount(mountPath)),
      this.#mounts.onRename((from, to) => this.#moved(from, to)),
    ];
  }

  /** Handles open now. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Opens a file and gives it the next number, from 1 on, one sequence over all mounts (contract 48).
   * HANDLE_LIMIT, TOKEN_LIMIT, MEMORY_LIMIT, INVALID_PARAMETER for a lease below 1, SHUTTING_DOWN, and what the path and its plugin refuse.
   */
  async open(path: string, options: OpenOptions): Promise<HandleInfo> {
    const lease = leaseOf(options.lease ?? DEFAULT_LEASE);
    if (this.#closed) throw createError('SHUTTING_DOWN');
    const { account } = options;
    if (account?.hasRoom('handles', this.max) === false && this.#longestUnused(account) === undefined) {
      account.require('handles', this.max);
    }
    if (this.#entries.size + this.#opening >= this.max && this.#longestUnused() === undefined) throw this.#full();
    const at = this.#mounts.resolve(path);
    const memory = this.#memory;
    const cost = costOf(path);
    if (memory?.tryTake(cost) === false) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
    this.#opening += 1;
    let handle: FileHandle | undefined;
    try {
      handle = await at.fileSystem.openHandle(at.path, {
        flags: options.flags,
        mode: options.mode,
        create: options.create,
        atomic: options.atomic,
        account,
      });
      if (this.#closed) throw createError('SHUTTING_DOWN');
      if (!this.#isStillMounted(path, at.fileSystem)) throw createError('NOTHING_MOUNTED', { path });
      this.#makeRoom(account);
    } catch (error) {
      memory?.give(cost);
      await handle?.close();
      throw error;
    } finally {
      this.#opening -= 1;
    }
    const now = this.#clock.now();
    this.#lastId += 1;
    const entry: Entry = {
      id: this.#lastId,
      path,
      account,
      address: options.address,
      cost,
      mountPath: at.mountPath,
      flags: options.flags,
      handle,
      createdAt: now,
      lease,
      lastAccess: now,
      uses: 0,
    };
    this.#entries.set(entry.id, entry);
    this.#expectEnds(entry, now);
    return infoOf(entry, now);
  }

  #full() {
    return limitReached('HANDLE_LIMIT', 'handles', this.max);
  }

  /**
   * Closes the handle that has been unused for longest, where there is no place for another: of the account's own, where
   * that has as many as it may have. Counts the new one to the account.
   */
  #makeRoom(account: Account | undefined): void {
    if (account?.hasRoom('handles', this.max) === false) this.#closeForRoom(this.#longestUnused(account));
    if (this.#entries.size >= this.max && !this.#closeForRoom(this.#longestUnused())) throw this.#full();
    account?.take('handles', this.max);
  }

  #closeForRoom(entry: Entry | undefined): boolean {
    if (entry === undefined) return false;
    this.#log.closed(entry, 'room was needed');
    // Failures are logged in there, so this promise never rejects.
    void this.#closeAll([entry]);
    return true;
  }

  /** Of the handles whose lease is over, all or those of an account, the one that has been unused for longest. */
  #longestUnused(account?: Account): Entry | undefined {
    const now = this.#clock.now();
    if (now < this.#firstLeaseEnd) return undefined;
    let longest: Entry | undefined;
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      const end = leaseEnd(entry, now);
      if (end > now) next = Math.min(next, end);
      else if (account !== undefined && entry.account !== account) next = end;
      else if (longest === undefined || entry.lastAccess < longest.lastAccess) longest = entry;
    }
    if (longest === undefined) this.#firstLeaseEnd = next;
    return longest;
  }

  /** A handle has come, or its lease is another. */
  #expectEnds(entry: Entry, now: number): void {
    this.#firstLeaseEnd = Math.min(this.#firstLeaseEnd, leaseEnd(entry, now));
    this.#wakeAt(idleEnd(entry, now, this.#idle));
  }

  /** Whether a path is still where it was when its opening began: an unmount may have come in between. */
  #isStillMounted(path: string, fileSystem: unknown): boolean {
    try {
      return this.#mounts.resolve(path).fileSystem === fileSystem;
    } catch {
      return false;
    }
  }

  /** What is known of a handle. Looking is no use of it and renews nothing. HANDLE_NOT_FOUND. */
  get(id: number): HandleInfo {
    return infoOf(this.#entryOf(id), this.#clock.now());
  }

  /**
   * Uses an open file. The lease is renewed, is suspended while `fn` runs or waits, and is renewed when `fn` is done
   * (contract 60). Uses do not wait for each other, nor does closing wait for them (contract 55). Throws HANDLE_NOT_FOUND
   * and what `fn` throws.
   */
  async use<T>(id: number, fn: (handle: FileHandle) => T | Promise<T>): Promise<T> {
    const entry = this.#entryOf(id);
    entry.uses += 1;
    entry.lastAccess = this.#clock.now();
    try {
      return await fn(entry.handle);
    } finally {
      entry.uses -= 1;
      entry.lastAccess = this.#clock.now();
    }
  }

  /** Starts the lease anew, at another length if one is given. HANDLE_NOT_FOUND, INVALID_PARAMETER. */
  renew(id: number, lease?: number): HandleInfo {
    const milliseconds = lease === undefined ? undefined : leaseOf(lease);
    const entry = this.#entryOf(id);
    const now = this.#clock.now();
    entry.lastAccess = now;
    if (milliseconds !== undefined) entry.lease = milliseconds;
    this.#expectEnds(entry, now);
    return infoOf(entry, now);
  }

  /**
   * Closes a handle. Its number is unknown from this call on, and reads that wait on it end at once (contract 55,
   * 64). HANDLE_NOT_FOUND where it is closed already.
   */
  async close(id: number): Promise<void> {
    const entry = this.#entryOf(id);
    this.#forget(entry);
    await entry.handle.close();
  }

  #forget(entry: Entry): void {
    // Another caller has closed it meanwhile.
    if (!this.#entries.delete(entry.id)) return;
    this.#memory?.give(entry.cost);
    entry.account?.give('handles');
    if (this.#entries.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** All open handles, by number. */
  list(): HandleInfo[] {
    const now = this.#clock.now();
    const open = [...this.#entries.values()].filter((entry) => now < idleEnd(entry, now, this.#idle));
    return open.map((entry) => infoOf(entry, now));
  }

  /** The open handles that stand somewhere in a stream. Looking is no use of them. */
  *readers(): Generator<HandleReader> {
    for (const { id, handle, address } of this.#entries.values()) {
      const { reader } = handle;
      if (reader !== undefined && !reader.isClosed) yield { id, reader, address };
    }
  }

  /**
   * Closes all handles of a mount: their numbers are unknown from this call on (contract 64). Called by itself when a
   * mount goes. Its shutdown has just woken the reads that waited, and those are to find the end, not a closed
   * handle (contract 28): so they have their turn first.
   */
  async closeMount(mountPath: string): Promise<void> {
    const entries = [...this.#entries.values()].filter((entry) => entry.mountPath === mountPath);
    for (const entry of entries) {
      this.#forget(entry);
      this.#log.closed(entry, 'its mount went');
    }
    await nextTurn();
    await this.#closeAll(entries);
  }

  /** A handle follows its file: the current path of the file decides who may use it. */
  #moved(from: string, to: string): void {
    for (const entry of this.#entries.values()) {
      const path = normalizePath(entry.path, NO_PATH_LIMITS);
      if (isWithin(path, from)) entry.path = joinPath(to, pathInside(path, from));
    }
  }

  /** Closes every handle and opens no more. Twice is harmless. */
  async shutdown(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stopListening) stop();
    this.#log.flush();
    await this.#closeAll([...this.#entries.values()]);
  }

  /** There is no caller to get an error: a handle that fails to close is logged and forgotten. */
  async #closeAll(entries: Entry[]): Promise<void> {
    for (const entry of entries) this.#forget(entry);
    const closed = await Promise.allSettled(entries.map(async (entry) => entry.handle.close()));
    for (const [index, outcome] of closed.entries()) {
      if (outcome.status === 'fulfilled') continue;
      const { id, path } = entries[index] as Entry;
      this.#logger?.error('handle failed to close', { id, path, error: String(outcome.reason) });
    }
  }

  /** A handle that has been idle for too long is gone, even where the timer has yet to take it away. */
  #entryOf(id: number): Entry {
    const entry = this.#entries.get(id);
    const now = this.#clock.now();
    if (!entry || now >= idleEnd(entry, now, this.#idle)) throw createError('HANDLE_NOT_FOUND');
    return entry;
  }

  #wakeAt(expiry: number): void {
    if (this.#closed || expiry === Number.POSITIVE_INFINITY) return;
    const at = Math.max(expiry, this.#lastSweep + SWEEP_INTERVAL);
    if (this.#timer && this.#timer.at <= at) return;
    this.#timer?.cancel();
    const cancel = this.#clock.schedule(() => this.#sweep(), Math.max(0, Math.ceil(at - this.#clock.now())));
    this.#timer = { at, cancel };
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    this.#lastSweep = now;
    const expired: Entry[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      const expiry = idleEnd(entry, now, this.#idle);
      if (expiry <= now) expired.push(entry);
      else next = Math.min(next, expiry);
    }
    for (const entry of expired) this.#log.closed(entry, 'idle for too long');
    this.#wakeAt(next);
    // Failures are logged in there, so this promise never rejects.
    void this.#closeAll(expired);
  }
}

function costOf(path: string): number {
  return HANDLE_COST + NAME_COST * path.length;
}
