/** Assembles complete lines from pieces, so that the lines of two outputs do not mix. */

const NEWLINE = 10;
/** A longer line is split. */
const MAX_HELD_BYTES = 64 * 1024;

export class LineAssembler {
  #held: Buffer[] = [];
  #heldBytes = 0;

  /** Adds a piece, and returns the lines that are complete now, if any. */
  push(piece: Buffer): Buffer | undefined {
    const end = piece.lastIndexOf(NEWLINE) + 1;
    const isTooLong = this.#heldBytes + piece.length - end > MAX_HELD_BYTES;
    const completeLength = isTooLong ? piece.length : end;
    const lines = completeLength === 0 ? undefined : Buffer.concat([...this.#held, piece.subarray(0, completeLength)]);
    if (lines !== undefined) {
      this.#held = [];
      this.#heldBytes = 0;
    }
    if (completeLength < piece.length) {
      this.#held.push(piece.subarray(completeLength));
      this.#heldBytes += piece.length - completeLength;
    }
    return lines;
  }

  /** The unfinished last line, completed with a newline. */
  rest(): Buffer | undefined {
    if (this.#heldBytes === 0) return undefined;
    const line = Buffer.concat([...this.#held, Buffer.of(NEWLINE)]);
    this.#held = [];
    this.#heldBytes = 0;
    return line;
  }
}
