/** The limits of a server: the defaults, as a user would write them, and their form for the program. */
import { totalmem } from 'node:os';
import { createError, isStreamFSError } from '../errors/index.ts';
import { formatSize, isIntegerFrom, parseDuration, parseSize } from '../units/index.ts';

export const DEFAULT_BOUNDS = {
  max_memory: '50%',
  stall_timeout: '5m',
  body_timeout: '30s',
  stream_body_timeout: '0s',
} as const;

export const DEFAULT_SERVER_LIMITS = {
  connections: 20_000,
  connections_per_address: 0,
  waiting_requests: 100,
  readers: 0,
  handles: 10_000,
  handle_idle_timeout: '24h',
  mounts: 100,
  path_length: 4096,
  path_depth: 64,
  header_size: '16KB',
  header_lines: 100,
  header_timeout: '30s',
  message_size: '1MB',
  token_connections: '50%',
  token_handles: '50%',
  token_readers: '50%',
  token_searches: 1,
  token_streams: '50%',
} as const;

/** As the program uses them. 0 means no limit, everywhere. */
export interface BoundsConfig {
  /** Bytes. */
  maxMemory: number;
  /** Milliseconds. */
  stallTimeout: number;
  bodyTimeout: number;
  streamBodyTimeout: number;
  limits: {
    connections: number;
    connectionsPerAddress: number;
    waitingRequests: number;
    readers: number;
    handles: number;
    /** Milliseconds. */
    handleIdleTimeout: number;
    mounts: number;
    /** Bytes. */
    pathLength: number;
    pathDepth: number;
    /** Bytes. */
    headerSize: number;
    headerLines: number;
    /** Milliseconds. */
    headerTimeout: number;
    /** Bytes. */
    messageSize: number;
  };
  /** The limits of one token, unless its own entry sets them. */
  token: TokenLimits;
}

/** Below 1 a share of the server's limit, from 1 on a number, 0 for no limit. */
export interface TokenLimits {
  connections: number;
  handles: number;
  readers: number;
  searches: number;
  streams: number;
}

/** The written limits, each value already parsed. */
interface Written {
  max_memory: number;
  stall_timeout: number;
  body_timeout: number;
  stream_body_timeout: number;
  limits: Record<keyof typeof DEFAULT_SERVER_LIMITS, number>;
}

export function boundsOf({ limits, ...written }: Written): BoundsConfig {
  return {
    maxMemory: written.max_memory,
    stallTimeout: written.stall_timeout,
    bodyTimeout: written.body_timeout,
    streamBodyTimeout: written.stream_body_timeout,
    limits: {
      connections: limits.connections,
      connectionsPerAddress: limits.connections_per_address,
      waitingRequests: limits.waiting_requests,
      readers: limits.readers,
      handles: limits.handles,
      handleIdleTimeout: limits.handle_idle_timeout,
      mounts: limits.mounts,
      pathLength: limits.path_length,
      pathDepth: limits.path_depth,
      headerSize: limits.header_size,
      headerLines: limits.header_lines,
      headerTimeout: limits.header_timeout,
      messageSize: limits.message_size,
    },
    token: {
      connections: limits.token_connections,
      handles: limits.token_handles,
      readers: limits.token_readers,
      searches: limits.token_searches,
      streams: limits.token_streams,
    },
  };
}

export function defaultBounds(): BoundsConfig {
  const { header_size, header_timeout, handle_idle_timeout, message_size, ...others } = DEFAULT_SERVER_LIMITS;
  return boundsOf({
    max_memory: parseMemory(DEFAULT_BOUNDS.max_memory),
    stall_timeout: parseDuration(DEFAULT_BOUNDS.stall_timeout),
    body_timeout: parseDuration(DEFAULT_BOUNDS.body_timeout),
    stream_body_timeout: parseDuration(DEFAULT_BOUNDS.stream_body_timeout),
    limits: {
      ...others,
      token_connections: parsePart(others.token_connections),
      token_handles: parsePart(others.token_handles),
      token_readers: parsePart(others.token_readers),
      token_searches: parsePart(others.token_searches),
      token_streams: parsePart(others.token_streams),
      header_size: parseSize(header_size),
      message_size: parseSize(message_size),
      header_timeout: parseDuration(header_timeout),
      handle_idle_timeout: parseDuration(handle_idle_timeout),
    },
  });
}

/** The limit of one token: a number, or a share of the server's limit, such as `50%`; 0 for any number. */
export function parsePart(value: string | number): number {
  const percent = typeof value === 'string' ? /^(\d{1,2}(?:\.\d+)?)%$/.exec(value.trim())?.[1] : undefined;
  if (percent !== undefined && Number(percent) > 0) return Number(percent) / 100;
  if (isIntegerFrom(0, value)) return value;
  throw createError('CONFIG_INVALID', {
    reason: `invalid limit: ${String(value).slice(0, 64)} (expected a whole number from 0, or a share below 100% such as '50%')`,
  });
}

/** The minimum that can be configured: below it the program itself uses more memory than all it serves. */
const MIN_MEMORY_BYTES = 16 * 1024 * 1024;

/** Bytes of a memory limit: a size, or a share of the memory available to this process, such as `50%`; 0 for none. */
export function parseMemory(value: string | number): number {
  const text = String(value).trim();
  if (text === '0') return 0;
  const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text);
  let bytes: number;
  try {
    bytes = percent === null ? parseSize(value) : Math.floor((availableMemory() * Number(percent[1])) / 100);
  } catch (error) {
    if (!isStreamFSError(error)) throw error;
    throw invalid(text);
  }
  if (percent !== null && !(Number(percent[1]) > 0 && Number(percent[1]) <= 100)) throw invalid(text);
  if (percent === null && bytes < MIN_MEMORY_BYTES) throw invalid(text);
  return Math.max(bytes, MIN_MEMORY_BYTES);
}

/** Bytes available to this process: the limit of its control group, else the memory of the machine. */
function availableMemory(): number {
  const machine = totalmem();
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < machine ? constrained : machine;
}

function invalid(text: string) {
  return createError('CONFIG_INVALID', {
    reason: `invalid memory: ${text.slice(0, 64)} (expected a size from ${formatSize(MIN_MEMORY_BYTES)}, a share such as 50%, or 0 for no bound)`,
  });
}
