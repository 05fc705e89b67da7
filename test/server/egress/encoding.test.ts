import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from '../../../src/client/frames.ts';
import { frameEncoding } from '../../../src/server/egress/encoding.ts';
import { chunkedTransfer } from '../../../src/server/egress/transfer.ts';

const offsets = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 });

function decode(...parts: (Uint8Array | undefined)[]) {
  const decoder = new FrameDecoder();
  return parts.flatMap((part) => [...decoder.push(part!)]);
}

describe('frames', () => {
  it('contract 9, 30: what the server lays down is what the client reads, for any offset', () => {
    fc.assert(
      fc.property(offsets, fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(), (offset, data, chunks) => {
        const head = Buffer.alloc(frameEncoding.headSize);
        frameEncoding.writeHead(head, 0, offset, data.length);
        const to = offset + 1;
        const frames = decode(
          Buffer.concat([head, data]),
          frameEncoding.gap({ type: 'gap', from: offset, to, chunks }),
          frameEncoding.caughtUp(offset),
          frameEncoding.heartbeat(offset),
          frameEncoding.end('too-slow', offset),
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
    const head = Buffer.alloc(chunkedTransfer.maxHead);
    expect(head.subarray(0, chunkedTransfer.writeHead(head, 0, 0xabc)).toString()).toBe('abc\r\n');
    const last = chunkedTransfer.last({ 'X-Stream-End': 'ended', 'X-Stream-Skipped': '0' });
    expect(last.toString()).toBe('0\r\nX-Stream-End: ended\r\nX-Stream-Skipped: 0\r\n\r\n');
  });
});
