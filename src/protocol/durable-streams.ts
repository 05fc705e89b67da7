/** Headers of the Durable Streams protocol, except those of producers. HTTP header names are case-insensitive. */
export const DURABLE_HEADERS = {
  nextOffset: 'Stream-Next-Offset',
  upToDate: 'Stream-Up-To-Date',
  closed: 'Stream-Closed',
  cursor: 'Stream-Cursor',
  seq: 'Stream-Seq',
  expectedOffset: 'Stream-Expected-Offset',
  ttl: 'Stream-TTL',
  expiresAt: 'Stream-Expires-At',
  forkedFrom: 'Stream-Forked-From',
  forkOffset: 'Stream-Fork-Offset',
  forkSubOffset: 'Stream-Fork-Sub-Offset',
  sseDataEncoding: 'Stream-SSE-Data-Encoding',
  /** A StreamFS extension: the oldest offset that can still be read. */
  earliestOffset: 'Stream-Earliest-Offset',
} as const;

const H = DURABLE_HEADERS;

/** Request headers that may occur only once. */
export const DURABLE_SINGLE_HEADERS: readonly string[] = [
  ...[H.seq, H.expectedOffset, H.ttl, H.expiresAt, H.closed, H.forkedFrom, H.forkOffset, H.forkSubOffset],
];

/** Request headers, and below response headers, that CORS allows for pages of other origins. */
export const DURABLE_REQUEST_HEADERS: readonly string[] = ['If-None-Match', ...DURABLE_SINGLE_HEADERS];
export const DURABLE_RESPONSE_HEADERS: readonly string[] = [
  ...['ETag', 'Location', H.nextOffset, H.cursor, H.upToDate, H.closed, H.sseDataEncoding, H.ttl, H.expiresAt],
  H.earliestOffset,
];
