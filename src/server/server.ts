/**
 * The HTTP server: sockets in, routes out. It knows how connections begin, fail and end; what is asked and answered
 * on them is the routes'.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fail, isStreamFSError, type StreamFSError } from '../errors/index.ts';
import type { HandleTable, MountTable, PluginLogger } from '../fs/index.ts';
import { breakOff } from './ingest/index.ts';
import { Leaving } from './leaving.ts';
import { errorBody, markBroken, type Pair, sendError } from './respond.ts';
import type { Exchange, ServerContext, VersionInfo } from './route.ts';
import { Router } from './router.ts';
import { ROUTES } from './routes/index.ts';
import { parseTarget } from './target.ts';

/** The longest a search may take, in milliseconds, where the server is not told otherwise. */
const DEFAULT_GREP_TIME_LIMIT = 10_000;

/** How long a client may take to send its headers, in milliseconds. */
const HEADERS_TIMEOUT = 60_000;

/** How long an idle connection is kept, in milliseconds: longer than clients and proxies keep theirs. */
const KEEP_ALIVE_TIMEOUT = 65_000;

/** Bytes a socket takes in or gives out before it is asked to wait: one chunk. */
const HIGH_WATER_MARK = 64 * 1024;

export interface ServerOptions {
  mounts: MountTable;
  handles: HandleTable;
  logger: PluginLogger;
  /** The largest JSON body, and the largest body for a file that is not a stream, in bytes (contract 70). */
  maxRequestBodyBytes: number;
  version: VersionInfo;
  /** Whether the process wants traffic (`GET /ready`). Default: always; the mounts have their own say. */
  ready?: () => boolean;
  /** The longest a search may take, in milliseconds. Default 10,000. */
  grepTimeLimit?: number;
}

export interface StreamFSServer {
  /** Listens; port 0 takes a free one. Rejects with the system's error, such as EADDRINUSE. */
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /**
   * Takes no more connections, ends idle ones, and waits until those at work are done, at most `deadlineMs`; what is
   * left then is cut. Live reads end when the mounts shut down, which is the caller's to do.
   */
  close(deadlineMs: number): Promise<void>;
  readonly http: Server;
}

/** A server for the mounts and handles given. It does not listen yet. */
export function createServer(options: ServerOptions): StreamFSServer {
  return new HttpServer(options);
}

class HttpServer implements StreamFSServer {
  readonly http: Server;
  readonly #context: ServerContext;
  readonly #router = new Router(ROUTES);
  /** The newest exchange of each connection: the one a broken body belongs to. */
  readonly #exchanges = new WeakMap<Duplex, Pair>();
  /** Every connection, with how many exchanges it is busy with. node:http takes one that never spoke for busy. */
  readonly #connections = new Map<Socket, number>();
  #closing = false;

  constructor(options: ServerOptions) {
    this.#context = {
      mounts: options.mounts,
      handles: options.handles,
      logger: options.logger,
      maxRequestBodyBytes: options.maxRequestBodyBytes,
      version: options.version,
      ready: () => !this.#closing && (options.ready?.() ?? true),
      grepTimeLimit: options.grepTimeLimit ?? DEFAULT_GREP_TIME_LIMIT,
    };
    this.http = createHttpServer({
      // A live upload may last for days; headers may not.
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      highWaterMark: HIGH_WATER_MARK,
      noDelay: true,
      keepAlive: true,
      // It is asked for in #route, where the refusal is JSON like any other.
      requireHostHeader: false,
    });
    this.http.on('connection', (socket) => this.#connect(socket));
    this.http.on('request', (req, res) => {
      this.#serve(req, res).catch((error: unknown) => {
        this.#context.logger.error('answering failed', { method: req.method, error: String(error) });
        res.destroy();
      });
    });
    this.http.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket));
  }

  listen(host: string, port: number): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen({ host, port }, () => {
        this.http.off('error', reject);
        const address = this.http.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  async close(deadlineMs: number): Promise<void> {
    this.#closing = true;
    if (!this.http.listening) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => this.http.closeAllConnections(), deadlineMs);
      this.http.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      for (const socket of this.#connections.keys()) this.#closeIfIdle(socket);
    });
  }

  #connect(socket: Socket): void {
    this.#connections.set(socket, 0);
    socket.once('close', () => this.#connections.delete(socket));
  }

  /** Counts the exchanges of a connection; one that is busy no more goes when the server does. */
  #busy(socket: Socket, change: 1 | -1): void {
    const exchanges = this.#connections.get(socket);
    if (exchanges === undefined) return;
    this.#connections.set(socket, exchanges + change);
    if (this.#closing) this.#closeIfIdle(socket);
  }

  #closeIfIdle(socket: Socket): void {
    if (this.#connections.get(socket) === 0) socket.destroySoon();
  }

  /** Whatever goes wrong in one exchange stays in it. */
  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { logger } = this.#context;
    const started = performance.now();
    const left = new Leaving();
    const { socket } = req;
    this.#exchanges.set(socket, { req, res });
    this.#busy(socket, 1);
    // A peer that goes away is no error of ours; the handlers hear of it by `close` and the signal.
    req.on('error', () => undefined);
    res.on('error', () => undefined);
    res.once('close', () => {
      if (!res.writableFinished) left.abort();
      this.#busy(socket, -1);
      const ms = Math.round(performance.now() - started);
      logger.debug('request', { method: req.method, url: req.url, status: res.statusCode, ms });
    });
    try {
      await this.#route(req, res, left);
    } catch (error) {
      if (left.aborted && !isStreamFSError(error)) {
        logger.debug('request given up', { method: req.method, error: String(error) });
        return;
      }
      const allow = isStreamFSError(error, 'METHOD_NOT_ALLOWED') ? { Allow: String(error.details.allow) } : {};
      sendError({ req, res }, error, logger, allow);
    }
  }

  async #route(req: IncomingMessage, res: ServerResponse, left: Leaving): Promise<void> {
    if (this.#closing) {
      res.setHeader('Connection', 'close');
      throw fail('SHUTTING_DOWN');
    }
    if (req.headers.host === undefined && req.httpVersion === '1.1') {
      throw fail('BAD_REQUEST', { reason: 'the Host header is missing' });
    }
    const method = req.method ?? 'GET';
    if (method === 'OPTIONS' && req.url === '*') return options(res, 'GET, HEAD, POST, PUT, DELETE, OPTIONS');
    const { segments, pathname, query } = parseTarget(req.url ?? '/');
    if (method === 'OPTIONS') {
      const allow = this.#router.allowed(segments);
      if (allow !== undefined) return options(res, allow);
    }
    const { route, params } = this.#router.find(method, pathname, segments);
    const exchange: Exchange = {
      req,
      res,
      query,
      params,
      server: this.#context,
      get signal() {
        return left.signal;
      },
    };
    if (method === 'HEAD' && route.head) await route.head(exchange);
    else await route.handle(exchange);
  }

  /**
   * What the parser could not make sense of, and sockets that fail. In the middle of a body it is the body that broke
   * off: whoever reads it is told, keeps what has come and answers (contract 72). Otherwise the answer is given here.
   */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.#exchanges.get(socket);
    if (exchange && !exchange.req.complete && !exchange.res.writableEnded) {
      markBroken(exchange.req);
      if (!breakOff(socket)) exchange.req.emit('error', error);
      return;
    }
    if (!socket.writable || error.code === 'ECONNRESET' || hasUnfinishedAnswer(exchange)) {
      socket.destroy(error);
      return;
    }
    socket.end(rawAnswer(refusalOf(error)), () => (socket as Socket).destroySoon());
  }
}

/** What the parser's own error is to the client. */
function refusalOf(error: NodeJS.ErrnoException): StreamFSError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return fail('HEADERS_TOO_LARGE');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return fail('REQUEST_TIMEOUT');
    default:
      return fail('BAD_REQUEST', { reason: `this is not an HTTP request (${error.code ?? error.message})` });
  }
}

/** Whether an answer is on its way on a connection: a second one must not be put into the middle of it. */
function hasUnfinishedAnswer(exchange: Pair | undefined): boolean {
  return exchange !== undefined && !exchange.res.writableFinished;
}

/** An answer for a connection that never had a proper request. */
function rawAnswer(error: StreamFSError): string {
  const body = `${JSON.stringify(errorBody(error))}\n`;
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function options(res: ServerResponse, allow: string): void {
  res.writeHead(204, { Allow: allow });
  res.end();
}
