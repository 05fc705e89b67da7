/** Bytes of one stream into its segments: blocks of up to 256 KiB, cut where chunks end. */
import type { RingStream } from '../core/internal.ts';
import { ByteWriter } from './byte-writer.ts';
import { type OpenMode, writeBehind } from './disk.ts';
import type { FilePool } from './file-pool.ts';
import type { KnownStream } from './known-stream.ts';
import { segmentPath } from './layout.ts';
import { putRecord, RECORD } from './record.ts';
import { type Chunks, type Place, placeBehind, putChunks, type Segment } from './update.ts';

/** The longest block, unless a chunk is longer. */
const BLOCK_BYTES = 256 * 1024;

/** Chunks, and where their bytes are now. */
export interface Source extends Chunks {
  /** The bytes between two offsets, as they lie in memory. */
  partsOf(from: number, to: number): Uint8Array[];
}

/** Chunks that lie in a buffer. */
export function sourceOf(chunks: Chunks, data: Uint8Array): Source {
  const { offset } = chunks.from;
  return { ...chunks, partsOf: (from, to) => [data.subarray(from - offset, to - offset)] };
}

/** The chunks of a stream from a place to its end, where its ring has them. */
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

/** What is written to one file. */
interface Batch {
  segment: Segment;
  position: number;
  parts: Uint8Array[];
}

export interface SegmentsTo {
  /** Bytes of a segment, after which another is begun. */
  maxSegment: number;
  /** It was begun too long ago to go on. */
  isStale(last: Segment): boolean;
  pool: FilePool;
  salt: number;
  /** When the last of the bytes was appended. */
  time: number;
}

/**
 * Writes chunks behind the last segment, or into a new one where that is long enough or does not end where they begin.
 * Nothing of it counts before a record says so. Gives the segments that were written to.
 *
 * @throws ENOENT where the last segment, or the directory, has been removed
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
    await to.pool.use(path, mode, (file) => writeBehind(file, path, parts, position));
  }
  return batches.map(({ segment }) => segment);
}

function layOut(
  known: KnownStream,
  sources: readonly Source[],
  { isStale, maxSegment, salt, time }: SegmentsTo,
): Batch[] {
  const batches: Batch[] = [];
  // Of all blocks together: what was put in stays where it is, also when the writer grows.
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
  const to = placeBehind(block);
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
    begin = placeBehind(block);
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
