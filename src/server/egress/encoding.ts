/**
 * How a read looks on the wire: the bytes alone, or frames for programs (docs/protocol.md, "Frames"). What an
 * encoding puts around bytes depends on their offset and length only, never on the reader, so that what was encoded
 * once can be sent to all.
 */
import type { GapRecord } from '../../core/index.ts';

/** Why a read ended, as the trailer and the end frame say it. */
export type ReadEnd = 'ended' | 'removed' | 'shutdown' | 'expired' | 'timeout' | 'too-slow' | 'closed' | 'kicked';

export interface Encoding {
  readonly name: 'raw' | 'frames';
  readonly contentType: string;
  /** Bytes that come before a run of data. */
  readonly headSize: number;
  /** Writes them into `target` at `at`. */
  writeHead(target: Buffer, at: number, offset: number, length: number): void;
  /** Whole records, or undefined where the encoding has no way to say it. */
  gap(record: GapRecord): Buffer | undefined;
  caughtUp(offset: number): Buffer | undefined;
  heartbeat(offset: number): Buffer | undefined;
  end(reason: ReadEnd, offset: number): Buffer | undefined;
}

export const rawEncoding: Encoding = {
  name: 'raw',
  contentType: 'application/octet-stream',
  headSize: 0,
  writeHead: () => undefined,
  gap: () => undefined,
  caughtUp: () => undefined,
  heartbeat: () => undefined,
  end: () => undefined,
};

/** The types of frames, and the size of their header: docs/protocol.md. */
const FRAME = { data: 1, gap: 2, caughtUp: 3, end: 4, heartbeat: 5 } as const;
const FRAME_HEADER = 16;

function writeFrameHeader(target: Buffer, at: number, type: number, offset: number, length: number): void {
  target.writeUInt32BE(type * 0x1000000, at);
  target.writeUInt32BE(length, at + 4);
  target.writeUInt32BE(Math.floor(offset / 2 ** 32), at + 8);
  target.writeUInt32BE(offset % 2 ** 32, at + 12);
}

function frame(type: number, offset: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER);
  writeFrameHeader(header, 0, type, offset, payload.length);
  return Buffer.concat([header, payload]);
}

export const frameEncoding: Encoding = {
  name: 'frames',
  contentType: 'application/vnd.streamfs.frames',
  headSize: FRAME_HEADER,
  writeHead: (target, at, offset, length) => writeFrameHeader(target, at, FRAME.data, offset, length),
  gap: (record) => {
    const payload = Buffer.allocUnsafe(16);
    payload.writeBigUInt64BE(BigInt(record.to), 0);
    payload.writeBigUInt64BE(BigInt(record.chunks), 8);
    return frame(FRAME.gap, record.from, payload);
  },
  caughtUp: (offset) => frame(FRAME.caughtUp, offset),
  heartbeat: (offset) => frame(FRAME.heartbeat, offset),
  end: (reason, offset) => frame(FRAME.end, offset, Buffer.from(reason)),
};
