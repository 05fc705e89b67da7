/** What listens: node:http's server, with TLS or without. Everything behind it is the same for both. */
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { SecureHttpServer, type TlsOptions } from './secure-server.ts';
import { shareReads } from './shared-read-socket.ts';

/** Milliseconds after which a connection without a request is closed: longer than clients and proxies keep theirs. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** The largest headers where none are too large for the configuration, in bytes. */
const NO_HEADER_LIMIT = 2 ** 31 - 1;

/** Bytes a socket takes in or gives out before it is asked to wait: one chunk. */
const HIGH_WATER_MARK = 64 * 1024;

export interface ListenerOptions {
  /** Bytes; 0 for any number. */
  headerSize: number;
  /** Header lines of a request that node:http passes on; 0 for any number. One line more means too many. */
  headerLines: number;
  /** Milliseconds from the first byte of a connection, of its TLS if it has any, to the end of its headers; 0: for ever. */
  headerTimeout: number;
  /** Milliseconds of silence after which the system asks a peer whether it is there; 0: never. */
  tcpKeepAlive: number;
  /** Default: no TLS. */
  tls?: TlsOptions | undefined;
  /** The answer to a client that speaks plain HTTP to a TLS port. */
  plainAnswer: () => string;
}

export function createListener(listener: ListenerOptions): Server {
  const { headerSize, headerLines, headerTimeout, tcpKeepAlive, tls, plainAnswer } = listener;
  const options = {
    // A live upload may last for days; headers may not.
    requestTimeout: 0,
    headersTimeout: headerTimeout,
    // It looks only so often whether headers are late.
    connectionsCheckingInterval: Math.max(10, Math.min(1000, Math.ceil((headerTimeout || 4000) / 4))),
    maxHeaderSize: headerSize || NO_HEADER_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    highWaterMark: HIGH_WATER_MARK,
    noDelay: true,
    keepAlive: tcpKeepAlive > 0,
    keepAliveInitialDelay: tcpKeepAlive,
    // It is asked for where requests are routed, where the refusal is JSON like any other.
    requireHostHeader: false,
  };
  const server = tls === undefined ? createServer(options) : new SecureHttpServer(options, tls, plainAnswer);
  // It leaves out those beyond without a word: with one more than is allowed, the server sees that there were too many.
  server.maxHeadersCount = headerLines === 0 ? 0 : headerLines + 1;
  // A client may close its sending side after its last request: it still gets its answers
  // (docs/adr/0021-finish-half-closed-connections.md). Node has no option for that, only this property.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  return server;
}

/** Whether connections are read into one shared buffer: where Node allows it, or never. */
export type SharedReads = 'auto' | 'off';

export interface ConnectionOptions {
  /** As in {@link ListenerOptions}. */
  tcpKeepAlive: number;
  sharedReads: SharedReads;
}

export interface Connections {
  /** Hands a connection to node:http. */
  toHttp(socket: Socket): void;
  /**
   * How connections are read, once the server listens: `shared`, into one buffer; else each into memory of its own,
   * because it is TLS, because that was asked for, or because this version of Node does not allow the other.
   */
  readonly reads: 'shared' | 'tls' | 'off' | 'unavailable';
}

/** Gives a server's connections to `take` before node:http sees them. */
export function takeConnections(
  server: Server,
  { tcpKeepAlive, sharedReads }: ConnectionOptions,
  take: (socket: Socket) => void,
): Connections {
  const [toHttp] = server.listeners('connection') as [(socket: Socket) => void];
  server.off('connection', toHttp).on('connection', take);
  let reads: Connections['reads'] =
    server instanceof SecureHttpServer ? 'tls' : sharedReads === 'off' ? 'off' : 'unavailable';
  if (reads === 'unavailable') {
    const options = { highWaterMark: HIGH_WATER_MARK, tcpKeepAlive };
    server.on('listening', () => {
      if (shareReads(server, options, take)) reads = 'shared';
    });
  }
  return {
    toHttp: (socket) => void toHttp.call(server, socket),
    get reads() {
      return reads;
    },
  };
}
