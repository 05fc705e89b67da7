/** Bytes as server-sent events, and what a page assembles from them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingStream, StreamRules } from '../../../src/core/internal.ts';
import { type Encoding, longestRun, sendableLength } from '../../../src/server/encoding/index.ts';
import { sseEncoding } from '../../../src/server/encoding/sse.ts';
import { messages, parseEventStream } from '../event-source.ts';

const KB = 1024;
const rules = () => new StreamRules({ retention: 1024 * KB, maxLag: 1024 * KB });
const { text, lines, base64 } = sseEncoding.forms!;

describe('the end of a shutdown', () => {
  it('tells pages when to come back, each another time, as they wait exactly so long', () => {
    const end = (retryAfterMs?: number) => {
      const summary = { reason: 'shutdown', offset: 7, skippedBytes: 0, retryAfterMs } as const;
      return parseEventStream(text.control!.end(summary, { generation: 'a' })!);
    };
    expect(end().retry).toBeUndefined();
    const times = Array.from({ length: 50 }, () => end(3000));
    expect(new Set(times.map(({ retry }) => retry)).size).toBeGreaterThan(10);
    for (const { events, retry } of times) {
      expect(retry).toBeGreaterThanOrEqual(2000);
      expect(retry).toBeLessThanOrEqual(5000);
      expect(events).toMatchObject([{ type: 'end', lastEventId: 'a:7' }]);
    }
  });
});

/** Everything appended, as sent to a reader that is always connected, up to the end. */
function encoded(encoding: Encoding, appends: readonly Uint8Array[]) {
  const stream = new RingStream({}, rules());
  const reader = stream.openReader();
  const { body } = encoding;
  const sent: Buffer[] = [];
  const pump = () => {
    for (;;) {
      const run = reader.borrowRun(longestRun(encoding, reader.nextOffset, stream), false);
      if (run?.type === 'caught-up') continue;
      if (run?.type !== 'run') return;
      const length = sendableLength(encoding, run, reader.isLastBefore(run.offset + run.length), stream);
      if (length === 0) return;
      const target = Buffer.alloc(body!.maxLength(run, length, stream));
      sent.push(Buffer.from(target.subarray(0, body!.encode(target, 0, run, length, stream))));
      reader.advance(length);
    }
  };
  for (const bytes of appends) {
    stream.append(bytes);
    pump();
  }
  stream.end();
  pump();
  expect(reader.cursor).toBe(stream.endOffset);
  return { ...parseEventStream(Buffer.concat(sent)), stream };
}

/** Text as a page receives it: every line end is a LF. */
const withLf = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\r\n?/g, '\n');

const piece = fc.oneof(
  fc.constantFrom('\n', '\r', '\r\n', ' ', '  x', ':', 'data: x\n', 'é', '€', '🙂', 'id: 1\n\n', '\0', '\u2028'),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
/** Text, cut anywhere: also inside a character and between CR and LF. */
const cutText = fc
  .tuple(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 12 }))
  .map(([pieces, cuts]) => {
    const bytes = Buffer.from(`.${pieces.join('')}`);
    const ends = [...new Set([...cuts.map((n) => n % bytes.length), bytes.length])].sort((a, b) => a - b);
    return { bytes, appends: ends.map((end, n) => bytes.subarray(n === 0 ? 0 : ends[n - 1], end)) };
  });

describe('server-sent events', () => {
  it('contract 101: any text is reassembled however it is cut, except that all line ends become LF', () => {
    fc.assert(
      fc.property(cutText, ({ bytes, appends }) => {
        const parsed = encoded(text, appends);
        expect(messages(parsed)).toBe(withLf(bytes));
        expect(parsed.lastEventId).toBe(`${parsed.stream.generation}:${bytes.length}`);
      }),
      { numRuns: 500 },
    );
  });

  it('contract 101: with lines there is one event for each line, whatever is in it and however it is cut', () => {
    fc.assert(
      fc.property(cutText, ({ bytes, appends }) => {
        const { events, stream } = encoded(lines, appends);
        const whole = new TextDecoder().decode(bytes);
        const expected = whole.split('\n');
        const last = expected.pop()!;
        const asSeen = (line: string) => line.replace(/\r$/, '').replace(/\r/g, '\n');
        expect(events.slice(0, expected.length).map(({ data }) => data)).toEqual(expected.map(asSeen));
        expect(messages({ events: events.slice(expected.length) })).toBe(last.replace(/\r/g, '\n'));
        // Each id is the offset of the line's end, so that a page resumes with the next line.
        let offset = 0;
        for (const [n, line] of expected.entries()) {
          offset += Buffer.byteLength(line) + 1;
          expect(events[n]!.lastEventId).toBe(`${stream.generation}:${offset}`);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('contract 101: any bytes are reassembled from base64', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 }), (appends) => {
        const { events } = encoded(base64, appends);
        expect(Buffer.concat(events.map(({ data }) => Buffer.from(data, 'base64')))).toEqual(Buffer.concat(appends));
      }),
    );
  });

  it('never ends an event inside a character, also not of text that is longer than a run', () => {
    const bytes = Buffer.from('é🙂€'.repeat(60_000));
    for (const form of [text, lines]) {
      const { events } = encoded(form, [bytes.subarray(0, 100_001), bytes.subarray(100_001)]);
      expect(events.length).toBeGreaterThan(1);
      expect(events.some(({ data }) => data.includes('\ufffd'))).toBe(false);
      expect(messages({ events })).toBe(bytes.toString());
    }
  });

  it('gives a line of 200 KB in one event, and one that is longer than a run in several', () => {
    const long = `${'x'.repeat(200 * KB)}\n`;
    expect(encoded(lines, [Buffer.from(long), Buffer.from('y\n')]).events.map(({ data }) => data.length)).toEqual([
      200 * KB,
      1,
    ]);
    const longer = encoded(lines, [Buffer.from('z'.repeat(600 * KB)), Buffer.from('\ny\n')]);
    expect(messages(longer)).toBe(`${'z'.repeat(600 * KB)}y`);
  });

  it('does not hold invalid UTF-8 back for ever: it is sent as it is, which a page reads as U+FFFD', () => {
    const { events } = encoded(text, [Buffer.from([0x61, 0xe2, 0x82]), Buffer.from([0x62, 0xff, 0x63])]);
    expect(messages({ events })).toBe('a\ufffdb\ufffdc');
  });

  it.each([
    ['text/plain', text],
    ['text/plain; charset=utf-8', text],
    ['text/plain; charset=US-ASCII', text],
    ['text/csv', text],
    ['application/json', text],
    ['application/x-ndjson', text],
    ['application/problem+json', text],
    // Events are always UTF-8.
    ['text/plain; charset=iso-8859-1', base64],
    ['text/plain; charset=utf-16le', base64],
    ['application/octet-stream', base64],
    ['audio/ogg', base64],
    ['nonsense', base64],
  ])('writes %s as it is read best', (type, form) => {
    expect(sseEncoding.forms!.forType(type)).toBe(form);
  });
});
