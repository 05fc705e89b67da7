/**
 * The frame of all content of a log, in journals, segments, the state file and the shutdown snapshot:
 *
 *      0  magic     u32   "SFL1"
 *      4  checksum  u32   CRC-32 of all bytes after it
 *      8  length    u32   of the whole record
 *     12  type      u8
 *     13  (zero)    u8
 *     14  stream    u48   the number of the stream in this log, or 0
 *     20  sequence  u48   counts up over all journals; 0 in segments, and from 0 in the state file
 *     26  (zero)    u16
 *     28  body
 *
 * A record is valid if it fits into the file, its checksum matches and its sequence is the next one. Thus neither a
 * tail of zeros nor stale content of a disk block is taken for a record. Numbers are little-endian. The checksum is
 * seeded with the salt of the log, a random number, so that no writer can forge a record in the bytes of a stream.
 */
import { crc32 } from 'node:zlib';
import type { ByteWriter } from './byte-writer.ts';
import { Pause } from './pause.ts';

export const HEADER_BYTES = 28;
const MAGIC = Buffer.from('SFL1', 'latin1');
const MAGIC_NUMBER = MAGIC.readUInt32LE(0);
const CHECKED_FROM = 8;

export const RECORD = {
  /** A process has opened the log. The sync policy determines what a crash may lose. */
  open: 1,
  /** The changes to a stream in one turn. */
  update: 2,
  /** All records up to a sequence have been synced. */
  synced: 3,
  /** The log was closed cleanly. */
  closed: 4,
  /** Bytes of a stream, in a segment. */
  block: 5,
  /** The state of a stream, in the state file. */
  state: 6,
  /** The beginning and the end of the state file. */
  stateBegin: 7,
  stateEnd: 8,
  /** The snapshot written at a clean shutdown. */
  closing: 9,
} as const;

export interface Frame {
  type: number;
  stream: number;
  sequence: number;
}

/**
 * Appends a record to the writer and returns its position.
 *
 * @param body writes the body
 * @param rest further parts of the body, which are not copied into the writer
 */
export function putRecord(
  writer: ByteWriter,
  { type, stream, sequence }: Frame,
  salt: number,
  body: () => void,
  rest: readonly Uint8Array[] = [],
): number {
  const at = writer.reserve(HEADER_BYTES);
  body();
  let length = writer.length - at;
  for (const part of rest) length += part.length;
  writer.setUint32(at, MAGIC_NUMBER);
  writer.setUint32(at + 8, length);
  writer.setUint32(at + 12, type);
  writer.setUint48(at + 14, stream);
  writer.setUint48(at + 20, sequence);
  writer.setUint16(at + 26, 0);
  let checksum = crc32(writer.from(at + CHECKED_FROM), salt);
  for (const part of rest) checksum = crc32(part, checksum);
  writer.setUint32(at + 4, checksum);
  return at;
}

export interface FoundRecord extends Frame {
  /** Its position in the file, and its length. */
  position: number;
  length: number;
}

/** The header at a position, whether or not its record is valid; undefined if there is none. */
export function headerAt(bytes: Buffer, at: number): (Frame & { length: number }) | undefined {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== MAGIC_NUMBER) return undefined;
  const length = bytes.readUInt32LE(at + 8);
  if (length < HEADER_BYTES) return undefined;
  return {
    type: bytes[at + 12]!,
    stream: bytes.readUIntLE(at + 14, 6),
    sequence: bytes.readUIntLE(at + 20, 6),
    length,
  };
}

/** The valid record at a position, if any. */
export function recordAt(bytes: Buffer, at: number, salt: number): FoundRecord | undefined {
  const header = headerAt(bytes, at);
  if (header === undefined || at + header.length > bytes.length) return undefined;
  const checksum = crc32(bytes.subarray(at + CHECKED_FROM, at + header.length), salt);
  return checksum === bytes.readUInt32LE(at + 4) ? { ...header, position: at } : undefined;
}

/** Whether bytes are exactly one valid record. */
export function isRecord(bytes: Buffer, salt: number): boolean {
  return recordAt(bytes, 0, salt)?.length === bytes.length;
}

/** The first valid record from a position on, found by magic, checksum and a sequence of at least `sequence`. */
export function nextRecord(bytes: Buffer, from: number, salt: number, sequence = 0): FoundRecord | undefined {
  for (let at = from; at >= 0 && at < bytes.length; at = bytes.indexOf(MAGIC, at + 1)) {
    const record = recordAt(bytes, at, salt);
    if (record !== undefined && record.sequence >= sequence) return record;
  }
  return undefined;
}

interface Damage {
  from: number;
  to: number;
  /** The sequence expected there. */
  sequence: number;
}

export interface Scan {
  records: FoundRecord[];
  /** Ranges between valid records. */
  damages: Damage[];
  /** The end of the last valid record. */
  end: number;
  /** The next sequence. */
  next: number;
}

/**
 * Finds all valid records from a position on, including those after damaged ones.
 *
 * @param expected the sequence of the first record; undefined for any
 */
export async function scanRecords(bytes: Buffer, from: number, salt: number, expected?: number): Promise<Scan> {
  const records: FoundRecord[] = [];
  const damages: Damage[] = [];
  const pause = new Pause();
  let next = expected;
  let end = from;
  for (;;) {
    if (pause.isDue) await pause.take();
    const record = nextRecord(bytes, end, salt, next);
    if (record === undefined) return { records, damages, end, next: next ?? 0 };
    const { length, position, sequence } = record;
    if (position > end || (next !== undefined && sequence > next)) {
      damages.push({ from: end, to: position, sequence: next ?? 0 });
    }
    records.push(record);
    next = sequence + 1;
    end = position + length;
  }
}
