/**
 * `node bench/log.mjs [ROW]`: a writer on one node, readers on another, and between them a shared log on Redis. For
 * comparison, in the same run: plain Redis Streams, and NATS JetStream with a consumer for each reader (log-ways.mjs).
 * Needs the built package, `redis-server` and, for that column, `nats-server`.
 *
 * Absolute figures depend on the machine and the moment; the ratios matter, above all those of CPU time.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LIMITS, quiet, WAYS } from './log-ways.mjs';

// Each engine and each node adds a listener that ends it with this process.
process.setMaxListeners(0);

const SECONDS = 4;
const PATH = '/bench';

const now = () => Number(process.hrtime.bigint()) / 1e6;
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const pathOf = (n) => `${PATH}/${n}`;

// ── work of a node ───────────────────────────────────────────────────────────────────────────────────────────────

async function runNode(kind, port) {
  const node = await WAYS[kind].join(port);
  let latencies = [];
  let bytes = 0;
  let messages = 0;
  let cpu = 0;
  const onData = (chunk) => {
    bytes += chunk.length;
    messages++;
    const at = chunk.readDoubleLE(0);
    if (at > 0) latencies.push(now() - at);
  };
  const jobs = {
    follow: async ({ readers, streams }) => {
      for (let n = 0; n < streams; n += 200) {
        await Promise.all(
          Array.from({ length: Math.min(200, streams - n) }, (_, k) => node.open(pathOf(n + k), onData, readers)),
        );
      }
    },
    write: async ({ streams }) => {
      for (let n = 0; n < streams; n++) await node.open(pathOf(n));
    },
    /** At a fixed rate; each message contains the time it was made. */
    paced: async ({ rate, streams }) => {
      const end = now() + SECONDS * 1000;
      for (let n = 0; now() < end; n++) {
        const message = Buffer.alloc(100);
        message.writeDoubleLE(now());
        void node.append(pathOf((n * 7919) % streams), message);
        const next = (n + 1) * (1000 / rate) - (now() - (end - SECONDS * 1000));
        if (next > 0) await new Promise((resolve) => setTimeout(resolve, next));
      }
    },
    /** As fast as acknowledgements arrive, with a fixed number in flight. */
    flood: async ({ size, inFlight }) => {
      const end = now() + SECONDS * 1000;
      const message = Buffer.alloc(size);
      const one = async () => {
        while (now() < end) await node.append(pathOf(0), message);
      };
      await Promise.all(Array.from({ length: inFlight }, one));
    },
    take: async () => {
      const sorted = latencies.sort((a, b) => a - b);
      const result = {
        bytes,
        messages,
        p50: sorted[sorted.length >> 1],
        p90: sorted[Math.floor(sorted.length * 0.9)],
        p99: sorted[Math.floor(sorted.length * 0.99)],
        cpu: cpuSeconds() - cpu,
      };
      [latencies, bytes, messages, cpu] = [[], 0, 0, cpuSeconds()];
      return result;
    },
  };
  process.on('message', async ({ job, ...options }) => process.send((await jobs[job](options)) ?? {}));
  process.send({ ready: true });
}

// ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function startEngine({ command, ready }) {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'streamfs-bench-'));
  const [program, ...args] = command(String(port), directory);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise((resolve, reject) => {
    let log = '';
    const look = (text) => {
      log += text;
      if (log.includes(ready)) resolve();
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${program} ended: ${log.slice(-500)}`)));
  });
  process.on('exit', () => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  return { port, pid: child.pid, stop: () => child.kill('SIGKILL') };
}

/** CPU seconds of a process so far, in clock ticks of 10 ms. */
function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function startNode(kind, port) {
  const child = fork(fileURLToPath(import.meta.url), [kind, String(port)]);
  process.on('exit', () => child.kill('SIGKILL'));
  await once(child, 'message');
  const ask = async (job, options = {}) => {
    child.send({ job, ...options });
    return (await once(child, 'message'))[0];
  };
  return Object.assign(ask, { stop: () => child.kill('SIGKILL') });
}

async function measure(kind, { streams, readers, job, options }) {
  const { port, pid, stop } = await startEngine(WAYS[kind]);
  const reader = await startNode(kind, port);
  const writer = await startNode(kind, port);
  await reader('follow', { streams, readers });
  await writer('write', { streams: Math.min(streams, 500) });
  await Promise.all([reader('take'), writer('take')]);
  const engine = cpuSecondsOf(pid);
  const began = now();
  await writer(job, { ...options, streams: Math.min(streams, 500) });
  const seconds = (now() - began) / 1000;
  const [result, own] = await Promise.all([reader('take'), writer('take')]);
  const engineCpu = cpuSecondsOf(pid) - engine;
  for (const one of [reader, writer]) one.stop();
  stop();
  return { ...result, seconds, cpu: { writer: own.cpu, engine: engineCpu, reader: result.cpu } };
}

const costOf = ({ cpu }) => cpu.writer + cpu.engine + cpu.reader;

const ROWS = [
  {
    name: 'L1 100 B, 500/s, append on one node to reader on another',
    streams: 1,
    readers: 1,
    job: 'paced',
    options: { rate: 500 },
    unit: 'ms',
  },
  {
    name: 'L2 64 KiB, 64 at a time',
    streams: 1,
    readers: 1,
    job: 'flood',
    options: { size: 65536, inFlight: 64 },
    unit: 'MB/s',
  },
  {
    name: 'L3 100 B, 1,000 at a time',
    streams: 1,
    readers: 1,
    job: 'flood',
    options: { size: 100, inFlight: 1000 },
    unit: 'messages/s',
  },
  {
    name: 'L4 10,000 streams followed, 500/s',
    streams: 10_000,
    readers: 1,
    job: 'paced',
    options: { rate: 500 },
    unit: 'ms',
  },
  {
    name: 'L6 64 KiB to 20 readers on one node, 16 at a time',
    streams: 1,
    readers: 20,
    job: 'flood',
    options: { size: 65536, inFlight: 16 },
    unit: 'MB/s',
  },
];

function figureOf({ unit }, { bytes, messages, p50, p90, p99, seconds, cpu }) {
  const speed =
    unit === 'ms'
      ? `p50 ${p50?.toFixed(2)} p90 ${p90?.toFixed(2)} p99 ${p99?.toFixed(2)} ms`
      : unit === 'MB/s'
        ? `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`
        : `${Math.round(messages / seconds)} messages/s`;
  const [per, each] = unit === 'MB/s' ? ['s/GiB', bytes / 2 ** 30] : ['µs a message', messages / 1e6];
  const parts = Object.values(cpu).map((seconds) => (seconds / each).toFixed(2));
  return `${speed}, CPU ${(costOf({ cpu }) / each).toFixed(2)} ${per} (writer, engine, readers: ${parts.join(', ')})`;
}

/** @param settings of Redis, in addition to those of all rows */
async function memoryOfStream(chunks, settings) {
  const { command, ready } = WAYS.log;
  const { port, stop } = await startEngine({ ready, command: (...args) => [...command(...args), ...settings] });
  const { createClient } = await import('@redis/client');
  const client = createClient({ RESP: 2, socket: { host: '127.0.0.1', port } });
  await client.connect();
  const usedMemory = async () => Number(/used_memory:(\d+)/.exec(await client.sendCommand(['INFO', 'memory']))[1]);
  const before = await usedMemory();
  const { openLog } = await import('../dist/logs/index.js');
  const url = new URL(`redis://127.0.0.1:${port}`);
  const log = await openLog({ url, node: 'm', prefix: 'bench:', deadline: 20_000, limits: LIMITS, logger: quiet });
  await log.start();
  const count = 10_000;
  const make = async (n) => {
    const path = `/small/${n}`;
    const terms = { retention: 6 << 20, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { generation } = (await log.create({ path, ...terms })).stream;
    for (let k = 0; k < chunks; k++) {
      await log.append({ path, generation, chunks: [Buffer.alloc(100)], producer: undefined });
    }
  };
  for (let n = 0; n < count; n += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => make(n + k)));
  const bytes = Math.round(((await usedMemory()) - before) / count);
  await log.close();
  client.destroy();
  stop();
  return `${bytes} bytes`;
}

async function memoryRow() {
  const small = ['--stream-node-max-bytes', '512'];
  const [one, ten, tenSmall] = [
    await memoryOfStream(1, []),
    await memoryOfStream(10, []),
    await memoryOfStream(10, small),
  ];
  return `L5 memory of Redis for each stream, index and all: one chunk of 100 B ${one}; ten, each appended alone, ${ten}; the same with ${small[0].slice(2)} ${small[1]} ${tenSmall}`;
}

const [kind, port] = process.argv.slice(2);
if (port !== undefined) await runNode(kind, Number(port));
else {
  const only = kind;
  for (const row of ROWS) {
    if (only !== undefined && !row.name.startsWith(only)) continue;
    const results = new Map();
    for (const way of Object.keys(WAYS)) {
      try {
        results.set(way, await measure(way, row));
      } catch (error) {
        process.stdout.write(`${row.name}: ${way} is left out: ${error.message}\n`);
      }
    }
    const log = results.get('log');
    const each = ({ bytes, messages }) => (row.unit === 'MB/s' ? bytes : messages);
    for (const [way, result] of results) {
      const cost = costOf(result) / each(result) / (costOf(log) / each(log));
      const more = way === 'log' ? '' : `; ${cost.toFixed(2)} of the CPU time of the log`;
      process.stdout.write(`${row.name}: ${WAYS[way].title} ${figureOf(row, result)}${more}\n`);
    }
  }
  if (only === undefined || only === 'L5') process.stdout.write(`${await memoryRow()}\n`);
  process.exit(0);
}
