/** Iterates over the content of a segment: blocks, and damage between them. */
import { type FoundRecord, HEADER_BYTES, nextRecord, RECORD } from './record.ts';
import { type LoggedChunks, readUpdate } from './update.ts';

export type SegmentPiece =
  | { kind: 'block'; record: FoundRecord }
  /** Bytes that are no valid block. */
  | { kind: 'damage'; from: number; to: number };

/** All parts of a segment, in order. */
export function* segmentPieces(bytes: Buffer, salt: number): Generator<SegmentPiece> {
  for (let at = 0; at < bytes.length; ) {
    const record = nextRecord(bytes, at, salt);
    const next = record?.position ?? bytes.length;
    if (next > at) yield { kind: 'damage', from: at, to: next };
    if (record === undefined) return;
    yield { kind: 'block', record };
    at = next + record.length;
  }
}

/** The chunks of a block; undefined for a record that is not a block of the stream. */
export function blockAt(bytes: Buffer, record: FoundRecord, stream: number): LoggedChunks | undefined {
  if (record.type !== RECORD.block || record.stream !== stream) return undefined;
  return readUpdate(bytes, record.position + HEADER_BYTES, record.position + record.length).bytes;
}
