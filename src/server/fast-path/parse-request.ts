/** What a head that can be served directly asks for. */
import type { QueryParameter } from '../../protocol/index.ts';
import { readFile } from '../agfs/read.ts';
import { joinOf, sendOptions, streamOptions } from '../agfs/stream-options.ts';
import { writeFile } from '../agfs/write.ts';
import { isDurableRead } from '../durable-streams/index.ts';
import { parseTarget } from '../http/target.ts';
import { openDurable, openFile } from './follow.ts';
import { type RequestHead, readHead } from './head.ts';
import type { FastPathHost } from './host.ts';
import type { AppendRequest, FollowRequest } from './requests.ts';

const PREFIX = '/api/v1/files?';
/** What a live read by Durable Streams says in its query. */
const LIVE_SSE = /[?&]live=sse(?:&|$)/;

/** What an append and a live read may say. Other parameters mean something that is not done here. */
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

/** The same of Durable Streams: without those of signed links, which are over at a time of their own. */
const DURABLE_PARAMETERS = new Set<QueryParameter>(['path', 'offset', 'live', 'cursor']);

/**
 * The request that a head is, let in; undefined where it is node:http's, which answers all that is wrong with one as
 * well: nothing has been done yet.
 */
export function requestOf(text: string, server: FastPathHost): AppendRequest | FollowRequest | undefined {
  if (server.isClosing) return undefined;
  const { lastFollow, version } = server;
  if (lastFollow?.head === text && lastFollow.version === version) return lastFollow.request;
  const head = readHead(text);
  if (head === undefined) return undefined;
  try {
    if (!head.target.startsWith(PREFIX)) {
      const request = head.method === 'GET' && LIVE_SSE.test(head.target) ? durableRead(head, server) : undefined;
      if (request !== undefined) server.lastFollow = { head: text, version, request };
      return request;
    }
    const { query } = parseTarget(head.target);
    if (head.method === 'PUT') {
      if (head.length === 0 || !query.hasOnly(APPEND_PARAMETERS)) return undefined;
      const caller = server.admit(writeFile, query, head);
      return { kind: 'append', path: query.path(), head, caller };
    }
    if (!query.hasOnly(FOLLOW_PARAMETERS) || query.boolean('stream') !== true) return undefined;
    const caller = server.admit(readFile, query, head);
    const send = sendOptions(head.accept, query, server.context);
    const options = { ...streamOptions(query, send.encoding, caller), join: joinOf(query, send.encoding) };
    const path = query.path();
    const open = () => openFile(path, options, send, server.context);
    const request: FollowRequest = { kind: 'follow', route: readFile, path, caller, open };
    server.lastFollow = { head: text, version, request };
    return request;
  } catch {
    return undefined;
  }
}

function durableRead(head: RequestHead, server: FastPathHost): FollowRequest | undefined {
  const { route, query } = server.find(head.target);
  if (!isDurableRead(route) || !query.hasOnly(DURABLE_PARAMETERS)) return undefined;
  const caller = server.admit(route, query, head);
  const open = () => openDurable(route, query, caller, server.context);
  return { kind: 'follow', route, path: query.path(), caller, open };
}
