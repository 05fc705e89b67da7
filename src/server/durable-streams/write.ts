/** Creates, appends to, closes and removes streams. */
import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { createError, isStreamFSError } from '../../errors/index.ts';
import type { ForkOptions, StoreAppender, StoredStream } from '../../fs/index.ts';
import { DURABLE_HEADERS as H, HEADERS } from '../../protocol/index.ts';
import { forkDepth, isDurableOffset, MAX_FORK_DEPTH } from '../encoding/durable-offsets.ts';
import { relativeTarget } from '../http/message-rules.ts';
import type { Exchange, Route, ServerContext } from '../http/route.ts';
import type { DurableStreamsOptions } from './options.ts';
import { forkPointIn } from './position.ts';
import {
  asksToClose,
  bodyLimit,
  bodyOf,
  expectedEndOf,
  headerOf,
  lifetimeOf,
  producerOf,
  refuseConditions,
  requireSingleHeaders,
  typeOf,
  typeToCreate,
  wholeNumberOf,
} from './request.ts';
import { durabilityHeader, sendEmpty, setRefusalHeaders, tailHeaders } from './response.ts';
import { addressOriginOf, pathOfSource, type StreamTarget, targetOf } from './target.ts';

/** The ttl used for a requested ttl of 0, since 0 means no expiry to a stream. */
const MIN_TTL_MS = 1;

export async function create(exchange: Exchange, options: DurableStreamsOptions): Promise<void> {
  const { caller, query, req, res, server } = exchange;
  requireSingleHeaders(req);
  const { headers } = req;
  const onlyNew = asksForNew(headers);
  const target = targetOf(server.mounts, query.path());
  const { ttl, expiresAt } = lifetimeOf(headers);
  const type = typeToCreate(headers);
  const fork = forkOf(exchange, options, target);
  const data = await bodyOf(exchange);
  const asked = {
    account: caller?.account,
    settings: { type, ttl: ttl === 0 ? MIN_TTL_MS : ttl, expiresAt },
    data,
    end: asksToClose(headers),
    fork,
  };
  const { settings, stream, isNew } = await target.store.create(target.path, asked).catch((error: unknown) => {
    throw onlyNew && isStreamFSError(error, 'STREAM_SETTINGS_DIFFER') ? alreadyExists(target.path) : error;
  });
  if (onlyNew && !isNew) throw alreadyExists(target.path);
  sendEmpty(res, isNew ? 201 : 200, {
    'Content-Type': settings.type,
    ...tailHeaders({ settings, stream }),
    ...durabilityHeader({ stream }),
    ...(isNew ? { Location: locationOf(exchange, options) } : {}),
  });
}

/** Whether the stream must not exist yet. @throws INVALID_PARAMETER */
function asksForNew(headers: IncomingHttpHeaders): boolean {
  const isNew = headers['if-none-match']?.trim() === '*';
  refuseConditions(headers, isNew ? ['If-None-Match'] : []);
  return isNew;
}

function alreadyExists(path: string) {
  return createError('PRECONDITION_FAILED', { name: 'If-None-Match: *', reason: `${path} exists` });
}

/** The source of a fork. Creating a fork needs the right to read its source. */
function forkOf(
  { caller, req, server }: Exchange,
  options: DurableStreamsOptions,
  { fileSystem }: StreamTarget,
): ForkOptions | undefined {
  const [from, offset, beyond] = [H.forkedFrom, H.forkOffset, H.forkSubOffset].map((name) =>
    headerOf(req.headers, name),
  );
  if (from === undefined) {
    const given = offset === undefined ? (beyond === undefined ? undefined : H.forkSubOffset) : H.forkOffset;
    if (given === undefined) return undefined;
    throw createError('INVALID_PARAMETER', { name: given, reason: `it requires ${H.forkedFrom}` });
  }
  if (offset !== undefined && !isDurableOffset(offset)) {
    throw createError('INVALID_OFFSET', {
      offset: JSON.stringify(offset.slice(0, 64)),
      reason: 'expected an offset from this server',
    });
  }
  const number = beyond === undefined ? 0 : wholeNumberOf(H.forkSubOffset, beyond);
  const source = pathOfSource(from, req.headers.host, options);
  caller?.require(['read'], source);
  const at = server.mounts.resolve(source);
  if (at.fileSystem !== fileSystem) {
    throw createError('NOT_SUPPORTED', { operation: `a fork of ${source}`, plugin: 'streams of another mount' });
  }
  const pointIn = async (stored: StoredStream) => {
    if (forkDepth(stored.stream) >= MAX_FORK_DEPTH) {
      throw createError('INVALID_PARAMETER', {
        name: H.forkedFrom,
        reason: `there are ${MAX_FORK_DEPTH} forks before it already`,
      });
    }
    return offset === undefined ? stored.stream.endOffset : forkPointIn(stored, offset);
  };
  return { source: at.path, offset: offset === undefined ? undefined : pointIn, beyond: number };
}

function locationOf({ req }: Exchange, options: DurableStreamsOptions): string {
  const scheme = (req.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http';
  const { localAddress, localPort } = req.socket;
  const host = req.headers.host ?? `${localAddress}:${localPort}`;
  return addressOriginOf(scheme, host, options) + relativeTarget(req.url ?? '/').split('?')[0];
}

export async function append(exchange: Exchange): Promise<void> {
  const { query, req, res, server } = exchange;
  requireSingleHeaders(req);
  const { headers } = req;
  refuseConditions(headers, [H.expectedOffset]);
  const producer = producerOf(headers);
  const expectedEnd = expectedEndOf(headers);
  const data = await bodyOf(exchange);
  const { store, path } = targetOf(server.mounts, query.path());
  const stored = await store.find(path);
  const end = asksToClose(headers);
  if (data.length === 0 && !end) {
    throw createError('INVALID_BODY', {
      reason: `it is empty: append something, or send ${H.closed}: true to close the stream`,
    });
  }
  const type = data.length === 0 ? undefined : typeOf(headers);
  if (data.length > 0 && type === undefined) {
    throw createError('INVALID_PARAMETER', {
      name: 'Content-Type',
      reason: `it is missing: the stream has ${stored.settings.type}`,
    });
  }
  try {
    const outcome = await store.append(path, { data, type, end, producer, seq: headerOf(headers, H.seq), expectedEnd });
    const { isRepeated, producerSeq } = outcome;
    sendEmpty(res, producer === undefined || isRepeated || data.length === 0 ? 204 : 200, {
      ...tailHeaders(outcome),
      ...durabilityHeader(outcome),
      ...(producer === undefined
        ? {}
        : { [HEADERS.producerEpoch]: producer.epoch, [HEADERS.producerSeq]: producerSeq ?? producer.seq }),
    });
  } catch (error) {
    await setRefusalHeaders(res, error, isStreamFSError(error) ? stored : undefined);
    throw error;
  }
}

/** The route of appends, which can be processed without an exchange. */
export interface DurableAppendRoute extends Route {
  /**
   * The appender for an append that has nothing but a body, with a content type and a length greater than 0.
   *
   * @returns undefined if only {@link append} can process it
   * @throws the error to answer with
   */
  openAppend(append: PlainAppend, server: ServerContext): StoreAppender | undefined;
}

export interface PlainAppend {
  readonly path: string;
  readonly type: string;
  readonly length: number;
}

export function isDurableAppend(route: Route): route is DurableAppendRoute {
  return 'openAppend' in route;
}

export function openAppend({ length, path, type }: PlainAppend, server: ServerContext): StoreAppender | undefined {
  if (length > bodyLimit(type, server).size) return undefined;
  const target = targetOf(server.mounts, path);
  return target.store.appender?.(target.path, type);
}

export async function remove({ query, req, res, server }: Exchange): Promise<void> {
  refuseConditions(req.headers, []);
  const { store, path } = targetOf(server.mounts, query.path());
  await store.find(path);
  await server.mounts.remove(query.path());
  sendEmpty(res, 204, {});
}
