/** Writes the bytes of a stream to its segments, in blocks of up to 256 KiB that end at chunk boundaries. */
import type { RingStream } from '../core/internal.ts';
import { ByteWriter } from './byte-writer.ts';
import { appendAt, type OpenMode } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import type { KnownStream } from './known-stream.ts';
import { segmentPath } from './layout.ts';
import { putRecord, RECORD } from './record.ts';
import { type Chunks, endPlace, type Place, putChunks, type Segment } from './update.ts';

/** The maximum length of a block, unless a single chunk is longer. */
const BLOCK_BYTES = 256 * 1024;

/** Chunks, and access to their bytes. */
export interface Source extends Chunks {
  /** The bytes between two offsets, without copying. */
  partsOf(from: number, to: number): Uint8Array[];
}

/** Chunks in a buffer. */
export function sourceOf(chunks: Chunks, data: Uint8Array): Source {
  const { offset } = chunks.from;
  return { ...chunks, partsOf: (from, to) => [data.subarray(from - offset, to - offset)] };
}

/** The chunks in the ring of a stream from a place to its end. */
export function sourceIn(stream: RingStream, from: Place): Source {
  const { ring } = stream;
  const lengths: number[] = [];
  for (let at = from.offset; at < ring.end; ) {
    const end = ring.chunkEnd(at);
    lengths.push(end - at);
    at = end;
  }
  const partsOf = (start: number, end: number) => {
    const parts: Uint8Array[] = [];
    for (let at = start; at < end; ) {
      const slab = ring.locate(at);
      const to = Math.min(slab.end, end);
      parts.push(slab.borrow(at, to));
      at = to;
    }
    return parts;
  };
  return { from, lengths, partsOf };
}

/** The write to one file. */
interface Batch {
  segment: Segment;
  position: number;
  parts: Uint8Array[];
}

export interface SegmentsTo {
  /** The size in bytes after which another segment begins. */
  maxSegment: number;
  /** Whether the segment is too old to grow. */
  isStale(last: Segment): boolean;
  pool: FilePool;
  salt: number;
  /** The time of the last append, in milliseconds since 1970. */
  time: number;
}

/**
 * Appends chunks to the last segment, or to a new one if the last is too long or does not end where they begin. The
 * bytes count only after a journal record refers to them. Returns the segments written to.
 *
 * @throws ENOENT if the last segment, or the directory, has been removed
 */
export async function writeSegments(
  known: KnownStream,
  sources: readonly Source[],
  to: SegmentsTo,
): Promise<Segment[]> {
  const batches = layOut(known, sources, to);
  for (const { parts, position, segment } of batches) {
    const path = segmentPath(known.id, segment.base);
    const mode: OpenMode = position > 0 ? 'change' : 'write';
    await to.pool.use(path, mode, (file) => appendAt(file, path, parts, position));
  }
  return batches.map(({ segment }) => segment);
}

function layOut(
  known: KnownStream,
  sources: readonly Source[],
  { isStale, maxSegment, salt, time }: SegmentsTo,
): Batch[] {
  const batches: Batch[] = [];
  // Shared by all blocks. When the writer grows, earlier subarrays keep the old buffer.
  const heads = new ByteWriter();
  const last = known.segments.at(-1);
  let batch: Batch | undefined =
    last === undefined || isStale(last) ? undefined : { segment: { ...last }, position: last.length, parts: [] };
  for (const source of sources) {
    for (const block of blocksOf(source)) {
      const { from } = block;
      if (batch === undefined || batch.segment.to.offset !== from.offset || batch.segment.length >= maxSegment) {
        const segment = { base: from.offset, chunks: from.chunks, length: 0, to: from, time, since: time };
        batch = { segment, position: 0, parts: [] };
      }
      if (batch.parts.length === 0) batches.push(batch);
      putBlock(batch, block, known.id, heads, salt);
      batch.segment.time = time;
    }
  }
  return batches;
}

function putBlock({ parts, segment }: Batch, block: Source, stream: number, heads: ByteWriter, salt: number): void {
  const to = endPlace(block);
  const data = block.partsOf(block.from.offset, to.offset);
  const at = putRecord(heads, { type: RECORD.block, stream, sequence: 0 }, salt, () => putChunks(heads, block), data);
  const head = heads.from(at);
  parts.push(head);
  segment.length += head.length;
  for (const part of data) {
    parts.push(part);
    segment.length += part.length;
  }
  segment.to = to;
}

function blocksOf({ from, lengths, partsOf }: Source): Source[] {
  const blocks: Source[] = [];
  let begin = from;
  let ofBlock: number[] = [];
  let length = 0;
  const close = () => {
    if (ofBlock.length === 0) return;
    const block = { from: begin, lengths: ofBlock, partsOf };
    blocks.push(block);
    begin = endPlace(block);
    ofBlock = [];
    length = 0;
  };
  for (const chunk of lengths) {
    if (length + chunk > BLOCK_BYTES) close();
    ofBlock.push(chunk);
    length += chunk;
  }
  close();
  return blocks;
}
