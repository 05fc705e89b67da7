/** WebSocket: subprotocols, close codes, and the records that go beside the bytes (docs/websocket.md). */
import type { ReadEndReason } from './words.ts';

/** Bytes with control records as JSON texts; or frames, each a message (see frames.ts). */
export const WEBSOCKET_SUBPROTOCOLS = { records: 'streamfs.v1', frames: 'streamfs.frames.v1' } as const;

/** Before a token in base64url, as one of the subprotocols that a page offers: it cannot send an `Authorization` header. */
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
  /** Never sent: stands for a close frame without a code. */
  none: 1005,
  /** Never sent: stands for a connection that was cut. */
  abnormal: 1006,
  invalidText: 1007,
  policy: 1008,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
  /** What HTTP would answer with the status N is N more than this. */
  status: 4000,
} as const;

/** What the server says beside the bytes. Each is a text message with one JSON object. */
export type WebSocketRecord =
  /** The first record. */
  | {
      readonly type: 'open';
      /** Of a read, the offset of the first byte or gap to come; of a write, the end of the stream. */
      readonly offset: number;
      /** Undefined for a file that is no stream. */
      readonly generation?: string | undefined;
      readonly content_type: string;
      /** Of a read: how long the header of the format is that the next record has; absent where none comes. */
      readonly header?: number | undefined;
      /** Of a write: the number of the first message. */
      readonly seq?: number | undefined;
    }
  /** What must come before the byte at `offset` for a decoder to understand it: bytes that do not count in any offset. */
  | { readonly type: 'header'; readonly offset: number; readonly base64: string }
  | { readonly type: 'gap'; readonly from: number; readonly to: number; readonly chunks: number }
  | { readonly type: 'caught-up'; readonly offset: number }
  /** `end`: where the stream ends now. */
  | { readonly type: 'heartbeat'; readonly offset: number; readonly end?: number | undefined }
  /** Message `seq` has been appended, and the stream ended at `offset` then. */
  | { readonly type: 'ack'; readonly seq: number; readonly offset: number; readonly repeated?: true | undefined }
  | {
      readonly type: 'end';
      readonly reason: ReadEndReason;
      readonly offset: number;
      /** Bytes lost in gaps, of a read. */
      readonly skipped?: number | undefined;
      /** What the writer said of how it ended (contract 100). */
      readonly status?: string | undefined;
      /** With `shutdown`: after how many milliseconds to come back, up to twice that. */
      readonly retry_after_ms?: number | undefined;
    }
  /** The last record before a close frame. It has the details of the error beside these. */
  | { readonly type: 'error'; readonly code: string; readonly error: string };
