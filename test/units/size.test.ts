import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSize, MAX_SIZE, parseSize } from '../../src/units/index.ts';

const KB = 1024;
const MB = KB * KB;
const GB = MB * KB;
const TB = GB * KB;

describe('parseSize', () => {
  it.each([
    ['1', 1],
    ['1024', 1024],
    ['512B', 512],
    ['512KB', 512 * KB],
    ['6MB', 6 * MB],
    ['2GB', 2 * GB],
    ['1TB', TB],
    ['1.5MB', 1.5 * MB],
    ['0.5KB', 512],
    ['007', 7],
    ['512kb', 512 * KB],
    ['  1 Mb\t', MB],
    ['1 \t GB', GB],
    [4096, 4096],
    [1e6, 1_000_000],
    [1.9, 1],
    ['1.9', 1],
  ])('contract 82: %j is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    ['abc', 'ABC'],
    ['  ten mb ', 'TEN MB'],
    ['', ''],
    ['   ', ''],
    ['512K', '512K'],
    ['1M', '1M'],
    ['1KiB', '1KIB'],
    ['KB', 'KB'],
    ['0x10', '0X10'],
    ['1_000', '1_000'],
    ['1,5MB', '1,5MB'],
    ['1e3', '1E3'],
    ['+1', '+1'],
    ['1.', '1.'],
    ['.5MB', '.5MB'],
    ['1.2.3MB', '1.2.3MB'],
    ['10 foo', '10 FOO'],
    ['1MB2', '1MB2'],
    ['1 M B', '1 M B'],
    ['--1', '--1'],
    ['１MB', '１MB'],
    ['1\u212AB', '1\u212AB'],
    ['NaN', 'NAN'],
    ['Infinity', 'INFINITY'],
    [Number.NaN, 'NAN'],
    [Number.POSITIVE_INFINITY, 'INFINITY'],
    [Number.NEGATIVE_INFINITY, '-INFINITY'],
  ])('contract 81: %j is refused, shown trimmed and in capitals', (text, shown) => {
    expect(() => parseSize(text)).toThrowError(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `invalid size format: ${shown} (expected format: number with optional unit B/KB/MB/GB/TB)`,
      }),
    );
  });

  it.each([
    ['0', '0'],
    ['0MB', '0MB'],
    ['-0', '-0'],
    ['0.5', '0.5'],
    ['0.9B', '0.9B'],
    ['-5mb', '-5MB'],
    ['1.1TB', '1.1TB'],
    ['2000 gb', '2000 GB'],
    [0, '0'],
    [-1, '-1'],
    [TB + 1, '1099511627777'],
    [1e300, '1E+300'],
  ])('contract 82: %j is out of range, and the text says which range is right', (text, shown) => {
    expect(() => parseSize(text)).toThrowError(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `invalid size format: ${shown} (expected a size from 1B to 1TB)`,
      }),
    );
  });

  it('shows a very long value cut short', () => {
    expect(() => parseSize('9'.repeat(100_000))).toThrowError(
      expect.objectContaining({ message: expect.stringMatching(/^invalid size format: 9{64}… \(expected a size/) }),
    );
  });

  it('contract 82: whatever the text, the response is a whole number in range or the one error', () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.bigInt());
    const unit = fc.constantFrom('', 'B', 'KB', 'mb', ' GB', 'Tb', 'K', 'PB');
    const text = fc.oneof(
      fc.string(),
      fc.tuple(number, unit).map(([n, u]) => `${n}${u}`),
    );
    fc.assert(
      fc.property(fc.oneof(text, fc.double()), (value) => {
        try {
          const bytes = parseSize(value);
          expect(Number.isInteger(bytes) && bytes >= 1 && bytes <= MAX_SIZE).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
        }
      }),
    );
  });

  it('contract 82: quarters of every unit are exact', () => {
    const units = [1, KB, MB, GB, TB];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 1, max: 3 }), (quarters, power) => {
        const text = `${quarters / 4}${['B', 'KB', 'MB', 'GB'][power]}`;
        expect(parseSize(text)).toBe((quarters * units[power]!) / 4);
      }),
    );
  });
});

describe('formatSize', () => {
  it.each([
    [0, '0B'],
    [512, '512B'],
    [1023, '1023B'],
    [1024, '1.0KB'],
    [1536, '1.5KB'],
    [6 * MB, '6.0MB'],
    [MB - 1, '1.0MB'],
    [GB, '1.0GB'],
    [TB, '1.0TB'],
    [1024 * TB, '1.0PB'],
    [Number.MAX_SAFE_INTEGER, '8.0PB'],
    [5000 * 1024 * TB, '5000.0PB'],
  ])('contract 83: %d bytes print as %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });

  it('contract 83: printed sizes parse back to within the rounding', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_SIZE }), (bytes) => {
        const back = parseSize(formatSize(bytes));
        expect(Math.abs(back - bytes)).toBeLessThanOrEqual(bytes * 0.05 + 1);
      }),
    );
  });
});
