/** Lists the records of a log, and reads the bytes of one of its streams. Changes nothing. */
import { namesIn, type OpenedLog, recoverAndReport } from './check.ts';
import { readWhole } from './disk.ts';
import { FilePool } from './file-pool.ts';
import type { KnownStream } from './known-stream.ts';
import { DATA_DIRECTORY, JOURNAL_DIRECTORY, journalOf, STATE_FILE, segmentOfPath } from './layout.ts';
import { LogReader } from './log-reader.ts';
import { type FoundRecord, HEADER_BYTES, RECORD, scanRecords } from './record.ts';
import type { LogDamage } from './recovery.ts';
import { segmentPieces } from './segment-blocks.ts';
import { endPlace, readUpdate, type Update } from './update.ts';

export interface DumpedRecord {
  file: string;
  position: number;
  length: number;
  /**
   * The kind of record; `damaged` for bytes between valid records, `unreadable` for records of a newer version,
   * `unfinished` for the bytes after the last valid record of the last journal.
   */
  kind: keyof typeof RECORD | 'damaged' | 'unreadable' | 'unfinished';
  sequence?: number | undefined;
  /** The number of the stream in this log, and its path if known. */
  stream?: number | undefined;
  path?: string | undefined;
  /** The content of the record as JSON. For bytes, only their location. */
  says: Readonly<Record<string, unknown>>;
}

const KINDS = new Map(Object.entries(RECORD).map(([name, type]) => [type as number, name as keyof typeof RECORD]));

/**
 * Yields all records of the state file, the journals and the segments, file by file. A journal may repeat content of
 * the state file, and may mention streams that were removed.
 *
 * @param path yields only records of streams that have had this path
 */
export async function* dumpLog({ disk, salt }: OpenedLog, path?: string): AsyncGenerator<DumpedRecord> {
  const paths = new Map<number, string>();
  const pathsIn = async (directory: string) =>
    ((await namesIn(disk, directory)) ?? []).sort().map((name) => `${directory}/${name}`);
  const journals = (await pathsIn(JOURNAL_DIRECTORY)).filter((file) => journalOf(file) !== undefined);
  const segments = (await pathsIn(DATA_DIRECTORY)).filter((file) => segmentOfPath(file) !== undefined);
  for (const file of [STATE_FILE, ...journals, ...segments]) {
    const segment = segmentOfPath(file);
    if (path !== undefined && segment !== undefined && paths.get(segment.stream) !== path) continue;
    const content = (await readWhole(disk, file)) ?? Buffer.alloc(0);
    for await (const record of recordsOf(file, content, salt, file === journals.at(-1))) {
      const { says, stream } = record;
      if (stream !== undefined && typeof says.path === 'string') paths.set(stream, says.path);
      const known = stream === undefined ? undefined : paths.get(stream);
      if (path === undefined || path === known) yield { ...record, path: known };
    }
  }
}

async function* recordsOf(
  file: string,
  bytes: Buffer,
  salt: number,
  isLastJournal: boolean,
): AsyncGenerator<DumpedRecord> {
  // Blocks of a segment have no running sequence.
  if (file.startsWith(DATA_DIRECTORY)) {
    for (const piece of segmentPieces(bytes, salt)) {
      yield piece.kind === 'block' ? dumped(file, bytes, piece.record) : damaged(file, piece.from, piece.to);
    }
    return;
  }
  const { damages, end, records } = await scanRecords(bytes, 0, salt);
  const damagedBefore = new Map(damages.map((damage) => [damage.to, damage.from]));
  for (const record of records) {
    const from = damagedBefore.get(record.position) ?? (record === records[0] && record.position > 0 ? 0 : undefined);
    if (from !== undefined) yield damaged(file, from, record.position);
    yield dumped(file, bytes, record);
  }
  if (bytes.length > end) yield { ...damaged(file, end, bytes.length), kind: isLastJournal ? 'unfinished' : 'damaged' };
}

function damaged(file: string, from: number, to: number): DumpedRecord {
  const says = from === to ? { missing: 'records that came before the next' } : {};
  return { file, position: from, length: to - from, kind: 'damaged', says };
}

function dumped(file: string, bytes: Buffer, record: FoundRecord): DumpedRecord {
  const { length, position, sequence, stream, type } = record;
  const kind = KINDS.get(type);
  const place = { file, position, length, sequence, stream: stream === 0 ? undefined : stream };
  if (kind === undefined) return { ...place, kind: 'unreadable', says: { type } };
  try {
    return { ...place, kind, says: saidBy(kind, bytes, position + HEADER_BYTES, position + length) };
  } catch (error) {
    return { ...place, kind: 'unreadable', says: { why: error instanceof Error ? error.message : String(error) } };
  }
}

function saidBy(kind: keyof typeof RECORD, bytes: Buffer, from: number, to: number): Record<string, unknown> {
  if (kind === 'stateEnd') return {};
  if (kind !== 'update' && kind !== 'state' && kind !== 'block') return JSON.parse(bytes.toString('utf8', from, to));
  return factsOf(readUpdate(bytes, from, to));
}

function factsOf(update: Update): Record<string, unknown> {
  const { bytes, end, extents, facts, floor, identity, isRemoved, modifiedAt, producers, reach, segments } = update;
  const said = {
    path: identity?.path,
    generation: identity?.generation,
    created: identity === undefined ? undefined : new Date(identity.createdAt).toISOString(),
    origin: identity?.origin,
    floor: floor?.offset,
    reach: reach?.offset,
    bytes: bytes && { from: bytes.from.offset, to: endPlace(bytes).offset, chunks: bytes.lengths.length },
    segments:
      segments.length === 0
        ? undefined
        : segments.map(({ base, length, to }) => ({ from: base, to: to.offset, length })),
    extents:
      extents.length === 0
        ? undefined
        : extents.map(({ from, journal, position, to }) => ({ from: from.offset, to: to.offset, journal, position })),
    producers: producers?.records,
    facts: facts === undefined || facts === '' ? undefined : JSON.parse(facts),
    end,
    removed: isRemoved || undefined,
    modified: modifiedAt === undefined ? undefined : new Date(modifiedAt).toISOString(),
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

/** Bytes of a stream, or an unreadable range of it. */
type StreamPart = { data: Uint8Array } | { lostFrom: number; lostTo: number };

interface StreamContent {
  /** Damage because of which bytes of the stream may be missing at its end. */
  damages: LogDamage[];
  /** The retained bytes, oldest first; undefined if there is no such stream. */
  parts: AsyncGenerator<StreamPart> | undefined;
}

/** The content of the stream at a path. */
export async function streamContent(log: OpenedLog, path: string): Promise<StreamContent> {
  const { damages: all, streams } = await recoverAndReport(log);
  const known = [...streams.values()].findLast(({ identity }) => identity.path === path);
  // A segment belongs to one stream.
  const damages = all.filter(({ file }) => {
    const segment = segmentOfPath(file);
    return segment === undefined || segment.stream === known?.id;
  });
  return { damages, parts: known && partsOf(log, known) };
}

async function* partsOf(log: OpenedLog, known: KnownStream): AsyncGenerator<StreamPart> {
  const pool = new FilePool(log.disk, 8);
  const reader = new LogReader(pool, log.salt);
  try {
    for (let at = known.floor.offset; at < known.reach.offset; ) {
      const found = await reader.at(known, at);
      const to = found.to.offset;
      if (found.kind === 'hole') yield { lostFrom: at, lostTo: to };
      else yield { data: found.data.subarray(at - found.from.offset) };
      at = to;
    }
  } finally {
    await pool.closeAll();
  }
}
