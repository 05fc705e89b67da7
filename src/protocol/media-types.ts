/** Media types of responses. */

/** Bytes of any kind, as they were written. */
export const OCTET_STREAM = 'application/octet-stream';

/** Errors, facts and listings. */
export const JSON_MEDIA_TYPE = 'application/json';

/** JSON texts, one per line. */
export const NDJSON_MEDIA_TYPE = 'application/x-ndjson';

/** A framed read: see frames.ts. */
export const FRAMES_MEDIA_TYPE = 'application/vnd.streamfs.frames';

/** Server-sent events. */
export const EVENT_STREAM_MEDIA_TYPE = 'text/event-stream';
