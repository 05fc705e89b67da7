import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, MAX_DURATION, parseDuration } from '../../src/units/index.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['30', 30_000],
    ['500ms', 500],
    ['2s', 2000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1.5 H', 5_400_000],
    [' 250 MS ', 250],
    ['1.001', 1001],
    ['0.29', 290],
    ['576h', MAX_DURATION],
    [0, 0],
    [0.25, 250],
    [5, 5000],
  ])('%j is %d milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it('never turns a short wait into none', () => {
    expect(parseDuration('0.1ms')).toBe(1);
    expect(parseDuration(1e-9)).toBe(1);
  });

  it.each(['', ' ', 'soon', '5 minutes', '1d', '0x5', '1_0', '1e3', '+1', '.5s', '1h30m', 'NaN', 'Infinity'])(
    'refuses %j and says what would be right',
    (text) => {
      expect(() => parseDuration(text)).toThrowError(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          message: `invalid duration format: ${text.trim()} (expected format: seconds, or a number with a unit ms/s/m/h)`,
        }),
      );
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses the number %d', (value) => {
    expect(() => parseDuration(value)).toThrowError(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it.each(['-1', '-5ms', '577h', '1000000000'])('says the range where %j is outside of it', (text) => {
    expect(() => parseDuration(text)).toThrowError(
      expect.objectContaining({ message: `invalid duration format: ${text} (expected a duration from 0 to 576h)` }),
    );
  });

  it('fits a timer at its longest', () => {
    expect(MAX_DURATION).toBeLessThan(2 ** 31);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [1500, '1500ms'],
    [5000, '5s'],
    [90_000, '90s'],
    [60_000, '1m'],
    [7_200_000, '2h'],
  ])('%d milliseconds print as %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('reads back to exactly what was printed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DURATION }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });
});
