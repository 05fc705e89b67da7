/** Join points (contract 102): found in the output of ffmpeg, however it is cut, and in arbitrary bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { RingStream } from '../../src/core/internal.ts';
import { CONTAINERS, formatFor } from '../../src/media/index.ts';
import { CONTAINERS as WORDS } from '../../src/protocol/index.ts';

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name));

/** Each with the bytes of a join point, and the length of the header if the format has one. */
const FORMATS: readonly {
  type: string;
  file: string;
  starts: (bytes: Buffer, at: number) => boolean;
  header?: string;
}[] = [
  {
    type: 'video/webm',
    file: 'vp8-opus.webm',
    starts: (b, at) => b.readUInt32BE(at) === 0x1f43b675,
    header: '1a45dfa3',
  },
  {
    type: 'video/mp4',
    file: 'h264-aac.mp4',
    starts: (b, at) => /^(?:moof|styp|sidx|prft)$/.test(b.toString('latin1', at + 4, at + 8)),
    header: '0000001c66747970',
  },
  {
    type: 'audio/ogg',
    file: 'opus.ogg',
    starts: (b, at) => b.toString('latin1', at, at + 4) === 'OggS',
    header: '4f676753',
  },
  {
    type: 'audio/ogg',
    file: 'vorbis.ogg',
    starts: (b, at) => b.toString('latin1', at, at + 4) === 'OggS',
    header: '4f676753',
  },
  {
    type: 'audio/flac',
    file: 'sine.flac',
    starts: (b, at) => (b.readUInt16BE(at) & 0xfffe) === 0xfff8,
    header: '664c6143',
  },
  {
    type: 'video/mp2t',
    file: 'h264-aac.m2ts',
    starts: (b, at) => b[at] === 0x47 && (b[at + 5]! & 0x40) !== 0,
    header: '474000',
  },
  { type: 'audio/mpeg', file: 'sine.mp3', starts: (b, at) => (b.readUInt16BE(at) & 0xffe0) === 0xffe0 },
  { type: 'audio/aac', file: 'sine.aac', starts: (b, at) => (b.readUInt16BE(at) & 0xfff6) === 0xfff0 },
];

const RETENTION = 1024 * 1024;
const CHUNK = 64 * 1024;

function formatOf(type: string, retention: number, budget?: MemoryBudget, container = 'auto') {
  return formatFor({ type, container }, new RingStream({ retention, maxLag: retention }), budget);
}

/** All known join points. */
function placesOf(format: NonNullable<ReturnType<typeof formatFor>>, end: number): number[] {
  const places: number[] = [];
  for (let at: number | undefined = 0; at !== undefined && at < end; ) {
    at = format.boundaryFrom(at);
    if (at !== undefined) places.push(at++);
  }
  return places;
}

function found(type: string, pieces: readonly Uint8Array[], container = 'auto', retention = RETENTION) {
  const stream = new RingStream({ retention, maxLag: retention });
  const format = formatFor({ type, container }, stream)!;
  stream.format = format;
  for (const piece of pieces) stream.append(piece);
  const { header, offset: first } = format.join(stream.endOffset, 0) ?? {};
  return { format, places: placesOf(format, stream.endOffset), header, first };
}

/** Bytes cut at positions. */
function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...new Set([...at.map((n) => n % bytes.length), bytes.length])].sort((a, b) => a - b);
  return ends.map((end, n) => bytes.subarray(n === 0 ? 0 : ends[n - 1], end));
}

describe.each(FORMATS)('$file', ({ type, file, starts, header: begin }) => {
  const bytes = fixture(file);

  it('contract 102: has places to begin, and a header that ends before the first of them', () => {
    const { places, header } = found(type, [bytes]);
    const boundaries = places.filter((at) => at > 0 || begin === undefined);
    expect(boundaries.length).toBeGreaterThan(1);
    for (const at of boundaries) expect([at, starts(bytes, at)]).toEqual([at, true]);
    if (begin === undefined) expect(header).toBeUndefined();
    else expect(Buffer.from(header!).toString('hex').startsWith(begin)).toBe(true);
    if (begin !== undefined && type !== 'video/mp2t') {
      expect(Buffer.from(header!)).toEqual(bytes.subarray(0, boundaries[0]));
    }
  });

  it('contract 102: the same places and the same header are found however the bytes are cut', () => {
    const whole = found(type, [bytes]);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(fc.nat(), { maxLength: 40 }),
          fc
            .integer({ min: 1, max: 64 })
            .map((step) => Array.from({ length: Math.ceil(bytes.length / step) }, (_, n) => n * step)),
        ),
        (cuts) => {
          const { places, header, first } = found(type, cut(bytes, cuts));
          expect({ places, header, first }).toEqual({ places: whole.places, header: whole.header, first: whole.first });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('never throws, never hangs and keeps little, whatever is changed, left out or put in', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant('cut' as const))), {
          maxLength: 12,
        }),
        fc.array(fc.nat(), { maxLength: 10 }),
        (changes, cuts) => {
          let hostile = Buffer.from(bytes);
          for (const [at, what] of changes) {
            const from = at % Math.max(1, hostile.length);
            if (what === 'cut')
              hostile = Buffer.concat([hostile.subarray(0, from), hostile.subarray(from + (at % 900))]);
            else hostile = Buffer.concat([hostile.subarray(0, from), what, hostile.subarray(from + what.length)]);
          }
          const { places, header } = found(type, cut(hostile, cuts));
          expect(places.every((place) => place < hostile.length)).toBe(true);
          expect(header?.length ?? 0).toBeLessThanOrEqual(256 * 1024);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe.each(FORMATS.filter(({ header, type }) => header !== undefined && type !== 'video/mp2t'))(
  '$file, twice',
  ({ type, file }) => {
    const bytes = fixture(file);

    it('contract 102: a header in mid-stream starts over', () => {
      const { format, header } = found(type, [bytes, bytes]);
      // Everything before belongs to an older header: a reader that asks for it begins at the new one.
      expect(format.boundaryFrom(0)).toBe(bytes.length);
      expect(format.join(0, 0)).toEqual({ offset: bytes.length, header: undefined, waits: false });
      expect(format.headerLost(bytes.length - 1, bytes.length + 10)).toEqual(header);
      expect(format.headerLost(0, bytes.length)).toBeUndefined();
    });

    it('contract 102: a source that was killed and restarted starts over, wherever it was cut', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: bytes.length - 1 }), (killedAt) => {
          const { format, header, places } = found(type, [bytes.subarray(0, killedAt), bytes]);
          const whole = found(type, [bytes]);
          expect(format.boundaryFrom(0)).toBe(killedAt);
          expect(format.headerLost(0, killedAt + 1)).toEqual(whole.header);
          expect(header).toEqual(whole.header);
          expect(places).toEqual(whole.places.map((at) => at + killedAt));
        }),
        { numRuns: 50 },
      );
    });
  },
);

describe('a format', () => {
  it('is known by the content type, and of nothing else', () => {
    for (const { types } of Object.values(CONTAINERS))
      for (const type of types) expect(formatOf(type, 1)).toBeDefined();
    for (const type of ['application/octet-stream', 'text/plain', 'image/png', 'video/h264', '']) {
      expect(formatOf(type, 1)).toBeUndefined();
    }
    expect(formatOf('Video/WebM; codecs="vp8"', 1)).toBeDefined();
  });

  it('never throws, never hangs and keeps little, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(CONTAINERS)),
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 }),
        (container, pieces) => {
          found('', pieces, container);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('contract 95: gives up a header that is too long, or for which there is no memory, and gives its memory back', () => {
    const endless = Buffer.concat([
      fixture('sine.flac').subarray(0, 4),
      Buffer.from([0x04, 0x10, 0, 0]),
      Buffer.alloc(1024 * 1024),
    ]);
    const budget = new MemoryBudget(8 * 1024 * 1024);
    const format = formatOf('audio/flac', RETENTION, budget)!;
    for (let at = 0; at < endless.length; at += 10_000) format.take(endless.subarray(at, at + 10_000), at);
    expect(format.join(endless.length, 0)).toBeUndefined();
    expect(budget.used).toBe(0);
    const bytes = fixture('vp8-opus.webm');
    const small = formatOf('video/webm', RETENTION, budget)!;
    small.take(bytes, 0);
    expect(budget.used).toBe(small.join(1, 1)!.header!.length);
    small.release();
    expect(budget.used).toBe(0);
    for (let bytes = budget.limit; bytes >= 1; bytes = Math.floor(bytes / 2)) while (budget.tryTake(bytes));
    const none = formatOf('video/webm', RETENTION, budget)!;
    none.take(bytes, 0);
    expect(none.join(1, 1)).toBeUndefined();
  });
});

/** CRC-8 with the polynomial x^8 + x^2 + x + 1. */
function crc8(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : (crc << 1) & 0xff;
  }
  return crc;
}

/** A frame of this many bytes, at least 10, with arbitrary bytes after its head. */
function flacFrame(number: number, size: number): Buffer {
  const frame = Buffer.alloc(size);
  for (let at = 0; at < size; at++) frame[at] = (at * 197 + number * 31 + ((at * at) >> 7)) & 0xff;
  const digits = number < 0x80 ? [number] : [];
  if (number >= 0x80 && number < 0x800) digits.push(0xc0 | (number >> 6), 0x80 | (number & 0x3f));
  if (number >= 0x800) digits.push(0xe0 | (number >> 12), 0x80 | ((number >> 6) & 0x3f), 0x80 | (number & 0x3f));
  const head = Buffer.from([0xff, 0xf8, 0xc9, 0x18, ...digits]);
  head.copy(frame);
  frame[head.length] = crc8(head);
  return frame;
}

/** A header with `padding` bytes of metadata, and frames of these sizes. */
function flacRecording(padding: number, sizes: readonly number[]): { bytes: Buffer; header: Buffer; frames: number[] } {
  const head = Buffer.alloc(4 + 4 + 34 + 4 + padding);
  head.write('fLaC\0\0\0\x22', 'latin1');
  head.writeUInt32BE(0x81000000 + padding, 4 + 4 + 34);
  const frames: number[] = [];
  let at = head.length;
  for (const size of sizes) {
    frames.push(at);
    at += size;
  }
  return { bytes: Buffer.concat([head, ...sizes.map((size, n) => flacFrame(n, size))]), header: head, frames };
}

describe('FLAC of which not all is looked at', () => {
  const recording = fc
    .tuple(
      fc.nat({ max: 300 }),
      fc.oneof(
        // Silence and noise, short and long.
        fc.tuple(fc.constantFrom(10, 20, 40, 300), fc.integer({ min: 1, max: 12_000 })),
        fc.tuple(fc.integer({ min: 2000, max: 20_000 }), fc.integer({ min: 1, max: 30 })),
      ),
    )
    .map(([padding, [size, count]]) => flacRecording(padding, new Array(count).fill(size)));
  /** Silence before and between sound: frame numbers grow high in few bytes, and then grow slowly. */
  const changingRecording = fc
    .array(
      fc.oneof(
        fc.integer({ min: 1, max: 6000 }).map((count) => new Array<number>(count).fill(10)),
        fc.tuple(fc.integer({ min: 300, max: 20_000 }), fc.integer({ min: 1, max: 40 })).map(([size, count]) => {
          return Array.from({ length: count }, (_, n) => Math.floor(size * (1 - (n % 5) / 8)));
        }),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((sizes) => flacRecording(0, sizes.flat()));

  it('contract 102: a header in mid-stream is found, wherever it is, however long the parts before and after it are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(recording, changingRecording), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 20, max: 65_536 }),
        fc.constantFrom(RETENTION, 40_000),
        (recordings, step, retention) => {
          const bytes = Buffer.concat(recordings.map((each) => each.bytes));
          const last = recordings.at(-1)!;
          // The longest frame head: until so many bytes have arrived, the scanner waits for the rest of one.
          fc.pre(last.bytes.length - last.header.length >= 16);
          const begun = bytes.length - last.bytes.length;
          const pieces = Array.from({ length: Math.ceil(bytes.length / step) }, (_, n) =>
            bytes.subarray(n * step, (n + 1) * step),
          );
          const { format, places } = found('audio/flac', pieces, 'auto', retention);
          expect(format.boundaryFrom(0)).toBe(begun);
          expect(Buffer.from(format.headerLost(begun, begun + 1)!).equals(last.header)).toBe(true);
          const frames = new Set(last.frames.map((at) => at + begun));
          expect(places.slice(1).filter((at) => !frames.has(at))).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('has a place to begin every 64 KiB, and one near the end', () => {
    const { bytes, frames } = flacRecording(0, new Array(3000).fill(700));
    const { places } = found('audio/flac', [bytes], 'auto', 4 * 1024 * 1024);
    expect(places[0]).toBe(0);
    const gaps = places.slice(1).map((at, n) => at - places[n]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(64 * 1024 + 700);
    expect(bytes.length - places.at(-1)!).toBeLessThanOrEqual(16 * 1024);
    expect(places.slice(1).every((at) => frames.includes(at))).toBe(true);
  });

  it('searches for another header only while frame numbers are low', () => {
    const { bytes, frames } = flacRecording(0, new Array(9000).fill(700));
    const stream = new RingStream({ retention: RETENTION, maxLag: RETENTION });
    const format = formatFor({ type: 'audio/flac', container: 'auto' }, stream)!;
    stream.format = format;
    const searched = vi.spyOn(Buffer.prototype, 'indexOf');
    const searches: number[] = [];
    try {
      for (let at = 0; at < bytes.length; at += CHUNK) {
        searched.mockClear();
        stream.append(bytes.subarray(at, at + CHUNK));
        searches.push(
          searched.mock.calls.filter(([what]) => Buffer.isBuffer(what) && what.toString() === 'fLaC').length,
        );
      }
    } finally {
      searched.mockRestore();
    }
    // If a frame has a number of 924 or more, that many frames of at least 10 bytes are longer than a step and a frame.
    const grownUp = Math.ceil(frames[924]! / CHUNK) + 1;
    expect(searches.slice(0, grownUp - 2).every((count) => count === 1)).toBe(true);
    expect(searches.slice(grownUp)).toEqual(searches.slice(grownUp).map(() => 0));
  });

  it('continues after bytes that are missing', () => {
    const { bytes, header, frames } = flacRecording(0, new Array(400).fill(1000));
    const stream = new RingStream({ retention: RETENTION, maxLag: RETENTION });
    const format = formatFor({ type: 'audio/flac', container: 'auto' }, stream)!;
    stream.format = format;
    stream.append(bytes.subarray(0, 100_000));
    stream.skipTo(150_000, 0);
    stream.append(bytes.subarray(150_000));
    const { offset, header: given } = format.join(stream.endOffset, 0)!;
    expect(offset).toBeGreaterThan(bytes.length - 16 * 1024 - 1);
    expect(frames).toContain(offset);
    expect(Buffer.from(given!)).toEqual(header);
  });
});

describe('a container that was asked for', () => {
  it('has the formats that there are, and is asked for by the same words everywhere', () => {
    expect(Object.keys(CONTAINERS).sort()).toEqual(WORDS.filter((word) => !/^(?:auto|none|lines)$/.test(word)).sort());
  });

  it('is looked for whatever the type is, and nothing is with none', () => {
    const bytes = fixture('vp8-opus.webm');
    const format = formatOf('application/octet-stream', RETENTION, undefined, 'webm')!;
    format.take(bytes, 0);
    expect(format.join(1, 1)?.header).toBeDefined();
    expect(formatOf('video/webm', RETENTION, undefined, 'none')).toBeUndefined();
  });

  it('MPEG-TS: the tables that came last are the header, whatever of them has changed', () => {
    const bytes = fixture('h264-aac.m2ts');
    const whole = Buffer.from(found('video/mp2t', [bytes]).header!);
    /** The first packet of a table that is identical to that of the header except for the counter. */
    const again = (table: number, copy: Buffer, from: number): number => {
      const packet = whole.subarray(table * 188, (table + 1) * 188);
      for (let at = from; at < copy.length; at += 188) {
        if (
          copy.readUIntBE(at, 3) === packet.readUIntBE(0, 3) &&
          copy.subarray(at + 4, at + 188).equals(packet.subarray(4))
        )
          return at;
      }
      throw new Error('The table does not come again');
    };
    const secondOf = (table: number) => again(table, bytes, again(table, bytes, 0) + 188);
    for (const table of [0, 1]) {
      for (const position of [10, 187]) {
        const changed = Buffer.from(bytes);
        const at = secondOf(table);
        changed[at + position]! ^= 1;
        const upTo = changed.subarray(0, at + 2 * 188);
        const header = Buffer.from(found('video/mp2t', [upTo]).header!);
        expect(header.subarray(table * 188, (table + 1) * 188)).toEqual(changed.subarray(at, at + 188));
        const counted = Buffer.from(bytes);
        counted[at + 3]! ^= 5;
        expect(Buffer.from(found('video/mp2t', [counted]).header!)).toEqual(whole);
      }
    }
  });

  const pictures = fixture('pictures.mpjpeg');
  const bare = withoutParts(pictures);
  it.each([
    ['in parts', pictures, (at: number) => pictures.toString('latin1', at, at + 8) === '--ffmpeg'],
    ['one after the other', bare, (at: number) => bare.readUInt32BE(at) >>> 8 === 0xffd8ff],
  ])('MJPEG begins with a picture, however it is cut: %s', (_how, bytes, isStart) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (cuts) => {
        const format = formatOf('image/jpeg', RETENTION, undefined, 'mjpeg')!;
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const length = cuts[n % cuts.length]!;
          format.take(bytes.subarray(at, at + length), at);
          at += length;
        }
        const places = placesOf(format, bytes.length);
        expect(places[0]).toBe(0);
        expect(places.length).toBeGreaterThan(2);
        expect(places.filter((at) => !isStart(at))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('a preview inside a picture is none', () => {
    const preview = Buffer.concat([
      Buffer.from('ffd8ffe1', 'hex'),
      bare.subarray(0, 900),
      Buffer.from('ffd9ffdb', 'hex'),
    ]);
    const picture = Buffer.concat([preview, Buffer.alloc(20_000, 7), Buffer.from('ffd9', 'hex')]);
    const format = formatOf('', RETENTION, undefined, 'mjpeg')!;
    format.take(Buffer.concat([picture, picture, picture]), 0);
    expect(placesOf(format, 3 * picture.length)).toEqual([0, picture.length, 2 * picture.length]);
  });

  it.each([
    ['as it is', (length: number) => `Content-Length: ${length}\r\n\r\n`],
    ['with the line end after it', (length: number) => `Content-Length: ${length + 2}\r\n\r\n`],
    ['too short', (length: number) => `Content-Length: ${Math.floor(length / 2)}\r\n\r\n`],
    ['in small letters, with line feeds alone', (length: number) => `content-length:${length}\n\n`],
    ['with headers after it', (length: number) => `Content-Length: ${length}\r\nX: ${'x'.repeat(200)}\r\n\r\n`],
    ['as what is none', () => 'Content-Length: 12x\r\n\r\n'],
    ['not at all', () => '\r\n'],
  ])('every part with a picture is found where its length is said %s', (_, head) => {
    const picture = Buffer.concat([Buffer.from('ffd8ffdb', 'hex'), Buffer.alloc(9000, 7), Buffer.from('ffd9', 'hex')]);
    const part = Buffer.concat([
      Buffer.from(`--x\r\nContent-Type: image/jpeg\r\n${head(picture.length)}`),
      picture,
      Buffer.from('\r\n'),
    ]);
    const format = formatOf('', RETENTION, undefined, 'mjpeg')!;
    format.take(Buffer.concat(Array.from({ length: 12 }, () => part)), 0);
    const expected = Array.from({ length: 12 }, (__, n) => n * part.length);
    expect(placesOf(format, 12 * part.length)).toEqual(expected);
  });

  it('lines: a reader begins with a whole line, or waits for one', () => {
    const stream = new RingStream({ retention: 100, maxLag: 100 });
    const format = formatFor({ type: 'text/plain', container: 'lines' }, stream)!;
    const append = (text: string) => stream.append(Buffer.from(text));
    append('first\nsecond\nthi');
    expect([0, 1, 6, 7, 13].map((at) => format.join(at, 0)?.offset)).toEqual([0, 6, 6, 13, 13]);
    expect(format.join(15, 0)).toEqual({ offset: 13, header: undefined, waits: false });
    append(`rd${'-'.repeat(200)}`);
    expect(format.join(stream.startOffset, stream.startOffset)?.waits).toBe(true);
    expect(format.boundaryFrom(stream.endOffset)).toBeUndefined();
    append('\nnext');
    expect(format.join(stream.startOffset, stream.startOffset)?.offset).toBe(stream.endOffset - 4);
  });
});

/** The pictures of the parts, without the bytes between them. */
function withoutParts(parts: Buffer): Buffer {
  const all: Buffer[] = [];
  for (let at = 0; ; ) {
    const length = /content-length: *(\d+)/i.exec(parts.toString('latin1', at, at + 200))?.[1];
    if (length === undefined) return Buffer.concat(all);
    const from = parts.indexOf('\r\n\r\n', at) + 4;
    at = from + Number(length);
    all.push(parts.subarray(from, at));
  }
}
