/**
 * A live read over server-sent events in the format of Durable Streams: pairs of a data event and a control event with
 * the offset after it.
 *
 *     event: data        the bytes of one or more appends: text unchanged, JSON messages as an array, all else in base64
 *     event: control     the next offset; whether that is the live end; a cursor for caches
 *
 * Offsets in control events lie between appends, for JSON between messages. A unit that is longer than a run is sent as
 * a whole, and text whose last append ends inside a character waits for the rest of the character.
 */
import { type BorrowedRun, RingStream } from '../../core/internal.ts';
import { EVENT_STREAM_MEDIA_TYPE } from '../../protocol/index.ts';
import { currentCursor } from './durable-cursor.ts';
import { durableOffset } from './durable-offsets.ts';
import type { EncodedStream, Encoding } from './encoding.ts';
import {
  base64Length,
  bytesBetween,
  copyParts,
  inOnePiece,
  maxDataLinesLength,
  unfinishedBytes,
  wholeLinesLength,
  writeBase64,
  writeDataLines,
} from './event-stream.ts';

export type DurableSseForm = 'text' | 'json' | 'base64';

const MAX_RUN_BYTES = 128 * 1024;
/** Maximum length of a control event, in bytes. */
const MAX_CONTROL_BYTES = 256;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const COMMA = 0x2c;
const CLOSE_ARRAY = 0x5d;

const DATA = Buffer.from('event: data\n');
const JSON_DATA = Buffer.from('event: data\ndata:[');
const BASE64_DATA = Buffer.from('event: data\ndata:');
const HEARTBEAT = Buffer.from(': heartbeat\n\n');

/** Writes the data of an event; the parts before and after it are the same for all forms. */
type DataWriter = Pick<NonNullable<Encoding['body']>, 'maxLength' | 'usable' | 'longestRun'> & {
  write(target: Buffer, at: number, run: BorrowedRun, length: number): number;
};

const text: DataWriter = {
  maxLength: ({ parts }, length) => DATA.length + maxDataLinesLength(parts, length) + 1,
  write(target, at, { parts }, length) {
    target.set(DATA, at);
    const end = writeDataLines(target, at + DATA.length, inOnePiece(parts, length), 0, length);
    target[end] = NEWLINE;
    return end + 1 - at;
  },
  usable(run, stream) {
    const { ring } = streamOf(stream);
    let end = wholeChunks(run, ring);
    while (end > 0 && isInsideCharacter(run, end))
      end = Math.max(0, ring.chunkStart(run.offset + end - 1) - run.offset);
    return end;
  },
};

const json: DataWriter = {
  maxLength: (_run, length) => JSON_DATA.length + length + 3,
  write(target, at, { parts }, length) {
    target.set(JSON_DATA, at);
    const begin = at + JSON_DATA.length;
    copyParts(target, begin, parts, length);
    const end = begin + length;
    const body = target.subarray(begin, end);
    for (let n = body.indexOf(NEWLINE); n >= 0; n = body.indexOf(NEWLINE, n + 1)) body[n] = COMMA;
    // A carriage return before the newline would end a line of the event.
    for (let n = body.indexOf(RETURN); n >= 0; n = body.indexOf(RETURN, n + 1)) body[n] = SPACE;
    const last = body.at(-1) === COMMA ? end - 1 : end;
    target[last] = CLOSE_ARRAY;
    target[last + 1] = NEWLINE;
    target[last + 2] = NEWLINE;
    return last + 3 - at;
  },
  usable: ({ parts, length }) => wholeLinesLength(parts, length),
  /** A message is never divided, however long it is. */
  longestRun(offset, stream) {
    const { endOffset, ring } = streamOf(stream);
    if (endOffset - offset <= MAX_RUN_BYTES || offset < ring.floor) return MAX_RUN_BYTES;
    return Math.max(MAX_RUN_BYTES, ring.newlineFrom(offset) + 1 - offset);
  },
};

const base64: DataWriter = {
  maxLength: (_run, length) => BASE64_DATA.length + base64Length(length) + 2,
  write(target, at, { parts }, length) {
    target.set(BASE64_DATA, at);
    let to = at + BASE64_DATA.length;
    to += writeBase64(target, to, parts, length);
    target[to] = NEWLINE;
    target[to + 1] = NEWLINE;
    return to + 2 - at;
  },
  usable: (run, stream) => wholeChunks(run, streamOf(stream).ring),
};

const WRITERS: Readonly<Record<DurableSseForm, DataWriter>> = { text, json, base64 };

/** Encodings are shared by all readers that get the same cursors, which is nearly all of them. */
const shared = new Map<string, Encoding>();
const MAX_SHARED = 64;

/**
 * The encoding of a read.
 *
 * @param leastCursor the smallest cursor that is sent; -1: always the current cursor
 */
export function durableSseEncoding(form: DurableSseForm, leastCursor = -1): Encoding {
  const key = `${form} ${leastCursor}`;
  const known = shared.get(key);
  if (known !== undefined) return known;
  if (shared.size >= MAX_SHARED) for (const old of shared.keys()) if (!old.endsWith(' -1')) shared.delete(old);
  const made = makeEncoding(WRITERS[form], leastCursor);
  shared.set(key, made);
  return made;
}

function makeEncoding(data: DataWriter, leastCursor: number): Encoding {
  const control = (stream: RingStream, offset: number, isClosed = false) => {
    const isUpToDate = offset >= stream.endOffset ? ',"upToDate":true' : '';
    const cursor = isClosed ? '' : `,"streamCursor":"${Math.max(leastCursor, currentCursor())}"`;
    const closed = isClosed ? ',"streamClosed":true' : '';
    return `event: control\ndata:{"streamNextOffset":"${durableOffset(stream, offset)}"${cursor}${isUpToDate}${closed}}\n\n`;
  };
  let last = { text: '', bytes: Buffer.alloc(0) };
  // Readers that join together are sent the same buffer.
  const record = (stream: EncodedStream, offset: number, isClosed?: boolean) => {
    const text = control(streamOf(stream), offset, isClosed);
    if (text !== last.text) last = { text, bytes: Buffer.from(text, 'latin1') };
    return last.bytes;
  };
  const controls: NonNullable<Encoding['control']> = {
    // Its readers are disconnected rather than skip.
    gap: () => undefined,
    caughtUp: (offset, stream) => record(stream, offset),
    heartbeat: () => HEARTBEAT,
    end({ offset, reason }, stream) {
      if (reason === 'ended') return record(stream, offset, true);
      // A regular end: the client reconnects with a cursor that has advanced.
      return reason === 'timeout' ? record(stream, offset) : undefined;
    },
    isCaughtUpInData: true,
  };
  return {
    name: 'durable-streams-sse',
    mediaType: EVENT_STREAM_MEDIA_TYPE,
    maxRunBytes: MAX_RUN_BYTES,
    maxHeadBytes: 0,
    writeHead: () => 0,
    tail: Buffer.alloc(0),
    body: {
      maxLength: (run, length, stream) => data.maxLength(run, length, stream) + MAX_CONTROL_BYTES,
      encode(target, at, run, length, stream) {
        const written = data.write(target, at, run, length);
        return written + target.write(control(streamOf(stream), run.offset + length), at + written, 'latin1');
      },
      usable: data.usable,
      ...(data.longestRun === undefined ? {} : { longestRun: data.longestRun }),
    },
    control: controls,
    payload: { data: 'text', control: 'text' },
  };
}

/** Only streams have the offsets that this encoding sends. */
function streamOf(stream: EncodedStream): RingStream {
  if (stream instanceof RingStream) return stream;
  throw new TypeError('only streams are sent in this encoding');
}

/** The part of a run up to its last chunk boundary; the whole run if it ends inside its first chunk. */
function wholeChunks({ offset, length }: BorrowedRun, ring: RingStream['ring']): number {
  const end = offset + length;
  if (end >= ring.end) return length;
  const whole = ring.chunkStart(end) - offset;
  return whole > 0 ? whole : length;
}

/** Whether the first `length` bytes of a run end inside a character, as far as the rest of the run shows. */
function isInsideCharacter(run: BorrowedRun, length: number): boolean {
  const before = bytesBetween(run.parts, Math.max(0, length - 4), length);
  if (unfinishedBytes(before) === 0) return false;
  const next = bytesBetween(run.parts, length, length + 1)[0];
  return next === undefined || (next & 0xc0) === 0x80;
}
