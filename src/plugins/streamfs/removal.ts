/**
 * Streams are removed: at once, and where the log cannot be written, when the log has them no more. What stays there stays
 * a stream: an error says that nothing was removed.
 */
import { isStreamFSError } from '../../errors/index.ts';
import type { DiskStore } from '../../persist/index.ts';
import type { Entry } from './entry.ts';
import { inSlices } from './slices.ts';

export interface RemovalOptions {
  /** Of those that are kept on disk. */
  store: DiskStore | undefined;
  /** Whether it is still there. */
  isThere: (entry: Entry) => boolean;
  drop: (entry: Entry) => void;
}

/** @throws DISK_FULL, DISK_FAILED */
export async function removeEach(entries: readonly Entry[], options: RemovalOptions): Promise<void> {
  const { isThere, store } = options;
  const drop = (entry: Entry) => {
    if (isThere(entry)) options.drop(entry);
  };
  if (store?.fault === undefined) await inSlices(entries, drop);
  else {
    await inSlices(entries, (entry) => {
      if (!isThere(entry)) return;
      if (entry.log === undefined) drop(entry);
      else entry.log.remove(() => drop(entry));
    });
  }
  const logs = entries.map(({ log }) => log).filter((log) => log !== undefined);
  try {
    if (store?.fault === undefined) for (const log of logs) await log.whenSaved();
  } catch (error) {
    // The disk has become full with just that.
    if (!isStreamFSError(error, 'DISK_FULL')) throw error;
  }
  if (store?.fault === undefined) return;
  try {
    await store.removeDespiteFault(logs);
  } finally {
    for (const log of logs) log.cancelRemoval();
  }
}
