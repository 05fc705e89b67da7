/**
 * A live read over server-sent events, once it is open. node:http answers it from its route, the fast path without an
 * exchange, so that nothing of the request stays in memory for the duration of the read.
 */
import type { Reader } from '../../core/index.ts';
import type { StoredStream } from '../../fs/index.ts';
import { DURABLE_HEADERS as H } from '../../protocol/index.ts';
import type { Principal } from '../auth/index.ts';
import { liveHeaders, type SinkOptions } from '../egress/index.ts';
import { currentCursor, cursorOf } from '../encoding/durable-cursor.ts';
import { type DurableSseForm, durableSseEncoding } from '../encoding/durable-sse.ts';
import type { Encoding } from '../encoding/index.ts';
import type { Query } from '../http/query.ts';
import type { Route, ServerContext } from '../http/route.ts';
import { formOf } from './form.ts';
import { type DurableStreamsOptions, SSE_HEARTBEAT_MS, SSE_LIFETIME_JITTER_MS, SSE_LIFETIME_MS } from './options.ts';
import { BODY_HEADERS } from './response.ts';

/** The route of reads, which can be opened without an exchange. */
export interface DurableReadRoute extends Route {
  /**
   * @returns undefined for a request that is not a live read, or that needs bytes from disk
   * @throws the error to answer with
   */
  openLive(query: Query, caller: Principal | undefined, server: ServerContext): Promise<LiveResponse | undefined>;
}

export function isDurableRead(route: Route): route is DurableReadRoute {
  return 'openLive' in route;
}

/** An open read, and how it is sent. */
export interface LiveResponse extends LiveForm {
  readonly reader: Reader;
}

export interface LiveForm {
  readonly encoding: Encoding;
  readonly headers: Readonly<Record<string, string>>;
  readonly sending: SinkOptions;
}

/** How a stream is sent. @param chunked whether the client speaks HTTP/1.1 */
export function liveFormOf(
  { settings }: StoredStream,
  cursor: string | undefined,
  chunked: boolean,
  server: ServerContext,
  options: DurableStreamsOptions,
): LiveForm {
  const form = formOf(settings.type);
  const given = cursorOf(cursor);
  // A client whose cursor is ahead of the current time gets cursors that continue from its own.
  const encoding = durableSseEncoding(form, given >= currentCursor() ? given + 1 : -1);
  return { encoding, headers: headersOf(form, chunked), sending: sendingOf(server, options) };
}

/** Shared by all reads, so that an idle read needs no objects for this. */
const headers = new Map<string, Readonly<Record<string, string>>>();

function headersOf(form: DurableSseForm, chunked: boolean): Readonly<Record<string, string>> {
  const key = `${form} ${chunked}`;
  const known = headers.get(key);
  if (known !== undefined) return known;
  const made = {
    ...liveHeaders(durableSseEncoding(form), chunked),
    ...BODY_HEADERS,
    'Cache-Control': 'no-cache, no-store, no-transform',
    ...(form === 'base64' ? { [H.sseDataEncoding]: 'base64' } : {}),
  };
  headers.set(key, made);
  return made;
}

const sendings = new WeakMap<ServerContext, SinkOptions>();

function sendingOf(server: ServerContext, { sseHeartbeat, sseLifetime }: DurableStreamsOptions): SinkOptions {
  let sending = sendings.get(server);
  if (sending === undefined) {
    sending = {
      heartbeat: sseHeartbeat ?? SSE_HEARTBEAT_MS,
      timeout: undefined,
      lifetime: sseLifetime ?? SSE_LIFETIME_MS,
      lifetimeJitter: sseLifetime === undefined ? SSE_LIFETIME_JITTER_MS : 0,
      limits: server.limits,
      logger: server.logger,
    };
    sendings.set(server, sending);
  }
  return sending;
}
