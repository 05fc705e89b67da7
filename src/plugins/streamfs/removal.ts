/**
 * Removes streams: immediately or, if the log is not writable, once the removal has been written. If that fails, the
 * streams stay, and an error reports that nothing was removed.
 */
import { isStreamFSError } from '../../errors/index.ts';
import type { DiskStore } from '../../persist/index.ts';
import type { Entry } from './entry.ts';
import { inSlices } from './slices.ts';

export interface RemovalOptions {
  /** The log of the streams on disk, if the mount is persistent. */
  store: DiskStore | undefined;
  /** Whether the stream still exists. */
  isThere: (entry: Entry) => boolean;
  drop: (entry: Entry) => void;
}

/** @throws DISK_FULL, DISK_UNAVAILABLE, DISK_FAILED */
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
    // This write has filled the disk, or is the first that the disk refused.
    if (!isStreamFSError(error, 'DISK_FULL') && !isStreamFSError(error, 'DISK_UNAVAILABLE')) throw error;
  }
  if (store?.fault === undefined) return;
  try {
    await store.removeDespiteFault(logs);
  } finally {
    for (const log of logs) log.cancelRemoval();
  }
}
