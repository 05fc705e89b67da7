/** Reading a stream's bytes back from where they lie. */
import { firstWhere } from '../core/internal.ts';
import { ByteReader } from './byte-writer.ts';
import { type DiskFile, readExactly } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import type { KnownStream } from './known-stream.ts';
import { journalPath, segmentPath } from './layout.ts';
import { HEADER_BYTES, headerAt, isRecord, RECORD, recordAt } from './record.ts';
import { blockAt } from './segment-blocks.ts';
import { type Extent, type LoggedChunks, type Place, placeBehind, readUpdate, type Segment } from './update.ts';

/** What is read of a block to find out where it begins in its stream. */
const BEGINNING_BYTES = HEADER_BYTES + 20;

/** Where blocks lie in a segment. */
interface SegmentIndex {
  /** As far as the file has been looked through. */
  length: number;
  froms: number[];
  positions: number[];
  /** Settles when the scan of the file is done: one at a time. */
  busy: Promise<void>;
}

/** Segments of which it is remembered where their blocks lie. */
const MAX_INDEXES = 256;

/** Records of a journal are read together: up to this many bytes, with at most this many between two of them. */
const TOGETHER = { bytes: 256 * 1024, between: 4 * 1024 } as const;
/** The same for a journal in memory: up to this many bytes of the stream. */
const HELD_TOGETHER_BYTES = 256 * 1024;
/** Journals that are held in memory, in bytes. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;

export type Found =
  | (LoggedChunks & {
      kind: 'chunks';
      to: Place;
      /** What it was read into, where it is a block of a segment. */
      memory?: Buffer | undefined;
    })
  /** Nothing can be read up to there: it is damaged, or was lost. */
  | { kind: 'hole'; to: Place };

export class LogReading {
  readonly #pool: FilePool;
  readonly #salt: number;
  readonly #indexes = new Map<string, SegmentIndex>();
  /** Journals that are in memory, while all streams are put together again. */
  readonly #held = new Map<string, Buffer>();

  constructor(pool: FilePool, salt: number) {
    this.#pool = pool;
    this.#salt = salt;
  }

  /**
   * Holds journals in memory until {@link release}: the bytes of all streams lie scattered over them, and each has a part
   * of hardly any size.
   */
  async hold(journals: readonly number[]): Promise<void> {
    let room = MAX_HELD_BYTES;
    for (const number of journals) {
      const path = journalPath(number);
      const bytes = await this.#pool
        .use(path, 'read', async (file) => {
          const size = await file.size();
          return size > room ? undefined : readExactly(file, 0, size);
        })
        .catch(() => undefined);
      if (bytes === undefined) continue;
      this.#held.set(path, bytes);
      room -= bytes.length;
    }
  }

  release(): void {
    this.#held.clear();
  }

  /**
   * The chunks that lie together around an offset from the floor of the stream to before its reach.
   *
   * @param take gives memory of at least so many bytes for a block
   */
  async at(known: KnownStream, offset: number, take: (length: number) => Buffer = newMemory): Promise<Found> {
    const { tail } = known;
    const behind = firstWhere(tail.length, (n) => tail[n]!.from.offset > offset);
    const extent = tail[behind - 1];
    if (extent !== undefined && offset < extent.to.offset) {
      const isHeld = this.#held.has(journalPath(extent.journal));
      return this.#inJournal(together(tail, behind - 1, isHeld));
    }
    const segment = known.segments.findLast(({ base }) => base <= offset);
    if (segment !== undefined && offset < segment.to.offset) return this.#inSegment(known.id, segment, offset, take);
    return { kind: 'hole', to: this.#nextPlace(known, offset) };
  }

  /** A stream that is written to in small pieces has a record for each: one read is for as many as lie close together. */
  async #inJournal(extents: readonly Extent[]): Promise<Found> {
    const first = extents[0]!;
    let chunks = await this.#chunksOf(extents);
    // Where that cannot be read, perhaps it is not the first of them that cannot.
    if (chunks.length === 0 && extents.length > 1) chunks = await this.#chunksOf([first]);
    if (chunks.length === 0) return { kind: 'hole', to: first.to };
    const { from, lengths, data } = chunks[0]!;
    const { to } = extents[chunks.length - 1]!;
    if (chunks.length === 1) return { kind: 'chunks', from, lengths, data, to };
    return {
      kind: 'chunks',
      from,
      lengths: chunks.flatMap((one) => [...one.lengths]),
      data: Buffer.concat(chunks.map((one) => one.data)),
      to,
    };
  }

  /** What records say that follow one another, up to the first that is damaged. */
  async #chunksOf(extents: readonly Extent[]): Promise<LoggedChunks[]> {
    const { journal, position: start } = extents[0]!;
    const last = extents.at(-1)!;
    const bytes = await this.#bytes(journalPath(journal), start, last.position + last.length - start);
    const found: LoggedChunks[] = [];
    if (bytes === undefined) return found;
    for (const { length, position } of extents) {
      const record = bytes.subarray(position - start, position - start + length);
      const chunks = isRecord(record, this.#salt) ? readUpdate(record, HEADER_BYTES, length).bytes : undefined;
      if (chunks === undefined) break;
      found.push(chunks);
    }
    return found;
  }

  #nextPlace({ reach, segments, tail }: KnownStream, offset: number): Place {
    const segment = segments.find(({ base }) => base > offset);
    if (segment !== undefined) return { offset: segment.base, chunks: segment.chunks };
    return tail.find(({ from }) => from.offset > offset)?.from ?? reach;
  }

  async #inSegment(stream: number, segment: Segment, offset: number, take: (length: number) => Buffer): Promise<Found> {
    const path = segmentPath(stream, segment.base);
    let index: SegmentIndex;
    try {
      index = await this.#index(path, stream, segment);
    } catch {
      return { kind: 'hole', to: segment.to };
    }
    const at = firstWhere(index.froms.length, (n) => index.froms[n]! > offset) - 1;
    const next = index.froms[at + 1] ?? segment.to.offset;
    const position = index.positions[at];
    if (position === undefined) return { kind: 'hole', to: { offset: next, chunks: segment.chunks } };
    const end = index.positions[at + 1] ?? segment.length;
    const memory = take(end - position);
    const bytes = await this.#block(path, position, memory.subarray(0, end - position));
    const record = bytes === undefined ? undefined : recordAt(bytes, 0, this.#salt);
    const chunks = record?.length === end - position ? blockAt(bytes!, record, stream) : undefined;
    if (chunks === undefined) {
      // How many chunks it had is said by the block behind it, or by the segment.
      const behind =
        index.froms[at + 1] === undefined ? segment.to : await this.#placeOf(path, index.positions[at + 1]!);
      return { kind: 'hole', to: behind ?? segment.to };
    }
    const to = placeBehind(chunks);
    return offset < to.offset ? { kind: 'chunks', ...chunks, to, memory } : { kind: 'hole', to: segment.to };
  }

  async #block(path: string, position: number, into: Buffer): Promise<Buffer | undefined> {
    try {
      const length = await this.#pool.use(path, 'read', (file) => file.read(into, position));
      return length === into.length ? into : undefined;
    } catch {
      // The file is not there any more, or the disk cannot read it.
      return undefined;
    }
  }

  async #placeOf(path: string, position: number): Promise<Place | undefined> {
    const bytes = await this.#bytes(path, position, BEGINNING_BYTES);
    return bytes === undefined ? undefined : beginningOf(bytes)?.from;
  }

  async #bytes(path: string, position: number, length: number): Promise<Buffer | undefined> {
    const held = this.#held.get(path)?.subarray(position, position + length);
    if (held?.length === length) return held;
    try {
      return await this.#pool.use(path, 'read', (file) => readExactly(file, position, length));
    } catch {
      // The file is not there any more, or the disk cannot read it.
      return undefined;
    }
  }

  async #index(path: string, stream: number, segment: Segment): Promise<SegmentIndex> {
    let index = this.#indexes.get(path);
    if (index === undefined) {
      index = { length: 0, froms: [], positions: [], busy: Promise.resolve() };
      if (this.#indexes.size >= MAX_INDEXES) this.#indexes.delete(this.#indexes.keys().next().value!);
      this.#indexes.set(path, index);
    }
    if (index.length < segment.length) {
      const known = index;
      known.busy = known.busy
        .catch(() => undefined)
        .then(() => this.#pool.use(path, 'read', (file) => lookThrough(file, known, stream, segment.length)));
      await known.busy;
    }
    return index;
  }

  /** A file is gone, or has been cut. */
  forget(path: string): void {
    this.#indexes.delete(path);
  }
}

function newMemory(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length);
}

/** The extents from one on that are to be read with it: each begins where the one before it ends. */
function together(tail: readonly Extent[], index: number, isHeld: boolean): Extent[] {
  const first = tail[index]!;
  const found = [first];
  for (let last = first, n = index + 1; n < tail.length; n++) {
    const next = tail[n]!;
    const between = next.position - last.position - last.length;
    if (next.journal !== first.journal || next.from.offset !== last.to.offset) break;
    const isFar = between > TOGETHER.between || next.position + next.length - first.position > TOGETHER.bytes;
    if (isHeld ? next.to.offset - first.from.offset > HELD_TOGETHER_BYTES : isFar) break;
    found.push(next);
    last = next;
  }
  return found;
}

async function lookThrough(file: DiskFile, index: SegmentIndex, stream: number, length: number): Promise<void> {
  while (index.length < length) {
    const position = index.length;
    const bytes = Buffer.alloc(BEGINNING_BYTES);
    await file.read(bytes, position);
    const beginning = beginningOf(bytes);
    // After a damaged header it is unknown where the next block begins.
    if (beginning === undefined || beginning.stream !== stream) return;
    index.froms.push(beginning.from.offset);
    index.positions.push(position);
    index.length = position + beginning.length;
  }
}

function beginningOf(bytes: Buffer): { stream: number; length: number; from: Place } | undefined {
  const header = headerAt(bytes, 0);
  if (header === undefined || header.type !== RECORD.block) return undefined;
  // The number of the part comes first.
  const reader = new ByteReader(bytes, HEADER_BYTES + 1);
  const from = { offset: reader.number(), chunks: reader.number() };
  return { stream: header.stream, length: header.length, from };
}
