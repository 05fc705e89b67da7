/**
 * An open handle in the table, and when it may be closed (contract 60). It is never closed within its lease, which
 * every use renews. After the lease it may be closed to make room. After the idle time it is always closed.
 *
 * last use ──── lease ────► may make room ──── idle time ────► closed
 */
import { createError } from '../errors/index.ts';
import type { Account } from './account.ts';
import type { FileHandle } from './types.ts';

/** The default lease in seconds: how long an unused handle is guaranteed to stay open. */
export const DEFAULT_LEASE = 60;

/** The maximum lease in seconds; longer requests are capped. */
export const MAX_LEASE = 300;

/** The default time without a use after which a handle is closed, in milliseconds. */
export const DEFAULT_HANDLE_IDLE = 24 * 3_600_000;

/** Facts of an open handle (contract 48). */
export interface HandleInfo {
  id: number;
  /** The path as sent, or the new path once the file has been moved. */
  path: string;
  /** The account that the handle is counted on, if any. */
  account: Account | undefined;
  flags: number;
  /** The lease, in seconds. */
  lease: number;
  /** The end of the current lease. During a use, it is always a full lease away. */
  expiresAt: Date;
  createdAt: Date;
  lastAccess: Date;
}

export interface Entry {
  readonly id: number;
  path: string;
  readonly account: Account | undefined;
  readonly address: string | undefined;
  /** The charge in bytes. */
  readonly cost: number;
  readonly mountPath: string;
  readonly flags: number;
  readonly handle: FileHandle;
  readonly createdAt: number;
  /** The lease, in milliseconds. */
  lease: number;
  lastAccess: number;
  /** The number of running uses. A handle in use is not closed, however long the use waits. */
  uses: number;
}

/** When the lease ends, in milliseconds of the clock. */
export function leaseEnd(entry: Entry, now: number): number {
  return lastUse(entry, now) + entry.lease;
}

/** When the idle time ends, in milliseconds of the clock. */
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

/** Validates a lease in seconds and converts it to milliseconds. */
export function leaseOf(seconds: number): number {
  if (!Number.isFinite(seconds) || seconds < 1) {
    throw createError('INVALID_PARAMETER', {
      name: 'lease',
      reason: `it must be a number of seconds, 1 or more: ${seconds}`,
    });
  }
  return Math.min(seconds, MAX_LEASE) * 1000;
}
