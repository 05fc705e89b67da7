export interface DurableStreamsOptions {
  /** The mount whose streams are served. */
  readonly mount: string;
  /** Path prefixes of the streams' URLs, such as `/v1/stream`. */
  readonly prefixes: readonly string[];
  /** How long a long poll waits for bytes, in milliseconds. */
  readonly longPollTimeout: number;
  /** Other origins of this server than the Host of a request, the preferred one first. */
  readonly publicOrigins?: readonly string[] | undefined;
  /** Duration of a server-sent events response, in milliseconds. Default: 60 s to 75 s. */
  readonly sseLifetime?: number | undefined;
  /** Silence after which such a response sends a comment as a heartbeat, in milliseconds. Default: 15 s. */
  readonly sseHeartbeat?: number | undefined;
}

/** Duration of a server-sent events response, and its maximum jitter, which spreads out reconnects. */
export const SSE_LIFETIME_MS = 60_000;
export const SSE_LIFETIME_JITTER_MS = 15_000;
export const SSE_HEARTBEAT_MS = 15_000;
/** Maximum length of a catch-up response, in bytes, unless a single append or message is longer. */
export const MAX_PAGE_BYTES = 1024 * 1024;
