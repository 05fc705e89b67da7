/**
 * Looks through a log that no server uses, and changes nothing in it: what a start would find, and beyond that every
 * block of every segment, which a start does not read.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createError } from '../errors/index.ts';
import { userOf } from './directory-lock.ts';
import { codeOf, type Disk, openIfThere, readExactly } from './disk.ts';
import type { KnownStream } from './known-stream.ts';
import {
  DATA_DIRECTORY,
  JOURNAL_DIRECTORY,
  journalPath,
  readFormat,
  STATE_FILE,
  segmentOf,
  segmentPath,
} from './layout.ts';
import { NodeDisk } from './node-disk.ts';
import { isRecord } from './record.ts';
import { isKnownSegment, type LogDamage, LogUnusableError, type Recovery, recover } from './recovery.ts';
import { blockAt, segmentPieces } from './segment-blocks.ts';
import { type Extent, placeBehind, type Segment } from './update.ts';

export interface LogReport {
  /** It was closed in order; otherwise its process was killed, or uses it still. */
  isClean: boolean;
  streams: { count: number; ended: number };
  /** Bytes of streams that can be read, and of those that were lost to damage. */
  bytes: { retained: number; lost: number };
  files: {
    journals: { count: number; bytes: number };
    segments: { count: number; bytes: number };
    /** Segments that nothing speaks of, which the next start removes, and journals that were set aside. */
    leftovers: { count: number; bytes: number };
  };
  /** When the state was written, and how long it is; undefined before the first time. */
  checkpoint: { time: Date; bytes: number } | undefined;
  /** Bytes at the end of the journal that are not whole: the next start cuts them. They were not acknowledged. */
  cutBytes: number;
  damages: LogDamage[];
}

/** A log in a directory, to be looked at. */
export interface OpenedLog {
  disk: Disk;
  salt: number;
}

/**
 * Opens the log in a directory for reading alone.
 *
 * @throws DISK_LOCKED where a server uses it: what is read while it is written would look damaged; DISK_FORMAT; what the
 * disk throws
 */
export async function openToRead(directory: string): Promise<OpenedLog> {
  const disk = new NodeDisk(directory);
  await disk.list('');
  const owner = await userOf(directory);
  if (owner !== undefined) throw createError('DISK_LOCKED', { directory, owner });
  const salt = await readFormat(disk);
  if (salt === undefined)
    throw createError('DISK_FORMAT', { directory, reason: 'it has no file FORMAT: it is no log' });
  return { disk, salt };
}

/**
 * @throws DISK_FORMAT for records of a newer version; what the disk throws
 */
export async function checkLog({ disk, salt }: OpenedLog): Promise<LogReport> {
  let recovery: Pick<Recovery, 'streams' | 'journals' | 'cutBytes' | 'damages' | 'missing' | 'isClean'>;
  let hasLostRecords = false;
  try {
    const found = await recoverKnown({ disk, salt });
    ({ hasLostRecords } = found);
    recovery = found;
  } catch (error) {
    if (!(error instanceof LogUnusableError)) throw error;
    const damages = [error.damage];
    recovery = { streams: new Map(), journals: [], cutBytes: 0, damages, missing: [], isClean: false };
  }
  const { cutBytes, damages, isClean, streams } = recovery;
  const report: LogReport = {
    isClean,
    streams: { count: streams.size, ended: [...streams.values()].filter(({ end }) => end !== undefined).length },
    bytes: { retained: 0, lost: 0 },
    files: {
      journals: await sizesOf(disk, JOURNAL_DIRECTORY, (name) => name.endsWith('.log')),
      segments: await sizesOf(disk, DATA_DIRECTORY, (name) => segmentOf(name) !== undefined),
      leftovers: await sizesOf(disk, JOURNAL_DIRECTORY, (name) => !name.endsWith('.log')),
    },
    checkpoint: await checkpointOf(disk),
    cutBytes,
    damages: [...damages, ...recovery.missing.map(droppedByStart)],
  };
  if (hasLostRecords) report.damages.push(...(await lostRecords(disk, recovery)));
  const check = new StreamCheck(disk, salt, report);
  for (const known of streams.values()) await check.stream(known);
  const strays = await sizesOf(disk, DATA_DIRECTORY, (name) => !isKnownSegment(streams, name));
  report.files.leftovers.count += strays.count;
  report.files.leftovers.bytes += strays.bytes;
  return report;
}

/**
 * What a start would put together.
 *
 * @throws LogUnusableError; DISK_FORMAT for records of a newer version
 */
export async function recoverKnown({ disk, salt }: OpenedLog): Promise<Recovery> {
  for (const file of [JOURNAL_DIRECTORY, DATA_DIRECTORY]) {
    if ((await namesIn(disk, file)) !== undefined) continue;
    throw new LogUnusableError({ file, problem: 'the whole directory is missing' });
  }
  try {
    return await recover(disk, salt);
  } catch (error) {
    // A record whose checksum is right, and which says what this version does not know.
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    const reason = `a record in it is of a newer version (${error.message}): use a newer program`;
    throw createError('DISK_FORMAT', { directory: disk.name, reason });
  }
}

function droppedByStart({ file, problem }: LogDamage): LogDamage {
  return { file, problem: `${problem} are dropped by the next start` };
}

/** Where the journal stops to count though good records follow. */
async function lostRecords(disk: Disk, { journals }: Pick<Recovery, 'journals'>): Promise<LogDamage[]> {
  for (const { length, number } of journals) {
    const file = journalPath(number);
    const { size } = await stat(join(disk.name, file));
    const problem = 'damaged before it was known to be on the disk: what follows is dropped by the next start';
    if (size > length) return [{ file, from: length, to: size, problem }];
  }
  return [];
}

async function namesIn(disk: Disk, directory: string): Promise<string[] | undefined> {
  try {
    return await disk.list(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function sizesOf(disk: Disk, directory: string, counts: (name: string) => boolean) {
  const sizes = { count: 0, bytes: 0 };
  for (const name of ((await namesIn(disk, directory)) ?? []).filter(counts)) {
    sizes.count++;
    sizes.bytes += (await stat(join(disk.name, directory, name))).size;
  }
  return sizes;
}

async function checkpointOf(disk: Disk): Promise<LogReport['checkpoint']> {
  try {
    const { mtime, size } = await stat(join(disk.name, STATE_FILE));
    return { time: mtime, bytes: size };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reads all that is kept of streams, and adds what is wrong to a report. */
class StreamCheck {
  readonly #disk: Disk;
  readonly #salt: number;
  readonly #report: LogReport;

  constructor(disk: Disk, salt: number, report: LogReport) {
    this.#disk = disk;
    this.#salt = salt;
    this.#report = report;
  }

  async stream({ floor, id, label: of, reach, segments, tail }: KnownStream): Promise<void> {
    let good = 0;
    for (const segment of segments) good += await this.#segment(segment, id, of, floor.offset);
    for (const extent of tail) good += await this.#extent(extent, of, floor.offset);
    this.#report.bytes.retained += good;
    this.#report.bytes.lost += reach.offset - floor.offset - good;
  }

  /** Gives how many bytes of the stream are good in it. */
  async #segment({ base, length, to }: Segment, stream: number, of: string, floor: number): Promise<number> {
    const path = segmentPath(stream, base);
    const damage = (from: number, end: number, problem: string) => {
      this.#report.damages.push({ file: path, from, to: end, problem: `${problem}, of ${of}` });
    };
    const file = await openIfThere(this.#disk, path);
    if (file === undefined) {
      damage(0, length, `missing: offsets ${base} to ${to.offset}`);
      return 0;
    }
    let good = 0;
    try {
      const size = await file.size();
      const bytes = await readExactly(file, 0, Math.min(size, length));
      if (bytes === undefined) throw new Error(`${path} became shorter while it was read`);
      let offset = base;
      for (const piece of segmentPieces(bytes, this.#salt)) {
        if (piece.kind === 'damage') {
          damage(piece.from, piece.to, `damaged: from offset ${offset} on`);
          continue;
        }
        const { length: size, position } = piece.record;
        const block = blockAt(bytes, piece.record, stream);
        if (block === undefined) {
          damage(position, position + size, 'a block of another stream');
          continue;
        }
        const behind = placeBehind(block);
        good += Math.max(0, behind.offset - Math.max(block.from.offset, floor));
        offset = behind.offset;
      }
      if (size < length) damage(size, length, `missing: its end, up to offset ${to.offset}`);
    } finally {
      await file.close();
    }
    return good;
  }

  async #extent({ from, journal, length, position, to }: Extent, of: string, floor: number): Promise<number> {
    const path = journalPath(journal);
    const file = await openIfThere(this.#disk, path);
    const bytes = await (async () => {
      try {
        return await (file === undefined ? undefined : readExactly(file, position, length));
      } finally {
        await file?.close();
      }
    })();
    if (bytes !== undefined && isRecord(bytes, this.#salt)) {
      return to.offset - Math.max(from.offset, floor);
    }
    const problem = `damaged or missing: offsets ${from.offset} to ${to.offset} of ${of}`;
    this.#report.damages.push({ file: path, from: position, to: position + length, problem });
    return 0;
  }
}
