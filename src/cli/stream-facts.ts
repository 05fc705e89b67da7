/** What stat says of a stream, as numbers, and how ages are printed. */
import type { FileInfo } from '../client/index.ts';

export interface StreamFacts {
  /** `open`, or why it has ended; with what its writer said of that. */
  state: string;
  readers: number;
  /** Bytes. */
  written: number;
  retained: number;
  /** On the server's disk; undefined where it keeps none. */
  disk: number | undefined;
  /** By all readers there ever were. */
  lost: number;
  /** The largest lag of a reader. */
  lag: number;
  /** Milliseconds since the last write. */
  age: number;
  contentType: string;
}

/** Undefined for what is not a stream. */
export function streamFacts({ meta, modTime }: FileInfo, now = Date.now()): StreamFacts | undefined {
  const { Content: content, Type } = meta;
  if (Type !== 'stream' || content === null) return undefined;
  const number = (name: string) => Number(content[name] ?? 0);
  const { end_status, state = 'open', type = '-' } = content;
  return {
    state: end_status === undefined ? state : `${state}: ${end_status}`,
    readers: number('active_readers'),
    written: number('total_written'),
    retained: number('end_offset') - number('start_offset'),
    disk: content.disk_bytes === undefined ? undefined : number('disk_bytes'),
    lost: number('skipped_bytes'),
    lag: number('max_lag'),
    // The clock is the server's there and ours here.
    age: Math.max(0, now - Date.parse(modTime)),
    contentType: type,
  };
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** `5s`, `12m`, `3h`, `40d`: the largest unit that is full. */
export function formatAge(milliseconds: number): string {
  const unit = UNITS.find(([, size]) => milliseconds >= size);
  return unit === undefined ? `${Math.floor(milliseconds / 1000)}s` : `${Math.floor(milliseconds / unit[1])}${unit[0]}`;
}
