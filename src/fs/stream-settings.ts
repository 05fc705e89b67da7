/** What a stream can be given when it is created (contract 98). What is not given is its mount's. */
import type {
  Atomic,
  Container,
  LagPolicy,
  ReaderBlock,
  StreamSettings as RequestedSettings,
} from '../protocol/index.ts';

export interface StreamSettings extends RequestedSettings {
  /** Any media type; see `listedContentType` for those that are sent everywhere. */
  type?: string | undefined;
  /** When the stream expires regardless of use, in milliseconds since 1970. */
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
  /** Where readers of it may begin. */
  readonly container: Container;
  /** Undefined: as the mount's `idle_timeout` says, which counts writes only. */
  readonly ttl: number | undefined;
  readonly expiresAt: number | undefined;
}
