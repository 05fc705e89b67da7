/**
 * Reads what a client sends (RFC 6455 section 5), however its bytes are cut. Masks are taken off in place. A message that
 * has come as one frame in one piece is given out where it lies; any other is put together first.
 *
 *     head (2–14 bytes) ──► data: message, whole ──────────► head
 *                      └──► control: at most 125 bytes ────► head
 */
import { isUtf8 } from 'node:buffer';
import { CLOSE_CODES } from '../../protocol/index.ts';
import { MessageBuffer } from './message-buffer.ts';
import { unmask } from './unmask.ts';

export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** The consumer of parsed frames. Bytes are only valid until it returns: it copies what it keeps. */
export interface FrameTaker {
  /** Takes nothing more for now: what comes next stays unread. */
  readonly isWaiting: boolean;
  message(bytes: Buffer, isText: boolean): void;
  ping(payload: Buffer): void;
  pong(): void;
  /** The peer's close frame; `code` is 1005 where it has none. Nothing follows. */
  closed(code: number): void;
  /** What the peer sends makes no sense, or is not wanted: nothing follows. */
  failed(why: CloseReason): void;
}

export interface ParserOptions {
  /** The longest message, in bytes. */
  readonly maxMessageBytes: number;
  /** What a message is refused with, where none is wanted. */
  readonly refusal?: CloseReason | undefined;
}

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIRST_CONTROL_OPCODE = 8;

const FIN = 0x80;
const RESERVED_BITS = 0x70;
const MASKED = 0x80;
const MAX_CONTROL_BYTES = 125;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MASK_BYTES = 4;
const MAX_HEAD_BYTES = 14;

export class FrameParser {
  private readonly taker: FrameTaker;
  private readonly options: ParserOptions;
  /** The head of a frame, as far as it has come, and how long it is as far as is known. */
  private readonly head = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES);
  private headLength = 0;
  private headNeeded = 2;
  /** Which part of the head ends there. */
  private headPart: 'start' | 'length' | 'mask' = 'start';
  /** Of the frame whose payload comes: what it is, how much is missing, and how much has come. */
  private opcode = 0;
  private isFinal = false;
  private missing = 0;
  private phase = 0;
  private isInPayload = false;
  /** The message that has begun: its opcode, and what has come of it. */
  private messageOpcode = 0;
  private readonly message: MessageBuffer;
  private readonly control = Buffer.allocUnsafeSlow(MAX_CONTROL_BYTES);
  private controlLength = 0;
  private isOver = false;

  constructor(taker: FrameTaker, options: ParserOptions) {
    this.taker = taker;
    this.options = options;
    this.message = new MessageBuffer(options.maxMessageBytes);
  }

  /** Bytes that are kept of a message that is not complete. */
  get held(): number {
    return this.message.capacity;
  }

  /** Reads on. Gives how many bytes were used: less than all where the taker waits. */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.taker.isWaiting) {
      if (this.isOver) return bytes.length;
      at = this.isInPayload ? this.takePayload(bytes, at) : this.takeHead(bytes, at);
    }
    return at;
  }

  // ── heads ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private takeHead(bytes: Buffer, from: number): number {
    const { head } = this;
    let at = from;
    while (this.headLength < this.headNeeded && at < bytes.length) head[this.headLength++] = bytes[at++]!;
    if (this.headLength < this.headNeeded) return at;
    if (this.headPart === 'start') this.readStart(head[0]!, head[1]!);
    else if (this.headPart === 'length') this.readLength();
    else this.beginPayload();
    return at;
  }

  /** The first two bytes say what it is, and how long the head is. */
  private readStart(first: number, second: number): void {
    const opcode = first & 0x0f;
    const isFinal = (first & FIN) !== 0;
    const length = second & ~MASKED;
    const wrong = this.mistake(opcode, isFinal, first & RESERVED_BITS, (second & MASKED) !== 0, length);
    if (wrong !== undefined) {
      this.fail({ code: CLOSE_CODES.protocolError, reason: wrong });
      return;
    }
    this.opcode = opcode;
    this.isFinal = isFinal;
    const extended = length === LENGTH_64 ? 8 : length === LENGTH_16 ? 2 : 0;
    if (extended === 0) {
      this.readLength();
      return;
    }
    this.headPart = 'length';
    this.headNeeded = 2 + extended;
  }

  /** What is too long is refused without waiting for more of it. */
  private readLength(): void {
    this.missing = this.payloadLength();
    const refusal = this.opcode < FIRST_CONTROL_OPCODE ? this.refusal() : undefined;
    if (refusal !== undefined) {
      this.fail(refusal);
      return;
    }
    this.headPart = 'mask';
    this.headNeeded = this.headLength + MASK_BYTES;
  }

  private mistake(opcode: number, isFinal: boolean, reserved: number, isMasked: boolean, length: number) {
    if (reserved !== 0) return 'reserved bits are set, and no extension was agreed on';
    if (!isMasked) return 'a client must mask its frames';
    if (opcode >= FIRST_CONTROL_OPCODE) {
      if (opcode > OPCODES.pong) return `unknown opcode ${opcode}`;
      if (!isFinal) return 'a control frame must not be fragmented';
      return length > MAX_CONTROL_BYTES ? 'a control frame has at most 125 bytes' : undefined;
    }
    if (opcode > OPCODES.binary) return `unknown opcode ${opcode}`;
    const isContinued = this.messageOpcode !== 0;
    if (opcode === OPCODES.continuation) return isContinued ? undefined : 'there is no message to be continued';
    return isContinued ? 'the message before has not ended' : undefined;
  }

  /** In bytes; 0 to 2^64 - 1, beyond 2^53 not exact. */
  private payloadLength(): number {
    const { head } = this;
    const short = head[1]! & ~MASKED;
    if (short === LENGTH_16) return head.readUInt16BE(2);
    if (short === LENGTH_64) return head.readUInt32BE(2) * 2 ** 32 + head.readUInt32BE(6);
    return short;
  }

  private beginPayload(): void {
    this.headPart = 'start';
    this.headLength = 0;
    this.headNeeded = 2;
    this.phase = 0;
    const isControl = this.opcode >= FIRST_CONTROL_OPCODE;
    if (!isControl && this.opcode !== OPCODES.continuation) this.messageOpcode = this.opcode;
    if (this.missing === 0) this.endFrame(undefined);
    else this.isInPayload = true;
  }

  /** What is wrong with the length of a frame of a message, or with there being one. */
  private refusal(): CloseReason | undefined {
    const { maxMessageBytes, refusal } = this.options;
    if (refusal !== undefined || this.message.length + this.missing <= maxMessageBytes) return refusal;
    return { code: CLOSE_CODES.tooBig, reason: `a message has at most ${maxMessageBytes} bytes` };
  }

  // ── payloads ───────────────────────────────────────────────────────────────────────────────────────────────────

  private takePayload(bytes: Buffer, at: number): number {
    const length = Math.min(this.missing, bytes.length - at);
    const part = bytes.subarray(at, at + length);
    unmask(part, this.maskKey(), this.phase);
    this.phase += length;
    this.missing -= length;
    if (this.opcode >= FIRST_CONTROL_OPCODE) {
      this.control.set(part, this.controlLength);
      this.controlLength += length;
      if (this.missing === 0) this.endFrame(undefined);
    } else {
      const isAlone = this.isFinal && this.missing === 0 && this.message.length === 0;
      if (!isAlone) this.message.add(part);
      if (this.missing === 0) this.endFrame(isAlone ? part : undefined);
    }
    return at + length;
  }

  /** The head stays as it is until the next one begins. */
  private maskKey(): Uint8Array {
    const short = this.head[1]! & ~MASKED;
    const at = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
    return this.head.subarray(at, at + MASK_BYTES);
  }

  /** @param whole the message, where it is this frame and has not been put together */
  private endFrame(whole: Buffer | undefined): void {
    this.isInPayload = false;
    if (this.opcode >= FIRST_CONTROL_OPCODE) this.endControl();
    else if (this.isFinal) this.endMessage(whole ?? this.message.bytes());
  }

  private endMessage(message: Buffer): void {
    const isText = this.messageOpcode === OPCODES.text;
    this.messageOpcode = 0;
    if (isText && !isUtf8(message)) {
      this.fail({ code: CLOSE_CODES.invalidText, reason: 'a text message must be UTF-8' });
    } else this.taker.message(message, isText);
    this.message.clear();
  }

  private endControl(): void {
    const payload = this.control.subarray(0, this.controlLength);
    this.controlLength = 0;
    if (this.opcode === OPCODES.ping) this.taker.ping(payload);
    else if (this.opcode === OPCODES.pong) this.taker.pong();
    else this.endAll(payload);
  }

  private endAll(payload: Buffer): void {
    const wrong = mistakeInClose(payload);
    if (wrong !== undefined) {
      this.fail(wrong);
      return;
    }
    this.isOver = true;
    this.taker.closed(payload.length === 0 ? CLOSE_CODES.none : payload.readUInt16BE(0));
  }

  private fail(why: CloseReason): void {
    this.isOver = true;
    this.message.clear();
    this.taker.failed(why);
  }
}

function mistakeInClose(payload: Buffer): CloseReason | undefined {
  const { protocolError, invalidText } = CLOSE_CODES;
  if (payload.length === 0) return undefined;
  if (payload.length === 1) return { code: protocolError, reason: 'a close frame has no half of a code' };
  const code = payload.readUInt16BE(0);
  if (!isCloseCode(code)) return { code: protocolError, reason: `${code} is no code to be sent in a close frame` };
  if (isUtf8(payload.subarray(2))) return undefined;
  return { code: invalidText, reason: 'the reason of a close must be UTF-8' };
}

/** Codes that may be sent: those that are registered, and those for libraries and applications (section 7.4.2). */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
