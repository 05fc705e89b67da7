/**
 * The frame that everything in a log stands in, in journals and in segments alike:
 *
 *      0  magic     u32   "SFL1"
 *      4  checksum  u32   CRC-32 of all that follows
 *      8  length    u32   of the whole record
 *     12  type      u8
 *     13  (zero)    u8
 *     14  stream    u48   its number in this log; 0 where it is about none
 *     20  sequence  u48   counts up over all journals; in a segment and in the state from 0
 *     26  (zero)    u16
 *     28  body
 *
 * A record is good where it fits, its checksum is right and its sequence comes next: so neither a tail of zeros nor what a
 * block of the disk held before is taken for one. Numbers are little-endian. The checksum begins with the salt of the log, a
 * random number: so bytes that a writer has made up to look like a record are none.
 */
import { crc32 } from 'node:zlib';
import type { ByteWriter } from './byte-writer.ts';
import { Pause } from './pause.ts';

export const HEADER_BYTES = 28;
const MAGIC = Buffer.from('SFL1', 'latin1');
const MAGIC_NUMBER = MAGIC.readUInt32LE(0);
const CHECKED_FROM = 8;

export const RECORD = {
  /** A process has opened the log, with the sync policy that says what a crash of it may cost. */
  open: 1,
  /** What has happened to a stream in one turn. */
  update: 2,
  /** All up to a sequence is on the disk, not only written. */
  synced: 3,
  /** The log was closed in order. */
  closed: 4,
  /** Bytes of a stream, in a segment. */
  block: 5,
  /** All that is known of a stream, in the state. */
  state: 6,
  /** The beginning and the end of the state. */
  stateBegin: 7,
  stateEnd: 8,
  /** All that was known when the log was closed in order. */
  closing: 9,
} as const;

export interface Frame {
  type: number;
  stream: number;
  sequence: number;
}

/**
 * Puts a record behind what is there, and gives where it begins.
 *
 * @param body puts what it says
 * @param rest what follows that, and lies elsewhere
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
  /** Where it lies in its file, and how long it is. */
  position: number;
  length: number;
}

/** The header at a position, whether its record is good or not; undefined where there is none. */
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

/** The record at a position; undefined where there is none, or one that is damaged. */
export function recordAt(bytes: Buffer, at: number, salt: number): FoundRecord | undefined {
  const header = headerAt(bytes, at);
  if (header === undefined || at + header.length > bytes.length) return undefined;
  const checksum = crc32(bytes.subarray(at + CHECKED_FROM, at + header.length), salt);
  return checksum === bytes.readUInt32LE(at + 4) ? { ...header, position: at } : undefined;
}

/** Whether bytes are a good record from their first to their last. */
export function isRecord(bytes: Buffer, salt: number): boolean {
  return recordAt(bytes, 0, salt)?.length === bytes.length;
}

/** The first good record from a position on, found by magic, checksum and a sequence that is not before `sequence`. */
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
  /** The sequence that was expected there. */
  sequence: number;
}

export interface Scan {
  records: FoundRecord[];
  /** Places between good records. */
  damages: Damage[];
  /** Behind the last good record. */
  end: number;
  /** The sequence that comes next. */
  next: number;
}

/**
 * All good records from a position on, also behind damaged ones.
 *
 * @param expected the sequence of the first; undefined: any
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
