/** Reading a stream's bytes back from where they lie. */
import { ByteReader } from './byte-writer.ts';
import { type DiskFile, readExactly } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import type { KnownStream } from './known-stream.ts';
import { journalPath, segmentPath } from './layout.ts';
import { HEADER_BYTES, headerAt, RECORD, recordAt } from './record.ts';
import { type LoggedChunks, type Place, placeBehind, readUpdate, type Segment } from './update.ts';

/** What is read of a block to find out where it begins in its stream. */
const BEGINNING_BYTES = HEADER_BYTES + 20;

/** Where blocks lie in a segment. */
interface SegmentIndex {
  /** As far as the file has been looked through. */
  length: number;
  froms: number[];
  positions: number[];
  /** Settles when nobody looks through it: one at a time. */
  busy: Promise<void>;
}

/** Segments of which it is remembered where their blocks lie. */
const MAX_INDEXES = 256;

export type Found =
  | (LoggedChunks & { kind: 'chunks'; to: Place })
  /** Nothing can be read up to there: it is damaged, or was lost. */
  | { kind: 'hole'; to: Place };

export class LogReading {
  readonly #pool: FilePool;
  readonly #salt: number;
  readonly #indexes = new Map<string, SegmentIndex>();

  constructor(pool: FilePool, salt: number) {
    this.#pool = pool;
    this.#salt = salt;
  }

  /** The chunks that lie together around an offset from the floor of the stream to before its reach. */
  async at(known: KnownStream, offset: number): Promise<Found> {
    const extent = known.tail.findLast(({ from }) => from.offset <= offset);
    if (extent !== undefined && offset < extent.to.offset) {
      const bytes = await this.#record(journalPath(extent.journal), extent.position, extent.length);
      const chunks = bytes === undefined ? undefined : readUpdate(bytes, HEADER_BYTES, bytes.length).bytes;
      return chunks === undefined ? { kind: 'hole', to: extent.to } : { kind: 'chunks', ...chunks, to: extent.to };
    }
    const segment = known.segments.findLast(({ base }) => base <= offset);
    if (segment !== undefined && offset < segment.to.offset) return this.#inSegment(known.id, segment, offset);
    return { kind: 'hole', to: this.#nextPlace(known, offset) };
  }

  #nextPlace({ reach, segments, tail }: KnownStream, offset: number): Place {
    const segment = segments.find(({ base }) => base > offset);
    if (segment !== undefined) return { offset: segment.base, chunks: segment.chunks };
    return tail.find(({ from }) => from.offset > offset)?.from ?? reach;
  }

  async #inSegment(stream: number, segment: Segment, offset: number): Promise<Found> {
    const path = segmentPath(stream, segment.base);
    let index: SegmentIndex;
    try {
      index = await this.#index(path, stream, segment);
    } catch {
      return { kind: 'hole', to: segment.to };
    }
    const at = index.froms.findLastIndex((from) => from <= offset);
    const next = index.froms[at + 1] ?? segment.to.offset;
    const position = index.positions[at];
    if (position === undefined) return { kind: 'hole', to: { offset: next, chunks: segment.chunks } };
    const end = index.positions[at + 1] ?? segment.length;
    const bytes = await this.#record(path, position, end - position);
    const chunks = bytes === undefined ? undefined : blockIn(bytes, stream);
    if (chunks === undefined) {
      // How many chunks it had is said by the block behind it, or by the segment.
      const behind =
        index.froms[at + 1] === undefined ? segment.to : await this.#placeOf(path, index.positions[at + 1]!);
      return { kind: 'hole', to: behind ?? segment.to };
    }
    const to = placeBehind(chunks);
    return offset < to.offset ? { kind: 'chunks', ...chunks, to } : { kind: 'hole', to: segment.to };
  }

  async #placeOf(path: string, position: number): Promise<Place | undefined> {
    const bytes = await this.#pool.use(path, 'read', (file) => readExactly(file, position, BEGINNING_BYTES));
    return bytes === undefined ? undefined : beginningOf(bytes)?.from;
  }

  async #record(path: string, position: number, length: number): Promise<Buffer | undefined> {
    try {
      const bytes = await this.#pool.use(path, 'read', (file) => readExactly(file, position, length));
      return bytes !== undefined && recordAt(bytes, 0, this.#salt)?.length === length ? bytes : undefined;
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

async function lookThrough(file: DiskFile, index: SegmentIndex, stream: number, length: number): Promise<void> {
  while (index.length < length) {
    const position = index.length;
    const bytes = Buffer.alloc(BEGINNING_BYTES);
    await file.read(bytes, position);
    const beginning = beginningOf(bytes);
    // Behind a header that is damaged nobody can say where the next block begins.
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

/** The chunks of a block that is good. */
export function blockIn(bytes: Buffer, stream: number): LoggedChunks | undefined {
  const header = headerAt(bytes, 0);
  if (header === undefined || header.type !== RECORD.block || header.stream !== stream) return undefined;
  return readUpdate(bytes, HEADER_BYTES, bytes.length).bytes;
}
