/** What a server allows before it refuses, where it is not told otherwise. 0 is for no limit, everywhere. */
export interface ServerLimits {
  /** Connections at once. */
  connections: number;
  /** Connections at once from one address. */
  connectionsPerAddress: number;
  /** Requests that may wait on one connection for the answers before theirs. */
  waitingRequests: number;
  /** Live reads at once, of all streams. */
  readers: number;
  /** The request line and the headers of a request, in bytes. */
  headerSize: number;
  /** Lines of headers of a request. */
  headerLines: number;
  /** How long they may take to come, in milliseconds. */
  headerTimeout: number;
  /** A message over WebSocket that is written, in bytes. */
  messageSize: number;
  /** How long a body that is JSON, or for an ordinary file, may stand still, in milliseconds. */
  bodyTimeout: number;
  /** The same for a body that is appended to a stream. A live source may be quiet for days. */
  streamBodyTimeout: number;
  /** How long a peer may take nothing of what is sent to it, in milliseconds. */
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

/** The part of the memory that bodies may take that have arrived and are not consumed yet: half of what may wait in sockets. */
export const INCOMING_SHARE = 1 / 16;

/** The part of the memory that all that waits in sockets may take, in either direction. */
export const QUEUED_SHARE = 1 / 8;
