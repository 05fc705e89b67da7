/** Formats numbers for people. 1 KB is 1024 bytes, as everywhere in StreamFS. */
import { formatSize } from '../src/units/index.ts';

/** `6.0 MB`, `512 B`. */
export function size(bytes: number): string {
  return formatSize(bytes).replace(/([A-Z]+)$/, ' $1');
}

/** Bytes per second; a dash if unknown. */
export function rate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return '–';
  return bytesPerSecond < 0.5 ? '0' : `${size(bytesPerSecond)}/s`;
}

const AGES = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** `now`, `5 s`, `12 min`, `3 h`, `40 d`: the largest unit with a whole number of at least 1. */
export function age(milliseconds: number): string {
  if (milliseconds < 1000) return 'now';
  const unit = AGES.find(([, each]) => milliseconds >= each);
  return unit === undefined
    ? `${Math.floor(milliseconds / 1000)} s`
    : `${Math.floor(milliseconds / unit[1])} ${unit[0]}`;
}

/** `0.4 s`, `12 s`, `3 min`: for durations that may be short. */
export function seconds(milliseconds: number): string {
  return milliseconds < 10_000 ? `${(milliseconds / 1000).toFixed(1)} s` : age(milliseconds);
}

const COUNT = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `12,345`. */
export function count(value: number): string {
  return COUNT.format(value);
}

/** `1 reader`, `3 readers`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** The time of day, to the second. */
export function clock(milliseconds: number): string {
  return new Date(milliseconds).toTimeString().slice(0, 8);
}
