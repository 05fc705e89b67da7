/**
 * Bytes as rows of sixteen, or of eight if no more fit, at their offsets in the stream. Up to a number of bytes is
 * kept; older bytes are dropped. A gap between bytes is a separate row, and so is the beginning of a new generation.
 */
export const HEX_ROW_BYTES = { wide: 16, narrow: 8 } as const;
export type HexRowBytes = (typeof HEX_ROW_BYTES)[keyof typeof HEX_ROW_BYTES];

const HEX_LIMIT_BYTES = 4 * 1024 * 1024;

const BLOCK_BYTES = 64 * 1024;

export type HexRow =
  /** `bytes` begin at `column` of the row, whose first column is at `offset`. */
  { type: 'bytes'; offset: number; column: number; bytes: Uint8Array } | Mark;

/** A row between bytes. */
type Mark =
  | { type: 'gap'; from: number; to: number }
  /** The following bytes belong to the next generation of the path. */
  | { type: 'recreated'; lastOffset: number };

/** Contiguous bytes. */
interface Part {
  from: number;
  to: number;
  /** Blocks of 64 KiB; the first begins at a multiple of every supported row length. */
  base: number;
  blocks: Uint8Array[];
  /** The number of its first row, and the mark before its bytes, which is a row. */
  firstRow: number;
  mark: Mark | undefined;
}

export class HexRows {
  readonly #limit: number;
  readonly #parts: Part[] = [];
  #bytes = 0;
  #first = 0;
  #rowBytes: HexRowBytes = HEX_ROW_BYTES.wide;

  constructor(limit = HEX_LIMIT_BYTES) {
    this.#limit = limit;
  }

  get first(): number {
    return this.#first;
  }

  get end(): number {
    const last = this.#parts.at(-1);
    return last === undefined ? this.#first : last.firstRow + this.#rowsOf(last);
  }

  /** Number of bytes kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get rowBytes(): HexRowBytes {
    return this.#rowBytes;
  }

  /** Changes the row length: all kept bytes form new rows with new numbers. */
  setRowBytes(rowBytes: HexRowBytes): void {
    this.#rowBytes = rowBytes;
    let row = this.#first;
    for (const part of this.#parts) {
      part.firstRow = row;
      row += this.#rowsOf(part);
    }
  }

  /** Copies `data`. Data that does not follow the last byte comes after a gap. */
  append(offset: number, data: Uint8Array): void {
    if (data.length === 0) return;
    let last = this.#parts.at(-1);
    if (last === undefined || last.to !== offset) {
      const isGap = last !== undefined && offset > last.to;
      last = this.#begin(offset, isGap ? { type: 'gap', from: last!.to, to: offset } : undefined);
    }
    this.#bytes += data.length;
    for (let rest = data; rest.length > 0; ) {
      const at = last.to - last.base;
      const block = Math.floor(at / BLOCK_BYTES);
      last.blocks[block] ??= new Uint8Array(BLOCK_BYTES);
      const part = rest.subarray(0, BLOCK_BYTES - (at % BLOCK_BYTES));
      last.blocks[block].set(part, at % BLOCK_BYTES);
      last.to += part.length;
      rest = rest.subarray(part.length);
    }
    this.#drop();
  }

  /** The next generation of the path: a mark replaces all rows, and offsets start again. */
  restart(lastOffset: number): void {
    this.#first = this.end;
    this.#parts.length = 0;
    this.#bytes = 0;
    this.#begin(0, { type: 'recreated', lastOffset });
  }

  #begin(from: number, mark: Mark | undefined): Part {
    const base = from - (from % HEX_ROW_BYTES.wide);
    const part: Part = { from, to: from, base, blocks: [], firstRow: this.end, mark };
    this.#parts.push(part);
    return part;
  }

  at(row: number): HexRow | undefined {
    const part = this.#parts.findLast(({ firstRow }) => firstRow <= row);
    if (part === undefined || row < this.#first || row >= part.firstRow + this.#rowsOf(part)) return undefined;
    let index = row - part.firstRow;
    if (part.mark !== undefined) {
      if (index === 0) return part.mark;
      index -= 1;
    }
    const offset = part.from - (part.from % this.#rowBytes) + index * this.#rowBytes;
    const from = Math.max(offset, part.from);
    const to = Math.min(offset + this.#rowBytes, part.to);
    // A row does not span two blocks, as both begin at a multiple of a row's bytes.
    const at = from - part.base;
    const block = part.blocks[Math.floor(at / BLOCK_BYTES)]!;
    const bytes = block.subarray(at % BLOCK_BYTES, (at % BLOCK_BYTES) + to - from);
    return { type: 'bytes', offset, column: from - offset, bytes };
  }

  /** The row that contains the byte at `offset`, or the nearest one. */
  rowOf(offset: number): number {
    const part = this.#parts.findLast(({ from }) => from <= offset);
    if (part === undefined) return this.#first;
    const aligned = part.from - (part.from % this.#rowBytes);
    const index = Math.floor((Math.min(offset, part.to - 1) - aligned) / this.#rowBytes);
    return part.firstRow + index + (part.mark === undefined ? 0 : 1);
  }

  /** Drops whole blocks from the front. */
  #drop(): void {
    while (this.#bytes > this.#limit) {
      const part = this.#parts[0]!;
      if (part.blocks.length <= 1) {
        if (this.#parts.length === 1) return;
        this.#bytes -= part.to - part.from;
        this.#parts.shift();
        this.#first = this.#parts[0]!.firstRow;
        continue;
      }
      part.blocks.shift();
      part.base += BLOCK_BYTES;
      this.#bytes -= part.base - part.from;
      part.firstRow += Math.ceil((part.base - (part.from - (part.from % this.#rowBytes))) / this.#rowBytes);
      if (part.mark !== undefined) part.firstRow += 1;
      part.mark = undefined;
      part.from = part.base;
      this.#first = part.firstRow;
    }
  }

  #rowsOf({ from, mark, to }: Part): number {
    const aligned = from - (from % this.#rowBytes);
    return Math.ceil((to - aligned) / this.#rowBytes) + (mark === undefined ? 0 : 1);
  }
}

/** `00 01 02 …` with a wider space in the middle, and the same bytes as characters. */
export function hexText(
  column: number,
  bytes: Uint8Array,
  rowBytes: HexRowBytes = HEX_ROW_BYTES.wide,
): { hex: string; characters: string } {
  let hex = '';
  let characters = '';
  for (let i = 0; i < rowBytes; i++) {
    const byte = i < column ? undefined : bytes[i - column];
    if (i > 0) hex += i === rowBytes / 2 ? '  ' : ' ';
    hex += byte === undefined ? '  ' : byte.toString(16).padStart(2, '0');
    characters += byte === undefined ? ' ' : byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
  }
  return { hex, characters };
}
