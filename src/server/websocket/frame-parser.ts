/**
 * Parses the frames of a client (RFC 6455 section 5), however the network splits them. Payloads are unmasked in place.
 * A message that arrives as one frame in one piece is passed on without a copy; any other is assembled first.
 *
 *     head (2–14 bytes) ──► data: message, complete ───────► head
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

/** The consumer of parsed frames. Bytes are valid only during the call: it must copy the bytes that it keeps. */
export interface FrameHandler {
  /** Pauses parsing: further bytes stay unread. */
  readonly isWaiting: boolean;
  message(bytes: Buffer, isText: boolean): void;
  ping(payload: Buffer): void;
  pong(): void;
  /** The peer's close frame; `code` is 1005 if it has none. Nothing follows. */
  closed(code: number): void;
  /** The peer violated the protocol, or sent a message that is not accepted. Nothing follows. */
  failed(why: CloseReason): void;
}

export interface ParserOptions {
  /** Maximum length of a message, in bytes. */
  readonly maxMessageBytes: number;
  /** The reason for refusing messages, if none are accepted. */
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
  private readonly handler: FrameHandler;
  private readonly options: ParserOptions;
  /** The head of a frame, as far as it has arrived, and its length as far as is known. */
  private readonly head = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES);
  private headLength = 0;
  private headNeeded = 2;
  /** The part of the head that ends at `headNeeded`. */
  private headPart: 'start' | 'length' | 'mask' = 'start';
  /** The current frame: its opcode, the payload bytes still to come, and those that have arrived. */
  private opcode = 0;
  private isFinal = false;
  private missing = 0;
  private phase = 0;
  private isInPayload = false;
  /** The current message: its opcode, and its bytes so far. */
  private messageOpcode = 0;
  private readonly message: MessageBuffer;
  private readonly control = Buffer.allocUnsafeSlow(MAX_CONTROL_BYTES);
  private controlLength = 0;
  private isOver = false;

  constructor(handler: FrameHandler, options: ParserOptions) {
    this.handler = handler;
    this.options = options;
    this.message = new MessageBuffer(options.maxMessageBytes);
  }

  /** Memory held for an incomplete message, in bytes. */
  get held(): number {
    return this.message.capacity;
  }

  /** Parses bytes. Returns how many were used: fewer than all if the handler waits. */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.handler.isWaiting) {
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

  /** The first two bytes determine the kind of frame and the length of the head. */
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

  /** A message that is too long is refused before its payload arrives. */
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

  /** In bytes; 0 to 2^64 - 1, not exact beyond 2^53. */
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

  /** The reason to refuse a data frame: its length, or that no messages are accepted. */
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

  /** The head is not overwritten until the next one begins. */
  private maskKey(): Uint8Array {
    const short = this.head[1]! & ~MASKED;
    const at = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
    return this.head.subarray(at, at + MASK_BYTES);
  }

  /** @param whole the message, if it is this single frame and was not assembled */
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
    } else this.handler.message(message, isText);
    this.message.clear();
  }

  private endControl(): void {
    const payload = this.control.subarray(0, this.controlLength);
    this.controlLength = 0;
    if (this.opcode === OPCODES.ping) this.handler.ping(payload);
    else if (this.opcode === OPCODES.pong) this.handler.pong();
    else this.endAll(payload);
  }

  private endAll(payload: Buffer): void {
    const wrong = mistakeInClose(payload);
    if (wrong !== undefined) {
      this.fail(wrong);
      return;
    }
    this.isOver = true;
    this.handler.closed(payload.length === 0 ? CLOSE_CODES.none : payload.readUInt16BE(0));
  }

  private fail(why: CloseReason): void {
    this.isOver = true;
    this.message.clear();
    this.handler.failed(why);
  }
}

function mistakeInClose(payload: Buffer): CloseReason | undefined {
  const { protocolError, invalidText } = CLOSE_CODES;
  if (payload.length === 0) return undefined;
  if (payload.length === 1) return { code: protocolError, reason: 'a close frame must not have half of a code' };
  const code = payload.readUInt16BE(0);
  if (!isCloseCode(code)) return { code: protocolError, reason: `${code} is not a valid code for a close frame` };
  if (isUtf8(payload.subarray(2))) return undefined;
  return { code: invalidText, reason: 'the reason of a close must be UTF-8' };
}

/** Codes that may be sent: registered ones, and those for libraries and applications (section 7.4.2). */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}
