/**
 * Every error of StreamFS: its stable code, its HTTP status and its text.
 *
 * Code branches on `code`, never on a text. {@link createError} replaces `{name}` in a text; the compiler checks the
 * names. Texts marked (C) in the contract must not change, because clients of the original search them for words.
 *
 * This module imports nothing: core, file systems, server and command line share it.
 */
export const ERRORS = {
  // Streams and readers (contract 3, 15, 20, 21, 25)
  STREAM_CLOSED: { status: 409, text: 'stream is closed' },
  STREAM_SHUT_DOWN: { status: 503, text: 'stream was closed because its server or mount is shutting down' },
  STREAM_FULL: { status: 409, text: 'stream is full: its largest offset is {max}; remove and recreate it to continue' },
  STREAM_RECREATED: { status: 409, text: 'stream was recreated: its generation is {actual}, not {expected}' },
  OFFSET_GONE: { status: 410, text: 'offset {offset} is no longer retained: the earliest is {earliest}' },
  OFFSET_BEYOND_END: { status: 416, text: 'offset {offset} is beyond the end: the stream has ended at {end}' },
  READ_TIMEOUT: { status: 408, text: 'read timeout' },
  READER_TOO_SLOW: { status: 409, text: 'reader fell {lag} bytes behind: {limit} are allowed' },
  READER_BUSY: { status: 409, text: 'reader is already being read' },
  READER_CLOSED: { status: 409, text: 'reader is closed' },
  READER_KICKED: { status: 403, text: 'reader was disconnected by an administrator' },
  READER_NOT_FOUND: { status: 404, text: 'no such reader: {id}' },

  // Appends of producers (contract 72)
  PRODUCER_HEADERS: { status: 400, text: 'invalid producer headers: {reason}' },
  PRODUCER_EPOCH_START: { status: 400, text: 'producer epoch {epoch} is new: it begins with sequence 0, not {seq}' },
  PRODUCER_FENCED: { status: 403, text: 'producer epoch {epoch} is over: the current one is {current}' },
  PRODUCER_GAP: { status: 409, text: 'producer sequence {received} does not come next: {expected} is expected' },
  PRODUCER_SUPERSEDED: { status: 409, text: 'a newer attempt of the same producer has superseded this one' },
  PRODUCER_MISMATCH: {
    status: 400,
    text: 'the body has {length} bytes, but {applied} bytes of this append are already applied: it must be a different append',
  },
  PRODUCERS_NOT_SUPPORTED: { status: 501, text: 'producer headers are only for streams: {path} is none' },

  // File systems (contract 31-47)
  STREAM_EXISTS: { status: 409, text: 'stream already exists: {path}' },
  STREAM_SETTINGS_DIFFER: { status: 409, text: 'stream {path} exists with other settings: {differences}' },
  SETTINGS_NOT_SUPPORTED: { status: 501, text: 'stream settings do not apply to {path}: it is none' },
  STREAM_NAME_TAKEN: { status: 409, text: 'no stream can be created at {path}: {reason}' },
  STREAM_GONE: { status: 410, text: 'stream was removed, but still has forks: {path}' },
  STREAM_SOURCE_GONE: {
    status: 409,
    text: 'the source of the fork was removed, but still has forks: {path}',
  },
  STREAM_SEQ_ORDER: {
    status: 409,
    text: 'Stream-Seq {seq} must be larger, compared bytewise, than the last one: {last}',
  },
  EXPECTED_OFFSET: {
    status: 409,
    text: 'Expected offset conflict: the stream does not end where Stream-Expected-Offset says, but {end} bytes from its beginning',
  },
  CONTENT_TYPE_DIFFERS: { status: 409, text: 'the stream has the content type {type}, not {other}' },
  APPEND_TOO_LARGE: {
    status: 413,
    text: 'an append of {size} bytes is more than the stream keeps ({max} bytes): send it in parts',
  },
  JSON_LINES_ONLY: {
    status: 409,
    text: 'this stream consists of JSON messages, one per line: line {line} of the written data is not JSON ({reason})',
  },
  INVALID_OFFSET: { status: 400, text: 'invalid offset {offset}: {reason}' },
  OFFSET_OF_ANOTHER: {
    status: 410,
    text: 'offset {offset} belongs to another stream, such as one that was removed from this path; begin with {earliest}',
  },
  STREAM_NOT_FOUND: { status: 404, text: 'stream not found: {path}' },
  BLOCK_REFUSED: {
    status: 403,
    text: 'on_lag=block would make writers wait, which {reason}: leave on_lag out, or ask for drop-oldest, drop-newest or disconnect',
  },
  USE_STREAM_MODE: { status: 400, text: 'use stream mode for reading stream files' },
  STREAM_NO_DIRECTORIES: { status: 501, text: 'streamfs does not support directories' },
  STREAM_NO_RENAME: { status: 501, text: 'streamfs does not support rename' },
  STREAM_NO_CHMOD: { status: 501, text: 'streamfs does not support chmod' },
  STREAM_NOT_INITIALIZED: { status: 403, text: 'stream not initialized' },
  NAME_RESERVED: { status: 403, text: 'permission denied: {path} is reserved' },
  PERMISSION_DENIED: { status: 403, text: 'permission denied: {path}' },
  INVALID_PATH: { status: 400, text: 'invalid path {path}: {reason}' },
  FILE_NOT_FOUND: { status: 404, text: 'file not found: {path}' },
  FILE_EXISTS: { status: 409, text: 'file already exists: {path}' },
  DIRECTORY_EXISTS: { status: 409, text: 'directory already exists: {path}' },
  DIRECTORY_NOT_EMPTY: { status: 409, text: 'directory not empty: {path}' },
  NOT_A_DIRECTORY: { status: 400, text: 'not a directory: {path}' },
  IS_A_DIRECTORY: { status: 400, text: 'is a directory: {path}' },
  ROOT_IS_FIXED: { status: 400, text: 'the root directory cannot be removed or renamed' },
  NOT_SUPPORTED: { status: 501, text: '{operation} not supported by {plugin}' },
  WRITER_CLOSED: { status: 409, text: 'file writer is closed' },
  FILE_TOO_LARGE: { status: 413, text: 'file would grow to {size} bytes: {max} are allowed' },
  DEVICE_HAS_NO_END: { status: 400, text: '{path} has no end: give a size, or use stream mode' },
  RENAME_ACROSS_MOUNTS: { status: 501, text: 'rename not supported across mounts: {from} to {to}' },

  // Handles (contract 48-65)
  HANDLE_NOT_FOUND: { status: 404, text: 'not found' },
  HANDLE_READ_ONLY: { status: 403, text: 'handle is not open for writing' },
  HANDLE_BUSY: { status: 409, text: 'handle is already being streamed' },
  HANDLE_LIMIT: { status: 429, text: 'too many open handles: {max} are allowed' },
  NEGATIVE_OFFSET: { status: 400, text: 'negative offset' },
  INVALID_WHENCE: { status: 400, text: 'invalid whence parameter (must be 0, 1, or 2)' },

  // Mounts and plugins (contract 74-76, 80-82)
  MOUNT_EXISTS: { status: 409, text: 'mount already exists: {path}' },
  MOUNT_NOT_FOUND: { status: 404, text: 'no mount at path: {path}' },
  MOUNT_BUSY: { status: 409, text: 'mount is being changed: {path}' },
  MOUNT_NOT_READY: { status: 503, text: 'mount is not ready: {path} ({reason})' },
  MOUNT_FAILED: { status: 503, text: 'mount failed to start: {path} ({reason})' },
  MOUNT_IS_FIXED: { status: 400, text: 'cannot remove or rename {path}: it is or holds a mount; unmount that first' },
  PLUGIN_EXISTS: { status: 409, text: 'plugin already registered: {name}' },
  NOTHING_MOUNTED: { status: 404, text: 'file not found: {path} (nothing is mounted there)' },
  UNKNOWN_FSTYPE: { status: 400, text: 'unknown filesystem type: {fstype} ({hint})' },
  PLUGIN_INVALID: { status: 400, text: 'failed to validate plugin: {reason}' },
  PLUGIN_FAILED: { status: 500, text: 'failed to initialize plugin: {reason}' },
  CONFIG_INVALID: { status: 400, text: '{reason}' },
  LISTEN_FAILED: { status: 500, text: 'cannot listen on {address}: {reason}' },

  // Limits: see docs/limits.md (contract 27, 36, 60, 70)
  MEMORY_LIMIT: { status: 503, text: 'server has no memory left for this: {max} bytes may be used in total' },
  STORAGE_FULL: { status: 507, text: 'no room for {size} more bytes: the server may use {max} in total' },
  DISK_FULL: {
    status: 507,
    text: 'the disk of the log in {directory} is full: nothing can be written until space is freed; existing data can be read',
  },
  DISK_FAILED: {
    status: 503,
    text: 'the log in {directory} cannot be written any more ({reason}): existing data can be read; repair the disk and restart the server',
  },
  DISK_UNAVAILABLE: {
    status: 503,
    text: 'the log in {directory} cannot be written for now ({reason}): existing data can be read; the server tries again every second',
  },
  DISK_BEHIND: {
    status: 503,
    text: 'the disk still has to write {pending} bytes of this stream: try again, or write in a way that waits',
  },
  DISK_FORMAT: { status: 500, text: 'the directory {directory} cannot be used: {reason}' },
  DISK_LOCKED: { status: 500, text: 'the log in {directory} is in use by {owner}' },
  LOG_UNAVAILABLE: {
    status: 503,
    text: 'the log of this mount, {log}, cannot be reached ({reason}): data on this node can be read; try again',
  },
  LOG_FULL: {
    status: 503,
    text: 'the log of this mount, {log}, has no memory left: nothing was written; existing data can be read',
  },
  LOG_REFUSED: { status: 500, text: 'the log {log} cannot be used: {reason}' },
  NODE_DIFFERS: { status: 409, text: 'this is node {actual}, not {expected}: each node numbers its own readers' },
  LOG_NOT_SUPPORTED: { status: 501, text: '{operation} is not supported for streams of a shared log' },
  STREAM_LIMIT: { status: 429, text: 'too many streams: {max} are allowed for each mount' },
  STREAM_READER_LIMIT: { status: 429, text: 'too many readers: {max} are allowed for each stream' },
  READER_LIMIT: { status: 503, text: 'too many readers: {max} are allowed in total' },
  MOUNT_LIMIT: { status: 429, text: 'too many mounts: {max} are allowed' },
  CONNECTION_LIMIT: { status: 503, text: 'too many connections: {max} are allowed' },
  ADDRESS_LIMIT: { status: 429, text: 'too many connections from one address: {max} are allowed' },
  WAITING_LIMIT: {
    status: 429,
    text: 'too many requests wait on one connection for their responses: {max} are allowed',
  },
  TOKEN_LIMIT: { status: 429, text: 'too many {what} of one token: {max} are allowed' },
  PATH_TOO_LONG: { status: 414, text: 'path is too long: {max} bytes are allowed' },
  PATH_TOO_DEEP: { status: 414, text: 'path has too many parts: {max} are allowed' },

  // Access: see docs/security.md (contract 79)
  UNAUTHORIZED: { status: 401, text: 'unauthorized: {reason}' },
  FORBIDDEN: { status: 403, text: 'forbidden: the token {name} has no right to {right} at {path}' },
  LINK_INVALID: {
    status: 403,
    text: 'this link is not valid: it was changed, does not allow this request, or its creator has lost the right to make it; ask for a new one',
  },
  LINK_EXPIRED: { status: 403, text: 'this link has expired: ask for a new one' },
  NO_LINKS: { status: 409, text: 'this server needs no links: it requires no tokens, so plain addresses work' },
  HOST_REFUSED: {
    status: 403,
    text: 'this server does not answer to the name {host}: use 127.0.0.1, [::1] or localhost, or add the name to server.allowed_hosts',
  },
  ORIGIN_REFUSED: {
    status: 403,
    text: 'pages of {origin} may not use this server: add their origin to server.cors.origins',
  },
  NAVIGATION_REFUSED: {
    status: 403,
    text: 'browsers may not navigate to {method} {route}, because it may change something: send the request from a program',
  },

  // WebSocket: see docs/websocket.md (contract 101)
  INVALID_MESSAGE: { status: 400, text: 'invalid message: {reason}' },

  // HTTP (contract 66, 70, 72, 76, 78)
  PATH_REQUIRED: { status: 400, text: 'path parameter is required' },
  PARAMETER_REQUIRED: { status: 400, text: '{name} is required' },
  INVALID_PARAMETER: { status: 400, text: 'invalid {name} parameter: {reason}' },
  INVALID_LAST_EVENT_ID: {
    status: 400,
    text: 'invalid Last-Event-ID {id}: it must be the id of an event of this stream, such as 1a2b3c:4096, or an offset',
  },
  INVALID_BODY: { status: 400, text: 'invalid request body: {reason}' },
  BODY_BROKE_OFF: { status: 400, text: 'request body broke off: {written} bytes were written' },
  BODY_TOO_LARGE: { status: 413, text: 'request body exceeds maximum size of {max} bytes' },
  BAD_REQUEST: { status: 400, text: 'bad request: {reason}' },
  BODY_NOT_USED: { status: 400, text: 'this request takes no body: {hint}' },
  TRANSFER_CODING: {
    status: 501,
    text: 'transfer coding {coding} is not supported: send the body unencoded or chunked',
  },
  CONTENT_CODING: {
    status: 415,
    text: 'content coding {coding} is not supported: send the bytes without Content-Encoding',
  },
  PRECONDITION_FAILED: { status: 412, text: 'the condition {name} does not hold: {reason}' },
  EXPECTATION_FAILED: {
    status: 417,
    text: 'expectation {expectation} is not supported: the only supported one is 100-continue',
  },
  UPGRADE_REQUIRED: { status: 426, text: 'upgrade required: {reason}' },
  ROUTE_NOT_FOUND: { status: 404, text: 'not found: no route {method} {route}' },
  METHOD_NOT_ALLOWED: { status: 405, text: 'method not allowed' },
  HEADERS_TOO_LARGE: { status: 431, text: 'request headers exceed the maximum size of {max} bytes' },
  TOO_MANY_HEADERS: { status: 431, text: 'request has too many header lines: {max} are allowed' },
  BODY_TIMEOUT: { status: 408, text: 'request body stopped arriving: no bytes arrived for {seconds} seconds' },
  REQUEST_TIMEOUT: { status: 408, text: 'request headers did not arrive within {seconds} seconds' },
  INVALID_HANDLE_ID: { status: 400, text: 'invalid handle ID: must be a number' },
  UNSUPPORTED_ALGORITHM: { status: 400, text: 'unsupported algorithm: {algorithm} (supported: xxh3, md5)' },
  INVALID_PATTERN: { status: 400, text: 'invalid regex pattern: {reason}' },
  GREP_NEEDS_RECURSIVE: { status: 400, text: 'path is a directory, use recursive=true to search' },
  GREP_TOO_SLOW: {
    status: 400,
    text: 'search took longer than {seconds} seconds: use a simpler pattern or search less',
  },
  PLUGINS_ARE_BUILT_IN: { status: 501, text: 'plugins are built in: this server never loads code from a request' },
  SHUTTING_DOWN: { status: 503, text: 'server is shutting down' },
  INTERNAL: { status: 500, text: 'internal error' },
} as const satisfies Record<string, { status: number; text: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** The names between braces in a text. */
type Placeholders<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** The parameters of {@link createError} for a code: one value for each name in its text. */
export type ErrorParams<C extends ErrorCode> = { [K in Placeholders<(typeof ERRORS)[C]['text']>]: string | number };
