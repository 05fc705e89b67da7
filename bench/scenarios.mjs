/**
 * The rows of the table: how much is written and read, and which figure of it is reported. The options are the
 * generator's; bench/README.md explains each row.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = 64 * KIB;
/** Default retention of a stream. */
const HISTORY = 6 * MIB;

/** 64 KiB chunks, as fast as the slowest reader accepts them, at most 4 MiB ahead of it. */
const big = { size: CHUNK, batch: 4, depth: 4, window: 64, 'low-water': 256 * KIB, warm: 0.7, seconds: 3, probes: 4 };
/** 100-byte messages. */
const small = { size: 100, depth: 32, 'low-water': 16 * KIB, warm: 0.7, seconds: 2.5, probes: 4 };
/** A fixed amount, from the first byte to the last. */
const whole = { ...big, bytes: 1024 * MIB, warm: 0, 'low-water': 0 };

const cpuPerGiB = {
  figure: 'CPU s/GiB',
  better: 'less',
  of: (run) => (run.serverCpu > 0 ? run.serverCpu / (run.deliveredBytes / 1024 ** 3) : undefined),
};
const delivered = {
  figure: 'delivered/s',
  better: 'more',
  of: (run, { size }) => run.deliveredBytes / size / run.seconds,
  more: (run, { size }) => ({ 'CPU µs/delivery': (run.serverCpu / (run.deliveredBytes / size)) * 1e6 }),
};
const speed = {
  figure: 'MiB/s',
  better: 'more',
  of: (run, { readers }) => run.deliveredBytes / MIB / readers / run.seconds,
};
const churnCost = {
  figure: 'CPU µs/join+leave',
  better: 'less',
  of: (run) => (run.changes > 0 ? (run.serverCpu / run.changes) * 1e6 : undefined),
};

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} family as targets name it in `does`
 * @property {string} title
 * @property {'put' | 'chunked'} write one request per message, or many messages in one
 * @property {'fanout' | 'join' | 'idle' | 'fill'} mode
 * @property {object} options of the generator
 * @property {string} figure
 * @property {'less' | 'more'} better
 * @property {(run: object, options: object) => number | undefined} of the figure of one run
 * @property {(run: object, options: object) => Record<string, number>} [more] further figures
 * @property {boolean} [quick] one of the main rows
 */

const s1 = (readers, options = {}) => ({
  name: `S1@${readers}`,
  family: 'S1',
  title: `64 KiB chunks to ${readers} reader${readers === 1 ? '' : 's'}`,
  write: 'put',
  mode: 'fanout',
  options: { ...big, readers, probes: Math.min(4, readers), ...options },
  ...cpuPerGiB,
  more: (run) => ({ 'MiB/s': run.deliveredBytes / MIB / run.seconds }),
});

const s5 = (name, title, stalled) => ({
  name,
  family: 'S5',
  title,
  write: 'chunked',
  mode: 'fanout',
  options: { ...whole, readers: 10, stalled },
  ...speed,
  more: (run) => ({ 'MiB more': (run.rssMostKiB - run.rssBeforeKiB) / KIB, 'socket MiB': run.tcpMostKiB / KIB }),
});

const streams = (count) => ({
  name: `streams@${count}`,
  family: 'streams',
  title: `10,000 messages a second over ${count} streams, a reader each`,
  write: 'put',
  mode: 'fanout',
  options: {
    ...small,
    'low-water': 0,
    streams: count,
    readers: count,
    probes: 50,
    writers: 16,
    batch: 8,
    rate: 10_000,
    warm: 1,
    seconds: 4,
  },
  figure: 'CPU µs/message',
  better: 'less',
  of: (run) => (run.serverCpu / run.sentInTime) * 1e6,
  more: (run) => ({ 'p99 ms': run.latency.p99 / 1000 }),
});

const idle = (name, readers, figure, more) => ({
  name,
  family: 'S6',
  title: `${readers} idle readers`,
  write: 'put',
  mode: 'idle',
  options: { size: 100, readers, probes: 0, churn: 2 },
  ...figure,
  more,
});

/** @type {Scenario[]} */
export const SCENARIOS = [
  { ...s1(1, { 'low-water': 0 }), quick: true },
  { ...s1(10), quick: true },
  { ...s1(100), quick: true },
  s1(1000, { window: 8, 'low-water': 128 * KIB }),
  {
    name: 'S2',
    family: 'S2',
    title: '100-byte messages to 100 readers, a PUT each, as fast as they are taken',
    write: 'put',
    mode: 'fanout',
    options: { ...small, readers: 100, window: 256, batch: 32 },
    ...delivered,
    quick: true,
  },
  {
    name: 'S2@1000',
    family: 'S2',
    title: 'the same to 1,000 readers',
    write: 'put',
    mode: 'fanout',
    options: { ...small, readers: 1000, window: 64, batch: 32 },
    ...delivered,
  },
  {
    name: 'S2c',
    family: 'S2c',
    title: '100-byte messages to 100 readers in one chunked PUT',
    write: 'chunked',
    mode: 'fanout',
    options: { ...small, readers: 100, window: 20_000, batch: 256 },
    ...delivered,
    quick: true,
  },
  {
    name: 'S2b',
    family: 'S2b',
    title: '10,000 messages a second to 100 readers, a PUT each',
    write: 'put',
    mode: 'fanout',
    options: { ...small, readers: 100, probes: 8, 'low-water': 8 * KIB, rate: 10_000, writers: 4, batch: 16, warm: 1 },
    figure: 'p99 ms',
    better: 'less',
    of: (run) => run.latency.p99 / 1000,
    more: (run) => ({ 'p50 ms': run.latency.p50 / 1000, 'messages/s': run.sentInTime / run.seconds }),
  },
  {
    name: 'S3',
    family: 'S3',
    title: '100 readers join at once, each gets 6 MiB of history',
    write: 'put',
    mode: 'join',
    options: { size: CHUNK, readers: 100, probes: 2, depth: 1, batch: 1, history: HISTORY },
    figure: 'ms until the last has all',
    better: 'less',
    of: (run) => run.lastMs || undefined,
    more: (run) => ({ 'ms first': run.firstMs }),
    quick: true,
  },
  {
    name: 'S4',
    family: 'S4',
    title: '1 GiB through one PUT to one reader',
    write: 'chunked',
    mode: 'fanout',
    options: { ...whole, readers: 1, probes: 0 },
    ...speed,
    quick: true,
  },
  s5('S5-none', 'ten readers', 0),
  s5('S5-stalled', 'ten readers, and one that never reads', 1),
  idle('S6', 10_000, { figure: 'KiB/reader', better: 'less', of: (run) => run.kibPerReader }, (run) => ({
    'CPU µs/join+leave': churnCost.of(run) ?? 0,
    'join+leave/s': run.changes / run.seconds,
  })),
  idle('S6@100', 100, churnCost, (run) => ({ 'join+leave/s': run.changes / run.seconds })),
  streams(100),
  streams(10_000),
  {
    name: 'streams-idle',
    family: 'streams',
    title: '10,000 streams of one 100-byte message each, no readers',
    write: 'put',
    mode: 'fill',
    options: { size: 100, streams: 10_000, readers: 1, probes: 0, depth: 32, batch: 32 },
    figure: 'KiB/stream',
    better: 'less',
    of: (run) => run.kibPerStream,
  },
];
