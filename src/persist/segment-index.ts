/**
 * Index of the blocks of a segment. It reads their headers one after the other, without the data. After an invalid
 * header it searches for the next valid block, so that damage costs only the damaged bytes.
 */
import { firstWhere } from '../core/internal.ts';
import { ByteReader } from './byte-writer.ts';
import { type DiskFile, readExactly } from './disk.ts';
import { HEADER_BYTES, headerAt, isRecord, nextRecord, RECORD } from './record.ts';
import { endPlace, type Place, readUpdate } from './update.ts';

/** Bytes read of a block to find its start offset: the header, a part number and two integers. */
const BEGINNING_BYTES = HEADER_BYTES + 20;
/** Bytes searched at a time for a valid block, and the maximum length of a block: searches overlap by it. */
const SEARCHED_BYTES = 4 * 1024 * 1024;
const LONGEST_BLOCK_BYTES = 1024 * 1024;

/** A block: its start in the stream, and its position in the file. */
export interface BlockPlace {
  from: Place;
  position: number;
  length: number;
}

/** Receives a range of the file without a valid block, and the offset in the stream at which its bytes begin. */
export type DamageReporter = (from: number, to: number, offset: number) => void;

export class SegmentIndex {
  readonly #stream: number;
  /** The offset of the first byte. */
  readonly #base: number;
  readonly #salt: number;
  readonly #reportDamage: DamageReporter;
  // Per block. Arrays of numbers take a fraction of the memory of objects.
  readonly #offsets: number[] = [];
  readonly #chunks: number[] = [];
  readonly #positions: number[] = [];
  readonly #lengths: number[] = [];
  /** The length of the file indexed so far. */
  #length = 0;
  /** Settles when the current scan has finished: scans do not overlap. */
  #scanning: Promise<void> = Promise.resolve();

  constructor(stream: number, base: number, salt: number, reportDamage: DamageReporter) {
    this.#stream = stream;
    this.#base = base;
    this.#salt = salt;
    this.#reportDamage = reportDamage;
  }

  /** The index of the last block that begins at or before an offset of the stream; -1 if there is none. */
  find(offset: number): number {
    return firstWhere(this.#offsets.length, (n) => this.#offsets[n]! > offset) - 1;
  }

  at(index: number): BlockPlace | undefined {
    const position = this.#positions[index];
    if (position === undefined) return undefined;
    const from = { offset: this.#offsets[index]!, chunks: this.#chunks[index]! };
    return { from, position, length: this.#lengths[index]! };
  }

  /** Removes a block that turned out to be damaged. */
  drop({ from, position, length }: BlockPlace): void {
    const index = this.#positions.indexOf(position);
    // Another reader of the block has already removed it.
    if (index < 0) return;
    for (const of of [this.#offsets, this.#chunks, this.#positions, this.#lengths]) of.splice(index, 1);
    this.#reportDamage(position, position + length, from.offset);
  }

  isKnownTo(length: number): boolean {
    return this.#length >= length;
  }

  /**
   * Indexes a file up to a length.
   *
   * @param use opens the file for the scan
   */
  scan(length: number, use: (work: (file: DiskFile) => Promise<void>) => Promise<void>): Promise<void> {
    this.#scanning = this.#scanning.catch(() => undefined).then(() => use((file) => this.#scan(file, length)));
    return this.#scanning;
  }

  async #scan(file: DiskFile, length: number): Promise<void> {
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

  /** Skips to the next valid block. The previous header may have been the wrong one. */
  async #skipDamage(file: DiskFile, limit: number): Promise<void> {
    let damagedFrom = this.#length;
    let end = await this.#endOfLast(file);
    const last = this.at(this.#positions.length - 1);
    if (last !== undefined && end === undefined) {
      for (const of of [this.#offsets, this.#chunks, this.#positions, this.#lengths]) of.pop();
      damagedFrom = last.position;
      end = await this.#endOfLast(file);
    }
    const next = await this.#search(file, damagedFrom + 1, limit);
    if (next === undefined) this.#length = limit;
    else this.#push(next);
    this.#reportDamage(damagedFrom, next?.position ?? limit, end ?? last?.from.offset ?? this.#base);
  }

  /** The end of the last block in its stream; undefined if that block is damaged. */
  async #endOfLast(file: DiskFile): Promise<number | undefined> {
    const last = this.at(this.#positions.length - 1);
    if (last === undefined) return this.#base;
    const bytes = await readExactly(file, last.position, last.length);
    if (bytes === undefined || !isRecord(bytes, this.#salt)) return undefined;
    const chunks = readUpdate(bytes, HEADER_BYTES, bytes.length).bytes;
    return chunks === undefined ? undefined : endPlace(chunks).offset;
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
    // Skip the part number.
    const reader = new ByteReader(bytes, HEADER_BYTES + 1);
    const from = { offset: reader.number(), chunks: reader.number() };
    return { stream: header.stream, length: header.length, from, position };
  } catch (error) {
    // A number that exceeds the bytes read is invalid.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
