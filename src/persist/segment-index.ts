/**
 * Where the blocks of a segment lie. Their headers are read one after the other, without the bytes behind them; where one
 * is no header, the next good block is looked for behind it, so damage costs what is damaged and nothing around it.
 */
import { firstWhere } from '../core/internal.ts';
import { ByteReader } from './byte-writer.ts';
import { type DiskFile, readExactly } from './disk.ts';
import { HEADER_BYTES, headerAt, isRecord, nextRecord, RECORD } from './record.ts';
import { type Place, placeBehind, readUpdate } from './update.ts';

/** What is read of a block to find out where it begins in its stream: the header, the number of a part, two numbers. */
const BEGINNING_BYTES = HEADER_BYTES + 20;
/** What is searched at once for a good block, and how long one can be at most: it must not be cut by the end of that. */
const SEARCHED_BYTES = 4 * 1024 * 1024;
const LONGEST_BLOCK_BYTES = 1024 * 1024;

/** A block: where it begins in its stream, and where it lies in the file. */
export interface BlockPlace {
  from: Place;
  position: number;
  length: number;
}

/** Bytes of the file, from one position to another, that are no good block, and the offset where those of the stream begin. */
export type TellDamage = (from: number, to: number, offset: number) => void;

export class SegmentIndex {
  readonly #stream: number;
  /** The offset of the first byte. */
  readonly #base: number;
  readonly #salt: number;
  readonly #tellDamage: TellDamage;
  // Of each block; numbers in arrays take a fraction of what objects do.
  readonly #offsets: number[] = [];
  readonly #chunks: number[] = [];
  readonly #positions: number[] = [];
  readonly #lengths: number[] = [];
  /** As far as the file has been looked through. */
  #length = 0;
  /** Settles when that is done: one at a time. */
  #looking: Promise<void> = Promise.resolve();

  constructor(stream: number, base: number, salt: number, tellDamage: TellDamage) {
    this.#stream = stream;
    this.#base = base;
    this.#salt = salt;
    this.#tellDamage = tellDamage;
  }

  /** The number of the last block that begins at or before an offset of the stream; -1: none does. */
  find(offset: number): number {
    return firstWhere(this.#offsets.length, (n) => this.#offsets[n]! > offset) - 1;
  }

  at(index: number): BlockPlace | undefined {
    const position = this.#positions[index];
    if (position === undefined) return undefined;
    const from = { offset: this.#offsets[index]!, chunks: this.#chunks[index]! };
    return { from, position, length: this.#lengths[index]! };
  }

  /** A block turned out to be damaged: nothing is looked for in it any more. */
  drop({ from, position, length }: BlockPlace): void {
    const index = this.#positions.indexOf(position);
    // Another that read it at the same time has done so.
    if (index < 0) return;
    for (const of of [this.#offsets, this.#chunks, this.#positions, this.#lengths]) of.splice(index, 1);
    this.#tellDamage(position, position + length, from.offset);
  }

  isKnownTo(length: number): boolean {
    return this.#length >= length;
  }

  /** Looks through a file up to a length. @param use opens it for that */
  lookThrough(length: number, use: (work: (file: DiskFile) => Promise<void>) => Promise<void>): Promise<void> {
    this.#looking = this.#looking.catch(() => undefined).then(() => use((file) => this.#lookThrough(file, length)));
    return this.#looking;
  }

  async #lookThrough(file: DiskFile, length: number): Promise<void> {
    const bytes = Buffer.alloc(BEGINNING_BYTES);
    while (this.#length < length) {
      const read = await file.read(bytes, this.#length);
      const block = beginningOf(bytes.subarray(0, read), this.#length);
      if (block !== undefined && this.#isNext(block, length)) this.#push(block);
      else await this.#skipDamage(file, length);
    }
  }

  #isNext({ from, position, length, stream }: FoundBlock, limit: number): boolean {
    return (
      stream === this.#stream &&
      position + length <= limit &&
      from.offset > (this.#offsets.at(-1) ?? Number.NEGATIVE_INFINITY)
    );
  }

  #push({ from, position, length }: BlockPlace): void {
    this.#offsets.push(from.offset);
    this.#chunks.push(from.chunks);
    this.#positions.push(position);
    this.#lengths.push(length);
    this.#length = position + length;
  }

  /** Goes on with the next good block. Perhaps it was the header before that said something wrong. */
  async #skipDamage(file: DiskFile, limit: number): Promise<void> {
    let damagedFrom = this.#length;
    let behind = await this.#behindLast(file);
    const last = this.at(this.#positions.length - 1);
    if (last !== undefined && behind === undefined) {
      for (const of of [this.#offsets, this.#chunks, this.#positions, this.#lengths]) of.pop();
      damagedFrom = last.position;
      behind = await this.#behindLast(file);
    }
    const next = await this.#search(file, damagedFrom + 1, limit);
    if (next === undefined) this.#length = limit;
    else this.#push(next);
    this.#tellDamage(damagedFrom, next?.position ?? limit, behind ?? last?.from.offset ?? this.#base);
  }

  /** Where the last block ends in its stream, if that is good. */
  async #behindLast(file: DiskFile): Promise<number | undefined> {
    const last = this.at(this.#positions.length - 1);
    if (last === undefined) return this.#base;
    const bytes = await readExactly(file, last.position, last.length);
    if (bytes === undefined || !isRecord(bytes, this.#salt)) return undefined;
    const chunks = readUpdate(bytes, HEADER_BYTES, bytes.length).bytes;
    return chunks === undefined ? undefined : placeBehind(chunks).offset;
  }

  async #search(file: DiskFile, start: number, limit: number): Promise<FoundBlock | undefined> {
    for (let at = start; at < limit; ) {
      const bytes = Buffer.allocUnsafeSlow(Math.min(SEARCHED_BYTES, limit - at));
      const read = bytes.subarray(0, await file.read(bytes, at));
      for (let from = 0; ; ) {
        const record = nextRecord(read, from, this.#salt);
        if (record === undefined) break;
        const block = beginningOf(read.subarray(record.position), at + record.position);
        if (block !== undefined && this.#isNext(block, limit)) return block;
        from = record.position + record.length;
      }
      if (at + bytes.length >= limit || read.length < bytes.length) return undefined;
      at += bytes.length - LONGEST_BLOCK_BYTES;
    }
    return undefined;
  }
}

type FoundBlock = BlockPlace & { stream: number };

function beginningOf(bytes: Buffer, position: number): FoundBlock | undefined {
  const header = headerAt(bytes, 0);
  if (header === undefined || header.type !== RECORD.block) return undefined;
  try {
    // The number of the part comes first.
    const reader = new ByteReader(bytes, HEADER_BYTES + 1);
    const from = { offset: reader.number(), chunks: reader.number() };
    return { stream: header.stream, length: header.length, from, position };
  } catch (error) {
    // Numbers that go on beyond what was read are none.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
