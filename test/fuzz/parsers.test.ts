/** Sizes, durations, modes, paths and request targets parsed from any text. */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isStreamFSError } from '../../src/errors/index.ts';
import { DEFAULT_PATH_LIMITS, MAX_PART_BYTES, normalizePath } from '../../src/fs/path.ts';
import { parseTarget } from '../../src/server/http/target.ts';
import { formatDuration, MAX_DURATION, MAX_SIZE, parseDuration, parseMode, parseSize } from '../../src/units/index.ts';
import { fuzz } from './run-length.ts';

/** The result of a parser, or undefined if it refuses with an error of that code, in a text of a sensible length. */
function read<T>(
  code: 'CONFIG_INVALID' | 'INVALID_PATH' | 'INVALID_PARAMETER' | 'BAD_REQUEST',
  act: () => T,
): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!isStreamFSError(error, code)) throw error;
    expect(error.message.length).toBeLessThan(1200);
    return undefined;
  }
}

const piece = fc.constantFrom(
  ...'0123456789.-+_ eExKMGTBPkbmsh\t\n,'.split(''),
  'KB',
  'MB',
  'TB',
  'ms',
  'NaN',
  'Infinity',
  '1024',
  '0x',
  '٣',
  '\0',
);
const measure = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
  fc
    .tuple(
      fc.integer({ min: -5, max: 2000 }),
      fc.constantFrom('', '.5', '.125'),
      fc.constantFrom('', 'B', 'KB', 'mb', ' GB', 'TB', 'ms', 's', 'M', 'h'),
    )
    .map((all) => all.join('')),
  fc.string({ unit: 'binary', maxLength: 30 }),
);

/** Parsed exactly, with integers of any length: thousandths of the smallest unit. Undefined for an invalid text. */
function exact(text: string, units: Record<string, bigint>): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?[ \t]*([a-z]*)$/.exec(text.trim().toLowerCase());
  const unit = units[match?.[4] ?? '?'];
  if (!match || unit === undefined) return undefined;
  const fraction = match[3] ?? '';
  const value = (BigInt(match[2]! + fraction) * unit * 1000n) / 10n ** BigInt(fraction.length);
  return match[1] === '-' ? -value : value;
}

const SIZES = { '': 1n, b: 1n, kb: 1n << 10n, mb: 1n << 20n, gb: 1n << 30n, tb: 1n << 40n };
const DURATIONS = { '': 1000n, ms: 1n, s: 1000n, m: 60_000n, h: 3_600_000n };

const part = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    '...',
    'a',
    'b',
    ' ',
    '%2e',
    '\\',
    'ü',
    '\0',
    '\n',
    '\x7f',
    '\u0085',
    '\ud800',
    '🎬',
    'n'.repeat(255),
    'ü'.repeat(128),
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const path = fc.array(part, { maxLength: 12 }).map((parts) => parts.join('/'));

/** Without lone surrogates, which UTF-8 cannot represent. */
const wellFormed = (text: string) => Buffer.from(text).toString();

describe('texts that say how much, how long or where', () => {
  fuzz('are read exactly or refused', 'parsers', () =>
    fc.property(measure, path, fc.string({ unit: 'binary' }), (text, anyPath, target) => {
      const bytes = read('CONFIG_INVALID', () => parseSize(text));
      const wantedBytes = exact(text, SIZES);
      const fits = wantedBytes !== undefined && wantedBytes >= 1000n && wantedBytes <= BigInt(MAX_SIZE) * 1000n;
      expect([text, bytes]).toEqual([text, fits ? Number(wantedBytes / 1000n) : undefined]);

      const time = read('CONFIG_INVALID', () => parseDuration(text));
      const wanted = exact(text, DURATIONS);
      if (wanted === undefined || wanted < 0n || wanted > BigInt(MAX_DURATION) * 1000n) {
        // A fraction too small for thousandths may still be left.
        if (wanted !== 0n) expect([text, time]).toEqual([text, undefined]);
      } else {
        expect(Math.abs(Number(wanted) / 1000 - time!)).toBeLessThanOrEqual(time === 1 ? 1 : 0.51);
        expect(parseDuration(formatDuration(time!))).toBe(time);
      }

      const mode = read('INVALID_PARAMETER', () => parseMode(text));
      if (mode !== undefined) expect(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777).toBe(true);

      const normal = read('INVALID_PATH', () => normalizePath(anyPath));
      const parts = anyPath.split('/').filter((one) => one !== '' && one !== '.');
      const sound =
        ![...anyPath].some((sign) => sign < ' ' || (sign >= '\x7f' && sign <= '\x9f')) &&
        wellFormed(anyPath) === anyPath &&
        !parts.includes('..') &&
        parts.every((one) => Buffer.byteLength(one) <= MAX_PART_BYTES) &&
        Buffer.byteLength(`/${parts.join('/')}`) <= DEFAULT_PATH_LIMITS.length;
      expect([anyPath, normal]).toEqual([anyPath, sound ? `/${parts.join('/')}` : undefined]);
      if (normal !== undefined) expect(normalizePath(normal)).toBe(normal);

      for (const url of [
        `/${target}`,
        target,
        `/api/v1/files?${target}`,
        `/x?path=${encodeURIComponent(wellFormed(target))}`,
      ]) {
        const found = read('BAD_REQUEST', () => parseTarget(url));
        if (found === undefined) continue;
        expect(found.segments.every((segment) => typeof segment === 'string')).toBe(true);
      }
      const well = wellFormed(target);
      if (well !== '') expect(parseTarget(`/x?path=${encodeURIComponent(well)}`).query.text('path')).toBe(well);
    }),
  );
});
