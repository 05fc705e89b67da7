/** Room on the disk that is given back when it is full, so that what is to be removed can be written down, which makes room. */
import { type Disk, openIfThere, writeAll } from './disk.ts';
import { RESERVE_FILE } from './layout.ts';

/** A few blocks of any file system: the record of a removal, and a journal for it. */
const RESERVE_BYTES = 128 * 1024;

/** Where there is no room for it, there is none until there is. */
export async function takeReserve(disk: Disk): Promise<void> {
  try {
    const there = await openIfThere(disk, RESERVE_FILE);
    const size = await there?.size().finally(() => there.close());
    if (size === RESERVE_BYTES) return;
    const file = await disk.open(RESERVE_FILE, 'write');
    try {
      await writeAll(file, [Buffer.alloc(RESERVE_BYTES)], 0);
    } finally {
      await file.close();
    }
  } catch {
    await giveReserve(disk);
  }
}

export async function giveReserve(disk: Disk): Promise<void> {
  await disk.remove(RESERVE_FILE).catch(() => undefined);
}
