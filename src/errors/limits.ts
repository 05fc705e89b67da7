/** The names of a server's limits in errors, statistics and documentation. Names are stable; new ones may be added. */
import { createError, type StreamFSError } from './error.ts';
import type { ErrorCode } from './table.ts';

export const LIMITS = [
  'memory',
  'streams',
  'stream_readers',
  'producers',
  'readers',
  'handles',
  'mounts',
  'connections',
  'connections_per_address',
  'waiting_requests',
  'header_size',
  'header_lines',
  'header_timeout',
  'message_size',
  'path_length',
  'path_depth',
  'body_size',
  'json_size',
  'body_timeout',
  'stall_timeout',
  'idle_timeout',
  'token_connections',
  'token_handles',
  'token_readers',
  'token_searches',
  'token_streams',
] as const;
export type LimitName = (typeof LIMITS)[number];

/** Codes whose message has only the limit as a parameter. */
type LimitCode = Extract<
  ErrorCode,
  | 'MEMORY_LIMIT'
  | 'STREAM_LIMIT'
  | 'STREAM_READER_LIMIT'
  | 'READER_LIMIT'
  | 'HANDLE_LIMIT'
  | 'MOUNT_LIMIT'
  | 'CONNECTION_LIMIT'
  | 'ADDRESS_LIMIT'
  | 'WAITING_LIMIT'
  | 'PATH_TOO_LONG'
  | 'PATH_TOO_DEEP'
  | 'HEADERS_TOO_LARGE'
  | 'TOO_MANY_HEADERS'
  | 'BODY_TOO_LARGE'
>;

/** The error for a reached limit, with its name and value as details. */
export function limitReached(code: LimitCode, limit: LimitName, max: number): StreamFSError {
  return createError(code, { max }, { limit, max });
}
