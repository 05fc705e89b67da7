/** A stream as shown in the list. */
import type { FileInfo } from '../../src/client/index.ts';
import type { Rates } from './rates.ts';

export interface StreamRow {
  path: string;
  /** Bytes ever written. */
  size: number;
  retained: number;
  memory: number;
  readers: number;
  /** Bytes: the largest lag of its readers. */
  lag: number;
  /** Bytes lost by all its readers so far. */
  lost: number;
  /** Bytes per second; undefined until there is a previous sample to compare with. */
  incoming: number | undefined;
  outgoing: number | undefined;
  /** Milliseconds since 1970, by the server's clock. */
  writtenAt: number;
  type: string;
  generation: string;
  /** `open`, or the reason of its end. */
  state: string;
  /** The status that its writer gave at the end. */
  endStatus: string | undefined;
  /** All properties from the server, by their own names. */
  facts: Readonly<Record<string, string>>;
}

/** Undefined for a file that is not a stream. */
export function streamRow(path: string, info: FileInfo, rates: Rates, time: number): StreamRow | undefined {
  const { Content: facts, Type } = info.meta;
  if (Type !== 'stream' || facts === null) return undefined;
  const number = (name: string) => Number(facts[name] ?? 0);
  const generation = facts.generation ?? '';
  return {
    path,
    size: info.size,
    retained: number('end_offset') - number('start_offset'),
    memory: number('memory'),
    readers: number('active_readers'),
    lag: number('max_lag'),
    lost: number('skipped_bytes'),
    incoming: rates.rate(`in ${path}`, generation, number('total_written'), time),
    outgoing: rates.rate(`out ${path}`, generation, number('delivered_bytes'), time),
    writtenAt: Date.parse(info.modTime),
    type: facts.type ?? '',
    generation,
    state: facts.state ?? 'open',
    endStatus: facts.end_status,
    facts,
  };
}

/** Whether two rows are equal, including properties that the list does not show. */
export function isSameRow(a: StreamRow, b: StreamRow): boolean {
  return (
    a.incoming === b.incoming &&
    a.outgoing === b.outgoing &&
    a.writtenAt === b.writtenAt &&
    a.size === b.size &&
    isSameRecord(a.facts, b.facts)
  );
}

function isSameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
