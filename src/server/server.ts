/**
 * The HTTP server: sockets in, routes out. It knows how connections begin, fail and end; what is asked and answered
 * on them is the routes'.
 */
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { MemoryBudget } from '../core/index.ts';
import { createError, isStreamFSError, type StreamFSError } from '../errors/index.ts';
import type { Clock, HandleTable, LimitCounters, MountTable, PluginLogger } from '../fs/index.ts';
import { LogThrottle, writes } from '../logging/index.ts';
import type { VersionInfo } from '../protocol/index.ts';
import { prepareDigest } from './agfs/digest.ts';
import {
  challengesFor,
  type HeadersOfRequest,
  type HostCheck,
  linkRightFor,
  Origins,
  type Principal,
  refuseNavigation,
  requireFor,
  type Tokens,
  tokenOfSubprotocols,
} from './auth/index.ts';
import { type DurableStreamsOptions, durableStreamRoutes } from './durable-streams/index.ts';
import { ENCODINGS, type Encoding } from './encoding/index.ts';
import { FastPathConnection } from './fast-path/connection.ts';
import type { FastPathHost } from './fast-path/host.ts';
import { allowOrigin, preflightHeaders, varyLine } from './http/cors.ts';
import { logRequest, RequestExchange } from './http/exchange.ts';
import { ANSWER_HEADERS } from './http/headers.ts';
import { addressedTo, checkMessage } from './http/message-rules.ts';
import { refusalOf } from './http/parser-refusal.ts';
import { retryAfter, sendError } from './http/respond.ts';
import { canAnswer, errorText } from './http/response-text.ts';
import type { Exchange, Route, ServerContext } from './http/route.ts';
import { Router } from './http/router.ts';
import { parseTarget } from './http/target.ts';
import { checkBody } from './http/unused-body.ts';
import { headWithoutUpgrade } from './http/upgrade.ts';
import { expectContinue } from './ingest/expectation.ts';
import { Limits, type ServerLimits } from './limits/index.ts';
import { type Metrics, ServerMetrics } from './metrics/index.ts';
import {
  answerOn,
  breakBody,
  type Connections,
  createListener,
  discardInput,
  isBroken,
  isQueued,
  SecureHttpServer,
  type SharedReads,
  type TlsOptions,
  takeConnections,
} from './net/index.ts';
import { ROUTES } from './routes.ts';
import { uiRoutes } from './ui/index.ts';
import { offersWebSocket, UPGRADE_HEADERS } from './websocket/index.ts';

/** The longest a search may take, in milliseconds, where the server is not told otherwise. */
const DEFAULT_GREP_TIME_LIMIT = 10_000;

/** The longest JSON body, in bytes, where the server is not told otherwise. */
const DEFAULT_MAX_JSON = 1024 * 1024;

/** Delay after `listen` before the code for digests is loaded, in milliseconds: the first requests come first. */
const DIGEST_PRELOAD_DELAY_MS = 1000;

/**
 * Silence after which a peer is asked whether it is still there, in milliseconds. One that is gone without a word does
 * not answer, and ten seconds later its connection is over: the system's own two hours would keep dead readers as long.
 */
const TCP_KEEPALIVE_MS = 30_000;

export interface ServerOptions {
  mounts: MountTable;
  handles: HandleTable;
  logger: PluginLogger;
  /** The largest body for a file that is not a stream, in bytes (contract 70). */
  maxRequestBodyBytes: number;
  /** The largest JSON body, in bytes; one that is written may be four times as long. Default 1 MiB. */
  maxJsonBodyBytes?: number | undefined;
  version: VersionInfo;
  /** Whether the process wants traffic (`GET /ready`). Default: always; the mounts have their own say. */
  ready?: (() => boolean) | undefined;
  /** Milliseconds of silence after which the system asks a peer whether it is there; 0: never. Default 30,000. */
  tcpKeepAlive?: number | undefined;
  /**
   * Whether connections are read into one shared buffer, for half the cost of much writing: `auto`, the default, where
   * Node allows it (docs/adr/0018-share-one-read-buffer.md); `off` never.
   */
  sharedReads?: SharedReads | undefined;
  /** The longest a search may take, in milliseconds. Default 10,000. */
  grepTimeLimit?: number | undefined;
  /** Those that are not given are at their defaults. */
  limits?: Partial<ServerLimits> | undefined;
  /** What answers and bodies are charged to, as the mounts are. Default: a budget without a limit. */
  memory?: MemoryBudget | undefined;
  /** Certificate and key, with which it speaks TLS and nothing else. Default: no TLS. */
  tls?: TlsOptions | undefined;
  /** Tokens and their rights. Default: every request may do everything. */
  tokens?: Tokens | undefined;
  /** Which names it answers to. Default: any. */
  hosts?: HostCheck | undefined;
  /** Which pages may use it beside its own. Default: none. */
  origins?: Origins | undefined;
  /** The forms a live read can be asked for in; the first is the default. Default: raw bytes and frames. */
  encodings?: readonly [Encoding, ...Encoding[]] | undefined;
  /** Streams that are served as Durable Streams too. Default: none. */
  durableStreams?: DurableStreamsOptions | undefined;
  /** The folder with the built page, which is served at `/ui/`. Default: there is no page. */
  uiFolder?: string | undefined;
  /** Where it is counted how often a limit was reached. Default: counters of its own. */
  counters?: LimitCounters | undefined;
  /** What connections are looked at by, once a second. Default: the system's. */
  clock?: Clock | undefined;
}

export interface StreamFSServer {
  /** Listens; port 0 takes a free one. Rejects with the system's error, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /**
   * Takes no more connections, ends idle ones, and waits until those at work are done, at most `deadlineMs`; what is
   * left then is cut. Live reads end when the mounts shut down, which is the caller's to do.
   */
  close(deadlineMs: number): Promise<void>;
  /**
   * New connections get this certificate; those that are there go on. For a server that was made with one. @throws what
   * OpenSSL has against it; then nothing has changed
   */
  replaceTls(tls: TlsOptions): void;
  readonly http: Server;
  /** What `GET /metrics` tells; a program may add its own. */
  readonly metrics: Metrics;
}

/** A server for the mounts and handles given. It does not listen yet. */
export function createServer(options: ServerOptions): StreamFSServer {
  return new HttpServer(options);
}

class HttpServer implements StreamFSServer {
  readonly http: Server;
  readonly #context: ServerContext;
  readonly #router: Router;
  /** The newest exchange of each connection: the one a broken body belongs to. */
  readonly #exchanges = new WeakMap<Duplex, RequestExchange>();
  readonly #limits: Limits;
  readonly #tokens: Tokens | undefined;
  readonly #hosts: HostCheck | undefined;
  readonly #origins: Origins;
  #preparing: NodeJS.Timeout | undefined;
  readonly #onError: (error: Error) => void;
  readonly #connections: Connections;
  readonly #fastPath: FastPathHost;
  #closing = false;

  constructor(options: ServerOptions) {
    const { limits, memory, counters, clock, logger } = options;
    const { durableStreams, uiFolder } = options;
    const routes = [
      // Before the rest: the page takes the place of `/`.
      ...(uiFolder === undefined ? [] : uiRoutes(uiFolder)),
      ...ROUTES,
      ...(durableStreams === undefined ? [] : durableStreamRoutes(durableStreams)),
    ];
    this.#router = new Router(routes);
    this.#tokens = options.tokens;
    this.#hosts = options.hosts;
    this.#origins = options.origins ?? new Origins();
    this.#limits = new Limits({
      logger,
      answer: (error) => errorText(error, varyLine(this.#origins)),
      limits,
      memory,
      counters,
      clock,
    });
    const { headerSize, headerLines, headerTimeout } = this.#limits.values;
    const { mounts, handles, version } = options;
    this.#context = {
      ...{ mounts, handles, logger, routes, version },
      maxRequestBodyBytes: options.maxRequestBodyBytes,
      maxJsonBodyBytes: options.maxJsonBodyBytes ?? DEFAULT_MAX_JSON,
      ready: () => !this.#closing && (options.ready?.() ?? true),
      grepTimeLimit: options.grepTimeLimit ?? DEFAULT_GREP_TIME_LIMIT,
      encodings: options.encodings ?? ENCODINGS,
      limits: this.#limits,
      links: this.#tokens?.links,
      metrics: new ServerMetrics({
        ...{ mounts, handles, version, limits: this.#limits },
        sharesReads: () => this.#connections.reads === 'shared',
      }),
    };
    const { tcpKeepAlive = TCP_KEEPALIVE_MS, sharedReads = 'auto' } = options;
    const plainAnswer = () => errorText(createError('BAD_REQUEST', { reason: NO_TLS }), varyLine(this.#origins));
    this.http = createListener({ headerSize, headerLines, headerTimeout, tcpKeepAlive, tls: options.tls, plainAnswer });
    // What is asked for most is served without node:http, which gets all others.
    this.#connections = takeConnections(this.http, { tcpKeepAlive, sharedReads }, (socket) => {
      if (this.#limits.connections.accept(socket)) new FastPathConnection(socket, this.#fastPath);
    });
    this.#fastPath = this.#fastPathHost();
    const serve = (req: IncomingMessage, res: ServerResponse, rest?: Buffer) => {
      this.#serve(req, res, rest).catch((error: unknown) => {
        this.#context.logger.error('answering failed', { method: req.method, error: String(error) });
        res.destroy();
      });
    };
    const serveExpecting = (req: IncomingMessage, res: ServerResponse) => {
      expectContinue(req, res);
      serve(req, res);
    };
    this.http.on('request', (req, res) => serve(req, res));
    this.http.on('checkContinue', serveExpecting).on('checkExpectation', serveExpecting);
    // A program that listens too has another protocol to offer.
    this.http.on('upgrade', (req, socket: Socket, rest) => {
      const isForUs = this.#takesOffer(req);
      if (!isForUs && this.http.listenerCount('upgrade') > 1) return;
      this.#afterAnswers(socket, () => {
        if (isForUs) {
          socket.on('error', ignore);
          serve(req, answerOn(socket, req), rest);
          return;
        }
        socket.unshift(Buffer.concat([headWithoutUpgrade(req), rest]));
        this.#fastPath.handOver(socket);
      });
    });
    this.http.on('connect', (_req, socket: Socket) => {
      if (this.http.listenerCount('connect') > 1) return;
      this.#afterAnswers(socket, () => this.#refuseAll(socket, createError('BAD_REQUEST', { reason: NO_PROXY })));
    });
    const failed = new LogThrottle((count, error: Error) =>
      logger.error('accepting failed', { count, error: error.message }),
    );
    this.#onError = (error) => failed.add(error);
    this.http.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket));
    const unsecured = new LogThrottle((count, error: Error) =>
      logger.info('TLS handshakes failed', { count, error: error.message }),
    );
    this.http.on('tlsClientError', (error: Error) => unsecured.add(error));
  }

  #fastPathHost(): FastPathHost {
    const { mounts } = this.#context;
    const tokens = this.#tokens;
    const origins = this.#origins;
    const isClosing = () => this.#closing;
    return {
      context: this.#context,
      lastFollow: undefined,
      get isClosing() {
        return isClosing();
      },
      get version() {
        return mounts.version + (tokens?.version ?? 0) + origins.version;
      },
      get varyLine() {
        return varyLine(origins);
      },
      find: (method, target) => {
        const { segments, pathname, query } = parseTarget(target);
        const { route, params } = this.#router.find(method, pathname, segments);
        return { route, query: route.pathOf === undefined ? query : query.withPath(route.pathOf(params)) };
      },
      admit: (route, query, headers) => {
        this.#checkHost(headers.host);
        return this.#admit(route, { query, params: {} }, headers);
      },
      handOver: (socket) => this.#connections.toHttp(socket),
      done: (socket) => this.#done(socket),
    };
  }

  get metrics(): Metrics {
    return this.#context.metrics.registry;
  }

  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen({ host, port }, () => {
        this.http.off('error', reject);
        // Descriptors may run out later: those that cannot be had are refused, and the others go on.
        this.http.on('error', this.#onError);
        this.#logReads();
        this.#limits.start();
        this.#context.metrics.start();
        this.#preparing = setTimeout(
          () => void prepareDigest().catch(() => undefined),
          DIGEST_PRELOAD_DELAY_MS,
        ).unref();
        const address = this.http.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  /** A new version of Node must not double the cost of reads unnoticed. */
  #logReads(): void {
    const { logger } = this.#context;
    const { reads } = this.#connections;
    if (reads === 'off') logger.info('reads are not shared', { reason: 'server.shared_reads is off' });
    if (reads === 'unavailable') {
      const reason = `Node ${process.versions.node} does not allow it`;
      logger.warn('reads are not shared: much writing costs twice as much', { reason });
    }
  }

  replaceTls(tls: TlsOptions): void {
    if (!(this.http instanceof SecureHttpServer)) throw new TypeError('this server was made without TLS');
    this.http.replace(tls);
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    if (!this.http.listening) return;
    const { connections } = this.#limits;
    const deadline = setTimeout(() => connections.closeAll(), deadlineMs);
    const closed = new Promise((resolve) => this.http.close(resolve));
    connections.closeIdle();
    await Promise.all([closed, connections.whenNone()]);
    clearTimeout(deadline);
    this.#limits.stop();
    this.#context.metrics.stop();
    clearTimeout(this.#preparing);
  }

  /** A connection that is busy no more goes when the server does. */
  #done(socket: Socket): void {
    const { connections } = this.#limits;
    connections.done(socket);
    if (this.#closing && connections.isIdle(socket)) socket.destroySoon();
  }

  /** An error in one exchange does not affect others. */
  async #serve(req: IncomingMessage, res: ServerResponse, rest?: Buffer): Promise<void> {
    const { socket } = req;
    if (this.#limits.connections.isRefused(socket)) return;
    const exchange = new RequestExchange(req, res, this.#context);
    if (rest !== undefined) exchange.offer = { socket, rest, requireStillAdmitted: ignore };
    this.#exchanges.set(socket, exchange);
    this.#limits.connections.busy(socket, req);
    const waits = isQueued(res);
    const refusal = this.#limits.connections.charge(socket, req, res);
    // A peer that goes away is no error of ours; the handlers hear of it by `close` and the signal.
    req.on('error', ignore);
    res.on('error', ignore);
    res.on('close', () => {
      if (exchange.isOver) return;
      this.#limits.connections.release(socket, res, waits);
      this.#over(exchange);
    });
    allowOrigin(this.#origins, req, res);
    try {
      // One after the other: what an answer is does not depend on what was sent behind its request.
      if (waits || refusal !== undefined) await exchange.turn(refusal);
      if (!exchange.isOver) await this.#route(exchange);
    } catch (error) {
      this.#fail(exchange, error);
    }
    exchange.forget();
  }

  #fail(exchange: RequestExchange, error: unknown): void {
    const { logger } = this.#context;
    if (exchange.isGivenUp && !isStreamFSError(error)) {
      if (writes(logger, 'debug')) logger.debug('request given up', { ...exchange.facts(), error: String(error) });
      return;
    }
    const limit = this.#limits.note(error);
    sendError(exchange, error, {
      ...headersOf(error, exchange.req.headers),
      ...(limit !== undefined || isOfLog(error) ? retryAfter(error as StreamFSError) : {}),
    });
  }

  /** The answer is complete, or the client has gone. */
  #over(exchange: RequestExchange): void {
    exchange.isOver = true;
    const { res, socket, status } = exchange;
    if (!res.writableFinished) exchange.giveUp();
    this.#done(socket);
    const milliseconds = performance.now() - exchange.started;
    const { logger, metrics } = this.#context;
    if (!exchange.isLive) metrics.requests.observe(exchange.route, status, milliseconds);
    if (writes(logger, 'debug')) logRequest(logger, exchange.facts(), status, milliseconds);
  }

  async #route(exchange: RequestExchange): Promise<void> {
    const { req, res } = exchange;
    if (this.#closing) {
      res.setHeader('Connection', 'close');
      throw createError('SHUTTING_DOWN');
    }
    const addressed = addressedTo(req);
    this.#checkHost(addressed.header);
    this.#checkHost(addressed.target);
    checkMessage(req, addressed);
    const method = req.method ?? 'GET';
    if (method === 'OPTIONS' && req.url === '*') return sendOptions(res, 'GET, HEAD, POST, PUT, DELETE, OPTIONS');
    const { segments, pathname, query: asked } = parseTarget(req.url ?? '/');
    if (method === 'OPTIONS') {
      const allow = this.#router.allowed(segments);
      if (allow !== undefined) return sendOptions(res, allow, preflightHeaders(this.#origins, req, allow));
    }
    this.#origins.check(req);
    const { route, params } = this.#router.find(method, pathname, segments);
    const query = route.pathOf === undefined ? asked : asked.withPath(route.pathOf(params));
    refuseNavigation(req, route);
    const { offer } = exchange;
    const token = offer === undefined ? undefined : tokenOfSubprotocols(req.headers['sec-websocket-protocol']);
    const caller = this.#admit(route, { query, params }, req.headers, token);
    if (offer !== undefined) {
      offer.requireStillAdmitted = this.#readmission(caller, () =>
        this.#admit(route, { query, params }, req.headers, token),
      );
    }
    this.#claim(exchange, caller);
    exchange.begin(route, params, query, caller);
    await checkBody(req, route, this.#limits.values.bodyTimeout);
    if (method === 'HEAD' && route.head) await route.head(exchange);
    else await route.handle(exchange);
  }

  /** Counts a connection to whose its request is. @throws TOKEN_LIMIT; it is the last request on the connection then */
  #claim({ socket, res }: RequestExchange, caller: Principal | undefined): void {
    try {
      this.#limits.connections.claim(socket, caller?.account);
    } catch (error) {
      res.setHeader('Connection', 'close');
      throw error;
    }
  }

  #checkHost(host: string | undefined): void {
    this.#hosts?.check(host, this.#tokens?.areAsked === true);
  }

  /** Admits a request and returns its principal where tokens are configured. @throws UNAUTHORIZED, FORBIDDEN, LINK_INVALID, LINK_EXPIRED */
  #admit(
    route: Route,
    asked: Pick<Exchange, 'query' | 'params'>,
    headers: HeadersOfRequest,
    token?: Uint8Array,
  ): Principal | undefined {
    const tokens = this.#tokens;
    if (tokens === undefined || !tokens.areAsked || route.permission === 'nothing') return undefined;
    const caller = tokens.callerOf(headers, linkRightFor(route.link, asked.query), asked.query, token);
    requireFor(route.permission, caller, { ...asked, handles: this.#context.handles });
    return caller;
  }

  /**
   * Looks again whether a caller would be let in: a token may be taken away, a link's time be over. Costs next to nothing
   * while nothing has changed.
   */
  #readmission(caller: Principal | undefined, admit: () => void): () => void {
    const tokens = this.#tokens;
    if (tokens === undefined) return ignore;
    let { version } = tokens;
    return () => {
      if (version === tokens.version && caller?.hasLink !== true) return;
      version = tokens.version;
      admit();
    };
  }

  /** Whether a request offers what its route takes. */
  #takesOffer(req: IncomingMessage): boolean {
    if (!offersWebSocket(req)) return false;
    try {
      const { segments, pathname } = parseTarget(req.url ?? '/');
      return this.#router.find('GET', pathname, segments).route.takesOffer === true;
    } catch {
      return false;
    }
  }

  /**
   * Input that the parser refused, and sockets that failed. In the middle of a body it is the body that broke off: its
   * handler keeps what has arrived and answers (contract 72). Otherwise the answer is given here.
   */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.#exchanges.get(socket);
    if (exchange && isBroken(exchange.req)) return;
    if (exchange && !exchange.req.complete && !exchange.res.writableEnded) {
      breakBody(exchange.req);
      // Nothing can follow on this connection, also where an answer that has begun says that it is kept.
      discardInput(socket as Socket);
      exchange.res.once('finish', () => (socket as Socket).destroySoon());
      return;
    }
    if (!canAnswer(socket) || error.code === 'ECONNRESET') {
      socket.destroy(error);
      return;
    }
    if (exchange !== undefined && !exchange.res.writableFinished) {
      // It comes behind the answers to what was right, of which this is the last.
      discardInput(socket as Socket);
      exchange.res.once('finish', () => this.#refuse(error, socket));
      return;
    }
    this.#refuseAll(socket, refusalOf(error, this.#limits.values));
  }

  /** Answers with an error in place of all that a connection may still ask for. */
  #refuseAll(socket: Duplex, refusal: StreamFSError): void {
    this.#limits.note(refusal);
    socket.end(errorText(refusal, varyLine(this.#origins)), () => (socket as Socket).destroySoon());
  }

  /** Does something about a connection that node:http has given up, once all before it is answered. */
  #afterAnswers(socket: Socket, act: () => void): void {
    const exchange = this.#exchanges.get(socket);
    socket.on('error', ignore).setTimeout(0);
    const go = () => {
      socket.off('error', ignore).setTimeout(0);
      if (socket.writable) act();
    };
    if (exchange === undefined || exchange.isOver) go();
    else exchange.res.once('close', go);
  }
}

/** What HTTP wants said beside some errors. */
function headersOf(error: unknown, headers: HeadersOfRequest): OutgoingHttpHeaders {
  if (isStreamFSError(error, 'METHOD_NOT_ALLOWED')) return { Allow: String(error.details.allow) };
  if (isStreamFSError(error, 'UNAUTHORIZED')) return { 'WWW-Authenticate': challengesFor(headers) };
  if (isStreamFSError(error, 'UPGRADE_REQUIRED')) return UPGRADE_HEADERS;
  return {};
}

/** What plain HTTP is answered with where TLS is spoken. */
const NO_TLS = 'this is HTTP without TLS, and the server speaks TLS here: use https://';

/** What CONNECT is answered with. */
const NO_PROXY = 'CONNECT is for proxies, and this server is none';

function ignore(): void {}

function sendOptions(res: ServerResponse, allow: string, more: Record<string, string> = {}): void {
  res.writeHead(204, { ...ANSWER_HEADERS, Allow: allow, ...more });
  res.end();
}

/** A log that is away or has no memory comes back by itself. */
function isOfLog(error: unknown): boolean {
  return isStreamFSError(error, 'LOG_UNAVAILABLE', 'LOG_FULL');
}
