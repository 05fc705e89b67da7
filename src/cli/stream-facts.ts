/** The properties of a stream from stat, as numbers, and the formatting of ages. */
import type { FileInfo } from '../client/index.ts';

export interface StreamFacts {
  /** `open`, or the reason of the end, with the status that the writer gave. */
  state: string;
  readers: number;
  /** Bytes. */
  written: number;
  retained: number;
  /** Bytes on the server's disk; undefined if the stream is not persisted. */
  disk: number | undefined;
  /** Bytes lost by all readers so far. */
  lost: number;
  /** The largest lag of all readers, in bytes. */
  lag: number;
  /** Milliseconds since the last write. */
  age: number;
  contentType: string;
}

/** Undefined for a file that is not a stream. */
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
    // The server's clock and the local one may differ.
    age: Math.max(0, now - Date.parse(modTime)),
    contentType: type,
  };
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** `5s`, `12m`, `3h`, `40d`: the largest unit with a whole number of at least 1. */
export function formatAge(milliseconds: number): string {
  const unit = UNITS.find(([, size]) => milliseconds >= size);
  return unit === undefined ? `${Math.floor(milliseconds / 1000)}s` : `${Math.floor(milliseconds / unit[1])}${unit[0]}`;
}
