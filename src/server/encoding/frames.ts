/** Bytes, gaps and the end as frames, for programs (docs/protocol.md, "Frames"). */
import { END_RETRY_AFTER, FRAME_HEADER_BYTES, FRAME_TYPES, FRAMES_MEDIA_TYPE } from '../../protocol/index.ts';
import type { Encoding } from './encoding.ts';

export const frameEncoding: Encoding = {
  name: 'frames',
  mediaType: FRAMES_MEDIA_TYPE,
  maxRunBytes: Number.POSITIVE_INFINITY,
  maxHeadBytes: FRAME_HEADER_BYTES,
  writeHead: (target, at, offset, length) => writeFrameHeader(target, at, FRAME_TYPES.data, offset, length),
  tail: Buffer.alloc(0),
  body: undefined,
  control: {
    gap: (record) => {
      const payload = Buffer.allocUnsafe(16);
      payload.writeBigUInt64BE(BigInt(record.to), 0);
      payload.writeBigUInt64BE(BigInt(record.chunks), 8);
      return frame(FRAME_TYPES.gap, record.from, payload);
    },
    header: (bytes, offset) => frame(FRAME_TYPES.header, offset, Buffer.from(bytes)),
    caughtUp: (offset) => frame(FRAME_TYPES.caughtUp, offset),
    heartbeat: (offset) => frame(FRAME_TYPES.heartbeat, offset),
    end: ({ offset, reason, retryAfterMs, status }) => {
      const facts = retryAfterMs === undefined ? status : `${END_RETRY_AFTER}${retryAfterMs}`;
      return frame(FRAME_TYPES.end, offset, Buffer.from(facts === undefined ? reason : `${reason} ${facts}`));
    },
  },
  payload: { data: 'binary', control: 'binary' },
};

/**
 * The first frame of a framed read over WebSocket, where clients cannot see response headers: the generation (empty for
 * content that is not a stream), a space, and the content type.
 */
export function openFrame(offset: number, generation: string | undefined, type: string): Buffer {
  return frame(FRAME_TYPES.open, offset, Buffer.from(`${generation ?? ''} ${type}`));
}

function writeFrameHeader(target: Buffer, at: number, type: number, offset: number, length: number): number {
  target.writeUInt32BE(type * 0x1000000, at);
  target.writeUInt32BE(length, at + 4);
  target.writeUInt32BE(Math.floor(offset / 2 ** 32), at + 8);
  target.writeUInt32BE(offset % 2 ** 32, at + 12);
  return FRAME_HEADER_BYTES;
}

function frame(type: number, offset: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  writeFrameHeader(header, 0, type, offset, payload.length);
  return Buffer.concat([header, payload]);
}
