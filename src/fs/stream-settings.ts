/**
 * The settings that a stream can have when it is created (contract 98). Missing settings default to those of the mount.
 */
import type {
  Atomic,
  Container,
  LagPolicy,
  ReaderBlock,
  StreamSettings as RequestedSettings,
} from '../protocol/index.ts';

export interface StreamSettings extends RequestedSettings {
  /** Any media type; see `listedContentType` for those that all responses may use. */
  type?: string | undefined;
  /** When the stream expires, regardless of use, in milliseconds since 1970. */
  expiresAt?: number | undefined;
}

/** The effective settings of a stream: its own, completed by those of its mount. */
export interface StreamSettingsInForce {
  readonly ringBufferSize: number;
  readonly channelBufferSize: number;
  readonly onLag: LagPolicy;
  readonly readerBlock: ReaderBlock;
  readonly atomic: Atomic;
  /** The normalised content type; `application/octet-stream` if unknown. */
  readonly type: string;
  /** The format that determines where readers may begin. */
  readonly container: Container;
  /** Undefined: the `idle_timeout` of the mount applies, which counts only writes. */
  readonly ttl: number | undefined;
  readonly expiresAt: number | undefined;
}
