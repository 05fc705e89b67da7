/**
 * One open handle in the table, and when it may be closed (contract 60). Within its lease, which starts anew with every
 * use, it is never closed; behind that it may be closed where room is needed; after the idle time it is.
 *
 *   last use ──── lease ────► may make room ──── idle time ────► closed
 */
import { createError } from '../errors/index.ts';
import type { Account } from './account.ts';
import type { FileHandle } from './types.ts';

/** Seconds a handle is sure to stay open unused, where its opener does not say. */
export const DEFAULT_LEASE = 60;

/** The longest lease in seconds; a longer one asked for is cut to this. */
export const MAX_LEASE = 300;

/** Default of the time without a use after which a handle is closed, in milliseconds. */
export const DEFAULT_HANDLE_IDLE = 24 * 3_600_000;

/** What is known of an open handle (contract 48). */
export interface HandleInfo {
  id: number;
  /** As sent; another one once the file has been moved. */
  path: string;
  /** The account that it is held on, if any. */
  account: Account | undefined;
  flags: number;
  /** Seconds. */
  lease: number;
  /** Until then it is sure to stay open if it is not used. While a use is going on it is a whole lease away. */
  expiresAt: Date;
  createdAt: Date;
  lastAccess: Date;
}

export interface Entry {
  readonly id: number;
  path: string;
  readonly account: Account | undefined;
  readonly address: string | undefined;
  /** What it is charged, in bytes. */
  readonly cost: number;
  readonly mountPath: string;
  readonly flags: number;
  readonly handle: FileHandle;
  readonly createdAt: number;
  /** Milliseconds. */
  lease: number;
  lastAccess: number;
  /** Uses going on: a handle in use is not closed, however long the use waits. */
  uses: number;
}

/** Until when it is sure to stay, in the clock's milliseconds. */
export function leaseEnd(entry: Entry, now: number): number {
  return lastUse(entry, now) + entry.lease;
}

/** When it has been idle for too long, in the clock's milliseconds. */
export function idleEnd(entry: Entry, now: number, idle: number): number {
  return lastUse(entry, now) + Math.max(entry.lease, idle);
}

function lastUse(entry: Entry, now: number): number {
  return entry.uses > 0 ? now : entry.lastAccess;
}

export function infoOf(entry: Entry, now: number): HandleInfo {
  return {
    id: entry.id,
    path: entry.path,
    account: entry.account,
    flags: entry.flags,
    lease: entry.lease / 1000,
    expiresAt: new Date(leaseEnd(entry, now)),
    createdAt: new Date(entry.createdAt),
    lastAccess: new Date(entry.lastAccess),
  };
}

/** Milliseconds of a lease in seconds. */
export function leaseOf(seconds: number): number {
  if (!Number.isFinite(seconds) || seconds < 1) {
    throw createError('INVALID_PARAMETER', {
      name: 'lease',
      reason: `it must be a number of seconds, 1 or more: ${seconds}`,
    });
  }
  return Math.min(seconds, MAX_LEASE) * 1000;
}
