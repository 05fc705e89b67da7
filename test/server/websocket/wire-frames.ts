/** Frames as bytes, for tests that choose each bit; and a parser of the server's frames. */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../harness/wait.ts';

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameParts {
  opcode: number;
  payload?: string | Uint8Array;
  final?: boolean;
  /** Bits of the first byte: RSV1 is 0x40. */
  reserved?: number;
  /** Undefined: none. */
  mask?: readonly number[] | undefined;
  /** The length of the length field, in bytes. Default: the shortest possible. */
  lengthBytes?: 0 | 2 | 8;
  /** The declared length, if it is not the real one. */
  length?: bigint;
}

/** A client's frame. */
export function frame(parts: FrameParts): Buffer {
  const { opcode, payload = '', final = true, reserved = 0 } = parts;
  const mask = 'mask' in parts ? parts.mask : [0x37, 0xfa, 0x21, 0x3d];
  const bytes = Buffer.from(payload as string);
  const length = parts.length ?? BigInt(bytes.length);
  const size = parts.lengthBytes ?? (length > 65535n ? 8 : length > 125n ? 2 : 0);
  const head = [(final ? 0x80 : 0) | reserved | opcode];
  head.push((mask === undefined ? 0 : 0x80) | (size === 8 ? 127 : size === 2 ? 126 : Number(length)));
  for (let at = size - 1; at >= 0; at--) head.push(Number((length >> BigInt(8 * at)) & 0xffn));
  return Buffer.concat([
    Buffer.from(head),
    Buffer.from(mask ?? []),
    mask === undefined ? bytes : bytes.map((byte, at) => byte ^ mask[at % 4]!),
  ]);
}

export const text = (payload: string | Uint8Array, more: Partial<FrameParts> = {}) =>
  frame({ opcode: OPCODES.text, payload, ...more });
export const binary = (payload: string | Uint8Array, more: Partial<FrameParts> = {}) =>
  frame({ opcode: OPCODES.binary, payload, ...more });
export const more = (payload: string | Uint8Array, parts: Partial<FrameParts> = {}) =>
  frame({ opcode: OPCODES.continuation, payload, ...parts });
export const ping = (payload: string | Uint8Array = '', parts: Partial<FrameParts> = {}) =>
  frame({ opcode: OPCODES.ping, payload, ...parts });
export const pong = (payload: string | Uint8Array = '') => frame({ opcode: OPCODES.pong, payload });
export const close = (code?: number, reason: string | Uint8Array = '', parts: Partial<FrameParts> = {}) => {
  const head = code === undefined ? Buffer.alloc(0) : Buffer.from([code >> 8, code & 255]);
  return frame({ opcode: OPCODES.close, payload: Buffer.concat([head, Buffer.from(reason as string)]), ...parts });
};

interface ReceivedFrame {
  opcode: number;
  final: boolean;
  payload: Buffer;
}

/** The complete frames at the beginning of the server's data. Throws if one is masked or has reserved bits. */
function readFrames(bytes: Buffer): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [first, second] = [bytes[at]!, bytes[at + 1]!];
    if ((first & 0x70) !== 0 || (second & 0x80) !== 0) throw new Error(`no frame of a server: ${first} ${second}`);
    const size = second === 127 ? 8 : second === 126 ? 2 : 0;
    const head = at + 2 + size;
    if (head > bytes.length) break;
    const length =
      size === 8 ? Number(bytes.readBigUInt64BE(at + 2)) : size === 2 ? bytes.readUInt16BE(at + 2) : second;
    if (head + length > bytes.length) break;
    frames.push({ opcode: first & 15, final: first >= 0x80, payload: bytes.subarray(head, head + length) });
    at = head + length;
  }
  return frames;
}

export interface RawPeer {
  socket: Socket;
  send: (bytes: Uint8Array) => void;
  /** The head of the handshake's response. */
  head: () => string;
  frames: () => ReceivedFrame[];
  /** The server has closed its sending side, or the connection. */
  isClosed: () => boolean;
}

export const HANDSHAKE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** A connection with a hand-written handshake; settles when its response has arrived. */
export async function rawPeer(
  port: number,
  target: string,
  headers = '',
  behind: Uint8Array = Buffer.alloc(0),
): Promise<RawPeer> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let parts: Buffer[] = [];
  const bytes = () => {
    const all = Buffer.concat(parts);
    parts = [all];
    return all;
  };
  let isOver = false;
  socket.on('data', (part: Buffer) => {
    parts.push(part);
  });
  const finish = () => {
    isOver = true;
  };
  socket.on('end', finish).on('close', finish).on('error', finish);
  const offer = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${HANDSHAKE_KEY}\r\n`;
  const head = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${offer}${headers}\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), behind]));
  const end = () => bytes().indexOf('\r\n\r\n');
  await waitFor('the response to the handshake', () => end() >= 0 || isOver);
  return {
    socket,
    send: (part) => void socket.write(part),
    head: () =>
      bytes()
        .subarray(0, end() + 4)
        .toString('latin1'),
    frames: () => readFrames(bytes().subarray(end() + 4)),
    isClosed: () => isOver,
  };
}
