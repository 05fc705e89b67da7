/**
 * Decodes frames (docs/protocol.md) from the pieces of a connection, wherever they are split.
 *
 * Payload bytes are passed on as they arrive, as views of the piece they came in. Nothing is copied, a frame of 16 MiB
 * takes no memory, and the bytes received before a cut are known exactly. So a data frame may be returned in parts,
 * each with its own offset. The other frames are small and are returned whole.
 *
 *     header (16 bytes) ──► data: payload passed on ──────────► header
 *                      └──► control: payload collected ───────► header
 *                      └──► unknown: payload skipped ─────────► header
 */
import { END_RETRY_AFTER, FRAME_HEADER_BYTES, FRAME_TYPES, MAX_FRAME_PAYLOAD_BYTES } from '../protocol/index.ts';
import { StreamFSClientError } from './errors.ts';

/** Maximum length of the reason of an end frame, in bytes: leaves room for future reasons. */
const MAX_END_PAYLOAD = 256;

/** Maximum length of a format header, in bytes: more than a server keeps. */
const MAX_HEADER_PAYLOAD = 1024 * 1024;

export type Frame =
  /** `data` is a view of the piece given to `push`. */
  | { type: 'data'; offset: number; data: Uint8Array }
  /** The bytes from `offset` up to `to`, which were `chunks` chunks, are lost. */
  | { type: 'gap'; offset: number; to: number; chunks: number }
  | { type: 'caught-up'; offset: number }
  /** `status` is the status that the writer gave at the end. */
  | {
      type: 'end';
      offset: number;
      reason: string;
      status?: string | undefined;
      /** With reason `shutdown`: milliseconds after which to reconnect. */
      retryAfter?: number | undefined;
    }
  /** Bytes that a decoder needs before the byte at `offset`; not part of the stream. */
  | { type: 'header'; offset: number; data: Uint8Array }
  | { type: 'heartbeat'; offset: number };

type Payload = 'pass' | 'collect' | 'skip';

function broken(reason: string): StreamFSClientError {
  return new StreamFSClientError('protocol', `the server sent a broken frame: ${reason}`);
}

/** Turns pieces into frames. One decoder reads one response, and must not be used after an error. */
export class FrameDecoder {
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  readonly #view = new DataView(this.#header.buffer);
  #headerFill = 0;
  #type = 0;
  #offset = 0;
  #length = 0;
  /** Payload bytes still to come. */
  #missing = 0;
  #treat: Payload = 'skip';
  #collected: Uint8Array = new Uint8Array(0);

  /** Whether the last piece ended at the end of a frame. If false, a cut now would be in the middle of one. */
  get atBoundary(): boolean {
    return this.#headerFill === 0;
  }

  /** The frames, and parts of data frames, that `piece` completes. Throws a `protocol` error for an invalid frame. */
  push(piece: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < piece.length) {
      if (this.#headerFill < FRAME_HEADER_BYTES) {
        const taken = Math.min(FRAME_HEADER_BYTES - this.#headerFill, piece.length - at);
        this.#header.set(piece.subarray(at, at + taken), this.#headerFill);
        this.#headerFill += taken;
        at += taken;
        if (this.#headerFill < FRAME_HEADER_BYTES) break;
        this.#beginPayload();
      } else {
        const part = piece.subarray(at, at + this.#missing);
        at += part.length;
        this.#takePayload(part, frames);
      }
      if (this.#headerFill === FRAME_HEADER_BYTES && this.#missing === 0) this.#endPayload(frames);
    }
    return frames;
  }

  #beginPayload(): void {
    const view = this.#view;
    const word = view.getUint32(0);
    this.#type = word >>> 24;
    if ((word & 0xff_ff_ff) !== 0) throw broken('bytes 1 to 3 of its header are not zero');
    this.#length = view.getUint32(4);
    if (this.#length > MAX_FRAME_PAYLOAD_BYTES) {
      throw broken(`a payload of ${this.#length} bytes, at most ${MAX_FRAME_PAYLOAD_BYTES} are allowed`);
    }
    this.#offset = readOffset(view, 8);
    if (!Number.isSafeInteger(this.#offset + this.#length)) throw broken('it goes beyond the largest offset');
    this.#missing = this.#length;
    this.#treat = this.#treatmentOf();
    this.#collected = new Uint8Array(this.#treat === 'collect' ? this.#length : 0);
  }

  /** Decides how to handle the payload, and checks the length of each known frame type. */
  #treatmentOf(): Payload {
    switch (this.#type) {
      case FRAME_TYPES.data:
        return 'pass';
      case FRAME_TYPES.gap:
        if (this.#length !== 16) throw broken(`a gap of ${this.#length} bytes, not 16`);
        return 'collect';
      case FRAME_TYPES.caughtUp:
      case FRAME_TYPES.heartbeat:
        if (this.#length !== 0) throw broken(`${this.#length} bytes where none belong`);
        return 'collect';
      case FRAME_TYPES.end:
        if (this.#length > MAX_END_PAYLOAD) throw broken(`an end of ${this.#length} bytes`);
        return 'collect';
      case FRAME_TYPES.header:
        if (this.#length > MAX_HEADER_PAYLOAD) throw broken(`a header of ${this.#length} bytes`);
        return 'collect';
      default:
        return 'skip';
    }
  }

  #takePayload(part: Uint8Array, frames: Frame[]): void {
    const done = this.#length - this.#missing;
    this.#missing -= part.length;
    if (this.#treat === 'pass') frames.push({ type: 'data', offset: this.#offset + done, data: part });
    else if (this.#treat === 'collect') this.#collected.set(part, done);
  }

  #endPayload(frames: Frame[]): void {
    this.#headerFill = 0;
    const offset = this.#offset;
    switch (this.#type) {
      case FRAME_TYPES.gap: {
        const view = new DataView(this.#collected.buffer);
        const to = readOffset(view, 0);
        if (to <= offset) throw broken(`a gap from ${offset} to ${to}`);
        frames.push({ type: 'gap', offset, to, chunks: readOffset(view, 8) });
        break;
      }
      case FRAME_TYPES.caughtUp:
        frames.push({ type: 'caught-up', offset });
        break;
      case FRAME_TYPES.end:
        frames.push(endFrame(offset, new TextDecoder().decode(this.#collected)));
        break;
      case FRAME_TYPES.header:
        frames.push({ type: 'header', offset, data: this.#collected });
        break;
      case FRAME_TYPES.heartbeat:
        frames.push({ type: 'heartbeat', offset });
        break;
    }
  }
}

function endFrame(offset: number, text: string): Frame {
  const space = text.indexOf(' ');
  if (space < 0) return { type: 'end', offset, reason: text };
  const reason = text.slice(0, space);
  const facts = text.slice(space + 1);
  if (reason !== 'shutdown' || !facts.startsWith(END_RETRY_AFTER))
    return { type: 'end', offset, reason, status: facts };
  const retryAfter = Number(facts.slice(END_RETRY_AFTER.length));
  return { type: 'end', offset, reason, retryAfter: retryAfter >= 0 ? retryAfter : undefined };
}

/** Reads eight bytes as a number. A number that JavaScript cannot represent exactly is not a valid offset. */
function readOffset(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) throw broken('a number beyond 2^53 - 1');
  return value;
}
