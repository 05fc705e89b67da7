/** Creates the listening server: node:http's, with TLS or without. The rest of the server is the same for both. */
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { SecureHttpServer, type TlsOptions } from './secure-server.ts';
import { shareReads } from './shared-read-socket.ts';

/** Milliseconds after which an idle connection is closed: longer than the keep-alive of clients and proxies. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** The value of node:http's header limit if the configuration has none, in bytes. */
const NO_HEADER_LIMIT = 2 ** 31 - 1;

/** Bytes that a socket buffers in either direction before it applies backpressure: one chunk. */
const HIGH_WATER_MARK = 64 * 1024;

export interface ListenerOptions {
  /** In bytes; 0 for no limit. */
  headerSize: number;
  /** Maximum number of header lines; 0 for no limit. node:http passes on one more, to show that there are too many. */
  headerLines: number;
  /** Milliseconds from the first byte of a connection, including TLS, to the end of the headers; 0: no limit. */
  headerTimeout: number;
  /** Milliseconds of silence after which the system sends a keep-alive probe; 0: never. */
  tcpKeepAlive: number;
  /** Default: no TLS. */
  tls?: TlsOptions | undefined;
  /** The response to a client that speaks plain HTTP to a TLS port. */
  plainTextResponse: () => string;
}

export function createListener(listener: ListenerOptions): Server {
  const { headerSize, headerLines, headerTimeout, tcpKeepAlive, tls, plainTextResponse } = listener;
  const options = {
    // A live upload may last for days; headers may not.
    requestTimeout: 0,
    headersTimeout: headerTimeout,
    // node:http checks for late headers at this interval.
    connectionsCheckingInterval: Math.max(10, Math.min(1000, Math.ceil((headerTimeout || 4000) / 4))),
    maxHeaderSize: headerSize || NO_HEADER_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    highWaterMark: HIGH_WATER_MARK,
    noDelay: true,
    keepAlive: tcpKeepAlive > 0,
    keepAliveInitialDelay: tcpKeepAlive,
    // Checked when requests are routed, where the refusal is JSON like any other.
    requireHostHeader: false,
  };
  const server = tls === undefined ? createServer(options) : new SecureHttpServer(options, tls, plainTextResponse);
  // node:http silently drops header lines beyond this number: one more than allowed shows that there were too many.
  server.maxHeadersCount = headerLines === 0 ? 0 : headerLines + 1;
  // A client may close its sending side after its last request: it still gets its responses
  // (docs/adr/0021-finish-half-closed-connections.md). Node has no option for that, only this property.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  return server;
}

/** Whether connections are read into one shared buffer: if Node allows it, or never. */
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
   * How connections are read, once the server listens: `shared`, into one buffer; otherwise each into memory of its
   * own, because of TLS, because of the option `off`, or because this version of Node does not allow shared reads.
   */
  readonly reads: 'shared' | 'tls' | 'off' | 'unavailable';
}

/** Passes a server's connections to `take` before node:http sees them. */
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
