/**
 * `node bench/log.mjs`: a writer on one node, a reader on another, and the log between them on Redis; beside it, in the same
 * run, plain Redis Streams with a consumer that blocks, over the same driver. Needs the built package and `redis-server`.
 *
 * Every figure is of this machine at this moment: what counts is the ratio of the two columns.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SECONDS = 4;
const PATH = '/bench';
const LIMITS = { maxStreams: 1_000_000, maxProducers: 100, producerTtl: 0 };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const now = () => Number(process.hrtime.bigint()) / 1e6;
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const pathOf = (n) => `${PATH}/${n}`;

// ── the two ways ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Streams of StreamFS on a log on Redis: what readers of a node are fed from. */
async function logNode(port) {
  const { openLog } = await import('../dist/logs/index.js');
  const { Stream } = await import('../dist/core/index.js');
  const url = new URL(`redis://127.0.0.1:${port}`);
  const log = await openLog({
    url,
    node: String(process.pid),
    prefix: 'bench:',
    deadline: 20_000,
    limits: LIMITS,
    logger: quiet,
  });
  await log.start();
  const generations = new Map();
  const open = async (path, onData) => {
    const terms = { retention: 8 << 20, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { stream } = await log.create({ path, ...terms });
    generations.set(path, stream.generation);
    const ring = new Stream({ retention: 8 << 20, maxLag: 8 << 20 });
    const sink = {
      get endOffset() {
        return ring.endOffset;
      },
      data(chunks) {
        for (const chunk of chunks) ring.append(chunk);
        if (onData !== undefined) for (const chunk of chunks) onData(chunk);
      },
      gap() {},
      end() {},
      replaced() {},
      retained: () => undefined,
    };
    await log.follow(path, stream.generation, sink).caughtUp;
  };
  const append = (path, bytes) =>
    log.append({ path, generation: generations.get(path), chunks: [bytes], producer: undefined });
  return { open, append };
}

/** The same with XADD, and XREAD for a reader: no ring, no offsets, no readers but this one. */
async function plainNode(port) {
  const { createClient, RESP_TYPES } = await import('@redis/client');
  const connect = async () => {
    const options = {
      RESP: 2,
      socket: { host: '127.0.0.1', port },
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    };
    const client = createClient(options);
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const writer = await connect();
  const last = new Map();
  const open = async (path, onData) => {
    last.set(`plain:${path}`, '$');
    if (onData === undefined || last.size > 1) return;
    const reader = await connect();
    const loop = async () => {
      for (;;) {
        const keys = [...last.keys()];
        const ids = keys.map((key) => last.get(key));
        const reply = await reader.sendCommand(['XREAD', 'COUNT', '1000', 'BLOCK', '1000', 'STREAMS', ...keys, ...ids]);
        for (const [key, entries] of reply ?? []) {
          for (const [id, [, bytes]] of entries) {
            last.set(String(key), String(id));
            onData(bytes);
          }
        }
      }
    };
    loop().catch(() => {});
  };
  const append = (path, bytes) =>
    writer.sendCommand(['XADD', `plain:${path}`, 'MAXLEN', '~', '100000', '*', 'd', bytes]);
  return { open, append };
}

// ── what a node does ─────────────────────────────────────────────────────────────────────────────────────────────

async function runNode(kind, port) {
  const node = await (kind === 'log' ? logNode : plainNode)(port);
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
    follow: async ({ streams }) => {
      for (let n = 0; n < streams; n += 200) {
        await Promise.all(
          Array.from({ length: Math.min(200, streams - n) }, (_, k) => node.open(pathOf(n + k), onData)),
        );
      }
    },
    write: async ({ streams }) => {
      for (let n = 0; n < streams; n++) await node.open(pathOf(n));
    },
    /** At a rate, each with the time it was made. */
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
    /** As fast as answers come, so many at a time. */
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
  process.on('SIGTERM', () => process.exit());
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

async function startRedis() {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'streamfs-bench-'));
  const args = ['--port', String(port), '--dir', directory, '--save', '', '--stream-node-max-bytes', '256'];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const text of child.stdout) if (String(text).includes('Ready to accept')) break;
  child.stdout.resume();
  process.on('exit', () => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  return { port, pid: child.pid };
}

/** Seconds of CPU that a process has had, by its clock ticks of 10 ms. */
function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function startNode(kind, port) {
  const child = fork(fileURLToPath(import.meta.url), [kind, String(port)], {
    execArgv: process.env.PROF ? ['--cpu-prof', '--cpu-prof-dir=' + process.env.PROF] : [],
  });
  process.on('exit', () => child.kill(process.env.PROF ? 'SIGTERM' : 'SIGKILL'));
  await once(child, 'message');
  return async (job, options = {}) => {
    child.send({ job, ...options });
    return (await once(child, 'message'))[0];
  };
}

async function measure(kind, { streams, job, options }) {
  const { port, pid } = await startRedis();
  const reader = await startNode(kind, port);
  const writer = await startNode(kind, port);
  await reader('follow', { streams });
  await writer('write', { streams: Math.min(streams, 500) });
  await Promise.all([reader('take'), writer('take')]);
  const engine = cpuSecondsOf(pid);
  const began = now();
  await writer(job, { ...options, streams: Math.min(streams, 500) });
  const seconds = (now() - began) / 1000;
  const [result, own] = await Promise.all([reader('take'), writer('take')]);
  return { ...result, seconds, cpu: { writer: own.cpu, redis: cpuSecondsOf(pid) - engine, reader: result.cpu } };
}

const ROWS = [
  {
    name: 'L1 100 B, 500/s, append on one node to reader on another',
    streams: 1,
    job: 'paced',
    options: { rate: 500 },
    unit: 'ms',
  },
  { name: 'L2 64 KiB, 64 at a time', streams: 1, job: 'flood', options: { size: 65536, inFlight: 64 }, unit: 'MB/s' },
  {
    name: 'L3 100 B, 1,000 at a time',
    streams: 1,
    job: 'flood',
    options: { size: 100, inFlight: 1000 },
    unit: 'messages/s',
  },
  { name: 'L4 10,000 streams followed, 500/s', streams: 10_000, job: 'paced', options: { rate: 500 }, unit: 'ms' },
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
  const all = (cpu.writer + cpu.redis + cpu.reader) / each;
  return `${speed}, CPU ${all.toFixed(2)} ${per} (writer, Redis, reader: ${parts.join(', ')})`;
}

async function memoryOfSmallStream() {
  const { port } = await startRedis();
  const writer = await startNode('log', port);
  await writer('write', { streams: 1 });
  await writer('flood', { size: 100, inFlight: 0 });
  const { createClient } = await import('@redis/client');
  const client = createClient({ RESP: 2, socket: { host: '127.0.0.1', port } });
  await client.connect();
  const before = Number(/used_memory:(\d+)/.exec(await client.sendCommand(['INFO', 'memory']))[1]);
  const { openLog } = await import('../dist/logs/index.js');
  const url = new URL(`redis://127.0.0.1:${port}`);
  const log = await openLog({ url, node: 'm', prefix: 'bench:', deadline: 20_000, limits: LIMITS, logger: quiet });
  await log.start();
  const count = 2000;
  for (let n = 0; n < count; n++) {
    const terms = { retention: 6 << 20, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { stream } = await log.create({ path: `/small/${n}`, ...terms });
    await log.append({
      path: `/small/${n}`,
      generation: stream.generation,
      chunks: [Buffer.alloc(100)],
      producer: undefined,
    });
  }
  const after = Number(/used_memory:(\d+)/.exec(await client.sendCommand(['INFO', 'memory']))[1]);
  const keys = (await client.sendCommand(['KEYS', '*{/small/7}*'])).map(String);
  const each = [];
  for (const key of keys)
    each.push(
      `${key.split('}')[1].slice(0, 1) === ':' ? 'stream' : 'hash'} ${await client.sendCommand(['MEMORY', 'USAGE', key])}`,
    );
  await log.close();
  client.destroy();
  return `${Math.round((after - before) / count)} bytes of used_memory for each stream (keys: ${each.join(', ')})`;
}

const [kind, port] = process.argv.slice(2);
if (port !== undefined) await runNode(kind, Number(port));
else {
  const only = kind;
  for (const row of ROWS) {
    if (only !== undefined && !row.name.startsWith(only)) continue;
    const log = await measure('log', row);
    const plain = await measure('plain', row);
    const value = (result) =>
      row.unit === 'ms'
        ? result.p50
        : row.unit === 'MB/s'
          ? result.bytes / result.seconds
          : result.messages / result.seconds;
    process.stdout.write(
      `${row.name}: log ${figureOf(row, log)}; plain Redis Streams ${figureOf(row, plain)}; ratio ${(value(log) / value(plain)).toFixed(2)}\n`,
    );
  }
  if (only === undefined || only === 'L5')
    process.stdout.write(`L5 a stream of one chunk of 100 B: ${await memoryOfSmallStream()}\n`);
  process.exit(0);
}
