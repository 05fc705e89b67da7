/** What a stream is made with, and what it tells of itself. */
import { createError, type StreamFSError } from '../errors/index.ts';
import type { MemoryBudget } from './budget.ts';
import type { Reader } from './reader.ts';
import type { Stream } from './stream.ts';
import { type EndReason, type GapRecord, LAG_POLICIES, type LagPolicy } from './types.ts';

/** What an owner of streams may want to be told of. Called synchronously: be quick, do not throw. */
export interface StreamObserver {
  /** A reader has lost bytes. */
  gap?(stream: Stream, reader: Reader, gap: GapRecord): void;
  /** A reader was cut off for being too slow. */
  tooSlow?(stream: Stream, reader: Reader, error: StreamFSError): void;
  /** A reader was closed; `stream.readerCount` is what is left. */
  readerClosed?(stream: Stream): void;
  /** The stream has ended: nothing can be written any more. */
  ended?(stream: Stream): void;
}

/** What streams may have in common. */
export interface StreamRulesOptions {
  /** Bytes kept for those who join: the newest so many, exactly (contract 12). From 1. */
  retention: number;
  /** Bytes a reader that has caught up once may fall behind (contract 18, 20). From 1. */
  maxLag: number;
  /** What happens to a reader that falls further behind. Default `drop-oldest`. */
  onLag?: LagPolicy;
  /** Milliseconds that writers wait for a reader with the policy `block` before it is cut off. Default 5000. */
  blockTimeout?: number;
  /** The time in milliseconds since 1970. Default `Date.now`. */
  now?: () => number;
  observer?: StreamObserver;
  /** Shared with others: where it runs short, history gives way. Default: none. */
  budget?: MemoryBudget;
}

/** What each stream has for itself. */
export interface StreamIdentity {
  /** What its owner calls it, such as its path, for those who tell of it. */
  name?: string | undefined;
  /** Default: a new random one. */
  generation?: string | undefined;
  /** The offset of the first byte. Default 0. */
  firstOffset?: number;
  /** Whose bytes it begins with, where it is a fork. */
  origin?: StreamOrigin | undefined;
}

/** The stream that a fork has its first bytes from. */
export interface StreamOrigin {
  readonly generation: string;
  /** The fork point: the offset behind the last byte inherited. */
  readonly to: number;
  /** What that stream was itself a fork of. */
  readonly origin: StreamOrigin | undefined;
}

export interface StreamOptions extends StreamIdentity, StreamRulesOptions {}

/** Facts about a stream, taken at one moment. Sizes are bytes. */
export interface StreamStats {
  generation: string;
  startOffset: number;
  endOffset: number;
  /** Bytes ever written (contract 5). */
  totalWritten: number;
  /** Chunks ever written. */
  totalChunks: number;
  retained: number;
  /** Memory held for the bytes and their index. */
  memory: number;
  readers: number;
  /** The largest lag of any reader. */
  maxReaderLag: number;
  /** Losses of all readers there ever were. */
  skippedBytes: number;
  skippedChunks: number;
  /** What all readers there ever were have been given: bytes, and chunks of which the last byte was among them. */
  deliveredBytes: number;
  deliveredChunks: number;
  /** Undefined while the stream can be written to. */
  ended: EndReason | undefined;
  /** What the writer that ended it said of how it ended. */
  endStatus: string | undefined;
  createdAt: number;
  modifiedAt: number;
}

/** @throws INVALID_PARAMETER for what is no policy */
export function policyOf(name: LagPolicy): LagPolicy {
  if (LAG_POLICIES.includes(name)) return name;
  throw createError('INVALID_PARAMETER', { name: 'onLag', reason: `it must be one of ${LAG_POLICIES.join(', ')}` });
}
