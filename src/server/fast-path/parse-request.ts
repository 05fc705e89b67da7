/** What a head that can be served directly asks for. */
import type { QueryParameter } from '../../protocol/index.ts';
import { readFile } from '../agfs/read.ts';
import { joinOf, sendOptions, streamOptions } from '../agfs/stream-options.ts';
import { writeFile } from '../agfs/write.ts';
import { parseTarget } from '../http/target.ts';
import { readHead } from './head.ts';
import type { FastPathHost } from './host.ts';
import type { AppendRequest, FollowRequest } from './requests.ts';

const PREFIX = '/api/v1/files?';

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

/**
 * The request that a head is, let in; undefined where it is node:http's, which answers all that is wrong with one as
 * well: nothing has been done yet.
 */
export function requestOf(text: string, server: FastPathHost): AppendRequest | FollowRequest | undefined {
  if (server.isClosing) return undefined;
  const { lastFollow, version } = server;
  if (lastFollow?.head === text && lastFollow.version === version) return lastFollow.request;
  const head = readHead(text);
  if (head === undefined || !head.target.startsWith(PREFIX)) return undefined;
  try {
    const { query } = parseTarget(head.target);
    if (head.method === 'PUT') {
      if (head.length === 0 || !query.hasOnly(APPEND_PARAMETERS)) return undefined;
      const caller = server.admit(writeFile, query, head);
      return { kind: 'append', path: query.path(), head, caller };
    }
    if (!query.hasOnly(FOLLOW_PARAMETERS) || query.boolean('stream') !== true) return undefined;
    const caller = server.admit(readFile, query, head);
    const send = sendOptions(head.accept, query, server.context);
    const open = { ...streamOptions(query, send.encoding, caller), join: joinOf(query, send.encoding) };
    const request: FollowRequest = { kind: 'follow', path: query.path(), open, send, caller };
    server.lastFollow = { head: text, version, request };
    return request;
  } catch {
    return undefined;
  }
}
