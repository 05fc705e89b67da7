/** Reads the bytes of streams back from journals and segments. */
import { firstWhere } from '../core/internal.ts';
import type { BlockBuffer } from './block-memory.ts';
import { codeOf, lacksDescriptors, readExactly } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import type { KnownStream } from './known-stream.ts';
import { journalPath, segmentPath } from './layout.ts';
import { HEADER_BYTES, isRecord, recordAt } from './record.ts';
import type { LogDamage } from './recovery.ts';
import { blockAt } from './segment-blocks.ts';
import { SegmentIndex } from './segment-index.ts';
import { type Extent, endPlace, type LoggedChunks, type Place, readUpdate, type Segment } from './update.ts';

/** Segments whose block index is cached. */
const MAX_INDEXES = 256;

/** Adjacent records of a journal are read together: up to this many bytes in total, with gaps of at most this size. */
const MERGED_READ = { maxBytes: 256 * 1024, maxGap: 4 * 1024 } as const;

export type Found =
  | (LoggedChunks & {
      kind: 'chunks';
      to: Place;
      /** The memory used for a block of a segment. */
      memory?: BlockBuffer | undefined;
    })
  /** Nothing is readable up to `to`: the bytes are damaged or lost. */
  | { kind: 'hole'; to: Place };

/** Receives reports of bytes that are not as they were written. */
export interface DamageListener {
  /** Whether a file should still exist: a slow reader may ask for one that has been removed. */
  isNeeded(file: string): boolean;
  /** Called once for each place. */
  damaged(damage: LogDamage): void;
}

export class LogReader {
  readonly #pool: FilePool;
  readonly #salt: number;
  readonly #listener: DamageListener | undefined;
  readonly #indexes = new Map<string, SegmentIndex>();
  /** The positions reported, by file; -1 for the whole file. */
  readonly #reported = new Map<string, Set<number>>();

  constructor(pool: FilePool, salt: number, listener?: DamageListener) {
    this.#pool = pool;
    this.#salt = salt;
    this.#listener = listener;
  }

  /**
   * Reads the chunks stored together around an offset, which must be between the floor and the reach of the stream.
   *
   * @param take allocates at least `length` bytes for a block
   * @throws EMFILE, ENFILE: the bytes are not lost
   */
  async at(known: KnownStream, offset: number, take: (length: number) => BlockBuffer = newMemory): Promise<Found> {
    const { tail } = known;
    const next = firstWhere(tail.length, (n) => tail[n]!.from.offset > offset);
    const extent = tail[next - 1];
    if (extent !== undefined && offset < extent.to.offset) {
      return this.#inJournal(known, contiguousExtents(tail, next - 1));
    }
    const segment = known.segments.findLast(({ base }) => base <= offset);
    if (segment !== undefined && offset < segment.to.offset) return this.#inSegment(known, segment, offset, take);
    return { kind: 'hole', to: this.#nextPlace(known, offset) };
  }

  /** A stream with small appends has one record for each. Records that are close together are read together. */
  async #inJournal(known: KnownStream, extents: readonly Extent[]): Promise<Found> {
    const first = extents[0]!;
    let chunks = await this.#chunksOf(known, extents);
    // If the read fails, a later extent may be the cause: try the first one alone.
    if (chunks.length === 0 && extents.length > 1) chunks = await this.#chunksOf(known, [first]);
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

  /** The chunks of consecutive records, up to the first damaged one. */
  async #chunksOf(known: KnownStream, extents: readonly Extent[]): Promise<LoggedChunks[]> {
    const { journal, position: start } = extents[0]!;
    const last = extents.at(-1)!;
    const path = journalPath(journal);
    const found: LoggedChunks[] = [];
    const length = last.position + last.length - start;
    const bytes = await this.#bytesOf(known, path, start, length, extents.length === 1);
    if (bytes === undefined) return found;
    for (const { from, length, position, to } of extents) {
      const record = bytes.subarray(position - start, position - start + length);
      const chunks = isRecord(record, this.#salt) ? readUpdate(record, HEADER_BYTES, length).bytes : undefined;
      if (chunks === undefined) {
        const problem = `damaged: offsets ${from.offset} to ${to.offset}, of ${known.label}`;
        this.#reportOnce({ file: path, from: position, to: position + length, problem });
        break;
      }
      found.push(chunks);
    }
    return found;
  }

  #nextPlace({ reach, segments, tail }: KnownStream, offset: number): Place {
    const segment = segments.find(({ base }) => base > offset);
    if (segment !== undefined) return { offset: segment.base, chunks: segment.chunks };
    return tail.find(({ from }) => from.offset > offset)?.from ?? reach;
  }

  async #inSegment(
    known: KnownStream,
    segment: Segment,
    offset: number,
    take: (length: number) => BlockBuffer,
  ): Promise<Found> {
    const { id } = known;
    const path = segmentPath(id, segment.base);
    let index: SegmentIndex;
    try {
      index = await this.#index(path, known, segment);
    } catch (error) {
      if (lacksDescriptors(error)) throw error;
      this.#reportUnreadable(known, path, 0, segment.length, error);
      return { kind: 'hole', to: segment.to };
    }
    for (;;) {
      const at = index.find(offset);
      const block = index.at(at);
      const next = index.at(at + 1)?.from ?? segment.to;
      if (block === undefined) return { kind: 'hole', to: next };
      const { length, position } = block;
      const memory = take(length);
      const bytes = await this.#blockBytes(known, path, position, memory.bytes.subarray(0, length));
      if (bytes === undefined) return { kind: 'hole', to: next };
      const record = recordAt(bytes, 0, this.#salt);
      const chunks = record?.length === length ? blockAt(bytes, record, id) : undefined;
      if (chunks !== undefined) {
        const to = endPlace(chunks);
        return offset < to.offset ? { kind: 'chunks', ...chunks, to, memory } : { kind: 'hole', to: next };
      }
      // The start of this block was part of the damage: the previous block may contain the offset.
      index.drop(block);
    }
  }

  async #blockBytes(known: KnownStream, path: string, position: number, into: Buffer): Promise<Buffer | undefined> {
    try {
      const length = await this.#pool.use(path, 'read', (file) => file.read(into, position));
      if (length === into.length) return into;
      this.#reportShorter(known, path, position, into.length);
    } catch (error) {
      if (lacksDescriptors(error)) throw error;
      this.#reportUnreadable(known, path, position, into.length, error);
    }
    return undefined;
  }

  async #bytesOf(
    known: KnownStream,
    path: string,
    position: number,
    length: number,
    isWanted: boolean,
  ): Promise<Buffer | undefined> {
    try {
      const bytes = await this.#pool.use(path, 'read', (file) => readExactly(file, position, length));
      if (bytes !== undefined) return bytes;
      // The caller retries a failed read of several extents with the first one alone.
      if (isWanted) this.#reportShorter(known, path, position, length);
    } catch (error) {
      if (lacksDescriptors(error)) throw error;
      if (isWanted) this.#reportUnreadable(known, path, position, length, error);
    }
    return undefined;
  }

  async #index(path: string, known: KnownStream, segment: Segment): Promise<SegmentIndex> {
    let index = this.#indexes.get(path);
    if (index === undefined) {
      index = new SegmentIndex(known.id, segment.base, this.#salt, (from, to, offset) => {
        const problem = `damaged: from offset ${offset} on, of ${known.label}`;
        this.#reportOnce({ file: path, from, to, problem });
      });
      if (this.#indexes.size >= MAX_INDEXES) this.#indexes.delete(this.#indexes.keys().next().value!);
      this.#indexes.set(path, index);
    }
    if (!index.isKnownTo(segment.length)) {
      await index.scan(segment.length, (work) => this.#pool.use(path, 'read', work));
    }
    return index;
  }

  /** Called when a file has been removed or truncated. */
  forget(path: string): void {
    this.#indexes.delete(path);
    this.#reported.delete(path);
  }

  // ── unreadable bytes ───────────────────────────────────────────────────────────────────────────────────────────

  #reportShorter(known: KnownStream, file: string, position: number, length: number): void {
    const problem = `missing: the file has become shorter, of ${known.label}`;
    this.#reportOnce({ file, from: position, to: position + length, problem });
  }

  #reportUnreadable(known: KnownStream, file: string, position: number, length: number, error: unknown): void {
    const code = codeOf(error);
    if (code === 'ENOENT') this.#reportOnce({ file, problem: `the whole file is missing, of ${known.label}` });
    else
      this.#reportOnce({
        file,
        from: position,
        to: position + length,
        problem: `it cannot be read (${code ?? String(error)}), of ${known.label}`,
      });
  }

  #reportOnce(damage: LogDamage): void {
    const { file, from = -1 } = damage;
    let reported = this.#reported.get(file);
    if (reported?.has(from) || this.#listener?.isNeeded(file) !== true) return;
    if (reported === undefined) {
      reported = new Set();
      this.#reported.set(file, reported);
    }
    reported.add(from);
    this.#listener.damaged(damage);
  }
}

function newMemory(length: number): BlockBuffer {
  return { bytes: Buffer.allocUnsafeSlow(length) };
}

/** The extents to read together with the one at `index`: contiguous in the stream and close together in the journal. */
function contiguousExtents(tail: readonly Extent[], index: number): Extent[] {
  const first = tail[index]!;
  const found = [first];
  for (let last = first, n = index + 1; n < tail.length; n++) {
    const next = tail[n]!;
    const between = next.position - last.position - last.length;
    if (next.journal !== first.journal || next.from.offset !== last.to.offset) break;
    const isFar = between > MERGED_READ.maxGap || next.position + next.length - first.position > MERGED_READ.maxBytes;
    if (isFar) break;
    found.push(next);
    last = next;
  }
  return found;
}
