/**
 * An incremental scanner that reads pieces of bytes as a sequence of units, such as boxes, pages or frames. It parses
 * the head of a unit as soon as enough of it has arrived, however the pieces are split, and skips the rest. It never
 * fails, for any input.
 */
const NOTHING = new Uint8Array(0);

/** A Buffer view of the same memory, for its native search. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export abstract class Scanner {
  /** The maximum number of bytes that {@link parse} needs for a decision. */
  protected abstract readonly maxHead: number;
  /** While true, skipped bytes are passed to {@link recorded}. */
  protected isRecording = false;
  /** The start of a unit whose head is incomplete. */
  private held: Uint8Array = NOTHING;
  /** The number of bytes still to skip. */
  private skip = 0;
  /** The expected offset of the next piece. */
  private next = -1;

  /**
   * Parses the bytes from `at` on, the first of which has the stream offset `offset`. The decision must not depend on
   * how many bytes follow those that it needs.
   *
   * @returns the number of bytes to skip, which may exceed the available bytes; 0: more bytes are needed
   */
  protected abstract parse(bytes: Uint8Array, at: number, offset: number): number;

  /** Receives skipped bytes while recording. */
  protected abstract recorded(bytes: Uint8Array, from: number, to: number): void;

  /** Whether a new header begins with these bytes. */
  protected begins(_bytes: Uint8Array): boolean {
    return false;
  }

  /** The source has restarted: the next bytes begin a unit. */
  protected onRestart(): void {}

  /** Bytes are missing before the next piece, which may begin within a unit. */
  protected onGap(): void {}

  take(bytes: Uint8Array, offset: number): void {
    if (offset !== this.next) {
      this.reset();
      if (this.next >= 0) this.onGap();
    } else if ((this.skip > 0 || this.held.length > 0) && this.begins(bytes)) {
      // A source that was interrupted within a unit has restarted: the rest of that unit will not arrive.
      this.reset();
      this.onRestart();
    }
    this.next = offset + bytes.length;
    const { held } = this;
    const before = held.length;
    const total = before + bytes.length;
    const base = offset - before;
    let at = Math.min(this.skip, total);
    this.skip -= at;
    if (this.isRecording) this.record(held, bytes, 0, at);
    const seam = at < before ? this.seam(held, bytes) : NOTHING;
    while (at < total) {
      let length: number;
      if (at >= before) length = this.parse(bytes, at - before, base + at);
      else length = this.parse(seam, at, base + at);
      if (length === 0) {
        if (total - at < this.maxHead) break;
        length = 1;
      }
      const here = Math.min(length, total - at);
      if (this.isRecording) this.record(held, bytes, at, at + here);
      at += here;
      this.skip = length - here;
    }
    if (at < total) this.held = at < before ? seam.slice(at) : bytes.slice(at - before);
    else if (before > 0) this.held = NOTHING;
  }

  /** Stops skipping: the next bytes are parsed as a head. */
  protected reset(): void {
    this.held = NOTHING;
    this.skip = 0;
  }

  /** The held bytes, followed by as many new bytes as a head within them may need. */
  private seam(held: Uint8Array, bytes: Uint8Array): Uint8Array {
    const more = Math.min(bytes.length, this.maxHead);
    const joined = new Uint8Array(held.length + more);
    joined.set(held);
    joined.set(bytes.subarray(0, more), held.length);
    return joined;
  }

  private record(held: Uint8Array, bytes: Uint8Array, from: number, to: number): void {
    const before = held.length;
    if (from < before) this.recorded(held, from, Math.min(to, before));
    if (to > before) this.recorded(bytes, Math.max(0, from - before), to - before);
  }
}
