/**
 * A live read as server-sent events, for pages with an `EventSource` (docs/sse.md).
 *
 *     id:GENERATION:OFFSET       the offset after the event's bytes, from which a page resumes (`Last-Event-ID`)
 *     data:…                     the bytes: text unchanged, all else in base64
 *
 * Gaps, the live end and the end are separate events. There are three forms: text as it arrives, text line by line, and
 * base64. Each is encoded once for all readers at the same offset, as ids depend only on stream and offset.
 */
import { DURABLE_HEADERS, EVENT_STREAM_MEDIA_TYPE, isUtf8ContentType } from '../../protocol/index.ts';
import type { EncodedStream, Encoding } from './encoding.ts';
import {
  base64Length,
  bytesBetween,
  countByte,
  dataLinesLength,
  inOnePiece,
  maxDataLinesLength,
  unfinishedBytes,
  wholeLinesLength,
  writeBase64,
  writeBytes,
  writeDataLine,
  writeDataLines,
  writeInteger,
} from './event-stream.ts';
import { MAX_TRANSFORMED_BYTES } from './hold-back.ts';

/** How long a page waits before it reconnects, in milliseconds. */
const RETRY_MS = 2000;
/** The longest run of text or base64, in bytes. */
const MAX_RUN_BYTES = 128 * 1024;
/** Maximum number of digits of an offset. */
const MAX_OFFSET_DIGITS = 16;

const LF = 0x0a;
const CR = 0x0d;
const DATA = Buffer.from('data:');

const HEADERS = { 'Cache-Control': 'no-store, no-transform' } as const;

type Body = NonNullable<Encoding['body']>;
type Controls = NonNullable<Encoding['control']>;

// ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The id line for an offset. Content that is not a stream has no generation. */
function idOf(stream: EncodedStream, offset: number): string {
  return `${idStart(stream)}${offset}\n`;
}

/** The id line up to the offset. Without a space after the colon, which a receiver would remove. */
function idStart({ generation }: EncodedStream): string {
  return generation === undefined ? 'id:' : `id:${generation}:`;
}

/** Maximum length of an id line, in bytes. */
function maxIdLength(stream: EncodedStream): number {
  return idStart(stream).length + MAX_OFFSET_DIGITS + 1;
}

// ── control records ─────────────────────────────────────────────────────────────────────────────────────────────────

function event(name: string, id: string, facts: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`event: ${name}\n${id}data: ${JSON.stringify(facts)}\n\n`, 'latin1');
}

const control: Controls = {
  /** Has an id, so that a page that is disconnected before the first byte resumes here. */
  begin({ offset, recreatedFrom }, stream) {
    const id = idOf(stream, offset);
    const opening = Buffer.from(`retry: ${RETRY_MS}\n: open\n${id}\n`, 'latin1');
    if (recreatedFrom === undefined) return opening;
    const { generation } = stream;
    return Buffer.concat([opening, event('recreated', id, { generation, previous: recreatedFrom, offset })]);
  },
  gap: ({ from, to, chunks }, stream) => event('gap', idOf(stream, to), { from, to, chunks }),
  header: (bytes, offset, stream) =>
    event('header', idOf(stream, offset), { offset, base64: Buffer.from(bytes).toString('base64') }),
  caughtUp: (offset, stream) => event('caught-up', idOf(stream, offset), { offset }),
  // A block without data: the page gets no event, but resumes from its id.
  heartbeat: (offset, stream) => Buffer.from(`: heartbeat\n${idOf(stream, offset)}\n`, 'latin1'),
  end({ offset, reason, retryAfterMs, status }, stream) {
    const facts = { reason, offset, ...(status === undefined ? {} : { end_status: status }) };
    const end = event('end', idOf(stream, offset), facts);
    if (retryAfterMs === undefined) return end;
    // A page waits exactly the given time, so each page is given a different one.
    const retry = RETRY_MS + Math.round(retryAfterMs * Math.random());
    return Buffer.concat([Buffer.from(`retry: ${retry}\n`, 'latin1'), end]);
  },
};

// ── data ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The number of bytes held back at the end of text: an incomplete character, or a CR that an LF may follow. */
function heldAtEnd(parts: readonly Uint8Array[], length: number): number {
  const last = parts.at(-1);
  const byte = last?.[last.length - 1];
  if (byte === undefined) return 0;
  if (byte < 0x80) return byte === CR ? 1 : 0;
  return unfinishedBytes(bytesBetween(parts, Math.max(0, length - 4), length));
}

const text: Body = {
  maxLength: ({ parts }, length, stream) => maxIdLength(stream) + maxDataLinesLength(parts, length) + 1,
  encode(target, at, { offset, parts }, length, stream) {
    let to = at + target.write(idOf(stream, offset + length), at, 'latin1');
    to = writeDataLines(target, to, inOnePiece(parts, length), 0, length);
    target[to++] = LF;
    return to - at;
  },
  usable: ({ parts, length }) => length - heldAtEnd(parts, length),
};

const base64: Body = {
  maxLength: (_run, length, stream) => maxIdLength(stream) + DATA.length + base64Length(length) + 2,
  encode(target, at, { offset, parts }, length, stream) {
    let to = at + target.write(idOf(stream, offset + length), at, 'latin1');
    target.set(DATA, to);
    to += DATA.length;
    to += writeBase64(target, to, parts, length);
    target[to++] = LF;
    target[to++] = LF;
    return to - at;
  },
  usable: ({ length }) => length,
};

const lines: Body = {
  maxLength({ parts }, length, stream) {
    const newlines = countByte(LF, parts, length);
    const lineEnds = newlines + countByte(CR, parts, length);
    return (newlines + 1) * (maxIdLength(stream) + 1) + dataLinesLength(length, lineEnds);
  },
  encode(target, at, { offset, parts }, length, stream) {
    const bytes = inOnePiece(parts, length);
    const id = Buffer.from(idStart(stream), 'latin1');
    // CRs that are not followed by a newline end data lines, but not the event.
    const hasCarriageReturns = bytes.indexOf(CR) >= 0;
    let to = at;
    for (let from = 0; from < length; ) {
      const newline = bytes.indexOf(LF, from);
      const end = newline < 0 ? length : newline + 1;
      to = writeBytes(target, to, id);
      to = writeInteger(target, to, offset + end);
      target[to++] = LF;
      if (hasCarriageReturns) to = writeDataLines(target, to, bytes, from, contentEnd(bytes, from, end));
      else to = writeDataLine(target, to, bytes, from, newline < 0 ? length : newline);
      target[to++] = LF;
      from = end;
    }
    return to - at;
  },
  usable({ parts, length }) {
    const whole = wholeLinesLength(parts, length);
    // A line that is longer than a run is sent in several events.
    return whole > 0 || length < MAX_TRANSFORMED_BYTES ? whole : length - heldAtEnd(parts, length);
  },
  longestRun: () => MAX_TRANSFORMED_BYTES,
};

/** The end of the line's content before `end`: without a newline, and without a CR before the newline. */
function contentEnd(bytes: Uint8Array, from: number, end: number): number {
  let to = end;
  if (to > from && bytes[to - 1] === LF) to--;
  if (to > from && to < end && bytes[to - 1] === CR) to--;
  return to;
}

// ── the forms ────────────────────────────────────────────────────────────────────────────────────────────────────────

function form(body: Body, maxRunBytes: number, headers: Encoding['headers'] = HEADERS): Encoding {
  return {
    name: 'sse',
    mediaType: EVENT_STREAM_MEDIA_TYPE,
    maxRunBytes,
    maxHeadBytes: 0,
    writeHead: () => 0,
    tail: Buffer.alloc(0),
    body,
    control,
    payload: { data: 'text', control: 'text' },
    headers,
  };
}

const textForm = form(text, MAX_RUN_BYTES);
const linesForm = form(lines, MAX_TRANSFORMED_BYTES);
const base64Form = form(base64, MAX_RUN_BYTES, { ...HEADERS, [DURABLE_HEADERS.sseDataEncoding]: 'base64' });

/** Text or base64, depending on the stream's content type. */
export const sseEncoding: Encoding = {
  ...base64Form,
  forms: {
    forType: (type) => (isUtf8ContentType(type) ? textForm : base64Form),
    text: textForm,
    base64: base64Form,
    lines: linesForm,
  },
};
