/** The frames that the server sends: unmasked, each a complete message (RFC 6455 section 5.2). */
import type { StreamFSError } from '../../errors/index.ts';
import { CLOSE_CODES, type WebSocketRecord } from '../../protocol/index.ts';
import type { PayloadKind } from '../encoding/index.ts';
import { errorBody } from '../http/respond.ts';

const FIRST_BYTES = { text: 0x81, binary: 0x82, close: 0x88, ping: 0x89, pong: 0x8a } as const;

/** Maximum length of a head, in bytes. */
export const MAX_HEAD_BYTES = 10;

/** Maximum length of the reason in a close frame, in bytes: a control frame has 125, two of them are its code. */
const MAX_REASON_BYTES = 123;

/** Writes the head of a message. Returns its length. */
export function writeMessageHead(target: Buffer, at: number, length: number, kind: PayloadKind): number {
  target[at] = FIRST_BYTES[kind];
  if (length < 126) {
    target[at + 1] = length;
    return 2;
  }
  if (length < 65_536) {
    target[at + 1] = 126;
    target.writeUInt16BE(length, at + 2);
    return 4;
  }
  target[at + 1] = 127;
  target.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
  target.writeUInt32BE(length % 2 ** 32, at + 6);
  return 10;
}

export function messageFrame(payload: Uint8Array, kind: PayloadKind): Buffer {
  const frame = Buffer.allocUnsafe(MAX_HEAD_BYTES + payload.length);
  const size = writeMessageHead(frame, 0, payload.length, kind);
  frame.set(payload, size);
  return frame.subarray(0, size + payload.length);
}

/** The JSON of a record, as the payload of a message. */
export function recordText(record: WebSocketRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

export function recordFrame(record: WebSocketRecord): Buffer {
  return messageFrame(recordText(record), 'text');
}

/** An error as a record: its text and code, with its details next to them. */
export function errorRecord(error: StreamFSError): WebSocketRecord {
  return { ...errorBody(error), type: 'error', code: error.code, error: error.message };
}

function controlFrame(first: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(first, payload.length), payload]);
}

export const PING_FRAME = controlFrame(FIRST_BYTES.ping, new Uint8Array(0));

export function pongFrame(payload: Uint8Array): Buffer {
  return controlFrame(FIRST_BYTES.pong, payload);
}

/** The text truncated to the maximum length of a reason, at a character boundary. */
function shortened(text: Buffer): Buffer {
  if (text.length <= MAX_REASON_BYTES) return text;
  let end = MAX_REASON_BYTES;
  while ((text[end]! & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}

/** A close frame; without a code for 1005. */
export function closeFrame(code: number, reason = ''): Buffer {
  if (code === CLOSE_CODES.none) return controlFrame(FIRST_BYTES.close, new Uint8Array(0));
  const text = shortened(Buffer.from(reason));
  const payload = Buffer.alloc(2 + text.length);
  payload.writeUInt16BE(code, 0);
  payload.set(text, 2);
  return controlFrame(FIRST_BYTES.close, payload);
}
