/** What a head that can be served directly asks for. */
import type { OpenStreamOptions } from '../../fs/index.ts';
import type { SendOptions } from '../egress/index.ts';
import { readFile } from '../routes/read.ts';
import { sendOptions, streamOptions } from '../routes/stream-options.ts';
import { writeFile } from '../routes/write.ts';
import { parseTarget } from '../target.ts';
import { type DirectHead, readHead } from './head.ts';
import type { DirectServer } from './server.ts';

export type DirectRequest =
  | { kind: 'append'; path: string; head: DirectHead }
  | {
      kind: 'follow';
      path: string;
      open: OpenStreamOptions;
      send: Pick<SendOptions, 'format' | 'heartbeat' | 'timeout'>;
    };

const PREFIX = '/api/v1/files?';

/** What an append and a live read may say. Other parameters mean something that is not done here. */
const APPEND_PARAMETERS = new Set(['path']);
const FOLLOW_PARAMETERS = new Set([
  ...['path', 'stream', 'from', 'offset', 'last', 'last_lines', 'on_expired', 'generation', 'create', 'on_lag'],
  ...['timeout', 'format', 'heartbeat'],
]);

/**
 * The request that a head is, let in; undefined where it is node:http's, which answers all that is wrong with one as
 * well: nothing has been done yet.
 */
export function requestOf(text: string, server: DirectServer): DirectRequest | undefined {
  const head = readHead(text);
  if (head === undefined || !head.target.startsWith(PREFIX) || server.isClosing) return undefined;
  try {
    const { query } = parseTarget(head.target);
    if (head.method === 'PUT') {
      if (head.length === 0 || !query.hasOnly(APPEND_PARAMETERS)) return undefined;
      server.admit(writeFile, query, head);
      return { kind: 'append', path: query.path(), head };
    }
    if (!query.hasOnly(FOLLOW_PARAMETERS) || query.boolean('stream') !== true) return undefined;
    server.admit(readFile, query, head);
    const send = sendOptions(head.accept, query);
    return { kind: 'follow', path: query.path(), open: streamOptions(query), send };
  } catch {
    return undefined;
  }
}
