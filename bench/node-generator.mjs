/**
 * The load generator for machines without gcc: the same options and output as native/generator.c, which documents them,
 * but less precise. It copies every byte it receives, so the generator rather than the server limits throughput. CPU
 * time per byte and the comparison of servers remain meaningful.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { family } from './processes.mjs';

const STAMP = 27;
const TICKS_PER_SECOND = 100;
const PAGE_KIB = 4;

const texts = { mode: 'fanout', framing: 'chunked', ready: '\\r\\n\\r\\n', server: '' };
const numbers = {
  readers: 1,
  probes: 1,
  writers: 1,
  streams: 1,
  size: 65_536,
  batch: 1,
  seconds: 3,
  settle: 0.3,
  tail: 5,
};
const options = { ...texts, ...numbers, ...parse(process.argv.slice(2)) };
const { size, streams } = options;
const overhead = options.overhead ?? 0;
const pids = options.server.split(',').filter(Boolean).map(Number);

function parse(args) {
  const parsed = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i].slice(2);
    const number = Number(args[i + 1]);
    const isText = [
      'mode',
      'framing',
      'ready',
      'server',
      'read',
      'open',
      'before',
      'after',
      'finish',
      'answer',
    ].includes(name);
    parsed[name] = isText || Number.isNaN(number) ? args[i + 1] : number;
  }
  return parsed;
}

/** The bytes of a template; `%i` is replaced by the number of a stream. */
function template(text = '', stream = 0) {
  const bytes = text
    .replaceAll('%i', String(stream).padStart(5, '0'))
    .replace(/\\(r|n|x[0-9a-f]{2}|.)/gi, (_, code) => {
      if (code[0] === 'x' && code.length === 3) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return { r: '\r', n: '\n' }[code] ?? code;
    });
  return Buffer.from(bytes, 'latin1');
}

const filler = Buffer.alloc(size);
for (let i = 0; i < size; i++) filler[i] = 97 + ((i * 7 + Math.floor(i / 251)) % 26);
const readyMark = template(options.ready);
const answer = template(options.answer);

const found = { corrupt: 0, disordered: 0, stray: 0 };
const latencies = [];
let sampling = false;

/** Milliseconds, by the same clock as the stamps. */
const now = () => performance.now();

class Reader {
  payload = 0;
  closed = false;
  ready = false;
  doneAt = 0;
  #wire = 0;
  #head = Buffer.alloc(0);
  #state = 'length';
  /** The head of a frame, as far as received. */
  #frame = [];
  #digits = '';
  #left = 0;
  #held = Buffer.alloc(0);
  #last = new Map();

  constructor(index, probe) {
    this.index = index;
    this.probe = probe;
  }

  connect() {
    this.socket = connect(options.port, '127.0.0.1').setNoDelay(true);
    this.socket.write(template(options.read, this.index % streams));
    this.socket.on('data', (bytes) => this.#arrived(bytes)).on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  #arrived(bytes) {
    if (this.ready) return this.#body(bytes);
    this.#head = Buffer.concat([this.#head, bytes]);
    const at = this.#head.indexOf(readyMark);
    if (at < 0) return;
    this.ready = true;
    if (/^HTTP\/1\.\d [3-5]/.test(this.#head.toString('latin1', 0, 12))) refused++;
    this.#body(this.#head.subarray(at + readyMark.length));
    this.#head = Buffer.alloc(0);
  }

  #body(bytes) {
    if (options.framing === 'websocket') return this.#frames(bytes);
    if (options.framing !== 'chunked') return this.#take(bytes);
    for (let i = 0; i < bytes.length; ) {
      if (this.#state === 'data') {
        const n = Math.min(this.#left, bytes.length - i);
        this.#take(bytes.subarray(i, i + n));
        i += n;
        this.#left -= n;
        if (this.#left === 0) this.#state = 'tail';
      } else if (this.#state === 'tail') {
        if (bytes[i++] === 10) this.#state = 'length';
      } else if (this.#state === 'length') {
        const byte = bytes[i++];
        if (byte !== 10) this.#digits += String.fromCharCode(byte);
        else {
          this.#left = Number.parseInt(this.#digits, 16);
          this.#digits = '';
          this.#state = this.#left > 0 ? 'data' : 'over';
        }
      } else return;
    }
  }

  /** Binary messages; all other frames are ignored. */
  #frames(bytes) {
    for (let i = 0; i < bytes.length; ) {
      if (this.#left > 0) {
        const n = Math.min(this.#left, bytes.length - i);
        if (this.#frame[0] === 0x82) this.#take(bytes.subarray(i, i + n));
        i += n;
        this.#left -= n;
        if (this.#left === 0) this.#frame = [];
        continue;
      }
      this.#frame.push(bytes[i++]);
      const [, second = 0, ...length] = this.#frame;
      const wanted = second === 127 ? 8 : second === 126 ? 2 : 0;
      if (this.#frame.length < 2 || length.length < wanted) continue;
      this.#left = wanted === 0 ? second : length.reduce((sum, byte) => sum * 256 + byte, 0);
      if (this.#left === 0) this.#frame = [];
    }
  }

  #take(bytes) {
    if (this.probe) this.#check(bytes);
    if (options.framing === 'chunked' || options.framing === 'websocket') this.payload += bytes.length;
    else if (options.framing === 'fixed') {
      this.#wire += bytes.length;
      this.payload = Math.floor((this.#wire * size) / (size + overhead));
    } else for (let at = bytes.indexOf(1); at >= 0; at = bytes.indexOf(1, at + 1)) this.payload += size;
  }

  /** Checks the number and the bytes of every message. */
  #check(bytes) {
    let data = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const start = data.indexOf(1);
      found.stray += start < 0 ? data.length : start;
      data = start < 0 ? Buffer.alloc(0) : data.subarray(start);
      if (data.length < size) break;
      this.#message(data.subarray(0, size));
      data = data.subarray(size);
    }
    this.#held = Buffer.from(data);
  }

  #message(message) {
    const due = Number.parseInt(message.latin1Slice(1, 17), 16) / 1e6;
    const writer = message.latin1Slice(17, 19);
    const number = Number.parseInt(message.latin1Slice(19, STAMP), 16);
    if (number <= (this.#last.get(writer) ?? -1)) found.disordered++;
    this.#last.set(writer, number);
    if (message.compare(filler, STAMP, size, STAMP, size) !== 0) found.corrupt++;
    if (sampling) latencies.push(Math.max(0, now() - due));
  }
}

let sent = 0;
let answered = 0;
let refusal = '';
let refused = 0;

class Writer {
  pending = 0;
  count = 0;
  #matched = 0;

  constructor(number) {
    this.number = number;
    this.socket = connect(options.port, '127.0.0.1').setNoDelay(true);
    const open = template(options.open);
    if (open.length > 0) this.socket.write(open);
    this.socket.on('data', (bytes) => this.#answers(bytes)).on('error', () => undefined);
  }

  get full() {
    return this.socket.writableLength > size || (options.depth > 0 && this.pending >= options.depth);
  }

  send() {
    const message = Buffer.from(filler);
    const due = options.rate > 0 ? began + ((sent + 1) / options.rate) * 1000 : now();
    const stamp = BigInt(Math.round(Math.min(due, now()) * 1e6))
      .toString(16)
      .padStart(16, '0');
    message.write(`\x01${stamp}${hex(this.number, 2)}${hex(this.count++, 8)}`, 'latin1');
    this.socket.cork();
    this.socket.write(template(options.before, sent % streams));
    this.socket.write(message);
    this.socket.write(template(options.after));
    process.nextTick(() => this.socket.uncork());
    this.pending++;
    sent++;
  }

  #answers(bytes) {
    if (answer.length === 0) return;
    for (const byte of bytes) {
      this.#matched = byte === answer[this.#matched] ? this.#matched + 1 : Number(byte === answer[0]);
      if (this.#matched < answer.length) continue;
      this.#matched = 0;
      this.pending--;
      answered++;
    }
    if (answered === 0) refusal ||= bytes.toString('latin1').slice(0, 200);
  }
}

const hex = (value, digits) => value.toString(16).padStart(digits, '0');

function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

const sum = (values) => values.reduce((a, b) => a + b, 0);
const rss = () => sum(pids.map((pid) => Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_KIB));
const tcp = () => Number(/TCP:.* mem (\d+)/.exec(read('/proc/net/sockstat'))?.[1] ?? 0) * PAGE_KIB;

function serverCpu() {
  return sum(
    pids.map((pid) => {
      const fields = read(`/proc/${pid}/stat`).split(') ').pop().split(' ');
      return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND : 0;
    }),
  );
}

function machine() {
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] =
    /^cpu +(.*)$/m
      .exec(read('/proc/stat'))?.[1]
      .split(' ')
      .map((ticks) => Number(ticks) / TICKS_PER_SECOND) ?? [];
  return { busy: user + nice + system + irq + softirq, idle: idle + wait, steal };
}

function snapshot() {
  const own = process.cpuUsage();
  return {
    at: now() / 1000,
    serverCpu: serverCpu(),
    ownCpu: (own.user + own.system) / 1e6,
    ownWait: Number(read('/proc/self/schedstat').split(' ')[1] ?? 0) / 1e9,
    payload: sum(readers.map((reader) => reader.payload)),
    sent,
    machine: machine(),
  };
}

const memory = { rssBeforeKiB: rss(), rssMostKiB: 0, tcpBeforeKiB: tcp(), tcpMostKiB: 0 };
const sampler = setInterval(() => {
  memory.rssMostKiB = Math.max(memory.rssMostKiB, rss());
  memory.tcpMostKiB = Math.max(memory.tcpMostKiB, tcp());
}, 50);

function facts(from, to) {
  const seconds = to.at - from.at;
  const spent = (name) => to.machine[name] - from.machine[name];
  const all = spent('busy') + spent('idle') + spent('steal');
  const cpu = to.serverCpu - from.serverCpu;
  const own = to.ownCpu - from.ownCpu;
  return {
    ...{
      seconds,
      serverCpu: cpu,
      generatorCpu: own,
      othersCpu: spent('busy') - cpu - own,
      generatorWait: to.ownWait - from.ownWait,
    },
    ...{ idle: all > 0 ? spent('idle') / all : 0, steal: all > 0 ? spent('steal') / all : 0 },
    ...{ ...memory, rssAfterKiB: rss(), tcpAfterKiB: tcp() },
    ...{
      corrupt: found.corrupt,
      disordered: found.disordered,
      refusal: answer.length > 0 && answered === 0 ? refusal : '',
    },
    refused,
    stray: options.framing === 'scan' || overhead > 0 ? 0 : found.stray,
  };
}

const readers = [];
const writers = [];
let began = 0;

const dueOf = (reader) => {
  const stream = reader.index % streams;
  return (Math.floor(sent / streams) + Number(stream < sent % streams)) * size;
};
const haveAll = () => readers.every((reader) => reader.closed || reader.payload >= dueOf(reader));

/** Waits until `met` returns true, at most this many seconds. */
async function until(met, seconds) {
  const deadline = now() + seconds * 1000;
  while (!met() && now() < deadline) await delay(1);
}

function connectWriters() {
  for (let i = 0; i < options.writers; i++) writers.push(new Writer(i));
}

async function connectReaders() {
  for (let i = 0; i < options.readers; i++) {
    const reader = new Reader(i, i < options.probes);
    readers.push(reader);
    reader.connect();
    if (i % 64 === 63) await until(() => options['late-head'] || readers.every((one) => one.ready), 1);
  }
  await until(() => readers.every((one) => one.ready), options['late-head'] ? 0.5 : 1);
}

/** Receives the data in flight, until every reader has everything or nothing has arrived for a while. */
async function drain() {
  const payload = () => sum(readers.map((reader) => reader.payload));
  for (let last = -1; !haveAll() && payload() !== last; ) {
    last = payload();
    await until(() => haveAll(), options.tail);
  }
}

function allowance() {
  let allowed = Number.POSITIVE_INFINITY;
  if (options.window > 0) {
    let slowest = Number.POSITIVE_INFINITY;
    for (const reader of readers) if (!reader.closed && reader.payload < slowest) slowest = reader.payload;
    allowed = options.window - (sent - Math.floor(Math.min(slowest, sent * size) / size));
  }
  if (options.rate > 0) allowed = Math.min(allowed, ((now() - began) / 1000) * options.rate - sent);
  if (options.bytes > 0) allowed = Math.min(allowed, Math.floor(options.bytes / size) - sent);
  return allowed;
}

/** Sends the messages that are due, then yields to the event loop. */
async function turn() {
  let allowed = allowance();
  for (const writer of writers) {
    for (let i = 0; i < options.batch && allowed >= 1 && !writer.full; i++, allowed--) writer.send();
  }
  await new Promise(setImmediate);
}

async function fanout() {
  if (options['writer-first']) {
    connectWriters();
    await delay(300);
  }
  await connectReaders();
  for (let i = 0; i < (options.stalled ?? 0); i++) {
    const stalled = connect(options.port, '127.0.0.1').on('error', () => undefined);
    stalled.pause().write(template(options.read));
  }
  if (!options['writer-first']) connectWriters();
  await delay(options.settle * 1000);
  began = now();
  const warmUntil = began + (options.warm ?? 0) * 1000;
  while (now() < warmUntil) await turn();
  sampling = true;
  const from = snapshot();
  const finished = () =>
    options.bytes > 0 ? sent >= Math.floor(options.bytes / size) : now() / 1000 - from.at >= options.seconds;
  let progress = { sent, at: now() };
  while (!finished() && now() - progress.at < 5000) {
    await turn();
    if (sent !== progress.sent) progress = { sent, at: now() };
  }
  const timed = snapshot();
  sampling = false;
  await drain();
  const to = options.bytes > 0 ? snapshot() : timed;
  for (const writer of writers) writer.socket.write(template(options.finish));
  latencies.sort((a, b) => a - b);
  const quantile = (q) => (latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? 0) * 1000;
  return {
    sent,
    sentInTime: to.sent - from.sent,
    deliveredBytes: to.payload - from.payload,
    lostBytes: sum(readers.map((reader) => Math.max(0, dueOf(reader) - reader.payload))),
    extraBytes: sum(readers.map((reader) => Math.max(0, reader.payload - dueOf(reader)))),
    closed: readers.filter((reader) => reader.closed).length,
    latency: {
      samples: latencies.length,
      p50: quantile(0.5),
      p99: quantile(0.99),
      p999: quantile(0.999),
      max: quantile(1),
    },
    ...facts(from, to),
  };
}

async function writeAll(count) {
  options.bytes = count * size;
  options.window = 0;
  connectWriters();
  began = now();
  while (sent < count || (answer.length > 0 && answered < sent)) {
    if (now() - began > 60_000) throw new Error('the server did not accept the history');
    await turn();
  }
  await delay(500);
}

async function join() {
  await writeAll(Math.floor(options.history / size));
  const from = snapshot();
  for (let i = 0; i < options.readers; i++) {
    const reader = new Reader(i, i < options.probes);
    readers.push(reader);
    reader.connect();
  }
  const times = () => readers.map((reader) => reader.doneAt).filter((at) => at > 0);
  await until(() => {
    for (const reader of readers) if (reader.doneAt === 0 && reader.payload >= options.history) reader.doneAt = now();
    return times().length === options.readers;
  }, 30);
  const to = snapshot();
  await delay(100);
  const took = times().map((at) => at - from.at * 1000);
  return {
    joined: took.length,
    firstMs: Math.min(...took),
    lastMs: took.length === options.readers ? Math.max(...took) : 0,
    lostBytes: sum(readers.map((reader) => Math.max(0, options.history - reader.payload))),
    extraBytes: sum(readers.map((reader) => Math.max(0, reader.payload - options.history))),
    deliveredBytes: to.payload,
    closed: 0,
    ...facts(from, to),
  };
}

async function idle() {
  await connectReaders();
  await delay(3000);
  const resident = rss();
  const sockets = tcp();
  const ready = readers.filter((reader) => reader.ready).length;
  const from = snapshot();
  let changes = 0;
  const deadline = now() + (options.churn ?? 0) * 1000;
  while (now() < deadline) {
    const fresh = [];
    for (let i = 0; i < 16; i++, changes++) {
      const at = changes % readers.length;
      readers[at].socket.resetAndDestroy();
      readers[at] = new Reader(at, false);
      readers[at].connect();
      fresh.push(readers[at]);
    }
    await until(() => fresh.every((reader) => reader.ready), 1);
  }
  const to = snapshot();
  return {
    ready,
    closed: 0,
    kibPerReader: (resident - memory.rssBeforeKiB) / options.readers,
    tcpKibPerReader: (sockets - memory.tcpBeforeKiB) / options.readers,
    changes,
    ...facts(from, to),
  };
}

async function fill() {
  await writeAll(streams);
  await delay(2000);
  const at = snapshot();
  return { streams, kibPerStream: (rss() - memory.rssBeforeKiB) / streams, ...facts(at, at) };
}

const MODES = { fanout, join, idle, fill };

let result;
try {
  if (pids.length === 1) pids.push(...family(pids[0]).slice(1));
  result = await MODES[options.mode]();
} catch (error) {
  result = { error: error.message };
}
clearInterval(sampler);
process.stdout.write(`${JSON.stringify({ mode: options.mode, ...result })}\n`, () => process.exit(0));
