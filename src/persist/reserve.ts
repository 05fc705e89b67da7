/** Disk space that is freed when the disk is full, so that removals, which free more space, can be written. */
import { type Disk, openIfExists, writeAll } from './disk.ts';
import { RESERVE_FILE } from './layout.ts';

/** A few blocks of any file system: enough for the record of a removal and a journal for it. */
const RESERVE_BYTES = 128 * 1024;

/** Allocates the reserve. On a full disk there is none until there is room again. */
export async function allocateReserve(disk: Disk): Promise<void> {
  try {
    const there = await openIfExists(disk, RESERVE_FILE);
    const size = await there?.size().finally(() => there.close());
    if (size === RESERVE_BYTES) return;
    const file = await disk.open(RESERVE_FILE, 'write');
    try {
      await writeAll(file, [Buffer.alloc(RESERVE_BYTES)], 0);
    } finally {
      await file.close();
    }
  } catch {
    await releaseReserve(disk);
  }
}

export async function releaseReserve(disk: Disk): Promise<void> {
  await disk.remove(RESERVE_FILE).catch(() => undefined);
}
