/** What lies in a segment: blocks, and what is damaged between them. */
import { type FoundRecord, recordAt, scanRecords } from './record.ts';

export type SegmentPiece =
  | { kind: 'block'; record: FoundRecord }
  /** Bytes that are no block. */
  | { kind: 'damage'; from: number; to: number };

/** All of a segment, in order. */
export function* segmentPieces(bytes: Buffer, salt: number): Generator<SegmentPiece> {
  for (let at = 0; at < bytes.length; ) {
    const record = recordAt(bytes, at, salt);
    if (record !== undefined) {
      yield { kind: 'block', record };
      at += record.length;
      continue;
    }
    const next = scanRecords(bytes, at + 1, salt).records[0]?.position ?? bytes.length;
    yield { kind: 'damage', from: at, to: next };
    at = next;
  }
}
