/**
 * Takes the chunked transfer coding off a body as it comes (RFC 9112 section 7.1): extensions and trailers are read over,
 * what is not exactly as it should be is refused.
 *
 *     size [; extension] CRLF data CRLF … 0 CRLF [trailer CRLF …] CRLF
 */

/** What comes next. */
type State =
  | 'size'
  | 'digits'
  | 'extension'
  | 'size end'
  | 'data'
  | 'data CR'
  | 'data LF'
  | Trailer
  | 'over'
  | 'broken';
/** Behind the last chunk: a line begins, goes on with its name or its value, or ends. */
type Trailer = 'line' | 'name' | 'value' | 'line end' | 'last LF';

/** Digits of a size: more than any body has bytes, and exact as a number. */
const MAX_SIZE_DIGITS = 13;
/** Bytes of all extensions and trailers of a body: they are nothing to us. */
const MAX_FRAMING_BYTES = 16 * 1024;

const CR = 13;
const LF = 10;
const COLON = 58;
const SEMICOLON = 59;
const SPACE = 32;
const TAB = 9;

export class ChunkedDecoder {
  private state: State = 'size';
  /** Of the chunk: digits of its size that have come, and bytes that are still to come. */
  private digits = 0;
  private left = 0;
  private beside = 0;

  /** The body is complete. */
  get isOver(): boolean {
    return this.state === 'over';
  }

  /** It can never be. */
  get isBroken(): boolean {
    return this.state === 'broken';
  }

  /**
   * Reads on from `at` until it has a piece of the body, or nothing is left. Gives the position of what it has not read:
   * `piece` is what lies before that.
   */
  next(bytes: Uint8Array, from: number): number {
    let at = from;
    this.piece = 0;
    while (at < bytes.length) {
      if (this.state === 'data') {
        const length = Math.min(this.left, bytes.length - at);
        this.left -= length;
        if (this.left === 0) this.state = 'data CR';
        this.piece = length;
        return at + length;
      }
      this.state = this.after(bytes[at]!);
      if (this.state === 'broken') return at;
      at++;
      if (this.state === 'over') return at;
    }
    return at;
  }

  /** The length of the piece that ends where {@link next} has stopped; 0 for none. */
  piece = 0;

  /** The state after a byte that is not data. */
  private after(byte: number): State {
    switch (this.state) {
      case 'size':
        this.digits = 0;
        this.left = 0;
        return this.digit(byte) ? 'digits' : 'broken';
      case 'digits':
        if (byte === CR) return 'size end';
        if (byte === SEMICOLON || byte === SPACE || byte === TAB) return this.passOver(byte, 'extension');
        return this.digit(byte) ? 'digits' : 'broken';
      case 'extension':
        return byte === CR ? 'size end' : this.passOver(byte, 'extension');
      case 'size end':
        if (byte !== LF) return 'broken';
        return this.left === 0 ? 'line' : 'data';
      case 'data CR':
        return byte === CR ? 'data LF' : 'broken';
      case 'data LF':
        return byte === LF ? 'size' : 'broken';
      case 'line':
        return byte === CR ? 'last LF' : isNameByte(byte) ? this.passOver(byte, 'name') : 'broken';
      case 'name':
        if (byte === COLON) return this.passOver(byte, 'value');
        return isNameByte(byte) ? this.passOver(byte, 'name') : 'broken';
      case 'value':
        return byte === CR ? 'line end' : this.passOver(byte, 'value');
      case 'line end':
        return byte === LF ? 'line' : 'broken';
      case 'last LF':
        return byte === LF ? 'over' : 'broken';
      default:
        return 'broken';
    }
  }

  private digit(byte: number): boolean {
    const value =
      byte >= 48 && byte <= 57 ? byte - 48 : (byte | 32) >= 97 && (byte | 32) <= 102 ? (byte | 32) - 87 : -1;
    if (value < 0 || ++this.digits > MAX_SIZE_DIGITS) return false;
    this.left = this.left * 16 + value;
    return true;
  }

  /** A byte of an ignored part: any but CR and LF, which other parsers may take as the end of a line. */
  private passOver(byte: number, state: State): State {
    const isText = byte >= SPACE ? byte !== 127 : byte === TAB;
    return isText && ++this.beside <= MAX_FRAMING_BYTES ? state : 'broken';
  }
}

/** Whether a byte may be part of a header's name (RFC 9110 section 5.6.2). */
function isNameByte(byte: number): boolean {
  return byte < 128 && /[\w!#$%&'*+.^`|~-]/.test(String.fromCharCode(byte));
}
