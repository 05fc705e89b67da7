export interface DurableStreamsOptions {
  /** The mount whose streams are served. */
  readonly mount: string;
  /** Paths below which they are, such as `/v1/stream`. */
  readonly prefixes: readonly string[];
  /** How long a long poll waits for something to come, in milliseconds. */
  readonly longPollTimeout: number;
}

/** How long an answer with server-sent events lasts, in milliseconds, and how much longer at most: so that readers which came together come apart. */
export const SSE_LIFETIME_MS = 60_000;
export const SSE_LIFETIME_JITTER_MS = 15_000;
/** Silence after which a comment is sent, in milliseconds. */
export const SSE_HEARTBEAT_MS = 15_000;
/** The most bytes of one answer that catches up, unless what may not be divided is longer. */
export const MAX_PAGE_BYTES = 1024 * 1024;
