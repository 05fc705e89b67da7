/**
 * Decodes the chunked transfer coding of a body as it arrives (RFC 9112 section 7.1). Extensions and trailers are
 * ignored; malformed framing is refused.
 *
 *     size [; extension] CRLF data CRLF … 0 CRLF [trailer CRLF …] CRLF
 */

/** The expected next byte. */
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
/** After the last chunk: at the beginning of a line, in its name or its value, or at its end. */
type Trailer = 'line' | 'name' | 'value' | 'line end' | 'last LF';

/** Maximum number of size digits: more than any body needs, and exact as a number. */
const MAX_SIZE_DIGITS = 13;
/** Maximum number of bytes of all ignored extensions and trailers of a body. */
const MAX_FRAMING_BYTES = 16 * 1024;

const CR = 13;
const LF = 10;
const COLON = 58;
const SEMICOLON = 59;
const SPACE = 32;
const TAB = 9;

export class ChunkedDecoder {
  private state: State = 'size';
  /** Of the current chunk: the size digits so far, and the bytes still to come. */
  private digits = 0;
  private left = 0;
  private ignoredBytes = 0;

  /** The body is complete. */
  get isOver(): boolean {
    return this.state === 'over';
  }

  /** The framing is malformed, so the body can never be complete. */
  get isBroken(): boolean {
    return this.state === 'broken';
  }

  /**
   * Reads from `from` until it has a piece of the body or no bytes are left. Returns the position of the first unread
   * byte; the last `piece` bytes before it are the piece.
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

  /** The length of the piece that ends where {@link next} stopped; 0 for none. */
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
        if (byte === SEMICOLON || byte === SPACE || byte === TAB) return this.ignore(byte, 'extension');
        return this.digit(byte) ? 'digits' : 'broken';
      case 'extension':
        return byte === CR ? 'size end' : this.ignore(byte, 'extension');
      case 'size end':
        if (byte !== LF) return 'broken';
        return this.left === 0 ? 'line' : 'data';
      case 'data CR':
        return byte === CR ? 'data LF' : 'broken';
      case 'data LF':
        return byte === LF ? 'size' : 'broken';
      case 'line':
        return byte === CR ? 'last LF' : isNameByte(byte) ? this.ignore(byte, 'name') : 'broken';
      case 'name':
        if (byte === COLON) return this.ignore(byte, 'value');
        return isNameByte(byte) ? this.ignore(byte, 'name') : 'broken';
      case 'value':
        return byte === CR ? 'line end' : this.ignore(byte, 'value');
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

  /** Accepts a byte of an ignored part: any except CR and LF, which other parsers may take as the end of a line. */
  private ignore(byte: number, state: State): State {
    const isText = byte >= SPACE ? byte !== 127 : byte === TAB;
    return isText && ++this.ignoredBytes <= MAX_FRAMING_BYTES ? state : 'broken';
  }
}

/** Whether a byte may be part of a header name (RFC 9110 section 5.6.2). */
function isNameByte(byte: number): boolean {
  return byte < 128 && /[\w!#$%&'*+.^`|~-]/.test(String.fromCharCode(byte));
}
