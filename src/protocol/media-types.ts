/** Media types of answers, each with what it says of the bytes. */

/** Bytes as they were written, of any kind. */
export const OCTET_STREAM = 'application/octet-stream';

/** Errors, facts and lists. */
export const JSON_MEDIA_TYPE = 'application/json';

/** JSON texts, one a line. */
export const NDJSON_MEDIA_TYPE = 'application/x-ndjson';

/** A framed read: see frames.ts. */
export const FRAMES_MEDIA_TYPE = 'application/vnd.streamfs.frames';

/** Server-sent events. */
export const EVENT_STREAM_MEDIA_TYPE = 'text/event-stream';
