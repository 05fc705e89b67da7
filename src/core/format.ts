/** The format of a stream's bytes, if known: where a reader can begin, and the header that it needs first. */

/** The place at which a reader that decodes the format begins. */
export interface Join {
  readonly offset: number;
  /**
   * The header that must be sent before the byte at `offset`; undefined if none is needed or if the header itself
   * begins there.
   */
  readonly header: Uint8Array | undefined;
  /** No boundary is known at or after `offset` yet: the bytes before the next one are of no use. */
  readonly waits: boolean;
}

export interface StreamFormat {
  /** Scans bytes that are about to be appended. Must be fast, and must not throw for any input. */
  take(bytes: Uint8Array, offset: number): void;
  /** The first boundary at or after an offset; undefined while none is known. */
  boundaryFrom(offset: number): number | undefined;
  /**
   * Like {@link boundaryFrom}, for formats that find boundaries by reading the bytes: in the part that only the log
   * has. Formats that record boundaries as bytes arrive do not need it.
   */
  boundaryInHistory?(offset: number): Promise<number>;
  /**
   * @param wanted the offset at which a reader would begin without a format
   * @param start the oldest retained offset
   */
  join(wanted: number, start: number): Join | undefined;
  /** Releases the memory of the format. */
  release(): void;
  /** The header that a reader needs after losing the bytes between two offsets. */
  headerLost(from: number, to: number): Uint8Array | undefined;
}
