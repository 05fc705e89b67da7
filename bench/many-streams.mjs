/**
 * `node bench/many-streams.mjs [--streams N] [--log]`: a server with a million streams (with a shared log on a separate
 * Redis: 100,000). Measures how long a scrape of /metrics, the totals of /stats and a listing page of 1,000 take, and
 * how long they block the event loop. Needs the built package, and 3 GB of memory.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort } from './processes.mjs';

const ROUNDS = 20;
const PAGE = 1000;
/** Bytes of process memory per stream, rounded up. */
const BYTES_PER_STREAM = 3000;
const LOOP_RESOLUTION_MS = 1;

const nameOf = (n) => `s${String(n).padStart(7, '0')}`;

async function serve({ streams, redis }) {
  const { startApp } = await import('../dist/index.js');
  const log = redis === undefined ? {} : { log: `redis://127.0.0.1:${redis}` };
  const config = {
    plugins: { streamfs: { path: '/streamfs', config: { max_streams: streams + 10, ...log } } },
  };
  const app = await startApp({ address: '127.0.0.1:0', config });
  while (!(await fetch(`${app.url}/api/v1/ready`)).ok) await delay(50);
  const bytes = Buffer.alloc(100, 'x');
  const together = redis === undefined ? 1000 : 200;
  for (let n = 0; n < streams; n += together) {
    const count = Math.min(together, streams - n);
    await Promise.all(Array.from({ length: count }, (_, k) => app.mounts.write(`/streamfs/${nameOf(n + k)}`, bytes)));
  }
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send({ longest: loop.max / 1e6, resident: process.memoryUsage().rss, cpu: (user + system) / 1000 });
    loop.reset();
  });
  process.send({ url: app.url });
}

async function startRedis() {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-bench-'));
  const child = spawn('redis-server', ['--port', String(port), '--dir', folder, '--save', ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  for await (const text of child.stdout) if (String(text).includes('Ready to accept')) break;
  return port;
}

async function measure({ streams, redis }) {
  const child = fork(fileURLToPath(import.meta.url), ['--serve', JSON.stringify({ streams, redis })]);
  process.on('exit', () => child.kill('SIGKILL'));
  const began = performance.now();
  const [{ url }] = await once(child, 'message');
  const made = performance.now() - began;
  const state = async () => {
    child.send('state');
    return (await once(child, 'message'))[0];
  };
  const rest = await state();
  const { resident } = rest;
  const say = (text) => process.stdout.write(`${text}\n`);
  const where = redis === undefined ? 'in memory' : 'on a log';
  say(
    `${streams} streams ${where}, made in ${(made / 1000).toFixed(0)} s, ${(resident / 2 ** 20).toFixed(0)} MiB resident`,
  );
  const rows = [
    ['/metrics', () => '/metrics'],
    ['/stats', () => '/api/v1/stats'],
    [
      `a page of ${PAGE}`,
      (n) =>
        `/api/v1/directories?path=/streamfs&limit=${PAGE}&after=${nameOf(Math.floor(((streams - PAGE) * n) / ROUNDS))}`,
    ],
  ];
  for (const [name, target] of rows) {
    // The first requests compile the code.
    for (let n = 0; n < 3; n++) await (await fetch(`${url}${target(n)}`)).text();
    const before = await state();
    const times = [];
    let bytes = 0;
    for (let n = 0; n < ROUNDS; n++) {
      const from = performance.now();
      const response = await fetch(`${url}${target(n)}`);
      if (!response.ok) throw new Error(`${target(n)}: ${response.status} ${await response.text()}`);
      bytes = (await response.arrayBuffer()).byteLength;
      times.push(performance.now() - from);
    }
    const { longest, cpu } = await state();
    const each = (cpu - before.cpu) / ROUNDS;
    times.sort((a, b) => a - b);
    say(
      `${name}: ${times[ROUNDS >> 1].toFixed(1)} ms (${times[0].toFixed(1)} to ${times.at(-1).toFixed(1)}), CPU ${each.toFixed(1)} ms, ${bytes} bytes; the event loop stood still for ${longest.toFixed(1)} ms at most`,
    );
  }
  child.kill('SIGKILL');
}

const { values } = parseArgs({
  options: { streams: { type: 'string' }, log: { type: 'boolean', default: false }, serve: { type: 'string' } },
});
if (values.serve !== undefined) await serve(JSON.parse(values.serve));
else {
  const streams = Number(values.streams ?? (values.log ? 100_000 : 1_000_000));
  if (freemem() < streams * BYTES_PER_STREAM) throw new Error(`not enough memory is free for ${streams} streams`);
  await measure({ streams, redis: values.log ? await startRedis() : undefined });
  process.exit(0);
}
