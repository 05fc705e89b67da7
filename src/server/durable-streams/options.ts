export interface DurableStreamsOptions {
  /** The mount whose streams are served. */
  readonly mount: string;
  /** Paths below which they are, such as `/v1/stream`. */
  readonly prefixes: readonly string[];
  /** How long a long poll waits for something to come, in milliseconds. */
  readonly longPollTimeout: number;
  /** Origins of this server beside the host of a request, the preferred one first. */
  readonly publicOrigins?: readonly string[] | undefined;
  /** How long an answer with server-sent events lasts, in milliseconds: 60 s to 75 s unless given. */
  readonly sseLifetime?: number | undefined;
  /** Silence after which such an answer is sent a comment, in milliseconds; 15 s unless given. */
  readonly sseHeartbeat?: number | undefined;
}

/** How long an answer with server-sent events lasts, and how much longer at most: readers that came together come apart. */
export const SSE_LIFETIME_MS = 60_000;
export const SSE_LIFETIME_JITTER_MS = 15_000;
export const SSE_HEARTBEAT_MS = 15_000;
/** The most bytes of one answer that catches up, unless what may not be divided is longer. */
export const MAX_PAGE_BYTES = 1024 * 1024;
