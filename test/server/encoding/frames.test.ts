import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from '../../../src/client/frames.ts';
import { chunkedTransfer } from '../../../src/server/egress/transfer.ts';
import { frameEncoding } from '../../../src/server/encoding/index.ts';

const offsets = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 });

const STREAM = { generation: 'a1' };
const control = frameEncoding.control!;

function decode(...parts: (Uint8Array | undefined)[]) {
  const decoder = new FrameDecoder();
  return parts.flatMap((part) => [...decoder.push(part!)]);
}

describe('frames', () => {
  it('contract 9, 30: the client parses the frames that the server encodes, for any offset', () => {
    fc.assert(
      fc.property(offsets, fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(), (offset, data, chunks) => {
        const head = Buffer.alloc(frameEncoding.maxHeadBytes);
        frameEncoding.writeHead(head, 0, offset, data.length, STREAM);
        const to = offset + 1;
        const frames = decode(
          Buffer.concat([head, data]),
          control.gap({ type: 'gap', from: offset, to, chunks }, STREAM),
          control.caughtUp(offset, STREAM),
          control.heartbeat(offset, STREAM),
          control.end({ reason: 'too-slow', offset, skippedBytes: 0 }, STREAM),
        );
        expect(frames).toMatchObject([
          { type: 'data', offset, data: Buffer.from(data) },
          { type: 'gap', offset, to, chunks },
          { type: 'caught-up', offset },
          { type: 'heartbeat', offset },
          { type: 'end', offset, reason: 'too-slow' },
        ]);
      }),
    );
  });
});

describe('the chunked transfer', () => {
  it('contract 68: puts a length in hexadecimal before bytes, and trailers at the end', () => {
    const head = Buffer.alloc(chunkedTransfer.maxHeadBytes);
    expect(head.subarray(0, chunkedTransfer.writeHead(head, 0, 0xabc, 'binary')).toString()).toBe('abc\r\n');
    const last = chunkedTransfer.last({ reason: 'ended', offset: 7, skippedBytes: 0 });
    expect(last.toString()).toBe('0\r\nX-Stream-End: ended\r\nX-Stream-End-Offset: 7\r\nX-Stream-Skipped: 0\r\n\r\n');
  });
});
