/** WebSocket: subprotocols, close codes, and the control records sent in addition to the bytes (docs/websocket.md). */
import type { ReadEndReason } from './words.ts';

/** `records`: bytes, and control records as JSON text; `frames`: one frame per message (see frames.ts). */
export const WEBSOCKET_SUBPROTOCOLS = { records: 'streamfs.v1', frames: 'streamfs.frames.v1' } as const;

/**
 * The prefix of a subprotocol that carries a token in base64url, for browsers, which cannot send an `Authorization`
 * header.
 */
export const TOKEN_SUBPROTOCOL_PREFIX = 'streamfs.token.';

/** Headers of the handshake (RFC 6455 section 11.3). */
export const WEBSOCKET_HEADERS = {
  accept: 'Sec-WebSocket-Accept',
  protocol: 'Sec-WebSocket-Protocol',
  version: 'Sec-WebSocket-Version',
} as const;

/** Why a connection is closed (RFC 6455 section 7.4.1, and the registry of close codes). */
export const CLOSE_CODES = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  /** Never sent: represents a close frame without a code. */
  none: 1005,
  /** Never sent: represents a connection that closed without a close frame. */
  abnormal: 1006,
  invalidText: 1007,
  policy: 1008,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
  /** The close code for the HTTP status N is this plus N. */
  status: 4000,
} as const;

/** Control records of the server. Each is a text message with one JSON object. */
export type WebSocketRecord =
  /** The first record. */
  | {
      readonly type: 'open';
      /** For a read, the offset of the first byte or gap that follows; for a write, the end of the stream. */
      readonly offset: number;
      /** Undefined for files that are not streams. */
      readonly generation?: string | undefined;
      readonly content_type: string;
      /** For a read: the length of the format header in the next record; absent if there is none. */
      readonly header?: number | undefined;
      /** For a write: the sequence number of the first message. */
      readonly seq?: number | undefined;
    }
  /** The header that a decoder needs before the byte at `offset`. Its bytes do not count in any offset. */
  | { readonly type: 'header'; readonly offset: number; readonly base64: string }
  | { readonly type: 'gap'; readonly from: number; readonly to: number; readonly chunks: number }
  | { readonly type: 'caught-up'; readonly offset: number }
  /** `end`: the current end of the stream. */
  | { readonly type: 'heartbeat'; readonly offset: number; readonly end?: number | undefined }
  /** Message `seq` was appended; `offset` is the end of the stream after it. */
  | { readonly type: 'ack'; readonly seq: number; readonly offset: number; readonly repeated?: true | undefined }
  | {
      readonly type: 'end';
      readonly reason: ReadEndReason;
      readonly offset: number;
      /** For a read: bytes lost in gaps. */
      readonly skipped?: number | undefined;
      /** The end status given by the writer (contract 100). */
      readonly status?: string | undefined;
      /** With `shutdown`: the minimum milliseconds to wait before reconnecting; wait up to twice as long. */
      readonly retry_after_ms?: number | undefined;
    }
  /** The last record before a close frame. It also contains the details of the error. */
  | { readonly type: 'error'; readonly code: string; readonly error: string };
