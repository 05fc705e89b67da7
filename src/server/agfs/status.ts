/** What the server says about itself: alive, ready, which version, what it can do (contract 76, 77). */

import type { DiskTotals, LogTotals } from '../../fs/index.ts';
import { type Health, JSON_MEDIA_TYPE, type ServerStats } from '../../protocol/index.ts';
import { RIGHTS } from '../auth/index.ts';
import { json } from '../http/answers.ts';
import { sendJson } from '../http/respond.ts';
import type { Route, ServerContext } from '../http/route.ts';
import { optional } from './parameters.ts';

/** What clients may ask of any server of this kind. The first five are the original's. */
export const FEATURES = [
  'handlefs',
  'grep',
  'digest',
  'stream',
  'touch',
  'frames',
  'offsets',
  'snapshot',
  'end',
  'stats',
  'links',
  'websocket',
] as const;

export const root: Route = {
  method: 'GET',
  pattern: '/',
  summary: 'Says what this is.',
  permission: 'nothing',
  answers: [json(200, 'Service', 'What this is.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const { version } = exchange.server.version;
    sendJson(exchange, 200, { service: 'StreamFS', version, status: 'running' });
  },
};

export const health: Route = {
  method: 'GET',
  pattern: '/api/v1/health',
  summary: 'Whether the server is alive, with its version and mounts. Always 200.',
  permission: 'nothing',
  answers: [json(200, 'Health', 'It is alive.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    sendJson(exchange, 200, healthOf(exchange.server));
  },
};

export const ready: Route = {
  method: 'GET',
  pattern: '/api/v1/ready',
  summary: 'As /health, with 503 until every mount has started.',
  permission: 'nothing',
  answers: [json(200, 'Health', 'It wants traffic.'), json(503, 'Health', 'It does not, yet or any more.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const report = healthOf(exchange.server);
    sendJson(exchange, report.ready ? 200 : 503, report);
  },
};

function healthOf(server: ServerContext): Health {
  const mounts = server.mounts.counts();
  const disks = server.mounts.disks().map(({ disk }) => disk);
  const logs = server.mounts.logs().map(({ log }) => log);
  const cannotWrite = [...disks, ...logs].some(({ problem }) => problem !== undefined);
  const degraded = mounts.failed > 0 || cannotWrite;
  // What is on disk, and what is retained of a log, can be read meanwhile.
  const isMissed = logs.some(({ isConnected, isRequired }) => isRequired && !isConnected);
  const isReady = server.ready() && mounts.pending === 0 && mounts.failed === 0 && !isMissed;
  const status = degraded ? 'degraded' : isReady ? 'healthy' : 'starting';
  const facts = { status, ...server.version, ready: isReady, degraded, mounts };
  return { ...facts, disks: diskCounts(disks), logs: logCounts(logs) };
}

function diskCounts(disks: readonly DiskTotals[]): Health['disks'] {
  if (disks.length === 0) return undefined;
  const count = (wanted: DiskTotals['state']) => disks.filter(({ state }) => state === wanted).length;
  return { total: disks.length, full: count('full'), failed: count('failed') };
}

function logCounts(logs: readonly LogTotals[]): Health['logs'] {
  if (logs.length === 0) return undefined;
  return { total: logs.length, connected: logs.filter(({ isConnected }) => isConnected).length };
}

export const stats: Route = {
  method: 'GET',
  pattern: '/api/v1/stats',
  summary: 'What is in use of what there may be, and how often each limit was reached.',
  permission: 'admin server',
  answers: [json(200, 'ServerStats', 'What is in use.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const { limits, handles, metrics, mounts } = exchange.server;
    const { memory, connections, reads, counters } = limits;
    const { used, fixed, history, queued, peak } = memory;
    // JSON has no infinity: 0 is for no limit, as in the configuration.
    const limit = Number.isFinite(memory.limit) ? memory.limit : 0;
    const report: ServerStats = {
      memory: { limit, used, fixed, history, queued, peak, given_up: memory.givenUp },
      streams: memory.holderCount,
      readers: reads.count,
      handles: handles.size,
      connections: connections.size,
      totals: totalsOf(mounts.totals()),
      disks: mounts.disks().map(({ disk: { state, problem, journalBytes, segmentBytes, backlog }, path }) => {
        return { path, state, problem, bytes: journalBytes + segmentBytes, backlog };
      }),
      logs: mounts.logs().map(({ log: { name, node, isConnected, problem, mirrors, waitingBytes }, path }) => {
        return { path, log: name, node, connected: isConnected, problem, mirrors, waiting: waitingBytes };
      }),
      process: metrics.process.summary(),
      limits: Object.fromEntries(counters.entries()),
    };
    sendJson(exchange, 200, report);
  },
};

function totalsOf(mounts: ReturnType<ServerContext['mounts']['totals']>): ServerStats['totals'] {
  const sum = { received: 0, delivered: 0, skipped: 0 };
  for (const { totals } of mounts) {
    sum.received += totals.receivedBytes;
    sum.delivered += totals.deliveredBytes;
    sum.skipped += totals.skippedBytes;
  }
  return sum;
}

export const version: Route = {
  method: 'GET',
  pattern: '/api/v1/version',
  summary: 'The version of the server.',
  permission: 'nothing',
  answers: [json(200, 'Version', 'Which build it is.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    sendJson(exchange, 200, exchange.server.version);
  },
};

export const capabilities: Route = {
  method: 'GET',
  pattern: '/api/v1/capabilities',
  summary: 'What the server can do, or with a path what can be done with that path.',
  permission: 'token',
  answers: [
    {
      status: 200,
      description: 'Without a path the features of the server, with one what can be done with it.',
      content: { [JSON_MEDIA_TYPE]: ['Features', 'PathCapabilities'] },
    },
  ],
  navigable: true,
  parameters: [optional('path', 'string', 'Absolute path of a file, which need not exist.')],
  async handle(exchange) {
    const { query, server } = exchange;
    if (query.has('path')) exchange.caller?.require(RIGHTS, query.path());
    const features = { version: server.version.version, features: FEATURES };
    sendJson(exchange, 200, query.has('path') ? await server.mounts.capabilities(query.path()) : features);
  },
};
