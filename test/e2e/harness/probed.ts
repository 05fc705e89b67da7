/**
 * A server that can be inspected, for tests of what a fault leaves behind: live objects, descriptors, memory. Its own
 * requests leave nothing: each uses a connection that is closed.
 */
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { type ServerOptions, ServerProcess, startServerAs } from './server.ts';

/** Flags that load the probe into a server. */
const PROBE = [
  '--expose-gc',
  '--disable-warning=ExperimentalWarning',
  '--import',
  pathToFileURL(resolve(import.meta.dirname, 'probe.mjs')).href,
];

/** How long released objects may take to disappear. */
const GONE = 20_000;

/** Successive samples, some turns of the server's event loop apart, that must be equal. */
const QUIET = 5;

/** Memory that may differ without a leak: newly compiled code, pools that are kept. */
const SLACK = 1024 * 1024;

/** At most this many rounds of memory measurement, until memory has grown by less in one. */
const ROUNDS = 3;

export interface Level {
  /** The number of live objects by kind. */
  objects: Record<string, number>;
  descriptors: number;
  handles: number;
  /** Heap and buffers, in bytes. */
  bytes: number;
}

export interface Sample {
  heapUsed: number;
  external: number;
  arrayBuffers: number;
  /** Event loop delays since the last sample, in milliseconds. */
  p99: number;
  max: number;
}

/** Open descriptors of a process. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export class ProbedServer extends ServerProcess {
  override async json(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number } & Record<string, unknown>> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const { status, bytes } = await this.ask(method, path, text);
    return { status, ...(JSON.parse(bytes.toString()) as Record<string, unknown>) };
  }

  override async put(path: string, body: string | Uint8Array): Promise<void> {
    const { status, bytes } = await this.ask('PUT', `/files?path=${encodeURIComponent(path)}`, body);
    if (status !== 200) throw new Error(`${status}: ${bytes}`);
  }

  /** One request on a separate connection, which is closed afterwards. */
  ask(method: string, path: string, body?: string | Uint8Array): Promise<{ status: number; bytes: Buffer }> {
    return new Promise((done, failed) => {
      const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
      const asked = request(this.api(path), { method, headers, agent: false }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => done({ status: response.statusCode ?? 0, bytes: Buffer.concat(pieces) }));
        response.on('error', failed);
      });
      asked.on('error', failed);
      asked.end(body);
    });
  }

  sample(): Promise<Sample> {
    return this.process.ask<Sample>('sample');
  }

  /** Blocks its event loop. Settles when that continues. */
  block(milliseconds: number): Promise<void> {
    return this.process.ask('block', milliseconds);
  }

  /** Shifts its clock relative to the system's. */
  shiftClock(milliseconds: number): Promise<void> {
    return this.process.ask('shift', milliseconds);
  }

  /**
   * The number of its descriptors once closing connections are gone: when it is stable over some turns of its event loop.
   * Time would not do: on a busy machine the server may get none of it.
   */
  async quietDescriptors(): Promise<number> {
    let count = -1;
    let same = 0;
    await waitFor('the number of descriptors to stay as it is', async () => {
      await this.process.ask('turn');
      const now = descriptorsOf(this.process.pid);
      same = now === count ? same + 1 : 0;
      count = now;
      return same === QUIET;
    });
    return count;
  }

  async level(): Promise<Level> {
    const { count } = await this.json('GET', '/handles');
    const { objects, bytes } = await this.process.ask<Pick<Level, 'objects' | 'bytes'>>('level');
    return { objects, descriptors: descriptorsOf(this.process.pid), handles: Number(count), bytes };
  }

  /** Waits until nothing is left that was not there before, and returns the level. */
  async untilAsBefore(before: Level): Promise<Level> {
    const until = performance.now() + GONE;
    for (;;) {
      const now = await this.level();
      const more = differences(before, now);
      if (more.length === 0) return now;
      if (performance.now() > until) throw new Error(`left behind: ${more.join(', ')}`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  /**
   * Repeats something, and fails unless everything it creates is released: connections, requests, readers, streams, timers,
   * descriptors, and memory beyond a slack. The first run is a warm-up, in which code is compiled and pools are filled. For memory
   * the least growth of three rounds counts: the engine compiles at any time, but a leak occurs in each round.
   */
  async leavesNothing(fault: () => Promise<void>, times = 3): Promise<void> {
    const empty = await this.level();
    await fault();
    let before = await this.untilAsBefore(empty);
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS && least >= SLACK; round++) {
      for (let n = 0; n < times; n++) await fault();
      const after = await this.untilAsBefore(before);
      least = Math.min(least, after.bytes - before.bytes);
      before = after;
    }
    expect(least).toBeLessThan(SLACK);
    await this.isSound();
  }

  /** It answers, and has logged no bug. */
  async isSound(): Promise<void> {
    expect(await this.json('GET', '/health')).toMatchObject({ status: 'healthy', degraded: false });
    expect([...this.logged('request failed'), ...this.logged('answering failed')]).toEqual([]);
  }
}

function differences(before: Level, now: Level): string[] {
  const more: string[] = [];
  const compare = (name: string, was: number, is: number) => {
    if (is > was) more.push(`${is - was} ${name}`);
  };
  for (const [kind, count] of Object.entries(now.objects)) compare(kind, before.objects[kind] ?? 0, count);
  compare('descriptors', before.descriptors, now.descriptors);
  compare('handles', before.handles, now.handles);
  return more;
}

/** Starts a probed server; the caller stops it. */
export function startProbed(options: ServerOptions = {}): Promise<ProbedServer> {
  return startServerAs(ProbedServer, { ...options, node: [...PROBE, ...(options.node ?? [])], ipc: true });
}

/** Starts a probed server that is stopped with the test that runs. */
export async function probed(options: ServerOptions = {}): Promise<ProbedServer> {
  const one = await startProbed(options);
  onTestFinished(() => one.stop());
  return one;
}
