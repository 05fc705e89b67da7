/**
 * A snapshot of all that is known of the log, written to one file at a clean shutdown. A startup reads it instead of
 * the state file and the journals, as long as these are unchanged. It holds no information that they lack. If it is
 * missing, damaged or outdated, the state file and the journals are read as after a crash.
 *
 * The file is a single record, so one checksum covers all of it. The body is a JSON description of the covered files;
 * then, for each stream, its number, the length of its parts, and the parts. A stream with many extents in journals is
 * split over several entries.
 */
import { ByteReader, ByteWriter } from './byte-writer.ts';
import { type Disk, openIfExists, readWhole, replaceFile } from './disk.ts';
import { KnownStream } from './known-stream.ts';
import { journalNumbers, journalPath, SHUTDOWN_SNAPSHOT_FILE, STATE_FILE } from './layout.ts';
import { Pause } from './pause.ts';
import { HEADER_BYTES, isRecord, putRecord, RECORD } from './record.ts';
import type { Opening, Recovery } from './recovery.ts';
import { type Change, emptyChange, putChange, readUpdate } from './update.ts';

/** Extents of a stream per entry. The event loop runs between entries. */
const MAX_EXTENTS_PER_ENTRY = 2048;
const LENGTH_BYTES = 4;

/** The JSON part of the snapshot. */
interface Covered {
  /** All existing journals with their lengths. */
  journals: { number: number; length: number }[];
  /** The length of the state file; null if there is none. */
  state: number | null;
  nextStream: number;
  sequence: number;
  opening: Opening;
}

export type Closed = Pick<Covered, 'nextStream' | 'sequence' | 'opening'> & { streams: Iterable<KnownStream> };

/** Writes the snapshot. All other files must have been synced. */
export async function writeShutdownSnapshot(
  disk: Disk,
  salt: number,
  { opening, streams, ...next }: Closed,
): Promise<void> {
  const covered: Covered = { ...(await filesOf(disk)), ...next, opening };
  const writer = new ByteWriter();
  putRecord(writer, { type: RECORD.closing, stream: 0, sequence: 0 }, salt, () => {
    writer.text(JSON.stringify(covered));
    for (const known of streams) for (const change of inParts(known)) putStream(writer, known.id, change);
  });
  await replaceFile(disk, SHUTDOWN_SNAPSHOT_FILE, [writer.bytes]);
}

function putStream(writer: ByteWriter, id: number, change: Change): void {
  writer.number(id);
  const at = writer.reserve(LENGTH_BYTES);
  putChange(writer, change);
  writer.setUint32(at, writer.length - at - LENGTH_BYTES);
}

function* inParts({ snapshot }: KnownStream): Generator<Change> {
  const { extents } = snapshot;
  yield { ...snapshot, extents: extents.slice(0, MAX_EXTENTS_PER_ENTRY) };
  for (let at = MAX_EXTENTS_PER_ENTRY; at < extents.length; at += MAX_EXTENTS_PER_ENTRY) {
    yield { ...emptyChange(), extents: extents.slice(at, at + MAX_EXTENTS_PER_ENTRY) };
  }
}

async function filesOf(disk: Disk): Promise<Pick<Covered, 'journals' | 'state'>> {
  const journals: Covered['journals'] = [];
  for (const number of await journalNumbers(disk)) {
    journals.push({ number, length: (await lengthOf(disk, journalPath(number))) ?? 0 });
  }
  return { journals, state: (await lengthOf(disk, STATE_FILE)) ?? null };
}

async function lengthOf(disk: Disk, path: string): Promise<number | undefined> {
  const file = await openIfExists(disk, path);
  return file?.size().finally(() => file.close());
}

/** Reads the snapshot; returns undefined if it is missing, damaged or outdated. */
export async function readShutdownSnapshot(disk: Disk, salt: number): Promise<Recovery | undefined> {
  const bytes = await readWhole(disk, SHUTDOWN_SNAPSHOT_FILE);
  if (bytes === undefined || !isRecord(bytes, salt) || bytes[TYPE_POSITION] !== RECORD.closing) return undefined;
  const reader = new ByteReader(bytes, HEADER_BYTES);
  const { journals, nextStream, opening, sequence, state }: Covered = JSON.parse(reader.text());
  const now = await filesOf(disk);
  if (JSON.stringify(now) !== JSON.stringify({ journals, state })) return undefined;
  const streams = new Map<number, KnownStream>();
  const pause = new Pause();
  while (!reader.isAtEnd) {
    if (pause.isDue) await pause.take();
    const id = reader.number();
    const length = bytes.readUInt32LE(reader.at);
    const from = reader.at + LENGTH_BYTES;
    reader.at = from + length;
    const update = readUpdate(bytes, from, reader.at);
    let known = streams.get(id);
    if (known === undefined) {
      known = new KnownStream(id, update.identity!, update.floor!);
      streams.set(id, known);
    }
    known.apply(update, NOWHERE);
  }
  return {
    ...{ streams, nextStream, sequence, journals, older: [], lastOpening: opening, isClean: true, unsynced: [] },
    ...{
      damages: [],
      missing: [],
      missingBytes: 0,
      cutBytes: 0,
      isStateDue: false,
      hasLostRecords: false,
      readBytes: bytes.length,
    },
  };
}

const TYPE_POSITION = 12;
const NOWHERE = { journal: 0, position: 0, length: 0 } as const;
