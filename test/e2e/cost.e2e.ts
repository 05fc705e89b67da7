/**
 * Guards the cost of the fan-out without measuring time: system calls and heap bytes for each chunk delivered, in the shapes
 * of the benchmark's rows S1, S2 and S2c, and the memory of S5 and S6. The figures are recorded in bench/baseline.json.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openRawReader, Readers, Writer } from './cost/load.ts';
import {
  countsOf,
  type RunningServer,
  readMeter,
  residentKiB,
  startMetered,
  startServer,
  startTraced,
} from './cost/server.ts';

const BASELINE = resolve(import.meta.dirname, '../../bench/baseline.json');
const RECORDING = process.env.STREAMFS_RECORD_BASELINE === '1';
/** A figure up to this many times the recorded one passes. */
const MARGIN = 1.5;
/** The same factor, compared with the shape named in `like`. */
const LIKE_MARGIN = 1.05;
/**
 * Allowed random differences: how a write was split in transit, and a few objects. For a shape with `like`, also what is
 * allocated once a round for all readers, such as the head of a frame.
 */
const SLACK = { callsPerRound: 2, bytes: 32, bytesPerRound: 2048, kib: 1 };

const READERS = 20;
/** Measurement stops after this many passes without a new minimum, when all code is compiled; `MAX_PASSES` bounds them. */
const SETTLED_PASSES = 8;
const MAX_PASSES = 60;
const KIB = 1024;
const CHUNK = Buffer.alloc(64 * KIB, 'x');
const MESSAGE = Buffer.alloc(100, 'x');

interface Shape {
  name: string;
  /** Messages sent together, and how often. */
  together: number;
  rounds: number;
  message: Buffer;
  chunked: boolean;
  /** The shape to compare with: reading over WebSocket must cost next to nothing more. */
  like?: string;
}

const SHAPES: Shape[] = [
  { name: 'S1', message: CHUNK, together: 1, rounds: 100, chunked: false },
  { name: 'S2', message: MESSAGE, together: 32, rounds: 100, chunked: false },
  { name: 'S2c', message: MESSAGE, together: 256, rounds: 25, chunked: true },
  { name: 'WebSocket S1', like: 'S1', message: CHUNK, together: 1, rounds: 100, chunked: false },
  { name: 'WebSocket S2c', like: 'S2c', message: MESSAGE, together: 256, rounds: 25, chunked: true },
];

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace) process.stdout.write('skipped: system calls are not counted, strace is not installed\n');

let folder: string;
let recorded: Record<string, number> = {};
const measured: Record<string, number> = {};
const servers: RunningServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamfs-cost-'));
  if (!RECORDING) recorded = JSON.parse(await readFile(BASELINE, 'utf8')).figures;
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  if (!RECORDING) return;
  const node = process.version;
  const about = 'Recorded by: npm run bench -- --record-baseline';
  await writeFile(BASELINE, `${JSON.stringify({ about, node, figures: measured }, null, 2)}\n`);
});

async function running(server: Promise<RunningServer>): Promise<RunningServer> {
  const started = await server;
  servers.push(started);
  return started;
}

/**
 * Compares a figure with the recorded one, or records it; or compares it with the figure just measured for the shape in `like`.
 */
function keeps({ name: shape, like }: Pick<Shape, 'name' | 'like'>, what: string, value: number, slack: number): void {
  if (like !== undefined) {
    const other = measured[`${like} ${what}`];
    expect(value, `${shape} ${what}; ${like}: ${other}`).toBeLessThanOrEqual(other! * LIKE_MARGIN + slack);
    return;
  }
  const name = `${shape} ${what}`;
  measured[name] = Number(value.toPrecision(3));
  if (RECORDING) return;
  const known = recorded[name];
  expect(known, `${name} is not recorded: npm run bench -- --record-baseline`).toBeDefined();
  expect(
    value,
    `${name} was ${known}. If it is meant to cost more now, record it again: npm run bench -- --record-baseline`,
  ).toBeLessThanOrEqual(Math.max(known! * MARGIN, known! + slack));
}

/** Writes a shape's messages in lockstep, and returns how many were delivered. */
async function deliver(shape: Shape, writer: Writer, readers: Readers, rounds: number): Promise<number> {
  for (let round = 0; round < rounds; round++) {
    await readers.each(shape.message.length * shape.together, () => {
      if (shape.chunked) writer.chunks(shape.message, shape.together);
      else writer.put('x', shape.message, shape.together);
    });
  }
  return rounds * shape.together * READERS;
}

async function begin(shape: Shape, server: RunningServer): Promise<{ writer: Writer; readers: Readers }> {
  const readers = await Readers.open(server.port, 'x', READERS, shape.like !== undefined);
  const writer = await Writer.open(server.port);
  if (shape.chunked) writer.beginChunked('x');
  return { writer, readers };
}

describe.skipIf(!hasStrace)('system calls for each chunk delivered', () => {
  /** System calls of a server under strace that delivers this many rounds, those of startup and connecting included. */
  async function calls(shape: Shape, rounds: number): Promise<{ reads: number; writes: number; delivered: number }> {
    const table = join(folder, `${shape.name}-${rounds}`);
    const server = await running(startTraced(table));
    const { writer, readers } = await begin(shape, server);
    const delivered = await deliver(shape, writer, readers, rounds);
    await server.stop();
    const counts = await countsOf(table);
    return { reads: counts.read ?? 0, writes: (counts.write ?? 0) + (counts.writev ?? 0), delivered };
  }

  it.each(SHAPES)('contract 2: $name shares one encoded slice among its readers, a write each', async (shape) => {
    const few = await calls(shape, 10);
    const many = await calls(shape, 10 + shape.rounds);
    const delivered = many.delivered - few.delivered;
    const writes = (many.writes - few.writes) / delivered;
    const reads = (many.reads - few.reads) / delivered;
    // A sanity check of the counting: each round takes at least one write for each reader.
    expect(writes).toBeGreaterThanOrEqual(0.9 / shape.together);
    const slack = SLACK.callsPerRound / (shape.together * READERS);
    keeps(shape, 'write calls for each chunk delivered', writes, slack);
    keeps(shape, 'read calls for each chunk delivered', reads, slack);
  });
});

describe('allocation for each chunk delivered', () => {
  it.each(SHAPES)('$name takes no more heap than it did', async (shape) => {
    const server = await running(startMetered());
    const { writer, readers } = await begin(shape, server);
    // Compiled code allocates less, and the engine decides when to compile how much. So the result is the minimum, once
    // further passes do not lower it.
    let bytes = Number.POSITIVE_INFINITY;
    let leastAt = 0;
    for (let pass = 0; pass < MAX_PASSES && pass - leastAt <= SETTLED_PASSES; pass++) {
      const before = await readMeter(server, 'collect');
      const delivered = await deliver(shape, writer, readers, shape.rounds);
      const after = await readMeter(server, 'read');
      expect(after.collections, 'garbage was collected meanwhile, so nothing can be said').toBe(before.collections);
      const counted = (after.heapUsed - before.heapUsed) / delivered;
      if (counted < bytes) leastAt = pass;
      bytes = Math.min(bytes, counted);
    }
    expect(bytes).toBeGreaterThan(0);
    const perRound = shape.like === undefined ? 0 : SLACK.bytesPerRound / (shape.together * READERS);
    keeps(shape, 'bytes of heap for each chunk delivered', bytes, SLACK.bytes + perRound);
  });
});

describe('memory', () => {
  it('contract 16: an idle reader takes little', async () => {
    const server = await running(startServer());
    const count = 2000;
    const open = async (readers: number) => {
      for (let i = 0; i < readers; i++) await openRawReader(server.port, 'idle');
    };
    // The first streams pay for shared structures.
    await open(100);
    const before = await residentKiB(server);
    await open(count);
    const each = ((await residentKiB(server)) - before) / count;
    keeps({ name: 'S6' }, 'KiB for each idle reader', each, SLACK.kib);
  });

  it('contract 7, 16: a reader that never reads costs no more than the ring and a slice, and delays no other reader', async () => {
    const server = await running(startServer());
    const readers = await Readers.open(server.port, 'live', 2);
    const writer = await Writer.open(server.port);
    const mib = async (count: number) => {
      for (let i = 0; i < count * 16; i++) await readers.each(CHUNK.length, () => writer.put('live', CHUNK));
    };
    await mib(32);
    const before = await residentKiB(server);
    const stalled = await openRawReader(server.port, 'live');
    await mib(96);
    const more = ((await residentKiB(server)) - before) / KIB;
    stalled.destroy();
    // The ring is 6 MiB; the rest is room for garbage. If data were queued for the reader, this would be 96.
    expect(more).toBeLessThan(32);
  });
});
