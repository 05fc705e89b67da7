/**
 * The HTTP server: sockets in, routes out. It handles how connections begin, fail and end; the routes handle requests
 * and responses.
 */
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { MemoryBudget } from '../core/index.ts';
import { createError, isStreamFSError, type StreamFSError } from '../errors/index.ts';
import type { Clock, HandleTable, LimitCounters, MountTable, PluginLogger } from '../fs/index.ts';
import { LogThrottle, writes } from '../logging/index.ts';
import type { VersionInfo } from '../protocol/index.ts';
import { type OptionNames, requireMethods, requireOptions, requireType } from '../units/index.ts';
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
import { refuseConditions } from './http/conditional.ts';
import { allowOrigin, preflightHeaders, varyLine } from './http/cors.ts';
import { logRequest, RequestExchange } from './http/exchange.ts';
import { RESPONSE_HEADERS } from './http/headers.ts';
import { authoritiesOf, checkMessage } from './http/message-rules.ts';
import { refusalOf } from './http/parser-refusal.ts';
import { retryAfter, sendError } from './http/respond.ts';
import { canRespond, errorText } from './http/response-text.ts';
import type { Exchange, Route, ServerContext } from './http/route.ts';
import { Router } from './http/router.ts';
import { parseTarget } from './http/target.ts';
import { checkBody } from './http/unused-body.ts';
import { headWithoutUpgrade } from './http/upgrade.ts';
import { expectContinue } from './ingest/expectation.ts';
import { Limits, type ServerLimits } from './limits/index.ts';
import { type Metrics, ServerMetrics } from './metrics/index.ts';
import {
  breakBody,
  type Connections,
  createListener,
  discardInput,
  isBroken,
  isQueued,
  respondOn,
  SecureHttpServer,
  type SharedReads,
  type TlsOptions,
  takeConnections,
} from './net/index.ts';
import { ROUTES } from './routes.ts';
import { uiRoutes } from './ui/index.ts';
import { offersWebSocket, UPGRADE_HEADERS } from './websocket/index.ts';

/** Maximum duration of a search by default, in milliseconds. */
const DEFAULT_GREP_TIME_LIMIT = 10_000;

/** Maximum length of a JSON body by default, in bytes. */
const DEFAULT_MAX_JSON = 1024 * 1024;

/** Delay after `listen` before the digest code is loaded, in milliseconds, so that it does not delay first requests. */
const DIGEST_PRELOAD_DELAY_MS = 1000;

/**
 * Silence after which the system sends keep-alive probes, in milliseconds. A peer that has vanished does not answer,
 * and ten seconds later its connection is closed. The system's default of two hours would keep dead readers that long.
 */
const TCP_KEEPALIVE_MS = 30_000;

export interface ServerOptions {
  mounts: MountTable;
  handles: HandleTable;
  logger: PluginLogger;
  /** Maximum length of a body for a file that is not a stream, in bytes (contract 70). */
  maxRequestBodyBytes: number;
  /** Maximum length of a JSON body, in bytes; one with content may be four times as long. Default 1 MiB. */
  maxJsonBodyBytes?: number | undefined;
  version: VersionInfo;
  /** Whether the process accepts traffic (`GET /ready`). Default: always. The mounts also affect readiness. */
  ready?: (() => boolean) | undefined;
  /** Milliseconds of silence after which the system sends a keep-alive probe; 0: never. Default 30,000. */
  tcpKeepAlive?: number | undefined;
  /**
   * Whether connections are read into one shared buffer, which halves the cost of many appends: `auto`, the default, if
   * Node allows it (docs/adr/0018-share-one-read-buffer.md); `off` never.
   */
  sharedReads?: SharedReads | undefined;
  /** Maximum duration of a search, in milliseconds. Default 10,000. */
  grepTimeLimit?: number | undefined;
  /** Those that are absent have their defaults. */
  limits?: Partial<ServerLimits> | undefined;
  /** The budget that responses and bodies are charged to, like the mounts. Default: a budget without a limit. */
  memory?: MemoryBudget | undefined;
  /** Certificate and key. With them the server speaks only TLS. Default: no TLS. */
  tls?: TlsOptions | undefined;
  /** Tokens and their rights. Default: every request may do everything. */
  tokens?: Tokens | undefined;
  /** The host names that the server answers to. Default: any. */
  hosts?: HostCheck | undefined;
  /** The origins whose pages may use the server, in addition to its own. Default: none. */
  origins?: Origins | undefined;
  /** The encodings of live reads; the first is the default. Default: raw bytes, frames and server-sent events. */
  encodings?: readonly [Encoding, ...Encoding[]] | undefined;
  /** Streams that are also served as Durable Streams. Default: none. */
  durableStreams?: DurableStreamsOptions | undefined;
  /** The folder with the built page, which is served at `/ui/`. Default: there is no page. */
  uiFolder?: string | undefined;
  /** Counts how often each limit was reached. Default: separate counters. */
  counters?: LimitCounters | undefined;
  /** The clock of the sweep. Default: the system clock. */
  clock?: Clock | undefined;
}

export interface StreamFSServer {
  /** Listens; port 0 picks a free one. Rejects with the system's error, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /**
   * Graceful shutdown: accepts no more connections, closes idle ones, and waits for exchanges in progress, at most
   * `deadlineMs`; the rest is then disconnected. Live reads end when the caller shuts down the mounts.
   */
  close(deadlineMs: number): Promise<void>;
  /**
   * Uses this certificate for new connections; existing ones continue. Only for a server that was created with TLS.
   *
   * @throws the error of OpenSSL; the previous certificate then stays in use
   */
  replaceTls(tls: TlsOptions): void;
  readonly http: Server;
  /** The metrics of `GET /metrics`; a program may add its own. */
  readonly metrics: Metrics;
}

const OPTIONS: OptionNames<ServerOptions> = {
  ...{ mounts: true, handles: true, logger: true, maxRequestBodyBytes: true, maxJsonBodyBytes: true, version: true },
  ...{ ready: true, tcpKeepAlive: true, sharedReads: true, grepTimeLimit: true, limits: true, memory: true, tls: true },
  ...{ tokens: true, hosts: true, origins: true, encodings: true, durableStreams: true, uiFolder: true },
  ...{ counters: true, clock: true },
};
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Creates a server for the given mounts and handles. It does not listen yet. */
export function createServer(options: ServerOptions): StreamFSServer {
  requireOptions('createServer', options, OPTIONS);
  requireMethods('mounts', options.mounts, ['resolve']);
  requireMethods('handles', options.handles, ['open']);
  requireMethods('logger', options.logger, LEVELS);
  requireType('version', options.version, 'object');
  return new HttpServer(options);
}

class HttpServer implements StreamFSServer {
  readonly http: Server;
  readonly #context: ServerContext;
  readonly #router: Router;
  /** The newest exchange of each connection: a broken body belongs to it. */
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
      // Before the others: the page replaces `/`.
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
      errorResponse: (error) => errorText(error, varyLine(this.#origins)),
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
    const plainTextResponse = () => errorText(createError('BAD_REQUEST', { reason: NO_TLS }), varyLine(this.#origins));
    this.http = createListener({
      headerSize,
      headerLines,
      headerTimeout,
      tcpKeepAlive,
      tls: options.tls,
      plainTextResponse,
    });
    // The most frequent requests are served without node:http, which gets all others.
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
    // Other upgrade listeners of the program may handle other protocols.
    this.http.on('upgrade', (req, socket: Socket, rest) => {
      const isForUs = this.#takesOffer(req);
      if (!isForUs && this.http.listenerCount('upgrade') > 1) return;
      this.#afterResponses(socket, () => {
        if (isForUs) {
          socket.on('error', ignore);
          serve(req, respondOn(socket, req), rest);
          return;
        }
        socket.unshift(Buffer.concat([headWithoutUpgrade(req), rest]));
        this.#fastPath.handOver(socket);
      });
    });
    this.http.on('connect', (_req, socket: Socket) => {
      if (this.http.listenerCount('connect') > 1) return;
      this.#afterResponses(socket, () => this.#refuseAll(socket, createError('BAD_REQUEST', { reason: NO_PROXY })));
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
        // Later errors, such as a lack of file descriptors, only affect connections that cannot be accepted.
        this.http.on('error', this.#onError);
        this.#logReads();
        this.#limits.start();
        this.#context.metrics.start();
        this.#preparing = setTimeout(() => {
          try {
            prepareDigest();
          } catch {
            // The first request for a checksum tries again.
          }
        }, DIGEST_PRELOAD_DELAY_MS).unref();
        const address = this.http.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  /** Warns without shared reads, because a new version of Node must not double the cost of reads unnoticed. */
  #logReads(): void {
    const { logger } = this.#context;
    const { reads } = this.#connections;
    if (reads === 'off') logger.info('reads are not shared', { reason: 'server.shared_reads is off' });
    if (reads === 'unavailable') {
      const reason = `Node ${process.versions.node} does not allow it`;
      logger.warn('reads are not shared: appends cost up to twice as much', { reason });
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

  /** When the server is closing, a connection is closed as soon as it is idle. */
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
    // A disconnected peer is not an error of the server; handlers learn of it from `close` and the signal.
    req.on('error', ignore);
    res.on('error', ignore);
    res.on('close', () => {
      if (exchange.isOver) return;
      this.#limits.connections.release(socket, res, waits);
      this.#over(exchange);
    });
    allowOrigin(this.#origins, req, res);
    try {
      // One after the other: a response must not depend on requests that were sent after its own.
      if (waits || refusal !== undefined) await exchange.waitForTurn(refusal);
      if (!exchange.isOver) await this.#route(exchange);
    } catch (error) {
      this.#fail(exchange, error);
    }
    exchange.forget();
  }

  #fail(exchange: RequestExchange, error: unknown): void {
    const { logger } = this.#context;
    if (exchange.isAborted && !isStreamFSError(error)) {
      if (writes(logger, 'debug')) logger.debug('request given up', { ...exchange.facts(), error: String(error) });
      return;
    }
    const limit = this.#limits.countRefusal(error);
    sendError(exchange, error, {
      ...headersOf(error, exchange.req.headers),
      ...(limit !== undefined || isOfLog(error) ? retryAfter(error as StreamFSError) : {}),
    });
  }

  /** The response is complete, or the client has disconnected. */
  #over(exchange: RequestExchange): void {
    exchange.isOver = true;
    const { res, socket, status } = exchange;
    if (!res.writableFinished) exchange.abort();
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
    const authorities = authoritiesOf(req);
    this.#checkHost(authorities.header);
    this.#checkHost(authorities.target);
    checkMessage(req, authorities);
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
    if (route.method !== 'GET' && route.evaluatesConditions !== true) refuseConditions(req.headers);
    await checkBody(req, route, this.#limits.values.bodyTimeout);
    if (method === 'HEAD' && route.head) await route.head(exchange);
    else await route.handle(exchange);
  }

  /** Counts the connection for the account of its request. @throws TOKEN_LIMIT, after which the connection closes */
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

  /**
   * Admits a request and returns its principal, if tokens are configured. @throws UNAUTHORIZED, FORBIDDEN,
   * LINK_INVALID, LINK_EXPIRED
   */
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
   * Returns a function that checks whether the caller would still be admitted: a token may have been removed, or a link
   * expired. It costs next to nothing while nothing has changed.
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

  /** Whether the route of a request accepts the upgrade that the request offers. */
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
   * Handles input that the parser rejected, and failed sockets. In the middle of a body, the body has broken off: its
   * handler keeps the received bytes and answers (contract 72). Otherwise the error is answered here.
   */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.#exchanges.get(socket);
    if (exchange && isBroken(exchange.req)) return;
    if (exchange && !exchange.req.complete && !exchange.res.writableEnded) {
      breakBody(exchange.req);
      // No request can follow on this connection, even if the response in progress announces keep-alive.
      discardInput(socket as Socket);
      exchange.res.once('finish', () => (socket as Socket).destroySoon());
      return;
    }
    if (!canRespond(socket) || error.code === 'ECONNRESET') {
      socket.destroy(error);
      return;
    }
    if (exchange !== undefined && !exchange.res.writableFinished) {
      // The error is answered after the responses to the valid requests before it.
      discardInput(socket as Socket);
      exchange.res.once('finish', () => this.#refuse(error, socket));
      return;
    }
    this.#refuseAll(socket, refusalOf(error, this.#limits.values));
  }

  /** Responds with an error to everything that may still arrive on a connection. */
  #refuseAll(socket: Duplex, refusal: StreamFSError): void {
    this.#limits.countRefusal(refusal);
    socket.end(errorText(refusal, varyLine(this.#origins)), () => (socket as Socket).destroySoon());
  }

  /** Runs `act` on a connection that node:http has released, once all earlier requests have been answered. */
  #afterResponses(socket: Socket, act: () => void): void {
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

/** The headers that HTTP requires with some errors. */
function headersOf(error: unknown, headers: HeadersOfRequest): OutgoingHttpHeaders {
  if (isStreamFSError(error, 'METHOD_NOT_ALLOWED')) return { Allow: String(error.details.allow) };
  if (isStreamFSError(error, 'UNAUTHORIZED')) return { 'WWW-Authenticate': challengesFor(headers) };
  if (isStreamFSError(error, 'UPGRADE_REQUIRED')) return UPGRADE_HEADERS;
  return {};
}

/** The reason for refusing plain HTTP on a TLS port. */
const NO_TLS = 'this is HTTP without TLS, and the server speaks TLS on this port: use https://';

/** The reason for refusing CONNECT. */
const NO_PROXY = 'CONNECT is for proxies, and this server is not a proxy';

function ignore(): void {}

function sendOptions(res: ServerResponse, allow: string, more: Record<string, string> = {}): void {
  res.writeHead(204, { ...RESPONSE_HEADERS, Allow: allow, ...more });
  res.end();
}

/** A log that is unreachable or out of memory may recover by itself. */
function isOfLog(error: unknown): boolean {
  return isStreamFSError(error, 'LOG_UNAVAILABLE', 'LOG_FULL');
}
