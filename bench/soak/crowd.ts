/** Thousands of readers on one machine: their cost when idle, on one stream, and spread over many. */

import type { Process } from '../../test/e2e/harness/process.ts';
import { content } from './content.ts';
import { ask, closeKept, readLive } from './http.ts';
import { within } from './report.ts';
import { pause } from './run.ts';
import { median, megabytes, type SoakSample, sample } from './samples.ts';
import { type Level, startServer, untilGone } from './server.ts';
import { Cursor } from './verify.ts';

/** Duration of each measurement, in seconds. */
const SECONDS = 10;
/** Connections being opened concurrently. */
const MAX_CONNECTING = 200;
const MESSAGE = 1024;
const LONGEST_WAIT = 120_000;

interface Phase {
  name: string;
  streams: number;
  /** Messages per second to each stream. */
  messages: number;
}

const PHASES: readonly Phase[] = [
  { name: 'on one stream, 10 messages a second', streams: 1, messages: 10 },
  { name: 'on 100 streams, 2 messages a second each', streams: 100, messages: 2 },
];

/** Readers of streams that count and check the bytes they receive. */
class Crowd {
  readonly cursors: Cursor[] = [];
  failure: unknown;
  private waiting: (() => void) | undefined;
  private expected = 0;
  private complete = 0;
  private readonly sockets: { destroy(): void }[] = [];

  async open(port: number, count: number, streams: number): Promise<void> {
    for (let group = 0; group < count; group += MAX_CONNECTING) {
      const some = Array.from({ length: Math.min(MAX_CONNECTING, count - group) }, (_, n) =>
        this.one(port, (group + n) % streams),
      );
      await Promise.all(some);
    }
  }

  private one(port: number, stream: number): Promise<void> {
    return new Promise((resolve) => {
      const cursor = new Cursor(stream, 0);
      this.cursors.push(cursor);
      const socket = readLive(port, `/files?path=/streamfs/crowd/${stream}&stream=true`, {
        head: () => resolve(),
        data: (bytes) => {
          try {
            cursor.data(cursor.offset, bytes);
          } catch (error) {
            this.failure ??= error;
          }
          if (cursor.offset !== this.expected) return;
          if (++this.complete === this.cursors.length) this.waiting?.();
        },
        end: () => undefined,
        close: resolve,
      });
      this.sockets.push(socket);
    });
  }

  /** Raises the total length of each stream to this many bytes, and settles when every reader has them. */
  async each(bytes: number, write: () => Promise<unknown>): Promise<number> {
    this.expected = bytes;
    this.complete = 0;
    const all = new Promise<void>((resolve) => {
      this.waiting = resolve;
    });
    const began = performance.now();
    await write();
    await within(LONGEST_WAIT, all, () => {
      this.failure ??= new Error(`only ${this.complete} of ${this.cursors.length} readers got the message`);
    });
    return performance.now() - began;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

const figures = (before: SoakSample, after: SoakSample, seconds: number) =>
  `cpu ${(((after.cpu - before.cpu) / seconds) * 100).toFixed(1)} %, loop delay p99 ${after.p99.toFixed(1)} ms, max ${after.delay.toFixed(1)} ms`;

const say = (text: string) => process.stdout.write(`crowd: ${text}\n`);

export async function crowd(count: number): Promise<boolean> {
  let isWell = true;
  for (const phase of PHASES) {
    const { server, port } = await startServer();
    try {
      await play(server, port, count, phase);
    } catch (error) {
      isWell = false;
      say(`FAILED: ${error instanceof Error ? error.message : error}`);
    } finally {
      await server.end();
    }
  }
  return isWell;
}

async function play(server: Process, port: number, count: number, { name, streams, messages }: Phase): Promise<void> {
  for (let stream = 0; stream < streams; stream++) await ask(port, 'PUT', `/files?path=/streamfs/crowd/${stream}`, '');
  closeKept();
  const before = await server.ask<Level>('level');
  const empty = await sample(server);
  const readers = new Crowd();
  const opening = performance.now();
  await readers.open(port, count, streams);
  const opened = (performance.now() - opening) / 1000;
  const { bytes } = await server.ask<Level>('level');
  await sample(server);
  const start = await sample(server);
  await pause(SECONDS * 1000);
  const idle = await sample(server);
  say(`${count} readers ${name}`);
  say(`  connected in ${opened.toFixed(1)} s, ${start.descriptors} descriptors`);
  say(
    `  idle: ${((idle.rss - empty.rss) / count / 1024).toFixed(1)} KiB resident and ${((bytes - before.bytes) / count / 1024).toFixed(1)} KiB held a reader; rss ${megabytes(idle.rss)}; ${figures(start, idle, SECONDS)}`,
  );

  const delays: number[] = [];
  const began = performance.now();
  for (let n = 0; n < SECONDS * messages; n++) {
    const written = n * MESSAGE;
    const put = (stream: number) =>
      ask(port, 'PUT', `/files?path=/streamfs/crowd/${stream}`, content(stream, written, MESSAGE));
    const writing = () => Promise.all(Array.from({ length: streams }, (_, stream) => put(stream)));
    delays.push(await readers.each(written + MESSAGE, writing));
    if (readers.failure !== undefined) throw readers.failure;
    await pause(began + ((n + 1) * 1000) / messages - performance.now());
  }
  const seconds = (performance.now() - began) / 1000;
  const busy = await sample(server);
  const rate = (SECONDS * messages * count) / seconds;
  say(
    `  in use: ${rate.toFixed(0)} deliveries a second, each message at its last reader after ${median(delays).toFixed(0)} ms (worst ${Math.max(...delays).toFixed(0)} ms); rss ${megabytes(busy.rss)}; ${figures(idle, busy, seconds)}`,
  );

  const { body } = await ask(port, 'GET', '/stat?path=/streamfs/crowd/0');
  const { active_readers: active } = (JSON.parse(body.toString()) as { meta: { Content: Record<string, string> } }).meta
    .Content;
  if (Number(active) !== count / streams) throw new Error(`${active} readers of a stream, ${count / streams} expected`);
  readers.close();
  closeKept();
  const left = await untilGone(server, before);
  if (left.length > 0) throw new Error(`left behind in the server: ${left.join(', ')}`);
}
