/** The state of the server: liveness, readiness, version and capabilities (contract 76, 77). */

import type { DiskTotals, LogTotals } from '../../fs/index.ts';
import { type Health, JSON_MEDIA_TYPE, type ServerStats } from '../../protocol/index.ts';
import { RIGHTS } from '../auth/index.ts';
import { sendJson } from '../http/respond.ts';
import { json } from '../http/responses.ts';
import type { Route, ServerContext } from '../http/route.ts';
import { optional } from './parameters.ts';

/** Features that clients can query of any AGFS server. AGFS defines the first five. */
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
  summary: 'Identifies the service.',
  permission: 'nothing',
  answers: [json(200, 'Service', 'The service.')],
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
  summary: 'Liveness, with the version and the mounts. Always 200.',
  permission: 'nothing',
  answers: [json(200, 'Health', 'The server is alive.')],
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
  answers: [
    json(200, 'Health', 'The server accepts traffic.'),
    json(503, 'Health', 'The server is starting, stopping or unable to serve.'),
  ],
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
  // A disk or a log that cannot be written does not affect readiness: stored and retained bytes stay readable.
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
  summary: 'The resources in use, the limits, and how often each limit was reached.',
  permission: 'admin server',
  answers: [json(200, 'ServerStats', 'The resources in use.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    const { limits, handles, metrics, mounts } = exchange.server;
    const { memory, connections, reads, counters } = limits;
    const { used, fixed, history, queued, peak } = memory;
    // JSON has no infinity: 0 means no limit, as in the configuration.
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
  answers: [json(200, 'Version', 'The version and the build.')],
  navigable: true,
  parameters: [],
  async handle(exchange) {
    sendJson(exchange, 200, exchange.server.version);
  },
};

export const capabilities: Route = {
  method: 'GET',
  pattern: '/api/v1/capabilities',
  summary: 'The features of the server, or with `path` the operations that this path supports.',
  permission: 'token',
  answers: [
    {
      status: 200,
      description: 'The features of the server; with `path`, the operations that the path supports.',
      content: { [JSON_MEDIA_TYPE]: ['Features', 'PathCapabilities'] },
    },
  ],
  navigable: true,
  parameters: [optional('path', 'string', 'Absolute path of a file. It need not exist.')],
  async handle(exchange) {
    const { query, server } = exchange;
    if (query.has('path')) exchange.caller?.require(RIGHTS, query.path());
    const features = { version: server.version.version, features: FEATURES };
    sendJson(exchange, 200, query.has('path') ? await server.mounts.capabilities(query.path()) : features);
  },
};
