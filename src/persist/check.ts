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
  isOfLog,
  JOURNAL_DIRECTORY,
  journalOf,
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

/** Names of files in a report. */
const MAX_NAMES = 10;

export interface LogReport {
  /** The log was closed cleanly. Otherwise its process was killed, or is still running. */
  isClean: boolean;
  streams: { count: number; ended: number };
  /** Bytes of streams that are readable, and bytes lost to damage, including those that the next startup drops. */
  bytes: { retained: number; lost: number };
  files: {
    journals: { count: number; bytes: number };
    segments: { count: number; bytes: number };
    /**
     * Segments that no stream refers to, which the next startup removes, damaged journals that were set aside, and
     * files that are not part of a log; with the names of some of them.
     */
    leftovers: { count: number; bytes: number; names: string[] };
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
  if (salt !== undefined) return { disk, salt };
  const isLog = (await disk.list('')).some((name) => name === STATE_FILE || name === JOURNAL_DIRECTORY);
  const reason = isLog
    ? 'its file FORMAT is missing, and without it no record can be verified: restore it from a backup'
    : 'it has no file FORMAT, so it is not a log';
  throw createError('DISK_FORMAT', { directory, reason });
}

/** @throws DISK_FORMAT for records of a newer version; errors of the disk */
export async function checkLog({ disk, salt }: OpenedLog): Promise<LogReport> {
  const { cutBytes, damages, isClean, missingBytes, streams } = await recoverAndReport({ disk, salt });
  const report: LogReport = {
    isClean,
    streams: { count: streams.size, ended: [...streams.values()].filter(({ end }) => end !== undefined).length },
    bytes: { retained: 0, lost: missingBytes },
    files: {
      journals: sizeOf(await filesIn(disk, JOURNAL_DIRECTORY, isJournal)),
      segments: sizeOf(await filesIn(disk, DATA_DIRECTORY, (name) => segmentOf(name) !== undefined)),
      leftovers: { count: 0, bytes: 0, names: [] },
    },
    checkpoint: await checkpointOf(disk),
    cutBytes,
    damages,
  };
  const check = new StreamCheck(disk, salt, report);
  for (const known of streams.values()) await check.stream(known);
  const leftovers = [
    ...(await filesIn(disk, '', (name) => !isOfLog(name))),
    ...(await filesIn(disk, JOURNAL_DIRECTORY, (name) => !isJournal(name))),
    ...(await filesIn(disk, DATA_DIRECTORY, (name) => !isKnownSegment(streams, name))),
  ];
  const names = leftovers.slice(0, MAX_NAMES).map(({ path }) => path);
  report.files.leftovers = { ...sizeOf(leftovers), names };
  return report;
}

/** What a startup would recover, and all damage that it would find. */
export interface ReportedRecovery
  extends Pick<Recovery, 'streams' | 'cutBytes' | 'damages' | 'missingBytes' | 'isClean'> {}

/**
 * Performs the recovery of a startup. A log that a startup would refuse has no streams, and the reason is a damage.
 *
 * @throws DISK_FORMAT for records of a newer version; errors of the disk
 */
export async function recoverAndReport({ disk, salt }: OpenedLog): Promise<ReportedRecovery> {
  try {
    const found = await recoverKnown({ disk, salt });
    const damages = [...found.damages, ...found.missing.map(droppedByStart)];
    if (found.hasLostRecords) damages.push(...(await lostRecords(disk, found)));
    return { ...found, damages };
  } catch (error) {
    if (!(error instanceof LogUnusableError)) throw error;
    return { streams: new Map(), cutBytes: 0, damages: [error.damage], missingBytes: 0, isClean: false };
  }
}

/**
 * Returns the result of the recovery that a startup would perform.
 *
 * @throws LogUnusableError; DISK_FORMAT for records of a newer version
 */
async function recoverKnown({ disk, salt }: OpenedLog): Promise<Recovery> {
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

/** The names in a directory; undefined if it does not exist. */
export async function namesIn(disk: Disk, directory: string): Promise<string[] | undefined> {
  try {
    return await disk.list(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isJournal(name: string): boolean {
  return journalOf(`${JOURNAL_DIRECTORY}/${name}`) !== undefined;
}

async function filesIn(disk: Disk, directory: string, counts: (name: string) => boolean) {
  const files: { path: string; size: number }[] = [];
  for (const name of ((await namesIn(disk, directory)) ?? []).filter(counts)) {
    const path = directory === '' ? name : `${directory}/${name}`;
    files.push({ path, size: (await stat(join(disk.name, path))).size });
  }
  return files;
}

function sizeOf(files: readonly { size: number }[]) {
  return { count: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
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
