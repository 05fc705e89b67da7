/** What a stream knows of the format of its bytes, where they have one: where a reader may begin, and what it must have read. */

/** Where a reader is to begin that wants to understand what it reads. */
export interface Join {
  readonly offset: number;
  /** What must come before the byte at `offset`; undefined where nothing must, or where it follows there by itself. */
  readonly header: Uint8Array | undefined;
  /** No place to begin is known from `offset` on yet: all up to the next is of no use. */
  readonly waits: boolean;
}

export interface StreamFormat {
  /** Bytes are about to be appended. Must be fast, and must not throw for any bytes. */
  take(bytes: Uint8Array, offset: number): void;
  /** The first place to begin from an offset on; undefined where none is known yet. */
  boundaryFrom(offset: number): number | undefined;
  /**
   * The same where places are found by looking at the bytes, in what only the stream's log has. Places that were found as
   * the bytes came are known without that.
   */
  boundaryInHistory?(offset: number): Promise<number>;
  /** @param wanted where a reader would begin otherwise @param start the oldest offset retained */
  join(wanted: number, start: number): Join | undefined;
  /** Its memory is not needed any more. */
  release(): void;
  /** The header that a reader has missed that has lost the bytes between two offsets. */
  headerLost(from: number, to: number): Uint8Array | undefined;
}
