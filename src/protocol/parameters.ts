/**
 * All query parameters. Each has the same meaning in every route. The server accepts and the client sends no others:
 * this list defines the type that both use.
 */
export const QUERY_PARAMETERS = [
  // The target.
  'path',
  'generation',
  // Where to read or write.
  'offset',
  'size',
  'from',
  'last',
  'last_lines',
  'on_expired',
  'whence',
  // How to read.
  'stream',
  'snapshot',
  'format',
  'encoding',
  'lines',
  'heartbeat',
  'on_lag',
  'join',
  'timeout',
  // How to write.
  'atomic',
  'create',
  'end',
  'end_status',
  'producer',
  'epoch',
  'seq',
  'text',
  'flags',
  // Permission bits; over WebSocket, whether the connection reads or writes.
  'mode',
  'lease',
  'recursive',
  // Settings of a new stream; on_lag and atomic belong to these as well.
  'ring_buffer_size',
  'channel_buffer_size',
  'reader_block',
  'type',
  'container',
  'ttl',
  // Lists.
  'after',
  'limit',
  'node',
  // Signed links.
  'expires',
  'signature',
] as const;

/** Parameters of Durable Streams in addition to `offset`. */
type DurableParameter = 'cursor' | 'live';

export type QueryParameter = (typeof QUERY_PARAMETERS)[number] | DurableParameter;
