/**
 * One request and its answer, from the first to the last byte: what the routes see of it, its fields in the log, and
 * whether its client has gone. It is the only object made for each request, so it is cheap: an id and a signal, which few
 * requests need, are created when asked for.
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

/** What a client may call its request: what is safe in a header and a log, and no longer than an id has to be. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;

/** Ids of ours: the process by its start, and a number. */
const PREFIX = Math.floor(performance.timeOrigin).toString(36);
let lastId = 0;

/** An id for a request that has none. */
export function nextRequestId(): string {
  return `${PREFIX}-${(++lastId).toString(36)}`;
}

/**
 * The fields of a request that may be logged. Nothing else is, in particular no target or header as it arrived: those may
 * hold tokens and signatures.
 */
interface RequestFacts {
  request: string;
  method: string | undefined;
  /** The route's pattern. */
  route: string;
  address: string | undefined;
  /** What the route found in the target: the path, an id. */
  [about: string]: string | undefined;
}

/** Tells the log of a request that is over; the caller has asked whether it wants to know. */
export function logRequest(logger: PluginLogger, facts: RequestFacts, status: number, milliseconds: number): void {
  logger.debug('request', { ...facts, status, ms: Math.round(milliseconds * 1000) / 1000 });
}

/** A request whose client went away before it had an answer, in the figures: the number other servers use for it. */
export const GIVEN_UP = 499;

export class RequestExchange implements Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly server: ServerContext;
  readonly socket: Socket;
  /** By `performance.now`. */
  readonly started: number;
  route: Route | undefined;
  /** Undefined before the target was read, and once a handler has done with it: a live read may last for days. */
  #asked: Pick<Exchange, 'query' | 'params'> | undefined;
  caller: Principal | undefined;
  isLive = false;
  offer: UpgradeOffer | undefined;
  /** The client went away before its answer was complete. */
  isGivenUp = false;
  isOver = false;
  /** What it is about, for the log; only where the log wants to know. */
  about: Readonly<Record<string, string>> | undefined;
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
    // A client that sent a request id gets it back; to others the id is sent with errors only.
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

  /** Its id: the one the client gave it, or one of ours. */
  get id(): string {
    this.#name ??= nextRequestId();
    return this.#name;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isGivenUp) this.#controller.abort();
    return this.#controller.signal;
  }

  get patience(): AbortSignal {
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
      if (socket.readableEnded || this.isGivenUp) stop();
    }
    return this.#waiting.signal;
  }

  /**
   * Settles when the answers before this one are out, or the client has gone.
   *
   * @throws what it is to be refused with: then it is the last on its connection
   */
  async turn(refusal: StreamFSError | undefined): Promise<void> {
    const { res } = this;
    await untilTurn(res);
    if (refusal !== undefined) {
      if (!res.headersSent) res.setHeader('Connection', 'close');
      throw refusal;
    }
  }

  /** The client has gone. */
  giveUp(): void {
    this.isGivenUp = true;
    this.#controller?.abort();
  }

  /** The route for it is known. */
  begin(route: Route, params: Readonly<Record<string, string>>, query: Query, caller: Principal | undefined): void {
    this.route = route;
    this.caller = caller;
    this.#asked = { query, params };
    if (!writes(this.server.logger, 'debug')) return;
    const path = query.has('path') ? { path: query.first('path') } : {};
    const { remoteAddress: address } = this.socket;
    this.about = { ...(address === undefined ? {} : { address }), ...path, ...params };
  }

  /** The handler is done with it. */
  forget(): void {
    this.#asked = undefined;
  }

  /** The status that was answered. */
  get status(): number {
    return this.res.headersSent ? this.res.statusCode : GIVEN_UP;
  }

  facts(): RequestFacts {
    const { req, route, socket, about } = this;
    return {
      request: this.id,
      method: req.method,
      route: route?.pattern ?? 'none',
      // Of a connection that is gone the system does not know it any more.
      address: socket.remoteAddress,
      ...about,
    };
  }
}
