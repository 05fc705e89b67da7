/**
 * One request and its response: what the routes see of it, its log fields, and whether its client has disconnected. One
 * is created for each request, so it must be cheap: an id and a signal, which few requests need, are created on demand.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { StreamFSError } from '../../errors/index.ts';
import type { PluginLogger } from '../../fs/index.ts';
import { writes } from '../../logging/index.ts';
import { HEADERS, REQUEST_HEADERS } from '../../protocol/index.ts';
import type { Principal } from '../auth/index.ts';
import { untilTurn } from '../net/index.ts';
import type { Query } from './query.ts';
import type { Exchange, Route, ServerContext, UpgradeOffer } from './route.ts';

/** A valid request id from a client: safe in a header and a log, and of bounded length. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;

/** Generated ids consist of the start time of the process and a number. */
const PREFIX = Math.floor(performance.timeOrigin).toString(36);
let lastId = 0;

/** A generated id, for a request without one. */
export function nextRequestId(): string {
  return `${PREFIX}-${(++lastId).toString(36)}`;
}

/**
 * The fields of a request that may be logged. Targets and headers are never logged as received, because they may hold
 * tokens and signatures.
 */
interface RequestFacts {
  request: string;
  method: string | undefined;
  /** The route's pattern. */
  route: string;
  address: string | undefined;
  /** Parameters that the route found in the target: the path, an id. */
  [about: string]: string | undefined;
}

/** Logs a finished request. The caller has checked that the log level is enabled. */
export function logRequest(logger: PluginLogger, facts: RequestFacts, status: number, milliseconds: number): void {
  logger.debug('request', { ...facts, status, ms: Math.round(milliseconds * 1000) / 1000 });
}

/** The status in the metrics of a request whose client disconnected before the response, as in other servers. */
export const CLIENT_CLOSED_REQUEST = 499;

export class RequestExchange implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly server: ServerContext;
  readonly socket: Socket;
  /** By `performance.now`. */
  readonly started: number;
  route: Route | undefined;
  /** Undefined before the target is parsed, and after the handler is done, because a live read may last for days. */
  #asked: Pick<Exchange, 'query' | 'params'> | undefined;
  caller: Principal | undefined;
  isLive = false;
  offer: UpgradeOffer | undefined;
  /** The client disconnected before its response was complete. */
  isAborted = false;
  isOver = false;
  /** Log fields from the target; set only if the log level is enabled. */
  logFields: Readonly<Record<string, string>> | undefined;
  #controller: AbortController | undefined;
  #waiting: AbortController | undefined;
  #name: string | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, server: ServerContext) {
    this.req = req;
    this.res = res;
    this.server = server;
    this.socket = req.socket;
    this.started = performance.now();
    const given = req.headers[REQUEST_HEADERS.requestId];
    // A client that sent a request id gets it back; otherwise the id is sent only with errors.
    if (given !== undefined && REQUEST_ID.test(given as string)) {
      this.#name = given as string;
      res.setHeader(HEADERS.requestId, this.#name);
    }
  }

  get query(): Query {
    return this.#asked!.query;
  }

  get params(): Readonly<Record<string, string>> {
    return this.#asked!.params;
  }

  /** The id of the request: the client's, or a generated one. */
  get id(): string {
    this.#name ??= nextRequestId();
    return this.#name;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isAborted) this.#controller.abort();
    return this.#controller.signal;
  }

  get waitSignal(): AbortSignal {
    if (this.#waiting === undefined) {
      const waiting = new AbortController();
      const stop = () => waiting.abort();
      this.#waiting = waiting;
      const { socket, res } = this;
      socket.once('end', stop);
      res.once('close', () => {
        socket.off('end', stop);
        stop();
      });
      if (socket.readableEnded || this.isAborted) stop();
    }
    return this.#waiting.signal;
  }

  /**
   * Settles when the responses before this one have been sent, or the client has disconnected.
   *
   * @throws `refusal`, after which the connection closes
   */
  async waitForTurn(refusal: StreamFSError | undefined): Promise<void> {
    const { res } = this;
    await untilTurn(res);
    if (refusal !== undefined) {
      if (!res.headersSent) res.setHeader('Connection', 'close');
      throw refusal;
    }
  }

  /** Called when the client has disconnected. */
  abort(): void {
    this.isAborted = true;
    this.#controller?.abort();
  }

  /** Called when the route is known. */
  begin(route: Route, params: Readonly<Record<string, string>>, query: Query, caller: Principal | undefined): void {
    this.route = route;
    this.caller = caller;
    this.#asked = { query, params };
    if (!writes(this.server.logger, 'debug')) return;
    const path = query.has('path') ? { path: query.first('path') } : {};
    const { remoteAddress: address } = this.socket;
    this.logFields = { ...(address === undefined ? {} : { address }), ...path, ...params };
  }

  /** Called when the handler is done, so that the query and the parameters can be garbage-collected. */
  forget(): void {
    this.#asked = undefined;
  }

  /** The status of the response. */
  get status(): number {
    return this.res.headersSent ? this.res.statusCode : CLIENT_CLOSED_REQUEST;
  }

  facts(): RequestFacts {
    const { req, route, socket, logFields } = this;
    return {
      request: this.id,
      method: req.method,
      route: route?.pattern ?? 'none',
      // Undefined after the socket has closed.
      address: socket.remoteAddress,
      ...logFields,
    };
  }
}
