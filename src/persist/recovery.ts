/**
 * What a log holds, put together from its state and its journals.
 *
 * A tail that is damaged was never acknowledged, or lost to a power cut as the policy allows: it is cut. Damage before
 * what is known to have been on the disk is different: good records after it still count, and an error is logged.
 */
import { type Disk, openIfThere, readExactly, readWhole } from './disk.ts';
import { KnownStream } from './known-stream.ts';
import {
  CLOSING_FILE,
  DATA_DIRECTORY,
  journalNumbers,
  journalPath,
  STATE_FILE,
  segmentOf,
  segmentPath,
} from './layout.ts';
import { Pause } from './pause.ts';
import { type FoundRecord, HEADER_BYTES, RECORD, type Scan, scanRecords } from './record.ts';
import { blockAt, segmentPieces } from './segment-blocks.ts';
import type { SyncPolicy } from './sync-policy.ts';
import { readUpdate, type Segment, type Update } from './update.ts';

/** What a process says of itself when it opens a log. */
export interface Opening {
  /** Of the running kernel; empty where that is not known. */
  boot: string;
  sync: SyncPolicy['name'];
}

/** Where journals begin that the state knows nothing of. */
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
  /** The bytes that are no good, equal where something is missing between two that are; undefined for the whole file. */
  from?: number | undefined;
  to?: number | undefined;
  /** What it is and what is lost by it, in words. */
  problem: string;
}

/** In a line for people. */
export function describeDamage({ file, from, problem, to }: LogDamage): string {
  if (from === undefined) return `${file}: ${problem}`;
  return `${file}: ${from === to ? `at byte ${from}` : `bytes ${from} to ${to}`}: ${problem}`;
}

/** Nothing can be put together. The files are left as they are. */
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
  /** Of the next record. */
  sequence: number;
  /** Journals that are needed, with how long each is. */
  journals: { number: number; length: number }[];
  /** Journals before those, of which streams may still have bytes. */
  older: number[];
  /** How the last process had opened the log; undefined where there was none. */
  lastOpening: Opening | undefined;
  isClean: boolean;
  /** Segments that were written to since the last sync. */
  unsynced: { stream: number; base: number }[];
  /** What was found to be wrong. */
  damages: LogDamage[];
  /** Segments that have not all that a record says, of what was not known to be on the disk. A power cut may do that. */
  missing: LogDamage[];
  /** Bytes at the end of a journal that were no good. */
  cutBytes: number;
  /** A stream was cut though its journal was not: only a new state makes that last. */
  isStateDue: boolean;
  /** Good records were cut off behind a damaged one: what they said may have been read. */
  hasLostRecords: boolean;
  /** Bytes of journals that were read. */
  readBytes: number;
}

/** All before a record of opening or closing was synced before that record. */
const SAYS_WHAT_IS_SYNCED: ReadonlySet<number> = new Set([RECORD.synced, RECORD.closed, RECORD.open]);

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
  // Without a word of a process that closed it in order, it was not, unless nothing has ever been in it.
  recovery.isClean = begin.journal === 0 && scans.every(({ bytes }) => bytes.length === 0);
  await new Replay(disk, salt, recovery, scans).run();
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

/** @throws LogUnusableError where the state names a journal that is not there: nothing is made anew in its place */
async function readJournals(disk: Disk, salt: number, begin: StateBegin, recovery: Recovery): Promise<JournalScan[]> {
  const numbers = (await journalNumbers(disk)).filter((number) => number >= begin.journal);
  // Without a state the first journal says all there is, unless there is nothing yet.
  const first = Math.max(1, begin.journal);
  const isBegun = begin.journal > 0 || numbers.length > 0 || (await holdsMore(disk));
  if (isBegun && numbers[0] !== first) {
    throw new LogUnusableError({ file: journalPath(first), problem: 'the whole file is missing' });
  }
  const scans: JournalScan[] = [];
  let expected: number | undefined = begin.journal > 0 ? begin.sequence : undefined;
  for (const number of numbers) {
    const bytes = (await readWhole(disk, journalPath(number))) ?? Buffer.alloc(0);
    const from = number === begin.journal ? begin.position : 0;
    const scan = await scanRecords(bytes, from, salt, expected);
    if (scan.records.length > 0) expected = scan.next;
    recovery.readBytes += bytes.length - from;
    scans.push({ number, bytes, scan });
  }
  return scans;
}

/** Whether there are files that are made only when there is a journal. */
async function holdsMore(disk: Disk): Promise<boolean> {
  if ((await disk.list('')).includes(CLOSING_FILE)) return true;
  return (await disk.list(DATA_DIRECTORY)).some((name) => segmentOf(name) !== undefined);
}

/** Applies what journals say, in order. */
class Replay {
  readonly #disk: Disk;
  readonly #salt: number;
  readonly #recovery: Recovery;
  readonly #scans: JournalScan[];
  /** All up to here is known to have been on the disk. */
  readonly #synced: number;
  /** Streams of which bytes are missing: what came later is not theirs. */
  readonly #cut = new Set<number>();

  constructor(disk: Disk, salt: number, recovery: Recovery, scans: JournalScan[]) {
    this.#disk = disk;
    this.#salt = salt;
    this.#recovery = recovery;
    this.#scans = scans;
    let synced = -1;
    for (const { bytes, scan } of scans) {
      for (const record of scan.records) {
        if (!SAYS_WHAT_IS_SYNCED.has(record.type)) continue;
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
      // Damage that a sync came after was on the disk once; other is what a power cut has left of a tail.
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
    if (this.#cut.has(record.stream)) return;
    const known = this.#streamOf(record, update, journalPath(journal));
    if (known === undefined) return;
    const missing = record.sequence > this.#synced ? await this.#missing(known, update) : undefined;
    if (missing !== undefined) {
      this.#cut.add(record.stream);
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

  #streamOf(record: FoundRecord, { floor, identity }: Update, file: string): KnownStream | undefined {
    const { damages, streams } = this.#recovery;
    const found = streams.get(record.stream);
    if (found !== undefined) return found;
    if (identity === undefined || floor === undefined) {
      const problem = `what is known of stream ${record.stream} begins in the middle: who it is was lost`;
      damages.push({ file, from: record.position, to: record.position + record.length, problem });
      return undefined;
    }
    const known = new KnownStream(record.stream, identity, floor);
    streams.set(record.stream, known);
    return known;
  }

  /** A segment that is not as a record says: its bytes may have been lost while the record was not. */
  async #missing(known: KnownStream, update: Update): Promise<Segment | undefined> {
    for (const segment of update.segments) {
      const before = known.segmentAt(segment.base)?.length ?? 0;
      if (!(await this.#isWhole(known.id, segment, before))) return segment;
    }
    return undefined;
  }

  async #isWhole(stream: number, { base, length }: Segment, from: number): Promise<boolean> {
    const file = await openIfThere(this.#disk, segmentPath(stream, base));
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

/** Cuts files to what is known of them, and removes segments that nothing knows of. What is damaged is kept, as `.damaged`. */
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
    const file = await openIfThere(disk, segmentPath(stream, base));
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

/** Whether a name in the directory of segments is that of one that a stream has. */
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
