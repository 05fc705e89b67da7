/**
 * Compares the bytes that a reader receives with the written ones. Every wrong byte is an error; every lost byte must
 * be accounted for.
 */
import { content, distance, isContent, MARK, PERIOD } from './content.ts';

export class WrongBytes extends Error {}

/** A reader that receives its gaps: the next offset is always known. */
export class Cursor {
  readonly stream: number;
  offset: number;
  received = 0;
  skipped = 0;

  constructor(stream: number, offset: number) {
    this.stream = stream;
    this.offset = offset;
  }

  data(offset: number, bytes: Uint8Array): void {
    if (offset !== this.offset)
      throw new WrongBytes(`stream ${this.stream}: bytes at ${offset}, where ${this.offset} is next`);
    if (!isContent(this.stream, offset, bytes)) {
      throw new WrongBytes(`stream ${this.stream}: ${bytes.length} bytes at ${offset} are not what was written`);
    }
    this.offset += bytes.length;
    this.received += bytes.length;
  }

  gap(from: number, to: number): void {
    if (from !== this.offset || to <= from) {
      throw new WrongBytes(`stream ${this.stream}: a gap from ${from} to ${to}, where ${this.offset} is next`);
    }
    // A gap before any data consists of bytes that expired before the request: no loss.
    if (this.received + this.skipped > 0) this.skipped += to - from;
    this.offset = to;
  }

  /** Checks the offset of the end, and the total of the losses reported before it. */
  end(offset: number): void {
    if (offset !== this.offset)
      throw new WrongBytes(`stream ${this.stream}: an end at ${offset}, where ${this.offset} is next`);
  }
}

/**
 * A reader of raw bytes, in which losses are invisible: if the bytes are not contiguous, the next sixteen identify the
 * new position. The number of skipped bytes is known modulo the period, and checked against the one given at the end.
 */
export class RawCursor {
  readonly stream: number;
  /** Undefined: the start is unknown; the first bytes identify it, modulo the period. */
  private readonly start: number | undefined;
  /** Whether the position is known. Single bytes do not identify it: every value occurs at many offsets. */
  private isPlaced: boolean;
  private offset: number;
  received = 0;
  /** Modulo the period. */
  private jumped = 0;
  private joinedAt = 0;
  private held: Buffer = Buffer.alloc(0);

  constructor(stream: number, start: number | undefined) {
    this.stream = stream;
    this.start = start;
    this.isPlaced = start !== undefined;
    this.offset = start ?? 0;
  }

  data(bytes: Uint8Array): void {
    this.received += bytes.length;
    let rest: Uint8Array = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    this.held = Buffer.alloc(0);
    while (rest.length > 0) {
      const same = this.isPlaced ? this.same(rest) : 0;
      this.offset += same;
      rest = rest.subarray(same);
      if (rest.length === 0) return;
      if (rest.length < MARK) {
        this.held = Buffer.from(rest);
        return;
      }
      const jump = distance(this.stream, this.offset, rest);
      if (jump === undefined || (jump === 0 && this.isPlaced)) {
        throw new WrongBytes(`stream ${this.stream}: wrong bytes after ${this.received - rest.length} that were right`);
      }
      if (this.isPlaced) this.jumped += jump;
      else this.joinedAt = jump;
      this.isPlaced = true;
      this.offset += jump;
    }
  }

  /** The number of bytes that continue where the last ended. */
  private same(bytes: Uint8Array): number {
    const part = bytes.subarray(0, PERIOD);
    const expected = content(this.stream, this.offset, part.length);
    if (expected.compare(part) === 0) return part.length;
    let at = 0;
    while (expected[at] === part[at]) at++;
    return at;
  }

  /**
   * Checks the offset of the end, and the number of bytes lost.
   *
   * @param skippedFirst how many of them were lost before the first byte, if the start is unknown
   */
  end(offset: number, skipped: number, skippedFirst = 0): void {
    // Too few bytes after the last loss to identify their position: they must be the last ones of the stream.
    if (this.held.length > 0) {
      const rest = content(this.stream, offset - this.held.length, this.held.length);
      if (!rest.equals(this.held)) throw new WrongBytes(`stream ${this.stream}: wrong bytes at the end`);
    } else if ((skipped - skippedFirst - this.jumped) % PERIOD !== 0) {
      throw new WrongBytes(`stream ${this.stream}: ${skipped} bytes were lost, by their content ${this.jumped}`);
    }
    const start = this.start ?? offset - this.received - skipped;
    if (
      start + this.received + skipped !== offset ||
      (this.start === undefined && this.isPlaced && (start + skippedFirst - this.joinedAt) % PERIOD !== 0)
    ) {
      throw new WrongBytes(
        `stream ${this.stream}: ${this.received} received and ${skipped} lost, but it ended at ${offset}`,
      );
    }
  }
}
