/** Resource use of the server process, sampled once a second, and whether it grows. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Process } from '../../test/e2e/harness/process.ts';

const MB = 1024 * 1024;

export interface SoakSample {
  /** Bytes. */
  rss: number;
  /** Used heap and buffers: live objects, and garbage that has not been collected yet. */
  held: number;
  descriptors: number;
  /** CPU seconds so far. */
  cpu: number;
  /** Event loop delay in the last second, in milliseconds. */
  delay: number;
  /** The same, 99th percentile. */
  p99: number;
}

/** Clock ticks per second, as Linux reports them to programs. */
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

/** Growth per second, by least squares. */
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

/** Growth that counts as noise: a tenth, which includes the effect of one garbage collection. */
const NOISE = 0.1;
const COLLECTION = 32 * MB;

/**
 * Detects memory growth: returns a message, or undefined. The first third is ignored, because rings fill and code is
 * compiled. The rest counts as growth only if the median of its second half exceeds that of the first by more than
 * noise, and the total growth along the slope does too. A leak does both, a peak only one of them.
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
