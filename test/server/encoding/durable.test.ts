import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BorrowedRun,
  type CursorReader,
  forkStream,
  RingStream,
  StreamRules,
} from '../../../src/core/internal.ts';
import { currentCursor, cursorOf, nextCursor } from '../../../src/server/encoding/durable-cursor.ts';
import { durableOffset, parseDurableOffset, ZERO_OFFSET } from '../../../src/server/encoding/durable-offsets.ts';
import { type DurableSseForm, durableSseEncoding } from '../../../src/server/encoding/durable-sse.ts';
import {
  inOnePiece,
  maxDataLinesLength,
  unfinishedBytes,
  writeDataLines,
} from '../../../src/server/encoding/event-stream.ts';
import type { EncodedStream } from '../../../src/server/encoding/index.ts';

const rules = new StreamRules({ retention: 4 * 1024 * 1024, maxLag: 4 * 1024 * 1024 });

interface Event {
  event: string;
  data: string;
}

/** The events of a text, parsed as by a browser. */
function eventsOf(text: string): Event[] {
  return text
    .split('\n\n')
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith(':')))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const field = (name: string) =>
        lines
          .filter((line) => line.startsWith(`${name}:`))
          .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
          .join('\n');
      return { event: field('event'), data: field('data') };
    });
}

/** Sends everything available as a sink would, and returns what was sent. */
function pump(reader: CursorReader, form: DurableSseForm): string {
  const { body } = durableSseEncoding(form);
  const { stream } = reader;
  let sent = '';
  for (;;) {
    const record = reader.borrowRun(body!.longestRun?.(reader.nextOffset, stream) ?? 128 * 1024, false);
    if (record?.type === 'caught-up') continue;
    if (record?.type !== 'run') return sent;
    const length = reader.isLastBefore(record.offset + record.length) ? record.length : body!.usable(record, stream);
    if (length === 0) return sent;
    sent += encoded(form, record, length, stream);
    reader.advance(length);
  }
}

function encoded(form: DurableSseForm, run: BorrowedRun, length: number, stream: EncodedStream): string {
  const { body } = durableSseEncoding(form);
  const target = Buffer.alloc(body!.maxLength(run, length, stream));
  return target.subarray(0, body!.encode(target, 0, run, length, stream)).toString();
}

describe('offsets of Durable Streams', () => {
  it('grow with each byte, and are read back by the stream that gave them alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 5 }), fc.nat(), (sizes, at) => {
        let stream = new RingStream({}, rules);
        const other = new RingStream({ firstOffset: 1 }, rules);
        for (const size of sizes) {
          stream.append(new Uint8Array(size));
          const fork = forkStream(stream, { to: at % (stream.endOffset + 1) }, {}, rules);
          for (let n = 0; n <= fork.endOffset; n++) expect(durableOffset(fork, n)).toBe(durableOffset(stream, n));
          stream = fork;
          stream.append(new Uint8Array(3));
          const all = Array.from({ length: stream.endOffset + 1 }, (_, n) => durableOffset(stream, n));
          expect(all.toSorted()).toEqual(all);
          for (const [n, text] of all.entries()) {
            expect(text).toMatch(/^\d{16}_\d{16}$/);
            expect(parseDurableOffset(text, stream)).toBe(n);
            expect(parseDurableOffset(text, other)).toBe('another generation');
            // What a client has added one to.
            const [generation, bytes] = text.split('_');
            expect(parseDurableOffset(`${generation}_${String(Number(bytes) + 1).padStart(16, '0')}`, stream)).toBe(
              n + 1,
            );
          }
        }
      }),
    );
  });

  it('may be all zeros for the beginning; any other invalid offset is refused', () => {
    const stream = new RingStream({}, rules);
    stream.append(new Uint8Array(10));
    expect(parseDurableOffset(ZERO_OFFSET, stream)).toBe(0);
    expect(parseDurableOffset('9999999999999999_9999999999999999', stream)).toBe('another generation');
    expect(parseDurableOffset(`${durableOffset(stream, 0).slice(0, 16)}_9999999999999999`, stream)).toBe(
      'another generation',
    );
    for (const text of ['', '-1', 'now', '0', '0_0', ZERO_OFFSET.slice(1), ` ${ZERO_OFFSET}`, `${ZERO_OFFSET}\n`]) {
      expect(parseDurableOffset(text, stream)).toBe('malformed');
    }
  });
});

describe('cursors of Durable Streams', () => {
  it('are the time in intervals, and larger than what a client has', () => {
    const now = Date.UTC(2024, 9, 9) + 41_000;
    expect(currentCursor(now)).toBe(2);
    expect(nextCursor(undefined, now)).toBe(2);
    expect(nextCursor('1', now)).toBe(2);
    expect(nextCursor('abc', now)).toBe(2);
    for (const given of ['2', '3', '1000000']) {
      expect(nextCursor(given, now)).toBeGreaterThan(Number(given));
      expect(nextCursor(given, now)).toBeLessThanOrEqual(Number(given) + 180);
    }
    expect(cursorOf('9007199254740991')).toBe(-1);
  });
});

describe('lines of data', () => {
  it('are read back as the text, with one kind of line end, and spaces at the beginning of a line', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', ' ', '\n', '\r', 'é', ':'), maxLength: 12 }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(texts, (pieces) => {
        const parts = pieces.map((piece) => Buffer.from(piece));
        const length = parts.reduce((sum, part) => sum + part.length, 0);
        const target = Buffer.alloc(maxDataLinesLength(parts, length));
        const written = target.subarray(0, writeDataLines(target, 0, inOnePiece(parts, length), 0, length)).toString();
        expect(written).toMatch(/^(data:[^\r\n]*\n)+$/);
        expect(eventsOf(`event:x\n${written}\n`)[0]!.data).toBe(pieces.join('').replace(/\r\n?/g, '\n'));
      }),
      { numRuns: 500 },
    );
  });

  it('tell how many bytes at the end are the beginning of a character', () => {
    const euro = Buffer.from('€');
    expect(unfinishedBytes(euro.subarray(0, 1))).toBe(1);
    expect(unfinishedBytes(euro.subarray(0, 2))).toBe(2);
    expect(unfinishedBytes(euro)).toBe(0);
    expect(unfinishedBytes(Buffer.from('a😀').subarray(0, 4))).toBe(3);
    expect(unfinishedBytes(Buffer.from([0xff]))).toBe(0);
    expect(unfinishedBytes(Buffer.from([0x80, 0x80]))).toBe(0);
    expect(unfinishedBytes(Buffer.from('a'))).toBe(0);
    expect(unfinishedBytes(Buffer.alloc(0))).toBe(0);
  });
});

/** The content of events: their data joined, and whether offsets and order are correct. */
function carried(text: string, stream: RingStream, join: (data: string[]) => string): string {
  const events = eventsOf(text);
  const data: string[] = [];
  for (const [n, { event, data: payload }] of events.entries()) {
    if (event === 'data') {
      data.push(payload);
      expect(events[n + 1]?.event).toBe('control');
    } else {
      const control = JSON.parse(payload);
      const offset = parseDurableOffset(control.streamNextOffset, stream) as number;
      expect(offset).toBeTypeOf('number');
      expect(stream.chunkStart(offset)).toBe(offset);
    }
  }
  return join(data);
}

describe('events of Durable Streams', () => {
  it('keep the spaces and the characters of text, wherever appends cut it', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', '\n', 'é', '€', '😀'), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (whole, cuts) => {
        const stream = new RingStream({}, rules);
        const reader = stream.openReader({ onLag: 'disconnect' });
        const bytes = Buffer.from(whole);
        const ends = [...new Set(cuts.map((cut) => cut % bytes.length)), bytes.length].sort((a, b) => a - b);
        let sent = '';
        for (const [n, end] of ends.entries()) {
          stream.append(bytes.subarray(n === 0 ? 0 : ends[n - 1]!, end));
          if (n % 2 === 0) sent += pump(reader, 'text');
          expect(sent).not.toContain('\ufffd');
        }
        stream.end();
        sent += pump(reader, 'text');
        expect(carried(sent, stream, (data) => data.join(''))).toBe(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('hold back the whole last append of text that ends inside a character, and then are not up to date', () => {
    const stream = new RingStream({}, rules);
    const reader = stream.openReader({ onLag: 'disconnect' });
    stream.append(Buffer.from('ab'));
    stream.append(Buffer.from([0x63, 0xe2, 0x82]));
    const first = eventsOf(pump(reader, 'text'));
    expect(first.map(({ event, data }) => (event === 'data' ? data : JSON.parse(data).upToDate))).toEqual([
      'ab',
      undefined,
    ]);
    expect(pump(reader, 'text')).toBe('');
    stream.append(Buffer.from([0xac]));
    const second = eventsOf(pump(reader, 'text'));
    expect(second.map(({ event, data }) => (event === 'data' ? data : JSON.parse(data).upToDate))).toEqual([
      'c€',
      true,
    ]);
  });

  it('wait for no more of text that cannot become a character', () => {
    const stream = new RingStream({}, rules);
    const reader = stream.openReader({ onLag: 'disconnect' });
    stream.append(Buffer.from([0xe2]));
    expect(pump(reader, 'text')).toBe('');
    stream.append(Buffer.from('a'));
    expect(eventsOf(pump(reader, 'text'))[0]!.data).toBe('\ufffda');
    stream.append(Buffer.from([0xe2]));
    stream.end();
    expect(eventsOf(pump(reader, 'text'))[0]!.data).toBe('\ufffd');
  });

  it('carry whole messages of JSON, however long one is', () => {
    const sizes = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 100_000, max: 300_000 })), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(sizes, (list) => {
        const stream = new RingStream({}, rules);
        const reader = stream.openReader({ onLag: 'disconnect' });
        const lines = list.map((size, n) => `{"n":${n},"pad":"${'x'.repeat(size)}"}`);
        for (const line of lines) stream.append(Buffer.from(`${line}\n`));
        const messages = eventsOf(pump(reader, 'json'))
          .filter(({ event }) => event === 'data')
          .flatMap(({ data }) => JSON.parse(data));
        expect(messages.map((message) => JSON.stringify(message))).toEqual(lines);
        expect(reader.lag).toBe(0);
      }),
      { numRuns: 20 },
    );
    const stream = new RingStream({}, rules);
    const reader = stream.openReader({ onLag: 'disconnect' });
    stream.append(Buffer.from('1\r\n{"a":1.10}\n'));
    expect(eventsOf(pump(reader, 'json'))[0]!.data).toBe('[1 ,{"a":1.10}]');
  });

  it('carry bytes of any kind in base64, in whole appends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 90_000 }), { minLength: 1, maxLength: 5 }),
        (list) => {
          const stream = new RingStream({}, rules);
          const reader = stream.openReader({ onLag: 'disconnect' });
          for (const bytes of list) stream.append(bytes);
          const sent = carried(pump(reader, 'base64'), stream, (data) =>
            Buffer.concat(data.map((one) => Buffer.from(one, 'base64'))).toString('latin1'),
          );
          expect(sent === Buffer.concat(list).toString('latin1')).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are the same object for all readers without their own cursor', () => {
    expect(durableSseEncoding('json')).toBe(durableSseEncoding('json'));
    expect(durableSseEncoding('json')).not.toBe(durableSseEncoding('text'));
    const ahead = durableSseEncoding('json', 2 ** 40);
    const stream = new RingStream({}, rules);
    stream.append(Buffer.from('1\n'));
    expect(ahead.control!.caughtUp(2, stream)!.toString()).toContain(`"streamCursor":"${2 ** 40}"`);
    expect(ahead.control!.end({ reason: 'ended', offset: 2, skippedBytes: 0 }, stream)!.toString()).not.toContain(
      'Cursor',
    );
    expect(ahead.control!.end({ reason: 'removed', offset: 2, skippedBytes: 0 }, stream)).toBeUndefined();
  });
});
