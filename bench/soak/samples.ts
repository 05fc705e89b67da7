/** What the server's process takes, once a second, and whether that grows. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Process } from '../../test/e2e/harness/process.ts';

const MB = 1024 * 1024;

export interface SoakSample {
  /** Bytes. */
  rss: number;
  /** Heap in use, and buffers: what the program holds, collected or not. */
  held: number;
  descriptors: number;
  /** Seconds of processor time so far. */
  cpu: number;
  /** Delay of the event loop in the last second, in milliseconds. */
  delay: number;
  /** The same, the worst of a hundred. */
  p99: number;
}

/** Ticks of the processor's clock in a second, as Linux counts for programs. */
const TICKS = 100;

export async function sample(server: Process): Promise<SoakSample> {
  const { heapUsed, arrayBuffers, max, p99 } = await server.ask<Record<string, number>>('sample');
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    rss: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024,
    held: heapUsed! + arrayBuffers!,
    descriptors: readdirSync(`/proc/${server.pid}/fd`).length,
    cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    delay: max!,
    p99: p99!,
  };
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
};

/** Growth a second, by least squares. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let up = 0;
  let across = 0;
  values.forEach((value, at) => {
    up += (at - middle) * (value - mean);
    across += (at - middle) ** 2;
  });
  return across === 0 ? 0 : up / across;
}

/** Growth that is taken for noise: a tenth, and what a collection more or less makes. */
const NOISE = 0.1;
const COLLECTION = 32 * MB;

/**
 * Whether memory grows: says so, or nothing. The first third does not count, since rings fill and code is compiled. Of
 * the rest, the median of the second half must not be above that of the first by more than noise; and the slope through
 * all of it must not come to more than that either. A leak does both, a peak only one.
 */
export function trend(name: string, values: readonly number[]): string | undefined {
  const third = Math.floor(values.length / 3);
  if (third < 5) return undefined;
  const first = median(values.slice(third, 2 * third));
  const second = median(values.slice(2 * third));
  const allowed = first * NOISE + COLLECTION;
  const rest = values.slice(third);
  const grown = slope(rest) * rest.length;
  if (second - first <= allowed || grown <= allowed) return undefined;
  return `${name} grows: from ${megabytes(first)} to ${megabytes(second)}, ${megabytes(slope(rest) * 60)} a minute`;
}

export const megabytes = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`;
