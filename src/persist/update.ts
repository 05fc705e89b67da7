/**
 * The content of a record about a stream: parts, each preceded by a byte for its kind. All changes of one turn are in
 * one record, so that a crash keeps all of them or none, for example bytes together with the producer state of their
 * append.
 *
 * | part | content |
 * |---|---|
 * | 1 identity | path, generation, first offset, creation time, origin of a fork (as JSON) |
 * | 2 bytes | first offset, chunks before it, number of chunks, their lengths, the bytes |
 * | 3 segment | base, chunks before it, file length, end offset and the chunks before that, time of the last byte in milliseconds since 1970 |
 * | 4 producers | highest end offset of forgotten producers, number of producers; for each: id, epoch, expected, applied, end offset |
 * | 5 facts | data that the owner of the stream keeps with it (as JSON) |
 * | 6 end | reason and status (as JSON) |
 * | 7 removed | |
 * | 8 time | of the last change, in milliseconds since 1970 |
 * | 9 extent | only in the state file: bytes in a journal: start offset and the chunks before it, end offset and the chunks before that, number of the journal, position and length of the record, time of the last byte |
 * | 10 floor | the oldest offset retained, chunks before it |
 * | 11 reach | only in the state file: end offset of the last byte, chunks before it |
 */
import type { EndReason, StreamOrigin } from '../core/index.ts';
import type { ProducerRecord } from '../core/internal.ts';
import { ByteReader, type ByteWriter } from './byte-writer.ts';

const PART = {
  identity: 1,
  bytes: 2,
  segment: 3,
  producers: 4,
  facts: 5,
  end: 6,
  removed: 7,
  time: 8,
  extent: 9,
  floor: 10,
  reach: 11,
} as const;

export interface LoggedIdentity {
  path: string;
  generation: string;
  firstOffset: number;
  createdAt: number;
  origin?: StreamOrigin | undefined;
}

/** A place in a stream: an offset, and the number of chunks that end at or before it. */
export interface Place {
  offset: number;
  chunks: number;
}

/** A file with bytes of one stream. */
export interface Segment {
  /** The offset of the first byte. */
  readonly base: number;
  readonly chunks: number;
  /** The valid length of the file. */
  length: number;
  /** The end of the last byte. */
  to: Place;
  /** When the last byte was appended, in milliseconds since 1970. */
  time: number;
  /** When the first byte was appended, if this process began the segment. Not persisted. */
  since?: number | undefined;
}

/** Bytes in a journal. */
export interface Extent {
  readonly from: Place;
  readonly to: Place;
  readonly journal: number;
  readonly position: number;
  readonly length: number;
  /** When the last byte was appended, in milliseconds since 1970. */
  time: number;
}

export interface LoggedEnd {
  reason: EndReason;
  status?: string | undefined;
}

/** Contiguous chunks. */
export interface Chunks {
  from: Place;
  /** The length of each chunk, in bytes. */
  lengths: readonly number[];
}

export interface LoggedChunks extends Chunks {
  data: Buffer;
}

interface LoggedProducers {
  forgottenTo: number;
  records: readonly ProducerRecord[];
}

export interface Update {
  identity?: LoggedIdentity | undefined;
  bytes?: LoggedChunks | undefined;
  segments: Segment[];
  producers?: LoggedProducers | undefined;
  facts?: string | undefined;
  end?: LoggedEnd | undefined;
  isRemoved: boolean;
  modifiedAt?: number | undefined;
  extents: Extent[];
  floor?: Place | undefined;
  reach?: Place | undefined;
}

/** An update without the bytes. */
export type Change = Omit<Update, 'bytes'> & { bytes?: Chunks | undefined };

export function emptyChange(): Omit<Update, 'bytes'> {
  return { segments: [], isRemoved: false, extents: [] };
}

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Encodes a change.
 *
 * @param data the bytes of its chunks
 */
export function putChange(writer: ByteWriter, change: Change, data: readonly Uint8Array[] = []): void {
  const { bytes, end, extents, facts, floor, identity, isRemoved, modifiedAt, producers, reach, segments } = change;
  if (identity !== undefined) putIdentity(writer, identity);
  if (reach !== undefined) putPlace(writer, PART.reach, reach);
  if (floor !== undefined) putPlace(writer, PART.floor, floor);
  if (facts !== undefined) putText(writer, PART.facts, facts);
  for (const { base, chunks, length, time, to } of segments) {
    putNumbers(writer, PART.segment, [base, chunks, length, to.offset, to.chunks, time]);
  }
  for (const { from, journal, length, position, time, to } of extents) {
    putNumbers(writer, PART.extent, [from.offset, from.chunks, to.offset, to.chunks, journal, position, length, time]);
  }
  if (bytes !== undefined) putChunks(writer, bytes);
  for (const part of data) writer.data(part);
  if (producers !== undefined) putProducers(writer, producers);
  if (end !== undefined) putText(writer, PART.end, JSON.stringify(end));
  if (modifiedAt !== undefined) putNumbers(writer, PART.time, [modifiedAt]);
  if (isRemoved) writer.byte(PART.removed);
}

function putIdentity(writer: ByteWriter, { createdAt, firstOffset, generation, origin, path }: LoggedIdentity): void {
  writer.byte(PART.identity);
  writer.text(path);
  writer.text(generation);
  writer.number(firstOffset);
  writer.number(createdAt);
  writer.text(origin === undefined ? '' : JSON.stringify(origin));
}

/** Encodes the start of the part; the bytes must follow. */
export function putChunks(writer: ByteWriter, { from, lengths }: Chunks): void {
  putNumbers(writer, PART.bytes, [from.offset, from.chunks, lengths.length]);
  for (const length of lengths) writer.number(length);
}

function putProducers(writer: ByteWriter, { forgottenTo, records }: LoggedProducers): void {
  putNumbers(writer, PART.producers, [forgottenTo, records.length]);
  for (const { id, epoch, expected, applied, endOffset } of records) {
    writer.text(id);
    for (const value of [epoch, expected, applied, endOffset]) writer.number(value);
  }
}

function putPlace(writer: ByteWriter, part: number, { offset, chunks }: Place): void {
  putNumbers(writer, part, [offset, chunks]);
}

function putNumbers(writer: ByteWriter, part: number, values: readonly number[]): void {
  writer.byte(part);
  for (const value of values) writer.number(value);
}

function putText(writer: ByteWriter, part: number, text: string): void {
  writer.byte(part);
  writer.text(text);
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @throws RangeError, SyntaxError for an invalid body: its checksum was right, so a newer version has written it */
export function readUpdate(bytes: Buffer, from: number, to: number): Update {
  const reader = new ByteReader(bytes, from, to);
  const update: Update = emptyChange();
  while (!reader.isAtEnd) readPart(reader, update);
  return update;
}

function readPart(reader: ByteReader, update: Update): void {
  const part = reader.byte();
  switch (part) {
    case PART.identity:
      update.identity = readIdentity(reader);
      break;
    case PART.bytes:
      update.bytes = readChunks(reader);
      break;
    case PART.segment: {
      const [base, chunks, length] = [reader.number(), reader.number(), reader.number()];
      update.segments.push({ base, chunks, length, to: readPlace(reader), time: reader.number() });
      break;
    }
    case PART.producers:
      update.producers = readProducers(reader);
      break;
    case PART.facts:
      update.facts = reader.text();
      break;
    case PART.end:
      update.end = JSON.parse(reader.text());
      break;
    case PART.removed:
      update.isRemoved = true;
      break;
    case PART.time:
      update.modifiedAt = reader.number();
      break;
    case PART.extent:
      update.extents.push({
        from: readPlace(reader),
        to: readPlace(reader),
        journal: reader.number(),
        position: reader.number(),
        length: reader.number(),
        time: reader.number(),
      });
      break;
    case PART.floor:
      update.floor = readPlace(reader);
      break;
    case PART.reach:
      update.reach = readPlace(reader);
      break;
    default:
      throw new RangeError(`a record has a part of the unknown kind ${part}`);
  }
}

function readIdentity(reader: ByteReader): LoggedIdentity {
  const [path, generation] = [reader.text(), reader.text()];
  const [firstOffset, createdAt] = [reader.number(), reader.number()];
  const origin = reader.text();
  return { path, generation, firstOffset, createdAt, origin: origin === '' ? undefined : JSON.parse(origin) };
}

function readChunks(reader: ByteReader): LoggedChunks {
  const from = readPlace(reader);
  const count = reader.number();
  const lengths: number[] = [];
  let total = 0;
  for (let index = 0; index < count; index++) {
    const length = reader.number();
    lengths.push(length);
    total += length;
  }
  return { from, lengths, data: reader.data(total) };
}

function readProducers(reader: ByteReader): LoggedProducers {
  const forgottenTo = reader.number();
  const count = reader.number();
  const records: ProducerRecord[] = [];
  for (let index = 0; index < count; index++) {
    records.push({
      id: reader.text(),
      epoch: reader.number(),
      expected: reader.number(),
      applied: reader.number(),
      endOffset: reader.number(),
    });
  }
  return { forgottenTo, records };
}

function readPlace(reader: ByteReader): Place {
  return { offset: reader.number(), chunks: reader.number() };
}

/** The end of contiguous chunks. */
export function endPlace({ from, lengths }: Chunks): Place {
  let { offset } = from;
  for (const length of lengths) offset += length;
  return { offset, chunks: from.chunks + lengths.length };
}
