/**
 * All that was known when the log was closed in order, in one file: a start reads it instead of the state and the journals,
 * as long as those are as they were. It holds nothing that they do not say. Where it is missing, damaged or of another
 * time they are read as after a crash.
 *
 * One record: the checksum holds for all of it. Its body is what it covers (as JSON), then of each stream its number, how
 * many bytes of parts follow, and those. What one stream has in journals may be much: then it comes again with more.
 */
import { ByteReader, ByteWriter } from './byte-writer.ts';
import { type Disk, openIfThere, readWhole, replaceFile } from './disk.ts';
import { KnownStream } from './known-stream.ts';
import { CLOSING_FILE, journalNumbers, journalPath, STATE_FILE } from './layout.ts';
import { Pause } from './pause.ts';
import { HEADER_BYTES, isRecord, putRecord, RECORD } from './record.ts';
import type { Opening, Recovery } from './recovery.ts';
import { type Change, emptyChange, putChange, readUpdate } from './update.ts';

/** What of a stream is read at once: others have their turn in between. */
const EXTENTS_AT_ONCE = 2048;
const LENGTH_BYTES = 4;

/** What the file says, but for the streams. */
interface Covered {
  /** All there are, each with its length. */
  journals: { number: number; length: number }[];
  /** The length of the state; null where there is none. */
  state: number | null;
  nextStream: number;
  sequence: number;
  opening: Opening;
}

export type Closed = Pick<Covered, 'nextStream' | 'sequence' | 'opening'> & { streams: Iterable<KnownStream> };

/** Everything else must be on the disk. */
export async function writeClosing(disk: Disk, salt: number, { opening, streams, ...next }: Closed): Promise<void> {
  const covered: Covered = { ...(await filesOf(disk)), ...next, opening };
  const writer = new ByteWriter();
  putRecord(writer, { type: RECORD.closing, stream: 0, sequence: 0 }, salt, () => {
    writer.text(JSON.stringify(covered));
    for (const known of streams) for (const change of inParts(known)) putStream(writer, known.id, change);
  });
  await replaceFile(disk, CLOSING_FILE, [writer.bytes]);
}

function putStream(writer: ByteWriter, id: number, change: Change): void {
  writer.number(id);
  const at = writer.reserve(LENGTH_BYTES);
  putChange(writer, change);
  writer.setUint32(at, writer.length - at - LENGTH_BYTES);
}

function* inParts({ whole }: KnownStream): Generator<Change> {
  const { extents } = whole;
  yield { ...whole, extents: extents.slice(0, EXTENTS_AT_ONCE) };
  for (let at = EXTENTS_AT_ONCE; at < extents.length; at += EXTENTS_AT_ONCE) {
    yield { ...emptyChange(), extents: extents.slice(at, at + EXTENTS_AT_ONCE) };
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
  const file = await openIfThere(disk, path);
  return file?.size().finally(() => file.close());
}

/** What was known when the log was closed; undefined where that is not said, or holds no more. */
export async function readClosing(disk: Disk, salt: number): Promise<Recovery | undefined> {
  const bytes = await readWhole(disk, CLOSING_FILE);
  if (bytes === undefined || !isRecord(bytes, salt) || bytes[RECORD_TYPE_AT] !== RECORD.closing) return undefined;
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
    ...{ damages: [], missing: [], cutBytes: 0, isStateDue: false, hasLostRecords: false, readBytes: bytes.length },
  };
}

const RECORD_TYPE_AT = 12;
const NOWHERE = { journal: 0, position: 0, length: 0 } as const;
