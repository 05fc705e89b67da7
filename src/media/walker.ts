/**
 * Bytes that come in pieces, read as a row of units: boxes, pages, frames. A unit's head is looked at as soon as enough of
 * it has arrived, however it was cut; the rest of it is skipped. It never fails, for any bytes.
 */
const NOTHING = new Uint8Array(0);

/** The same memory as a buffer, in which Node searches. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export abstract class Walker {
  /** The most bytes that {@link parse} may want to see before it decides. */
  protected abstract readonly maxHead: number;
  /** Bytes gone over are given to {@link recorded}. */
  protected isRecording = false;
  /** The beginning of a unit that is not all there. */
  private held: Uint8Array = NOTHING;
  /** Bytes to go over. */
  private skip = 0;
  /** Where the next bytes are expected. */
  private next = -1;

  /**
   * Looks at the bytes from `at` on, of which the first lies at `offset`. What it decides must not depend on how many there
   * are beyond those it needs.
   *
   * @returns how many bytes to go over, also some that have not come yet; 0: more must come first
   */
  protected abstract parse(bytes: Uint8Array, at: number, offset: number): number;

  /** Bytes between two positions that were gone over while recording. */
  protected abstract recorded(bytes: Uint8Array, from: number, to: number): void;

  /** Whether the format begins with these bytes. */
  protected begins(_bytes: Uint8Array): boolean {
    return false;
  }

  /** What comes next begins with a unit. */
  protected restarted(): void {}

  /** Bytes are missing before those that come next: they may begin within a unit. */
  protected lost(): void {}

  take(bytes: Uint8Array, offset: number): void {
    if (offset !== this.next) {
      this.reset();
      if (this.next >= 0) this.lost();
    } else if ((this.skip > 0 || this.held.length > 0) && this.begins(bytes)) {
      // A source that was cut within a unit has been started again: its rest will not come.
      this.reset();
      this.restarted();
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

  /** The next bytes are parsed as a head, although a unit was being skipped. */
  protected reset(): void {
    this.held = NOTHING;
    this.skip = 0;
  }

  /** What was held, and as many of the bytes behind it as a head there may need. */
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
