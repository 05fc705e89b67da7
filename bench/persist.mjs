/**
 * `node bench/persist.mjs`: the cost of a log on disk compared with memory, in one run. Ratios of the server's CPU time
 * and of speed; absolute figures for starts and memory. See docs/performance.md.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, writevSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { writeConfig } from './persist-config.mjs';
import { PEERS } from './persist-peers.mjs';
import { prepare, ROOT } from './prepare.mjs';
import {
  end,
  freePort,
  GENERATOR_CORE,
  makeFolder,
  pinned,
  removeFolder,
  SERVER_CORE,
  start,
  whenListening,
} from './processes.mjs';

const USAGE = `usage: node bench/persist.mjs [options]

  --quick       smaller amounts
  --only A,B    of: longBody shortMessages coldReads starts memoryOfLongBody peers
  --gib N       length of the body of memoryOfLongBody, whose readers then read as much (default 1, to readers of 0.125)
`;

const { gib, only, quick: IS_QUICK } = options();
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const LONG_BYTES = IS_QUICK ? GIB / 4 : GIB;
const HISTORY_BYTES = IS_QUICK ? GIB / 8 : GIB / 2;
const STREAMS = IS_QUICK ? 2000 : 10_000;
const MESSAGES = IS_QUICK ? 200_000 : 1_000_000;
/** The kernel's unit of CPU time: 1/100 s on every platform that Node supports. */
const TICKS_PER_SECOND = 100;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

/** A server with these settings of its mount. */
async function serve(settings) {
  const port = await freePort();
  const file = writeConfig(makeFolder(), settings);
  const main = join(ROOT, 'dist', 'cli', 'main.js');
  const flags = ['serve', '--addr', `127.0.0.1:${port}`, '-c', file];
  const began = performance.now();
  const server = start(pinned(SERVER_CORE, [process.execPath, main, ...flags]));
  const api = `http://127.0.0.1:${port}/api/v1`;
  for (;;) {
    const response = await fetch(`${api}/ready`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) break;
    if (server.child.exitCode !== null) throw new Error(`serve failed: ${server.output.stderr}`);
    await delay(2);
  }
  const opened = /"msg":"log opened"/.test(server.output.stderr)
    ? Number(/"milliseconds":(\d+),"msg":"log opened"/.exec(server.output.stderr)?.[1])
    : undefined;
  return { server, api, port, pid: server.child.pid, ready: performance.now() - began, opened };
}

/** CPU seconds of a process, in user and system mode. */
function timesOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return { user: Number(fields[11]) / TICKS_PER_SECOND, system: Number(fields[12]) / TICKS_PER_SECOND };
}

function peakOf(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
}

/** The cost of some work: CPU seconds of the server, and elapsed seconds. */
async function measure({ pid }, work) {
  const before = timesOf(pid);
  const began = performance.now();
  await work();
  const after = timesOf(pid);
  const [user, system] = [after.user - before.user, after.system - before.system];
  return { cpu: user + system, user, system, seconds: (performance.now() - began) / 1000 };
}

async function run(command) {
  const { ended, output } = start(pinned(GENERATOR_CORE, command));
  if ((await ended) !== 0) throw new Error(`${command[0]} failed: ${output.stderr}`);
}

/** Sends this many bytes to a stream in one body. */
function upload({ api }, path, bytes) {
  const send = `head -c ${bytes} /dev/zero | curl -sfS -T - -o /dev/null '${api}/files?path=${path}'`;
  return run(['sh', '-c', send]);
}

/** Reads the first bytes of a stream with this many readers at once. */
function readers({ api }, path, count, bytes) {
  const url = `${api}/files?path=${path}&stream=true&from=earliest`;
  const one = `curl -sN '${url}' | head -c ${bytes} > /dev/null`;
  return run(['sh', '-c', `for i in $(seq ${count}); do (${one}) & done; wait`]);
}

const memory = {
  ring_buffer_size: '1100MB',
  channel_buffer_size: '1100MB',
  max_ring_buffer_size: '2GB',
  max_channel_buffer_size: '2GB',
};
const small = { ring_buffer_size: '1MB', channel_buffer_size: '1MB' };
const rows = [];
function say(name, text) {
  rows.push([name, text]);
  process.stdout.write(`${name.padEnd(76)} ${text}\n`);
}

/** Runs one server after the other, each with its own directory if it persists streams. */
async function withServer(settings, isKept, act) {
  const folder = isKept ? makeFolder() : undefined;
  const at = await serve(isKept ? { ...settings, persist: folder } : settings);
  try {
    return await act(at, folder);
  } finally {
    await end(at.server);
    if (folder !== undefined) removeFolder(folder);
  }
}

/** Maximum size of a write of the log, and size of its files. */
const WRITE_BYTES = 3 * MIB;
const FILE_BYTES = 64 * MIB;

/**
 * The cost of copying this many bytes into the page cache, in writes and files like those of the log, synced each
 * second. If a virtual machine's host reclaims free pages, the first touch of each costs ten times as much: after one
 * of these calls the pages exist for the next measurement.
 */
function floorOfWriting() {
  const folder = makeFolder();
  const parts = Array.from({ length: WRITE_BYTES / (256 * 1024) }, () => Buffer.alloc(256 * 1024, 1));
  const before = process.cpuUsage();
  let synced = performance.now();
  for (let written = 0, number = 0; written < LONG_BYTES; number++) {
    const file = openSync(join(folder, String(number)), 'w');
    for (let at = 0; at < FILE_BYTES && written < LONG_BYTES; at += WRITE_BYTES, written += WRITE_BYTES) {
      writevSync(file, parts, at);
      if (performance.now() - synced < 1000) continue;
      fdatasyncSync(file);
      synced = performance.now();
    }
    closeSync(file);
  }
  const { system, user } = process.cpuUsage(before);
  removeFolder(folder);
  return (system + user) / 1e6;
}

async function longBody() {
  const of = {};
  for (const name of ['memory', 'disk']) {
    floorOfWriting();
    of[name] = await withServer({}, name === 'disk', (at) => measure(at, () => upload(at, '/streamfs/a', LONG_BYTES)));
  }
  const { disk, memory: ring } = of;
  const floor = floorOfWriting();
  say(
    `PUT of ${LONG_BYTES / MIB} MiB, 1s: CPU to memory (bar 1.3)`,
    `${(disk.cpu / ring.cpu).toFixed(2)} (${disk.cpu.toFixed(2)} s to ${ring.cpu.toFixed(2)} s)`,
  );
  const split = ({ system, user }) => `${user.toFixed(2)} + ${system.toFixed(2)} s`;
  say('– user and system, with the log and in memory', `${split(disk)}, ${split(ring)}`);
  say('– speed to memory (bar 0.9)', (ring.seconds / disk.seconds).toFixed(2));
  say('– CPU of writing as much to the page cache alone, s', floor.toFixed(2));
  say('– CPU to memory with that', (disk.cpu / (ring.cpu + floor)).toFixed(2));
}

/** Messages of 100 B to streams in turn, each stream with one long body. */
async function shortMessages() {
  const count = 1000;
  const each = MESSAGES / count;
  const message = Buffer.alloc(100, 'm');
  const of = {};
  for (const name of ['memory', 'disk']) {
    of[name] = await withServer(small, name === 'disk', (at) =>
      measure(at, async () => {
        const agent = new Agent({ maxSockets: count });
        const bodies = Array.from({ length: count }, (_, n) => {
          const req = request(`${at.api}/files?path=/streamfs/m/${n}`, { method: 'PUT', agent });
          const done = new Promise((resolve, reject) => {
            req.on('response', (res) => res.resume().on('end', resolve)).on('error', reject);
          });
          req.flushHeaders();
          return { req, done };
        });
        for (let round = 0; round < each; round++) {
          const waiting = [];
          for (const { req } of bodies)
            if (!req.write(message)) waiting.push(new Promise((ok) => req.once('drain', ok)));
          await Promise.all(waiting);
          await delay(0);
        }
        for (const { req } of bodies) req.end();
        await Promise.all(bodies.map(({ done }) => done));
        agent.destroy();
      }),
    );
  }
  const { disk, memory: ring } = of;
  say(`${MESSAGES} messages of 100 B over ${count} streams, 1s: CPU to memory`, (disk.cpu / ring.cpu).toFixed(2));
  say('– messages a CPU second to memory (bar 0.4)', (ring.cpu / disk.cpu).toFixed(2));
  say('– speed to memory', (ring.seconds / disk.seconds).toFixed(2));
}

async function coldReads() {
  // V8 compiles the code of cold reads during the first.
  const reads = [
    { name: '1, the first since the start', count: 1, bar: 4 },
    { name: '1, later', count: 1, bar: 4 },
    { name: '10', count: 10, bar: 1.6 },
    { name: '100', count: 100, bar: 1.2 },
  ];
  const of = { memory: {}, disk: {} };
  for (const name of ['memory', 'disk']) {
    const settings = name === 'disk' ? small : memory;
    await withServer(settings, name === 'disk', async (at) => {
      await upload(at, '/streamfs/a', HISTORY_BYTES);
      const bytes = HISTORY_BYTES - 2 * MIB;
      for (const { name: ofReads, count } of reads) {
        const part = count === 100 ? Math.min(bytes, 128 * MIB) : bytes;
        const { cpu } = await measure(at, () => readers(at, '/streamfs/a', count, part));
        of[name][ofReads] = cpu / ((part * count) / GIB);
      }
    });
  }
  for (const { name, bar } of reads) {
    const ring = of.memory[name];
    const disk = of.disk[name];
    say(
      `cold reads by ${name}: CPU a GiB to the ring's (bar ${bar})`,
      `${(disk / ring).toFixed(2)} (${disk.toFixed(2)} s to ${ring.toFixed(2)} s)`,
    );
  }
}

async function starts() {
  const folder = makeFolder();
  let at = await serve({ ...small, persist: folder });
  const names = Array.from({ length: STREAMS }, (_, n) => `/streamfs/s/${n}`).values();
  const body = Buffer.alloc(100, 's');
  const worker = async () => {
    for (const name of names)
      await (await fetch(`${at.api}/files?path=${name}`, { method: 'PUT', body })).arrayBuffer();
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  for (const how of ['kill -9', 'a clean stop']) {
    if (how === 'kill -9') {
      at.server.child.kill('SIGKILL');
      await at.server.ended;
    } else await end(at.server);
    at = await serve({ ...small, persist: folder });
    const bar = how === 'kill -9' ? '2000' : '200';
    say(
      `log of ${STREAMS} streams opened after ${how}, ms (bar ${bar})`,
      `${at.opened}; server ready after ${at.ready.toFixed(0)}`,
    );
  }
  await end(at.server);
  removeFolder(folder);
}

async function memoryOfLongBody() {
  // Everything stays on disk, so that no reader can lose bytes and wait for them in vain.
  const retention = { persist_retention: `${2 * (gib ?? 1) + 1}GB` };
  await withServer({ ...small, ...retention }, true, async (at) => {
    await upload(at, '/streamfs/a', HISTORY_BYTES);
    const before = peakOf(at.pid);
    const length = gib === undefined ? LONG_BYTES : gib * GIB;
    const reading = readers(at, '/streamfs/a', 100, gib === undefined ? HISTORY_BYTES / 4 : length);
    await upload(at, '/streamfs/a', length);
    await reading;
    const mib = (bytes) => (bytes / MIB).toFixed(0);
    say(
      `resident at most, PUT of ${length / MIB} MiB with 100 cold readers, MiB`,
      `${mib(peakOf(at.pid))} (${mib(before)} before the readers)`,
    );
  });
}

/**
 * Writes this many messages of a size, with a fixed number in flight, each acknowledged; then reads everything back.
 */
async function withPeer({ command, join: enter }, { count, inFlight, size }) {
  const port = await freePort();
  const folder = makeFolder();
  const server = start(pinned(SERVER_CORE, command(port, folder)));
  try {
    await whenListening(port, server);
    const at = { pid: server.child.pid };
    const client = await enter(port, inFlight);
    const message = Buffer.alloc(size, 'm');
    const write = async (messages) => {
      let left = messages;
      const worker = async () => {
        while (left-- > 0) await client.append(message);
      };
      await Promise.all(Array.from({ length: inFlight }, worker));
    };
    const warmed = Math.floor(count / 10);
    await write(warmed);
    const written = await measure(at, () => write(count));
    const bytes = (count + warmed) * size;
    let length;
    const read = await measure(at, async () => {
      length = await client.readAll(bytes);
    });
    if (length !== bytes) throw new Error(`${length} bytes were read of ${bytes}`);
    client.close();
    return { written, read, bytes };
  } finally {
    await end(server);
    removeFolder(folder);
  }
}

async function peers() {
  const scale = IS_QUICK ? 0.2 : 1;
  const loads = [
    { name: '100 B, 256 at a time', size: 100, count: 50_000 * scale, inFlight: 256 },
    { name: '64 KiB, 16 at a time', size: 64 * 1024, count: 4000 * scale, inFlight: 16 },
  ];
  for (const load of loads) {
    for (const [name, peer] of Object.entries(PEERS)) {
      try {
        const { bytes, read, written } = await withPeer(peer, load);
        const each = `${((written.cpu / load.count) * 1e6).toFixed(0)} µs of CPU a message`;
        const rate = `${Math.round(load.count / written.seconds)} messages/s`;
        const back = `read back ${(read.cpu / (bytes / GIB)).toFixed(2)} s of CPU a GiB, ${(bytes / MIB / read.seconds).toFixed(0)} MiB/s`;
        say(`${load.name}: ${name}`, `${rate}, ${each}; ${back}`);
      } catch (error) {
        say(`${load.name}: ${name}`, `left out: ${error.message.split('\n')[0]}`);
      }
    }
  }
}

const all = { longBody, shortMessages, coldReads, starts, memoryOfLongBody, peers };
prepare(only === undefined || only.includes('peers'));
for (const [name, measureRow] of Object.entries(all)) if (only === undefined || only.includes(name)) await measureRow();

function options() {
  const rows = /--only A,B +of: (.*)/.exec(USAGE)[1].split(' ');
  try {
    const { values } = parseArgs({
      options: { quick: { type: 'boolean', default: false }, only: { type: 'string' }, gib: { type: 'string' } },
    });
    const only = values.only?.split(',');
    const unknown = only?.find((name) => !rows.includes(name));
    if (unknown !== undefined) throw new Error(`--only: no row is called ${unknown}`);
    const gib = values.gib === undefined ? undefined : Number(values.gib);
    if (gib !== undefined && !(Number.isInteger(gib) && gib > 0))
      throw new Error('--gib must be a whole number from 1');
    return { quick: values.quick, only, gib };
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
