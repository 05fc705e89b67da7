/** What a stream can be given when it is created (contract 98). What is not given is its mount's. */
import type { Atomic, LagPolicy, ReaderBlock } from '../protocol/index.ts';

export interface StreamSettings {
  /** Bytes kept for those who join. */
  ringBufferSize?: number | undefined;
  /** Bytes that a reader which has caught up may fall behind. */
  channelBufferSize?: number | undefined;
  onLag?: LagPolicy | undefined;
  readerBlock?: ReaderBlock | undefined;
  /** What stays whole of what writers write that do not say it themselves. */
  atomic?: Atomic | undefined;
  /** The content type: any media type; see `listedContentType` for those that are sent everywhere. */
  type?: string | undefined;
  /** Milliseconds without a write or a reader after which the stream expires; 0: never. */
  ttl?: number | undefined;
  /** When the stream expires whatever happens, in milliseconds since 1970. */
  expiresAt?: number | undefined;
}

/** What holds for a stream: its own settings, and its mount's. */
export interface StreamSettingsInForce {
  readonly ringBufferSize: number;
  readonly channelBufferSize: number;
  readonly onLag: LagPolicy;
  readonly readerBlock: ReaderBlock;
  readonly atomic: Atomic;
  /** In its normal form; `application/octet-stream` where nothing is known of its bytes. */
  readonly type: string;
  /** Undefined: as the mount's `idle_timeout` says, which counts writes only. */
  readonly ttl: number | undefined;
  readonly expiresAt: number | undefined;
}
