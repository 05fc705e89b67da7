/** The part of the configuration schema for limits: see limits.ts. */
import { z } from 'zod';
import { createError } from '../errors/index.ts';
import { isIntegerFrom, parseDuration, parseSize } from '../units/index.ts';
import { DEFAULT_BOUNDS, DEFAULT_SERVER_LIMITS, parseMemory, parsePart } from './limits.ts';
import { parsedWith } from './parsed-with.ts';

const either = (message: string) => z.union([z.string(), z.number()], { error: () => message });

/** A duration for which 0 means none: the parser accepts 0. */
const duration = parsedWith(either("must be a duration string (e.g., '30s') or number of seconds"), parseDuration);
const memory = parsedWith(either("must be a size string (e.g., '1GB'), a share ('50%') or number"), parseMemory);
const boundedSize = parsedWith(either("must be a size string (e.g., '16KB') or number"), (value) => {
  if (value === 0 || value === '0') return 0;
  const bytes = parseSize(value);
  if (bytes >= LEAST_SIZE && bytes < 2 ** 31) return bytes;
  throw createError('CONFIG_INVALID', { reason: `invalid size: ${value} (expected 0, or 1KB to 1GB)` });
});
const LEAST_SIZE = 1024;

const count = parsedWith(z.number({ error: () => 'must be a whole number' }), (value) => {
  if (isIntegerFrom(0, value)) return value;
  throw createError('CONFIG_INVALID', { reason: `invalid number: ${value} (expected a whole number from 0)` });
});

/** A share of a limit for one token: see parsePart. */
export const part = parsedWith(either("must be a whole number or a share (e.g., '50%')"), parsePart);

const L = DEFAULT_SERVER_LIMITS;

/** Keys of `server.limits`. */
export const limits = z.strictObject({
  connections: count
    .prefault(L.connections)
    .describe('Concurrent connections; fewer if the system allows the process fewer descriptors. 0: any number.'),
  connections_per_address: count
    .prefault(L.connections_per_address)
    .describe('Concurrent connections from one address. 0: any number.'),
  waiting_requests: count
    .prefault(L.waiting_requests)
    .describe('Pipelined requests that may wait on one connection. 0: any number.'),
  readers: count.prefault(L.readers).describe('Concurrent live reads, of all streams. 0: any number.'),
  handles: count
    .prefault(L.handles)
    .describe('Open handles; a further one replaces a handle whose lease has expired. 0: any number.'),
  handle_idle_timeout: duration
    .prefault(L.handle_idle_timeout)
    .describe('How long an unused handle stays open. 0: for ever.'),
  mounts: count.prefault(L.mounts).describe('Mounts, those of the configuration included. 0: any number.'),
  path_length: count.prefault(L.path_length).describe('The longest path, in bytes of UTF-8. 0: any length.'),
  path_depth: count.prefault(L.path_depth).describe('Parts a path may have. 0: any number.'),
  header_size: boundedSize
    .prefault(L.header_size)
    .describe('Maximum size of the request line and headers of a request. 0: any size.'),
  header_lines: count.prefault(L.header_lines).describe('Header lines that a request may have. 0: any number.'),
  header_timeout: duration
    .prefault(L.header_timeout)
    .describe(
      'How long the headers of a request may take to arrive, and the TLS handshake before the first request. 0: for ever.',
    ),
  message_size: boundedSize
    .prefault(L.message_size)
    .describe('Maximum size of a message written over WebSocket. 0: any length.'),
  token_connections: part
    .prefault(L.token_connections)
    .describe('Connections of one token: a number, or a share of `connections`. 0: any number.'),
  token_handles: part
    .prefault(L.token_handles)
    .describe('Handles of one token: a number, or a share of `handles`. 0: any number.'),
  token_readers: part
    .prefault(L.token_readers)
    .describe('Live reads of one token: a number, or a share of `readers`. 0: any number.'),
  token_searches: part
    .prefault(L.token_searches)
    .describe(
      'Concurrent searches of one token, of the two that the server runs; more wait for their turn. 0: any number.',
    ),
  token_streams: part
    .prefault(L.token_streams)
    .describe('Streams created by one token: a number, or a share of the `max_streams` of the mount. 0: any number.'),
});

/** Keys of `server`. */
export const bounds = {
  max_memory: memory
    .prefault(DEFAULT_BOUNDS.max_memory)
    .describe(
      'Memory that streams, files and bodies may use together: a size, or a share of the memory this process may use. 0: no bound.',
    ),
  stall_timeout: duration
    .prefault(DEFAULT_BOUNDS.stall_timeout)
    .describe('How long a peer may accept none of the bytes sent to it before its connection is cut. 0: for ever.'),
  body_timeout: duration
    .prefault(DEFAULT_BOUNDS.body_timeout)
    .describe('How long a JSON body, or a body for an ordinary file, may stall. 0: for ever.'),
  stream_body_timeout: duration
    .prefault(DEFAULT_BOUNDS.stream_body_timeout)
    .describe(
      'The same for a body that is written to a stream or a handle. 0: for ever, as a live source may be quiet.',
    ),
  limits: limits.prefault({}).describe('Maximum numbers and sizes.'),
};
