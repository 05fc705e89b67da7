/**
 * Parameters that a query may have, with the one meaning that each has wherever it stands. The server reads and the client
 * sends no others: both are typed by this list.
 */
export const QUERY_PARAMETERS = [
  // What is meant.
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
  // What a stream that is made is to be like; on_lag and atomic are such as well.
  'ring_buffer_size',
  'channel_buffer_size',
  'reader_block',
  'type',
  'container',
  'ttl',
  // Lists.
  'after',
  'limit',
  // Of a signed link.
  'expires',
  'signature',
] as const;

/** Of Durable Streams, beside `offset`. */
type DurableParameter = 'cursor' | 'live';

export type QueryParameter = (typeof QUERY_PARAMETERS)[number] | DurableParameter;
