/** The sync policy: when writes are synced to disk, and therefore what an acknowledgement means. */
import { createError, isStreamFSError } from '../errors/index.ts';
import type { Durability } from '../protocol/index.ts';
import { formatDuration, parseDuration } from '../units/index.ts';

export interface SyncPolicy {
  readonly name: 'none' | 'interval' | 'always';
  /** Milliseconds between two syncs, for `interval`. */
  readonly interval: number;
}

/** The meaning of an acknowledgement, as stated in the header `X-Stream-Durable`. */
export function durabilityOf({ name }: SyncPolicy): Durability {
  return name === 'always' ? 'synced' : name === 'interval' ? 'written' : 'none';
}

const SHORTEST_MS = 10;
const LONGEST_MS = 60 * 60_000;

/** @throws CONFIG_INVALID */
export function parseSyncPolicy(key: string, value: unknown): SyncPolicy {
  if (value === 'none' || value === 'always') return { name: value, interval: 0 };
  const expected = `${key} must be none, always, or a time from ${formatDuration(SHORTEST_MS)} to ${formatDuration(LONGEST_MS)} (e.g., '1s')`;
  if (typeof value !== 'string' && typeof value !== 'number') throw createError('CONFIG_INVALID', { reason: expected });
  try {
    const interval = parseDuration(value);
    if (interval >= SHORTEST_MS && interval <= LONGEST_MS) return { name: 'interval', interval };
  } catch (error) {
    if (!isStreamFSError(error)) throw error;
  }
  throw createError('CONFIG_INVALID', { reason: expected });
}
