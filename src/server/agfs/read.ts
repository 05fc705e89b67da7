/** `GET /files`: three ways to read. Live, as a snapshot of what is retained, or as an ordinary file. */
import { fail } from '../../errors/index.ts';
import type { StreamSource } from '../../fs/index.ts';
import { isNavigation } from '../auth/index.ts';
import { sendSource } from '../egress/index.ts';
import { CONTENT_HEADERS } from '../http/headers.ts';
import { sendBytes } from '../http/respond.ts';
import type { Exchange, Route, RouteParameter } from '../http/route.ts';
import { LINK, optional, PATH } from './parameters.ts';
import { navigationOptions, STREAM_PARAMETERS, sendOptions, snapshotOptions, streamOptions } from './stream-options.ts';

const PARAMETERS: readonly RouteParameter[] = [
  PATH,
  optional('stream', 'boolean', 'Follow a stream live. Without it a stream is refused.', 'false'),
  optional('snapshot', 'boolean', 'The bytes a stream retains now, as an answer with a length.', 'false'),
  ...STREAM_PARAMETERS,
  optional('size', 'integer', 'Of an ordinary file: at most so many bytes; negative for all.', '-1'),
  ...LINK,
];

export const readFile: Route = {
  method: 'GET',
  pattern: '/api/v1/files',
  summary: 'Reads a file, or follows a stream.',
  needs: 'read',
  link: 'read',
  navigable: true,
  parameters: PARAMETERS,
  insteadOfBody: 'to write it, use PUT /api/v1/files?path=…',
  async handle(exchange) {
    const mode = readMode(exchange);
    if (mode === 'stream') await follow(exchange);
    else if (mode === 'snapshot') await sendSnapshot(exchange);
    else await sendFile(exchange);
  },
  async head(exchange) {
    const mode = readMode(exchange);
    if (mode === 'stream') await describeStream(exchange);
    else if (mode === 'snapshot') await sendSnapshot(exchange);
    else await describeFile(exchange);
  },
};

function readMode({ query }: Exchange): 'stream' | 'snapshot' | 'file' {
  const stream = query.boolean('stream') ?? false;
  const snapshot = query.boolean('snapshot') ?? false;
  if (stream && snapshot) {
    throw fail('INVALID_PARAMETER', { name: 'snapshot', reason: 'give either stream=true or snapshot=true, not both' });
  }
  if (stream) return 'stream';
  return snapshot ? 'snapshot' : 'file';
}

async function follow(exchange: Exchange): Promise<void> {
  const { req, res, query, server, caller } = exchange;
  const path = query.path();
  const sending = sendOptions(req.headers.accept, query, server);
  const { encoding } = sending;
  const optionsOf = isNavigation(req) ? navigationOptions : streamOptions;
  const options = optionsOf(query, encoding, caller);
  const { reads } = server.bounds;
  const account = caller?.account;
  reads.enter(account);
  let source: StreamSource;
  try {
    source = await server.mounts.openStream(path, options);
  } catch (error) {
    reads.leave(account);
    throw error;
  }
  exchange.isLive = source.kind === 'live';
  await sendSource(req, res, source, sending, () => reads.leave(account));
}

/** The headers a live read would have. It opens no reader: HEAD must not create a stream or count as one reading. */
async function describeStream({ req, res, query, server, caller }: Exchange): Promise<void> {
  const path = query.path();
  const { encoding } = sendOptions(req.headers.accept, query, server);
  streamOptions(query, encoding, caller);
  const info = await server.mounts.stat(path);
  if (info.isDir) throw fail('IS_A_DIRECTORY', { path });
  res.writeHead(200, {
    ...CONTENT_HEADERS,
    'Content-Type': encoding.mediaType,
  });
  res.end();
}

async function sendSnapshot(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  const path = query.path();
  const { data, offset, generation } = await server.mounts.snapshot(path, snapshotOptions(query));
  sendBytes(exchange, data, {
    'X-Stream-Offset': offset,
    ...(generation === undefined ? {} : { 'X-Stream-Generation': generation }),
  });
}

/** Offset and size as the original reads them: negative offsets are 0, negative sizes everything (contract 42). */
async function sendFile(exchange: Exchange): Promise<void> {
  const { query, server } = exchange;
  const path = query.path();
  const offset = query.integer('offset') ?? 0;
  const size = query.integer('size') ?? -1;
  sendBytes(exchange, await server.mounts.read(path, offset, size));
}

async function describeFile({ res, query, server }: Exchange): Promise<void> {
  const path = query.path();
  const offset = Math.max(0, query.integer('offset') ?? 0);
  const size = query.integer('size') ?? -1;
  // Refuses what a read would refuse, a stream or a directory, and reads nothing.
  await server.mounts.read(path, 0, 0);
  const rest = Math.max(0, (await server.mounts.stat(path)).size - offset);
  res.writeHead(200, { ...CONTENT_HEADERS, 'Content-Length': size < 0 ? rest : Math.min(size, rest) });
  res.end();
}
