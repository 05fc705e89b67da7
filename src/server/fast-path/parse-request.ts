/** Maps a head that can be served directly to a request. */
import { MAX_CHUNK } from '../../core/index.ts';
import type { QueryParameter } from '../../protocol/index.ts';
import { readFile } from '../agfs/read.ts';
import { joinOf, sendOptions, streamOptions } from '../agfs/stream-options.ts';
import { writeFile } from '../agfs/write.ts';
import { isDurableAppend, isDurableRead } from '../durable-streams/index.ts';
import { parseTarget } from '../http/target.ts';
import { openDurableAppend, openFileAppend } from './appends.ts';
import { openDurable, openFile } from './follow.ts';
import { type RequestHead, readHead } from './head.ts';
import type { FastPathHost } from './host.ts';
import type { AppendRequest, FollowRequest } from './requests.ts';

const PREFIX = '/api/v1/files?';
/** The query parameter of a live read by Durable Streams. */
const LIVE_SSE = /[?&]live=sse(?:&|$)/;

/** The parameters that are supported here. Requests with others are left to node:http. */
const APPEND_PARAMETERS = new Set<QueryParameter>(['path']);
const FOLLOW_PARAMETERS = new Set<QueryParameter>([
  'path',
  'stream',
  'from',
  'offset',
  'last',
  'last_lines',
  'on_expired',
  'generation',
  'create',
  'on_lag',
  'join',
  'timeout',
  'format',
  'encoding',
  'lines',
  'heartbeat',
]);

/** Signed links are not supported here, because they expire independently of `version`. */
const DURABLE_READ_PARAMETERS = new Set<QueryParameter>(['path', 'offset', 'live', 'cursor']);

/**
 * The request for a head, already admitted. Undefined if node:http has to handle it, which includes every kind of
 * error: nothing has been done yet.
 */
export function requestOf(text: string, server: FastPathHost): AppendRequest | FollowRequest | undefined {
  if (server.isClosing) return undefined;
  const { lastFollow, version } = server;
  if (lastFollow?.head === text && lastFollow.version === version) return lastFollow.request;
  const head = readHead(text);
  if (head === undefined) return undefined;
  try {
    const isFile = head.target.startsWith(PREFIX);
    if (head.method !== 'GET') {
      if (head.length === 0) return undefined;
      return isFile ? fileAppend(head, server) : durableAppend(head, server);
    }
    const request = isFile ? fileRead(head, server) : durableRead(head, server);
    if (request !== undefined) server.lastFollow = { head: text, version, request };
    return request;
  } catch {
    return undefined;
  }
}

function fileAppend(head: RequestHead, server: FastPathHost): AppendRequest | undefined {
  const { query } = parseTarget(head.target);
  if (head.method !== 'PUT' || !query.hasOnly(APPEND_PARAMETERS)) return undefined;
  const caller = server.admit(writeFile, query, head);
  const path = query.path();
  const open = () => openFileAppend(path, caller, server.context);
  return { kind: 'append', route: writeFile, path, head, caller, status: 200, keepsPartialBody: true, open };
}

/** The body must be complete before it is appended, so only bodies short enough to be buffered are served here. */
function durableAppend(head: RequestHead, server: FastPathHost): AppendRequest | undefined {
  const { length, 'content-type': type } = head;
  // An empty type counts as missing, and is left to node:http.
  if (head.method !== 'POST' || !type || length === undefined || length > MAX_CHUNK) return undefined;
  const { route, query } = server.find(head.method, head.target);
  if (!isDurableAppend(route) || !query.hasOnly(APPEND_PARAMETERS)) return undefined;
  const caller = server.admit(route, query, head);
  const path = query.path();
  const open = () => openDurableAppend(route.openAppend({ path, type, length }, server.context));
  return { kind: 'append', route, path, head, caller, status: 204, keepsPartialBody: false, open };
}

function fileRead(head: RequestHead, server: FastPathHost): FollowRequest | undefined {
  const { query } = parseTarget(head.target);
  if (!query.hasOnly(FOLLOW_PARAMETERS) || query.boolean('stream') !== true) return undefined;
  const caller = server.admit(readFile, query, head);
  const send = sendOptions(head.accept, query, server.context);
  const options = { ...streamOptions(query, send.encoding, caller), join: joinOf(query, send.encoding) };
  const path = query.path();
  const open = () => openFile(path, options, send, server.context);
  return { kind: 'follow', route: readFile, path, caller, open };
}

function durableRead(head: RequestHead, server: FastPathHost): FollowRequest | undefined {
  if (!LIVE_SSE.test(head.target)) return undefined;
  const { route, query } = server.find(head.method, head.target);
  if (!isDurableRead(route) || !query.hasOnly(DURABLE_READ_PARAMETERS)) return undefined;
  const caller = server.admit(route, query, head);
  const open = () => openDurable(route, query, caller, server.context);
  return { kind: 'follow', route, path: query.path(), caller, open };
}
