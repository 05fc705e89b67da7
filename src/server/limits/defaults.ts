/** The limits of a server, and their defaults. For all of them 0 means no limit. */
export interface ServerLimits {
  /** Concurrent connections. */
  connections: number;
  /** Concurrent connections from one address. */
  connectionsPerAddress: number;
  /** Pipelined requests on one connection that wait for the responses before theirs. */
  waitingRequests: number;
  /** Concurrent live reads, of all streams. */
  readers: number;
  /** Size of the request line and the headers, in bytes. */
  headerSize: number;
  /** Number of header lines of a request. */
  headerLines: number;
  /** How long the headers may take to arrive, in milliseconds. */
  headerTimeout: number;
  /** Length of a WebSocket message from a client, in bytes. */
  messageSize: number;
  /** How long a body that is JSON, or for an ordinary file, may stall, in milliseconds. */
  bodyTimeout: number;
  /** The same for a body that is appended to a stream. A live source may be silent for days. */
  streamBodyTimeout: number;
  /** How long a peer may take none of the bytes sent to it, in milliseconds. */
  stallTimeout: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  connections: 20_000,
  connectionsPerAddress: 0,
  waitingRequests: 100,
  readers: 0,
  headerSize: 16 * 1024,
  headerLines: 100,
  headerTimeout: 30_000,
  messageSize: 1024 * 1024,
  bodyTimeout: 30_000,
  streamBodyTimeout: 0,
  stallTimeout: 300_000,
};

/** The share of the memory for bodies that have arrived and are not consumed yet: half of that for sockets. */
export const INCOMING_SHARE = 1 / 16;

/** The share of the memory for bytes that wait in sockets, in either direction. */
export const QUEUED_SHARE = 1 / 8;
