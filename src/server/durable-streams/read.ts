/** Reads: catch-up, long poll and server-sent events. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Reader } from '../../core/index.ts';
import { internalOf, waitToBeWoken } from '../../core/internal.ts';
import { createError } from '../../errors/index.ts';
import { type Account, contentOfParts, type StoredStream } from '../../fs/index.ts';
import { DURABLE_HEADERS as H } from '../../protocol/index.ts';
import { isNavigation, type Principal } from '../auth/index.ts';
import { sendReader, sendSized, withChargedParts } from '../egress/index.ts';
import { nextCursor } from '../encoding/durable-cursor.ts';
import { durableOffset } from '../encoding/durable-offsets.ts';
import { etagMatches } from '../http/conditional.ts';
import type { Query } from '../http/query.ts';
import type { Exchange, ServerContext } from '../http/route.ts';
import { sendHistory } from './cold-read.ts';
import { formOf } from './form.ts';
import { type LiveResponse, liveFormOf } from './live.ts';
import type { DurableStreamsOptions } from './options.ts';
import { EMPTY_ARRAY, pageFrom } from './page.ts';
import { earliestOf, NOW, startOf } from './position.ts';
import { BODY_HEADERS, isClosed, sendEmpty, setRefusalHeaders, tailHeaders } from './response.ts';
import { type StreamTarget, targetOf } from './target.ts';

export const MODES = ['long-poll', 'sse'] as const;

/** One read, once its start is known. */
interface Read {
  readonly exchange: Exchange;
  readonly target: StreamTarget;
  readonly stored: StoredStream;
  readonly from: number;
  /** As given in the request. */
  readonly offset: string | undefined;
}

export async function read(exchange: Exchange, options: DurableStreamsOptions): Promise<void> {
  const { query, req, res, server } = exchange;
  const offset = query.text('offset');
  const live = query.oneOf('live', MODES);
  if (live !== undefined && offset === undefined) throw createError('PARAMETER_REQUIRED', { name: 'offset' });
  const target = targetOf(server.mounts, query.path());
  const stored = await target.store.find(target.path);
  try {
    const from = await startOf(stored, offset);
    // Navigation changes nothing, so it does not renew the expiry.
    if (!isNavigation(req)) await target.store.renew(target.path);
    const one: Read = { exchange, target, stored, from, offset };
    if (live === 'sse') await follow(one, options);
    else if (live === 'long-poll') await poll(one, options.longPollTimeout);
    else if (offset === NOW) sendNow(one);
    else await sendPage(one, () => ({}));
  } catch (error) {
    if (!res.headersSent) await setRefusalHeaders(res, error, stored);
    throw error;
  }
}

/** HEAD neither waits nor counts as a read. */
export async function describe({ query, res, server }: Exchange): Promise<void> {
  const { store, path } = targetOf(server.mounts, query.path());
  const stored = await store.find(path);
  const { expiresAt, ttl, type } = stored.settings;
  res
    .writeHead(200, {
      ...BODY_HEADERS,
      'Content-Type': type,
      ...tailHeaders(stored),
      ...(ttl === undefined ? {} : { [H.ttl]: String(Math.round(ttl / 1000)) }),
      ...(expiresAt === undefined ? {} : { [H.expiresAt]: new Date(expiresAt).toISOString() }),
    })
    .end();
}

function sendNow({ exchange: { res }, stored }: Read): void {
  const body = formOf(stored.settings.type) === 'json' ? EMPTY_ARRAY : Buffer.alloc(0);
  res
    .writeHead(200, {
      ...BODY_HEADERS,
      'Content-Type': stored.settings.type,
      'Content-Length': body.length,
      ...tailHeaders(stored),
      [H.upToDate]: 'true',
    })
    .end(body);
}

/** @param headersOf additional headers, depending on whether the page ends at the end of a closed stream */
async function sendPage(
  { exchange: { req, res, server }, stored, from, offset }: Read,
  headersOf: (closed: boolean) => OutgoingHttpHeaders,
): Promise<void> {
  const { settings, stream } = stored;
  const { to, parts } = await pageFrom(stored, from);
  const isTail = to === stream.endOffset;
  const closed = isTail && isClosed(stored);
  const etag = `"${stream.generation}:${from}:${to}${closed ? ':c' : ''}"`;
  const headers: OutgoingHttpHeaders = {
    ...BODY_HEADERS,
    ETag: etag,
    [H.nextOffset]: durableOffset(stream, to),
    ...headersOf(closed),
    ...(isTail ? { [H.upToDate]: 'true' } : {}),
    ...(closed ? { [H.closed]: 'true' } : {}),
    // Tells a client that reads from the beginning where the retained bytes begin.
    ...(offset === undefined || offset === '-1' ? await trimmedHeaders(stored) : {}),
  };
  if (etagMatches(req.headers['if-none-match'], etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  await withChargedParts(parts, server.limits.sharedBuffers, () =>
    sendSized(res, contentOfParts(parts), server.limits, { ...headers, 'Content-Type': settings.type }),
  );
}

async function trimmedHeaders(stored: StoredStream): Promise<OutgoingHttpHeaders> {
  const earliest = await earliestOf(stored);
  return earliest === 0 ? {} : { [H.earliestOffset]: durableOffset(stored.stream, earliest) };
}

// ── long poll ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function poll(one: Read, timeout: number): Promise<void> {
  const { exchange, stored, from } = one;
  const { query, res } = exchange;
  const { stream } = stored;
  const cursor = query.text('cursor');
  if (from >= stream.endOffset && stream.endReason === undefined) {
    await waitForMore(one, timeout);
    if (exchange.signal.aborted) return;
  }
  if (stream.endOffset > from) {
    await sendPage(one, (closed) => (closed ? {} : { [H.cursor]: String(nextCursor(cursor)) }));
    return;
  }
  // The stream was removed meanwhile: there is nothing to reconnect to.
  if (stream.endReason !== undefined && !isClosed(stored)) {
    throw stream.endReason === 'shutdown'
      ? createError('SHUTTING_DOWN')
      : createError('STREAM_NOT_FOUND', { path: one.target.path });
  }
  sendEmpty(res, 204, {
    ...tailHeaders(stored),
    'Cache-Control': 'no-store',
    [H.upToDate]: 'true',
    ...(isClosed(stored) ? {} : { [H.cursor]: String(nextCursor(cursor)) }),
  });
}

/** Waits until something is appended, the stream ends or the time is up. The client counts as a reader meanwhile. */
async function waitForMore({ exchange, stored, target, from }: Read, timeout: number): Promise<void> {
  const { caller, req, server } = exchange;
  const { reads } = server.limits;
  const account = caller?.account;
  reads.enter(account);
  let reader: Reader | undefined;
  const stop = new AbortController();
  const giveUp = () => stop.abort();
  exchange.waitSignal.addEventListener('abort', giveUp, { once: true });
  if (exchange.waitSignal.aborted) giveUp();
  let isKicked = false;
  try {
    reader = await openReader({ stored, target, from }, account);
    const inner = internalOf(reader);
    const waiting = {
      reader: inner,
      socket: req.socket as Socket,
      kind: 'durable-streams-long-poll',
      kick: () => {
        isKicked = true;
        giveUp();
      },
      shared: NOTHING_SHARED,
      socketOnlyMemory: () => [],
    };
    exchange.isLive = true;
    reads.add(waiting);
    try {
      if (stored.stream.endOffset > from || stored.stream.endReason !== undefined) return;
      const readable = { begin: (wake: () => void) => inner.whenReadable(wake), end: () => void inner.cancelWait() };
      await waitToBeWoken(readable, timeout, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
    } finally {
      reads.delete(waiting);
    }
  } finally {
    exchange.waitSignal.removeEventListener('abort', giveUp);
    reader?.close();
    reads.leave(account);
  }
  if (isKicked) throw createError('READER_KICKED');
}

const NOTHING_SHARED = { recent: () => [], forget: () => undefined };

/** A reader that is disconnected rather than skips: the protocol cannot report a gap. */
async function openReader(
  { stored, target, from }: Pick<Read, 'stored' | 'target' | 'from'>,
  account: Account | undefined,
): Promise<Reader> {
  const source = await target.fileSystem.openStream(target.path, {
    start: { offset: from },
    onLag: 'disconnect',
    // Its events end at chunks that are in memory. Bytes that are only on disk are sent without a reader.
    reachBack: false,
    create: false,
    generation: stored.stream.generation,
    account,
  });
  if (source.kind === 'live') return source.reader;
  throw createError('STREAM_NOT_FOUND', { path: target.path });
}

// ── server-sent events ───────────────────────────────────────────────────────────────────────────────────────────────

async function follow(one: Read, options: DurableStreamsOptions): Promise<void> {
  const { exchange, stored } = one;
  const { caller, query, req, res, server } = exchange;
  const { limits } = server;
  const { encoding, headers, sending } = liveFormOf(
    stored,
    query.text('cursor'),
    req.httpVersionMinor >= 1,
    server,
    options,
  );
  const account = caller?.account;
  limits.reads.enter(account);
  let reader: Reader;
  try {
    if (one.from < stored.stream.startOffset) {
      exchange.isLive = true;
      await sendHistory(res, { stored, from: one.from, encoding, limits, headers });
      limits.reads.leave(account);
      return;
    }
    reader = await openReader(one, account);
  } catch (error) {
    limits.reads.leave(account);
    throw error;
  }
  exchange.isLive = true;
  sendReader(req, res, { reader, encoding }, headers, sending, () => limits.reads.leave(account));
}

/** Opens a live read for the fast path, which has no exchange: see {@link DurableReadRoute}. */
export async function openLive(
  query: Query,
  caller: Principal | undefined,
  server: ServerContext,
  options: DurableStreamsOptions,
): Promise<LiveResponse | undefined> {
  const offset = query.text('offset');
  if (offset === undefined || query.oneOf('live', MODES) !== 'sse') return undefined;
  const target = targetOf(server.mounts, query.path());
  const stored = await target.store.find(target.path);
  const from = await startOf(stored, offset);
  if (from < stored.stream.startOffset) return undefined;
  await target.store.renew(target.path);
  const reader = await openReader({ stored, target, from }, caller?.account);
  return { reader, ...liveFormOf(stored, query.text('cursor'), true, server, options) };
}
