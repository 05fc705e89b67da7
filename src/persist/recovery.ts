/**
 * Restores the content of a log from its state file and its journals.
 *
 * A damaged tail is truncated: it was never acknowledged, or was lost in a power cut as the sync policy allows. Damage
 * in a part known to have been synced is different: valid records after it still count, and an error is logged.
 */
import { type Disk, openIfExists, readExactly, readWhole } from './disk.ts';
import { KnownStream } from './known-stream.ts';
import {
  DATA_DIRECTORY,
  journalNumbers,
  journalPath,
  SHUTDOWN_SNAPSHOT_FILE,
  STATE_FILE,
  segmentOf,
  segmentPath,
} from './layout.ts';
import { Pause } from './pause.ts';
import { type FoundRecord, HEADER_BYTES, RECORD, type Scan, scanRecords } from './record.ts';
import { blockAt, segmentPieces } from './segment-blocks.ts';
import type { SyncPolicy } from './sync-policy.ts';
import { endPlace, readUpdate, type Segment, type Update } from './update.ts';

/** Written when a process opens a log. */
export interface Opening {
  /** The boot ID of the running kernel; empty if unknown. */
  boot: string;
  sync: SyncPolicy['name'];
}

/** The journal position up to which the state file covers the changes. */
export interface StateBegin {
  journal: number;
  position: number;
  sequence: number;
  nextStream: number;
  opening: Opening | undefined;
}

/** Something in a file of the log that is not as it was written. */
export interface LogDamage {
  /** Relative to the directory of the log. */
  file: string;
  /** The range of damaged bytes, empty if something is missing at that position; undefined for the whole file. */
  from?: number | undefined;
  to?: number | undefined;
  /** The damage and its consequence, in words. */
  problem: string;
}

/** Formats damage for messages. */
export function describeDamage({ file, from, problem, to }: LogDamage): string {
  if (from === undefined) return `${file}: ${problem}`;
  return `${file}: ${from === to ? `at byte ${from}` : `bytes ${from} to ${to}`}: ${problem}`;
}

/** Nothing can be recovered. The files are left unchanged. */
export class LogUnusableError extends Error {
  readonly damage: LogDamage;

  constructor(damage: LogDamage) {
    super(describeDamage(damage));
    this.damage = damage;
  }
}

export interface Recovery {
  streams: Map<number, KnownStream>;
  nextStream: number;
  /** The sequence of the next record. */
  sequence: number;
  /** The journals needed, with the length of each. */
  journals: { number: number; length: number }[];
  /** Earlier journals, which may still contain bytes of streams. */
  older: number[];
  /** How the last process opened the log; undefined if there was none. */
  lastOpening: Opening | undefined;
  isClean: boolean;
  /** Segments written since the last sync. */
  unsynced: { stream: number; base: number }[];
  /** The damage found. */
  damages: LogDamage[];
  /** Segments that lack unsynced bytes which a record mentions. A power cut may cause this. */
  missing: LogDamage[];
  /** Bytes of streams that follow missing ones, or are missing themselves. */
  missingBytes: number;
  /** Invalid bytes at the end of a journal. */
  cutBytes: number;
  /** A stream was truncated although its journal was not: only a new state file makes that permanent. */
  isStateDue: boolean;
  /** Valid records after a damaged one were discarded: readers may have seen what they contained. */
  hasLostRecords: boolean;
  /** Bytes of journals read. */
  readBytes: number;
}

/** All records before an open or closed record were synced before it was written. */
const CONFIRMS_SYNC: ReadonlySet<number> = new Set([RECORD.synced, RECORD.closed, RECORD.open]);

interface JournalScan {
  number: number;
  bytes: Buffer;
  scan: Scan;
}

export async function recover(disk: Disk, salt: number): Promise<Recovery> {
  const recovery: Recovery = {
    ...{ streams: new Map(), nextStream: 1, sequence: 0, journals: [], lastOpening: undefined, isClean: true },
    ...{
      unsynced: [],
      damages: [],
      missing: [],
      missingBytes: 0,
      cutBytes: 0,
      hasLostRecords: false,
      readBytes: 0,
      isStateDue: false,
      older: [],
    },
  };
  const begin = await readState(disk, salt, recovery);
  recovery.nextStream = begin.nextStream;
  recovery.sequence = begin.sequence;
  recovery.lastOpening = begin.opening;
  const scans = await readJournals(disk, salt, begin, recovery);
  // Without a record of a clean close the log is not clean, unless it has never been used.
  const isUnused = begin.journal === 0 && scans.every(({ bytes }) => bytes.length === 0);
  recovery.isClean = isUnused && recovery.damages.length === 0;
  await new Replay(disk, salt, recovery, scans).run();
  // The segments of streams whose records were lost are kept: new streams must not write to them.
  if (recovery.damages.length > 0) {
    for (const name of await disk.list(DATA_DIRECTORY)) {
      const { stream = 0 } = segmentOf(name) ?? {};
      recovery.nextStream = Math.max(recovery.nextStream, stream + 1);
    }
  }
  recovery.older = (await journalNumbers(disk)).filter((number) => number < begin.journal);
  return recovery;
}

/** @throws LogUnusableError */
async function readState(disk: Disk, salt: number, recovery: Recovery): Promise<StateBegin> {
  const begin: StateBegin = { journal: 0, position: 0, sequence: 0, nextStream: 1, opening: undefined };
  const bytes = await readWhole(disk, STATE_FILE);
  if (bytes === undefined) return begin;
  const { damages, end, records } = await scanRecords(bytes, 0, salt, 0);
  const [first] = records;
  if (first === undefined || first.type !== RECORD.stateBegin) {
    const to = first?.position ?? bytes.length;
    throw new LogUnusableError({ file: STATE_FILE, from: 0, to, problem: 'its beginning is damaged' });
  }
  Object.assign(begin, bodyOf(bytes, first));
  for (const { from, to } of damages)
    recovery.damages.push({ file: STATE_FILE, from, to, problem: problemOf(from, to) });
  if (records.at(-1)!.type !== RECORD.stateEnd) {
    recovery.damages.push({ file: STATE_FILE, from: end, to: bytes.length, problem: 'its end is missing' });
  }
  const pause = new Pause();
  for (const record of records) {
    if (pause.isDue) await pause.take();
    if (record.type !== RECORD.state) continue;
    const update = updateOf(bytes, record);
    const known = new KnownStream(record.stream, update.identity!, update.floor!);
    known.apply(update, { journal: 0, position: 0, length: 0 });
    recovery.streams.set(record.stream, known);
  }
  return begin;
}

/** @throws LogUnusableError if the journal named by the state file is missing: it is not recreated */
async function readJournals(disk: Disk, salt: number, begin: StateBegin, recovery: Recovery): Promise<JournalScan[]> {
  const numbers = (await journalNumbers(disk)).filter((number) => number >= begin.journal);
  // Without a state file the first journal must exist, unless the log is empty.
  const first = Math.max(1, begin.journal);
  const isBegun = begin.journal > 0 || numbers.length > 0 || (await holdsMore(disk));
  if (isBegun && numbers[0] !== first) {
    throw new LogUnusableError({ file: journalPath(first), problem: 'the whole file is missing' });
  }
  const scans: JournalScan[] = [];
  let expected = begin.sequence;
  for (const number of numbers) {
    const bytes = (await readWhole(disk, journalPath(number))) ?? Buffer.alloc(0);
    const from = number === begin.journal ? begin.position : 0;
    const scan = await scanRecords(bytes, from, salt, expected);
    if (scan.records.length > 0) expected = scan.next;
    recovery.readBytes += bytes.length - from;
    scans.push({ number, bytes, scan });
  }
  const isEmpty = scans.every(({ scan }) => scan.records.length === 0);
  // A log that was closed has at least the record of that, and one with segments the record of its opening.
  if (isEmpty && (await (begin.journal === 0 ? holdsMore(disk) : wasClosed(disk)))) {
    recovery.damages.push({ file: journalPath(first), from: 0, to: 0, problem: problemOf(0, 0) });
  }
  return scans;
}

/** Whether files exist that are created only after a journal. */
async function holdsMore(disk: Disk): Promise<boolean> {
  if (await wasClosed(disk)) return true;
  return (await disk.list(DATA_DIRECTORY)).some((name) => segmentOf(name) !== undefined);
}

async function wasClosed(disk: Disk): Promise<boolean> {
  return (await disk.list('')).includes(SHUTDOWN_SNAPSHOT_FILE);
}

/** Applies the records of journals, in order. */
class Replay {
  readonly #disk: Disk;
  readonly #salt: number;
  readonly #recovery: Recovery;
  readonly #scans: JournalScan[];
  /** All records up to this sequence are known to have been synced. */
  readonly #synced: number;
  /** Streams with missing bytes, and the end of their last byte on record: later records of theirs are ignored. */
  readonly #cut = new Map<number, number>();

  constructor(disk: Disk, salt: number, recovery: Recovery, scans: JournalScan[]) {
    this.#disk = disk;
    this.#salt = salt;
    this.#recovery = recovery;
    this.#scans = scans;
    let synced = -1;
    for (const { bytes, scan } of scans) {
      for (const record of scan.records) {
        if (!CONFIRMS_SYNC.has(record.type)) continue;
        synced = Math.max(synced, bodyOf<{ upTo: number }>(bytes, record).upTo);
      }
    }
    this.#synced = synced;
  }

  async run(): Promise<void> {
    const recovery = this.#recovery;
    const pause = new Pause();
    let isCut = false;
    for (const { number, bytes, scan } of this.#scans) {
      if (isCut) {
        recovery.hasLostRecords ||= scan.records.length > 0;
        recovery.cutBytes += bytes.length;
        recovery.journals.push({ number, length: 0 });
        continue;
      }
      // Damage followed by a sync was on the disk once; any other damage is the remains of a tail after a power cut.
      const cut = scan.damages.find(({ sequence }) => sequence > this.#synced);
      const end = cut?.from ?? scan.end;
      isCut = cut !== undefined;
      for (const { from, sequence, to } of scan.damages) {
        if (sequence > this.#synced) break;
        recovery.damages.push({ file: journalPath(number), from, to, problem: problemOf(from, to) });
      }
      for (const record of scan.records) {
        if (record.position >= end) {
          recovery.hasLostRecords = true;
          break;
        }
        if (pause.isDue) await pause.take();
        await this.#apply(record, bytes, number);
        recovery.sequence = record.sequence + 1;
      }
      recovery.cutBytes += bytes.length - end;
      if (bytes.length > end) recovery.isClean = false;
      recovery.journals.push({ number, length: end });
    }
  }

  async #apply(record: FoundRecord, bytes: Buffer, journal: number): Promise<void> {
    const recovery = this.#recovery;
    recovery.isClean = record.type === RECORD.closed;
    if (record.type === RECORD.open) recovery.lastOpening = bodyOf<Opening>(bytes, record);
    if (record.type !== RECORD.update) return;
    recovery.nextStream = Math.max(recovery.nextStream, record.stream + 1);
    const update = updateOf(bytes, record);
    if (update.isRemoved) {
      recovery.streams.delete(record.stream);
      return;
    }
    const cutAt = this.#cut.get(record.stream);
    if (cutAt !== undefined) {
      this.#cutUpTo(record.stream, cutAt, update);
      return;
    }
    const known = this.#streamOf(record, update, journalPath(journal));
    if (known === undefined) return;
    const missing = record.sequence > this.#synced ? await this.#missing(known, update) : undefined;
    if (missing !== undefined) {
      this.#cutUpTo(record.stream, known.reach.offset, update);
      const problem = `not what the journal says: bytes of ${known.identity.path} from offset ${known.reach.offset} on`;
      recovery.missing.push({ file: segmentPath(known.id, missing.base), problem });
      recovery.hasLostRecords = true;
      recovery.isStateDue = true;
      return;
    }
    const { length, position } = record;
    known.apply(update, { journal, position, length });
    for (const { base } of update.segments) {
      if (record.sequence > this.#synced) recovery.unsynced.push({ stream: record.stream, base });
    }
  }

  /** Counts the bytes of an update that is ignored, after those up to `from`. */
  #cutUpTo(stream: number, from: number, { bytes, segments }: Update): void {
    const ends = segments.map(({ to }) => to.offset);
    if (bytes !== undefined) ends.push(endPlace(bytes).offset);
    const to = Math.max(from, ...ends);
    this.#recovery.missingBytes += to - from;
    this.#cut.set(stream, to);
  }

  #streamOf(record: FoundRecord, { floor, identity }: Update, file: string): KnownStream | undefined {
    const { damages, streams } = this.#recovery;
    const found = streams.get(record.stream);
    if (found !== undefined) return found;
    if (identity === undefined || floor === undefined) {
      const problem = `the first records of stream ${record.stream} are missing, and with them its path`;
      damages.push({ file, from: record.position, to: record.position + record.length, problem });
      return undefined;
    }
    const known = new KnownStream(record.stream, identity, floor);
    streams.set(record.stream, known);
    return known;
  }

  /** A segment that differs from its record: its bytes may have been lost while the record was not. */
  async #missing(known: KnownStream, update: Update): Promise<Segment | undefined> {
    for (const segment of update.segments) {
      const before = known.segmentAt(segment.base)?.length ?? 0;
      if (!(await this.#isWhole(known.id, segment, before))) return segment;
    }
    return undefined;
  }

  async #isWhole(stream: number, { base, length }: Segment, from: number): Promise<boolean> {
    const file = await openIfExists(this.#disk, segmentPath(stream, base));
    if (file === undefined) return false;
    try {
      const bytes = await readExactly(file, from, length - from);
      if (bytes === undefined) return false;
      for (const piece of segmentPieces(bytes, this.#salt)) {
        if (piece.kind === 'damage' || blockAt(bytes, piece.record, stream) === undefined) return false;
      }
      return true;
    } finally {
      await file.close();
    }
  }
}

/**
 * Truncates files to their known length and removes segments that no stream refers to. Damaged files are kept, renamed
 * to `.damaged`.
 */
export async function tidy(disk: Disk, recovery: Recovery): Promise<void> {
  for (const { length, number } of recovery.journals) {
    const file = await disk.open(journalPath(number), 'write');
    try {
      if ((await file.size()) > length) await file.truncate(length);
      await file.sync();
    } finally {
      await file.close();
    }
  }
  for (const { base, stream } of recovery.unsynced) {
    if (recovery.streams.get(stream)?.segmentAt(base) === undefined) continue;
    const file = await openIfExists(disk, segmentPath(stream, base));
    await file?.sync().finally(() => file.close());
  }
  await disk.syncDirectory(DATA_DIRECTORY);
  if (recovery.damages.length > 0) {
    const damaged = new Set(recovery.damages.map(({ file }) => file));
    for (const name of await disk.list(DATA_DIRECTORY)) {
      const path = `${DATA_DIRECTORY}/${name}`;
      if (damaged.has(path) && !isKnownSegment(recovery.streams, name)) await disk.rename(path, `${path}.damaged`);
    }
    return;
  }
  for (const name of await disk.list(DATA_DIRECTORY)) {
    if (segmentOf(name) !== undefined && !isKnownSegment(recovery.streams, name))
      await disk.remove(`${DATA_DIRECTORY}/${name}`);
  }
}

/** Whether a name in the directory of segments belongs to a segment of a stream. */
export function isKnownSegment(streams: Recovery['streams'], name: string): boolean {
  const segment = segmentOf(name);
  return segment !== undefined && streams.get(segment.stream)?.segmentAt(segment.base) !== undefined;
}

function problemOf(from: number, to: number): string {
  return from === to ? 'records are missing here' : 'damaged';
}

function updateOf(bytes: Buffer, { length, position }: FoundRecord): Update {
  return readUpdate(bytes, position + HEADER_BYTES, position + length);
}

function bodyOf<T>(bytes: Buffer, { length, position }: FoundRecord): T {
  return JSON.parse(bytes.toString('utf8', position + HEADER_BYTES, position + length));
}
