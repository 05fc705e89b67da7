/**
 * Open files that outlive a request. A plugin opens a file, and this table assigns an id and a lease to the handle
 * (contract 60):
 *
 *   open ─► use, use, renew … ─► close                        by the client
 *                       ├──────► idle for too long             by the timer
 *                       ├──────► lease over, and room needed   by an open at the limit
 *                       └──────► its mount is removed          by the mount table (contract 64)
 *
 * A lease is a guaranteed minimum: most clients keep a handle open for hours and never renew it. So a handle whose
 * lease has expired stays open until another one needs its place; the least recently used is closed first.
 *
 * One timer serves all handles. It is set for the earliest known expiry. A use only postpones expiries, so the timer
 * may fire early; it then checks again and is rescheduled.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryBudget, Reader } from '../core/index.ts';
import { createError, limitReached } from '../errors/index.ts';
import { isIntegerFrom, requireMethods, requireType } from '../units/index.ts';
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

/** The default maximum number of open handles. */
export const DEFAULT_MAX_HANDLES = 10_000;

/**
 * The charge per handle, in bytes: the object, its table entries, a reader; plus a charge per character of its path.
 */
const HANDLE_COST = 2048;
const NAME_COST = 4;

/** The minimum interval between timer runs, in milliseconds, however many handles expire one after the other. */
const SWEEP_INTERVAL = 100;

export interface HandleTableOptions {
  mounts: Pick<MountTable, 'resolve' | 'onUnmount' | 'onRename'>;
  /** The maximum number of open handles; 0: no limit. Default {@link DEFAULT_MAX_HANDLES}. */
  max?: number | undefined;
  /** Milliseconds without a use after which a handle is closed; 0: never. Default {@link DEFAULT_HANDLE_IDLE}. */
  idle?: number | undefined;
  clock?: Clock | undefined;
  /** The budget that handles are charged to. Default: none. */
  memory?: MemoryBudget | undefined;
  /** Logs handles that the table closes, and those that fail to close. */
  logger?: PluginLogger | undefined;
}

export interface OpenOptions {
  /** The flags as sent. The plugin interprets them (contract 49). */
  flags: number;
  /** Permission bits of a newly created file. */
  mode: number;
  /** Create the file if it does not exist (contract 36). Default: as configured for the mount. */
  create?: boolean | undefined;
  /** Keep lines whole, across all writes to the handle (contract 88). */
  atomic?: 'lines' | undefined;
  /** Seconds, from 1; capped at {@link MAX_LEASE}. Default {@link DEFAULT_LEASE}. */
  lease?: number | undefined;
  /** The address of the client, shown in the list of readers. */
  address?: string | undefined;
  /** The account that the handle is counted on. Default: none. */
  account?: Account | undefined;
}

/** A handle with a position in a stream. */
export interface HandleReader {
  readonly id: number;
  readonly reader: Reader;
  /** The address of the client that opened the handle, if known. */
  readonly address: string | undefined;
}

export class HandleTable {
  /** The maximum number of open handles. Infinity for no limit. */
  readonly max: number;
  readonly #mounts: HandleTableOptions['mounts'];
  readonly #clock: Clock;
  readonly #logger: PluginLogger | undefined;
  readonly #log: HandleLog;
  /** Milliseconds; Infinity for never. */
  readonly #idle: number;
  readonly #memory: MemoryBudget | undefined;
  readonly #entries = new Map<number, Entry>();
  readonly #stopListening: readonly (() => void)[];
  #lastId = 0;
  /** Handles that are being opened. They count, so that a burst cannot exceed the limit. */
  #opening = 0;
  #timer: { at: number; cancel: () => void } | undefined;
  #lastSweep = Number.NEGATIVE_INFINITY;
  /** No lease expires before this time, so a full table need not be scanned for each new handle. */
  #firstLeaseEnd = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: HandleTableOptions) {
    requireMethods('mounts of a handle table', options?.mounts, ['resolve', 'onUnmount', 'onRename']);
    const max = options.max ?? DEFAULT_MAX_HANDLES;
    if (!isIntegerFrom(0, max)) {
      throw createError('CONFIG_INVALID', { reason: `max handles must be a whole number from 0: ${max}` });
    }
    const idle = options.idle ?? DEFAULT_HANDLE_IDLE;
    if (!(idle >= 0)) throw createError('CONFIG_INVALID', { reason: `idle must be milliseconds from 0: ${idle}` });
    this.max = max || Number.POSITIVE_INFINITY;
    this.#mounts = options.mounts;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#log = new HandleLog(options.logger, this.#clock);
    this.#idle = Number(idle) || Number.POSITIVE_INFINITY;
    this.#memory = options.memory;
    this.#stopListening = [
      this.#mounts.onUnmount((mountPath) => this.closeMount(mountPath)),
      this.#mounts.onRename((from, to) => this.#moved(from, to)),
    ];
  }

  /** The number of open handles. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Opens a file and assigns the next id, from 1, in one sequence over all mounts (contract 48). Throws HANDLE_LIMIT,
   * TOKEN_LIMIT, MEMORY_LIMIT, INVALID_PARAMETER for a lease below 1, SHUTTING_DOWN, and the errors of the path and its
   * plugin.
   */
  async open(path: string, options: OpenOptions): Promise<HandleInfo> {
    requireType('options of open', options, 'object');
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
      await this.#discard(handle, path);
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
    this.#updateExpiries(entry, now);
    return infoOf(entry, now);
  }

  /** Closes a handle that got no id. A failure to close is only logged: the caller gets the reason for closing it. */
  async #discard(handle: FileHandle | undefined, path: string): Promise<void> {
    try {
      await handle?.close();
    } catch (error) {
      this.#logger?.error('handle failed to close', { path, error: String(error) });
    }
  }

  #full() {
    return limitReached('HANDLE_LIMIT', 'handles', this.max);
  }

  /**
   * Closes the least recently used handle if there is no room for another one: a handle of the account if the account
   * is at its limit. Counts the new handle on the account.
   */
  #makeRoom(account: Account | undefined): void {
    if (account?.hasRoom('handles', this.max) === false) this.#closeForRoom(this.#longestUnused(account));
    if (this.#entries.size >= this.max && !this.#closeForRoom(this.#longestUnused())) throw this.#full();
    account?.take('handles', this.max);
  }

  #closeForRoom(entry: Entry | undefined): boolean {
    if (entry === undefined) return false;
    this.#log.closed(entry, 'room was needed');
    // #closeAll logs failures, so this promise never rejects.
    void this.#closeAll([entry]);
    return true;
  }

  /** The least recently used handle whose lease has expired, of all handles or of one account. */
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

  /** Updates the earliest expiries after a handle was opened or its lease changed. */
  #updateExpiries(entry: Entry, now: number): void {
    this.#firstLeaseEnd = Math.min(this.#firstLeaseEnd, leaseEnd(entry, now));
    this.#wakeAt(idleEnd(entry, now, this.#idle));
  }

  /**
   * Whether a path still belongs to the same file system: it may have been unmounted while the file was being opened.
   */
  #isStillMounted(path: string, fileSystem: unknown): boolean {
    try {
      return this.#mounts.resolve(path).fileSystem === fileSystem;
    } catch {
      return false;
    }
  }

  /** The facts of a handle. This does not count as a use and does not renew the lease. Throws HANDLE_NOT_FOUND. */
  get(id: number): HandleInfo {
    return infoOf(this.#entryOf(id), this.#clock.now());
  }

  /**
   * Uses an open file. The lease does not run while `fn` runs or waits, and is renewed when `fn` is done (contract 60).
   * Uses do not wait for each other, and closing does not wait for uses (contract 55). Throws HANDLE_NOT_FOUND and the
   * errors of `fn`.
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

  /** Renews the lease, with a new duration if one is given. Throws HANDLE_NOT_FOUND, INVALID_PARAMETER. */
  renew(id: number, lease?: number): HandleInfo {
    const milliseconds = lease === undefined ? undefined : leaseOf(lease);
    const entry = this.#entryOf(id);
    const now = this.#clock.now();
    entry.lastAccess = now;
    if (milliseconds !== undefined) entry.lease = milliseconds;
    this.#updateExpiries(entry, now);
    return infoOf(entry, now);
  }

  /**
   * Closes a handle. Its id is invalid from this call on, and reads that wait on it end immediately (contract 55, 64).
   * Throws HANDLE_NOT_FOUND if it is already closed.
   */
  async close(id: number): Promise<void> {
    const entry = this.#entryOf(id);
    this.#forget(entry);
    await entry.handle.close();
  }

  #forget(entry: Entry): void {
    // Another caller has closed the handle in the meantime.
    if (!this.#entries.delete(entry.id)) return;
    this.#memory?.give(entry.cost);
    entry.account?.give('handles');
    if (this.#entries.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** All open handles, by id. */
  list(): HandleInfo[] {
    const now = this.#clock.now();
    const open = [...this.#entries.values()].filter((entry) => now < idleEnd(entry, now, this.#idle));
    return open.map((entry) => infoOf(entry, now));
  }

  /** The open handles with a position in a stream. This does not count as a use of them. */
  *readers(): Generator<HandleReader> {
    for (const { id, handle, address } of this.#entries.values()) {
      const { reader } = handle;
      if (reader !== undefined && !reader.isClosed) yield { id, reader, address };
    }
  }

  /**
   * Closes all handles of a mount: their ids are invalid from this call on (contract 64). Called when a mount is
   * removed. The shutdown of the mount has just woken the waiting reads, and these must return the end of the stream,
   * not a closed handle (contract 28). So they get one turn of the event loop first.
   */
  async closeMount(mountPath: string): Promise<void> {
    const entries = [...this.#entries.values()].filter((entry) => entry.mountPath === mountPath);
    for (const entry of entries) {
      this.#forget(entry);
      this.#log.closed(entry, 'its mount was removed');
    }
    await nextTurn();
    await this.#closeAll(entries);
  }

  /** A handle follows its file when that is moved: permissions are checked at the current path of the file. */
  #moved(from: string, to: string): void {
    for (const entry of this.#entries.values()) {
      const path = normalizePath(entry.path, NO_PATH_LIMITS);
      if (isWithin(path, from)) entry.path = joinPath(to, pathInside(path, from));
    }
  }

  /** Closes every handle and opens no more. A second call has no effect. */
  async shutdown(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stopListening) stop();
    this.#log.flush();
    await this.#closeAll([...this.#entries.values()]);
  }

  /** No caller can receive an error here, so a handle that fails to close is logged and forgotten. */
  async #closeAll(entries: Entry[]): Promise<void> {
    for (const entry of entries) this.#forget(entry);
    const closed = await Promise.allSettled(entries.map(async (entry) => entry.handle.close()));
    for (const [index, outcome] of closed.entries()) {
      if (outcome.status === 'fulfilled') continue;
      const { id, path } = entries[index] as Entry;
      this.#logger?.error('handle failed to close', { id, path, error: String(outcome.reason) });
    }
  }

  /** A handle that has been idle for too long is not found, even if the timer has not removed it yet. */
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
    // #closeAll logs failures, so this promise never rejects.
    void this.#closeAll(expired);
  }
}

function costOf(path: string): number {
  return HANDLE_COST + NAME_COST * path.length;
}
