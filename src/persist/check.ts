/**
 * Checks a log that no server uses, without changing it: performs the recovery of a startup, and also reads every block
 * of every segment, which a startup does not.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createError } from '../errors/index.ts';
import { lockOwner } from './directory-lock.ts';
import { codeOf, type Disk, openIfExists, readExactly } from './disk.ts';
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
import { type Extent, endPlace, type Segment } from './update.ts';

export interface LogReport {
  /** The log was closed cleanly. Otherwise its process was killed, or is still running. */
  isClean: boolean;
  streams: { count: number; ended: number };
  /** Bytes of streams that are readable, and bytes lost to damage. */
  bytes: { retained: number; lost: number };
  files: {
    journals: { count: number; bytes: number };
    segments: { count: number; bytes: number };
    /** Segments that no stream refers to, which the next startup removes, and damaged journals that were set aside. */
    leftovers: { count: number; bytes: number };
  };
  /** When the state file was written, and its size; undefined before the first checkpoint. */
  checkpoint: { time: Date; bytes: number } | undefined;
  /**
   * Bytes of incomplete records at the end of the journal. The next startup truncates them; they were not acknowledged.
   */
  cutBytes: number;
  damages: LogDamage[];
}

/** A log in a directory, open for inspection. */
export interface OpenedLog {
  disk: Disk;
  salt: number;
}

/**
 * Opens the log in a directory read-only.
 *
 * @throws DISK_LOCKED if a server uses it: a log read while it is written would look damaged; DISK_FORMAT; errors of
 * the disk
 */
export async function openToRead(directory: string): Promise<OpenedLog> {
  const disk = new NodeDisk(directory);
  await disk.list('');
  const owner = await lockOwner(directory);
  if (owner !== undefined) throw createError('DISK_LOCKED', { directory, owner });
  const salt = await readFormat(disk);
  if (salt === undefined)
    throw createError('DISK_FORMAT', { directory, reason: 'it has no file FORMAT, so it is not a log' });
  return { disk, salt };
}

/** @throws DISK_FORMAT for records of a newer version; errors of the disk */
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
 * Returns the result of the recovery that a startup would perform.
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
    // A record with a valid checksum and content unknown to this version.
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    const reason = `a record in it is of a newer version (${error.message}): use a newer program`;
    throw createError('DISK_FORMAT', { directory: disk.name, reason });
  }
}

function droppedByStart({ file, problem }: LogDamage): LogDamage {
  return { file, problem: `${problem} are dropped by the next start` };
}

/** The journal position after which valid records are ignored. */
async function lostRecords(disk: Disk, { journals }: Pick<Recovery, 'journals'>): Promise<LogDamage[]> {
  for (const { length, number } of journals) {
    const file = journalPath(number);
    const { size } = await stat(join(disk.name, file));
    const problem = 'damaged before it was synced: the next start drops all that follows';
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

/** Reads all retained bytes of streams and adds the faults found to a report. */
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

  /** Returns the number of the stream's bytes that are readable in the segment. */
  async #segment({ base, length, to }: Segment, stream: number, of: string, floor: number): Promise<number> {
    const path = segmentPath(stream, base);
    const damage = (from: number, end: number, problem: string) => {
      this.#report.damages.push({ file: path, from, to: end, problem: `${problem}, of ${of}` });
    };
    const file = await openIfExists(this.#disk, path);
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
        const end = endPlace(block);
        good += Math.max(0, end.offset - Math.max(block.from.offset, floor));
        offset = end.offset;
      }
      if (size < length) damage(size, length, `missing: its end, up to offset ${to.offset}`);
    } finally {
      await file.close();
    }
    return good;
  }

  async #extent({ from, journal, length, position, to }: Extent, of: string, floor: number): Promise<number> {
    const path = journalPath(journal);
    const file = await openIfExists(this.#disk, path);
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
