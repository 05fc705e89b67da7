import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HexRows, hexText } from '../../../ui/viewer/bytes/hex-rows.ts';
import { ImageSplitter } from '../../../ui/viewer/bytes/image-splitter.ts';

describe('bytes in rows of sixteen or eight', () => {
  it('stand at their offsets, with a row where some are missing, whatever the pieces', () => {
    const step = fc.record({
      skip: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100 })),
      length: fc.integer({ min: 1, max: 70 }),
    });
    const rowBytes = fc.tuple(fc.constantFrom(8, 16), fc.constantFrom(8, 16));
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.array(step, { minLength: 1, maxLength: 30 }),
        rowBytes,
        (start, steps, [before, after]) => {
          const rows = new HexRows();
          rows.setRowBytes(before);
          const known = new Map<number, number>();
          let offset = start;
          let gaps = 0;
          for (const [i, { skip, length }] of steps.entries()) {
            if (skip > 0 && i > 0) gaps += 1;
            offset += skip;
            const data = Uint8Array.from({ length }, (_, at) => (offset + at) % 251);
            rows.append(offset, data);
            for (const [at, byte] of data.entries()) known.set(offset + at, byte);
            offset += length;
          }
          rows.setRowBytes(after);
          const seen = new Map<number, number>();
          let seenGaps = 0;
          for (let row = rows.first; row < rows.end; row++) {
            const found = rows.at(row)!;
            if (found.type !== 'bytes') {
              seenGaps += 1;
              continue;
            }
            expect(found.offset % after).toBe(0);
            expect(found.column + found.bytes.length).toBeLessThanOrEqual(after);
            for (const [at, byte] of found.bytes.entries()) seen.set(found.offset + found.column + at, byte);
            expect(rows.rowOf(found.offset + found.column)).toBe(row);
          }
          expect([...seen]).toEqual([...known]);
          expect(seenGaps).toBe(gaps);
          expect(rows.at(rows.end)).toBeUndefined();
        },
      ),
    );
  });

  it('are replaced by a mark when a new stream has their path, and begin again after it', () => {
    const rows = new HexRows();
    rows.append(100, new Uint8Array(40));
    const { end } = rows;
    rows.restart(140);
    expect([rows.first, rows.end, rows.bytes]).toEqual([end, end + 1, 0]);
    expect(rows.at(rows.first)).toEqual({ type: 'recreated', lastOffset: 140 });
    rows.append(0, Uint8Array.of(1, 2, 3));
    expect(rows.at(rows.first + 1)).toMatchObject({ offset: 0, column: 0, bytes: Uint8Array.of(1, 2, 3) });
    rows.append(50, Uint8Array.of(9));
    expect(rows.at(rows.first + 2)).toEqual({ type: 'gap', from: 3, to: 50 });
  });

  it.each([8, 16] as const)('are kept up to a limit: the oldest go, and rows of %i keep their numbers', (rowBytes) => {
    const rows = new HexRows(200_000);
    rows.setRowBytes(rowBytes);
    const piece = new Uint8Array(10_007).fill(7);
    for (let i = 0; i < 100; i++) rows.append(3 + i * piece.length + (i >= 50 ? 1000 : 0), piece);
    expect(rows.bytes).toBeLessThanOrEqual(200_000);
    expect(rows.at(rows.first - 1)).toBeUndefined();
    const last = rows.at(rows.end - 1)!;
    expect(last).toMatchObject({ type: 'bytes' });
    const first = rows.at(rows.first)!;
    expect(rows.rowOf(first.type === 'bytes' ? first.offset : 0)).toBe(rows.first);
  });

  it('are shown as two digits each, and as characters', () => {
    expect(
      hexText(
        0,
        Uint8Array.from({ length: 16 }, (_, i) => 0x3c + i),
      ),
    ).toEqual({
      hex: '3c 3d 3e 3f 40 41 42 43  44 45 46 47 48 49 4a 4b',
      characters: '<=>?@ABCDEFGHIJK',
    });
    expect(hexText(14, Uint8Array.of(0x0a, 0xff))).toEqual({
      hex: `${' '.repeat(43)}0a ff`,
      characters: `${' '.repeat(14)}··`,
    });
  });
});

/** JPEG with a preview in its first segment, whose end is not the end of the picture. */
function jpeg(id: number): Uint8Array {
  const preview = [0xff, 0xd8, 0xff, 0xda, 0, 2, 1, 0xff, 0xd9];
  return Uint8Array.of(
    ...[0xff, 0xd8, 0xff, 0xe1, 0, preview.length + 2, ...preview],
    ...[0xff, 0xda, 0, 4, 1, 2, id, 0xff, 0, 3, 0xff, 0xd0, 5, 0xff, 0xd9],
  );
}

function png(id: number): Uint8Array {
  const chunk = (name: string, data: number[]) => [
    0,
    0,
    0,
    data.length,
    ...new TextEncoder().encode(name),
    ...data,
    0,
    0,
    0,
    0,
  ];
  return Uint8Array.of(...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10], ...chunk('IHDR', [id]), ...chunk('IEND', []));
}

function gif(id: number): Uint8Array {
  const header = [...new TextEncoder().encode('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, ...[0, 0, 0, 255, 255, 255]];
  return Uint8Array.of(...header, 0x21, 0xf9, 1, id, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x3b, 0x3b, 0, 0x3b);
}

function webp(id: number): Uint8Array {
  return Uint8Array.of(...new TextEncoder().encode('RIFF'), 6, 0, 0, 0, ...new TextEncoder().encode('WEBP'), id, 0);
}

describe('images in a stream', () => {
  const kinds = { 'image/jpeg': jpeg, 'image/png': png, 'image/gif': gif, 'image/webp': webp };
  const kind = fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[]));

  it('are found whole, in order and at their offsets, whatever stands between them and however they arrive', () => {
    const filler = fc.constantFrom('', '\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n', 'RIF', 'G\x89\xff', '\n');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filler, kind, fc.nat(50)), { maxLength: 8 }),
        fc.integer({ min: 1, max: 60 }),
        (parts, step) => {
          const bytes: number[] = [];
          const wanted: unknown[] = [];
          for (const [text, type, id] of parts) {
            bytes.push(...Uint8Array.from(text, (character) => character.charCodeAt(0)));
            const image = kinds[type](id);
            wanted.push({ type, offset: 9 + bytes.length, bytes: [...image] });
            bytes.push(...image);
          }
          const splitter = new ImageSplitter();
          const found: unknown[] = [];
          for (let at = 0; at < bytes.length; at += step) {
            const piece = Uint8Array.from(bytes.slice(at, at + step));
            for (const image of splitter.push(9 + at, piece)) found.push({ ...image, bytes: [...image.bytes] });
          }
          expect(found).toEqual(wanted);
        },
      ),
    );
  });

  it('that a gap has broken are left out', () => {
    const splitter = new ImageSplitter();
    const image = jpeg(1);
    expect(splitter.push(0, image.subarray(0, 10))).toEqual([]);
    const found = splitter.push(500, Uint8Array.of(...image.subarray(20), ...jpeg(2)));
    expect(found.map(({ offset }) => offset)).toEqual([500 + image.length - 20]);
  });

  it('that are too large are left out and counted, and noise takes no memory', () => {
    const splitter = new ImageSplitter();
    let offset = 0;
    splitter.push(offset, Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2));
    offset += 6;
    const piece = new Uint8Array(1024 * 1024).fill(1);
    for (let i = 0; i < 20; i++, offset += piece.length) expect(splitter.push(offset, piece)).toEqual([]);
    expect(splitter.tooLarge).toBe(1);
    expect(splitter.push(offset, png(3))).toMatchObject([{ type: 'image/png', offset }]);
  });
});
