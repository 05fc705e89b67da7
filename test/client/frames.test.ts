import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isClientError } from '../../src/client/errors.ts';
import { type Frame, FrameDecoder } from '../../src/client/frames.ts';
import { MAX_FRAME_PAYLOAD_BYTES as MAX_FRAME_PAYLOAD } from '../../src/protocol/index.ts';
import { frame, gapFrame } from './fake-server.ts';

/** Splits `bytes` at the given positions, as a network would. */
function split(bytes: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [0, ...[...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

/** Frames with adjacent data merged: their meaning, however they were cut. */
function meaning(frames: readonly Frame[]): unknown[] {
  const joined: { type: string; offset: number; hex?: string; [key: string]: unknown }[] = [];
  let end = -1;
  for (const one of frames) {
    const last = joined.at(-1);
    if (one.type === 'data') {
      const hex = Buffer.from(one.data).toString('hex');
      if (last?.type === 'data' && end === one.offset) last.hex += hex;
      else joined.push({ type: 'data', offset: one.offset, hex });
      end = one.offset + one.data.length;
    } else {
      joined.push({ ...one });
      end = -1;
    }
  }
  return joined;
}

const offset = fc.integer({ min: 0, max: 2 ** 50 });
const anyFrame = fc.oneof(
  fc.tuple(offset, fc.uint8Array({ minLength: 0, maxLength: 60 })).map(([at, data]) => frame('data', at, data)),
  fc.tuple(offset, fc.integer({ min: 1, max: 1e9 }), fc.nat()).map(([at, size, n]) => gapFrame(at, at + size, n)),
  offset.map((at) => frame('caughtUp', at)),
  offset.map((at) => frame('heartbeat', at)),
  offset.map((at) => frame('end', at, 'removed')),
  fc
    .tuple(fc.integer({ min: 6, max: 255 }), offset, fc.uint8Array({ maxLength: 40 }))
    .map(([type, at, data]) => frame(type, at, data)),
);

describe('frame decoder', () => {
  it('gives the same frames however the bytes are split', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 30 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames);
        const whole = new FrameDecoder().push(bytes);
        const decoder = new FrameDecoder();
        const pieces = split(bytes, cuts).flatMap((piece) => decoder.push(piece));
        expect(meaning(pieces)).toEqual(meaning(whole));
        expect(decoder.atBoundary).toBe(true);
      }),
    );
  });

  it('reads every type of frame, and leaves out those it does not know', () => {
    const bytes = Buffer.concat([
      frame('data', 7, 'abc'),
      frame(200, 0, 'from a later version'),
      gapFrame(10, 2 ** 40, 3),
      frame('caughtUp', 2 ** 40),
      frame('heartbeat', 2 ** 40),
      frame('end', 2 ** 40, 'ended'),
    ]);
    expect(new FrameDecoder().push(bytes)).toEqual([
      { type: 'data', offset: 7, data: Buffer.from('abc') },
      { type: 'gap', offset: 10, to: 2 ** 40, chunks: 3 },
      { type: 'caught-up', offset: 2 ** 40 },
      { type: 'heartbeat', offset: 2 ** 40 },
      { type: 'end', offset: 2 ** 40, reason: 'ended' },
    ]);
  });

  it('contract 100: takes the reason of an end apart from what its writer said of it', () => {
    expect(new FrameDecoder().push(frame('end', 3, 'ended signal SIGKILL'))).toEqual([
      { type: 'end', offset: 3, reason: 'ended', status: 'signal SIGKILL' },
    ]);
  });

  it('does not copy a payload that lies within a piece', () => {
    const bytes = frame('data', 0, 'payload');
    const [only] = new FrameDecoder().push(bytes);
    expect(only?.type === 'data' && only.data.buffer === bytes.buffer).toBe(true);
    expect(only?.type === 'data' && only.data.byteOffset).toBe(bytes.byteOffset + 16);
  });

  it('passes on what has come of a frame that is not complete, each part at its own offset', () => {
    const bytes = frame('data', 100, 'abcdef');
    const decoder = new FrameDecoder();
    expect(decoder.push(bytes.subarray(0, 18))).toEqual([{ type: 'data', offset: 100, data: Buffer.from('ab') }]);
    expect(decoder.atBoundary).toBe(false);
    expect(decoder.push(bytes.subarray(18))).toEqual([{ type: 'data', offset: 102, data: Buffer.from('cdef') }]);
    expect(decoder.atBoundary).toBe(true);
  });

  const tooLong = frame('data', 0);
  tooLong.writeUInt32BE(MAX_FRAME_PAYLOAD + 1, 4);
  const notZero = frame('data', 0, 'x');
  notZero[2] = 1;
  const beyond = frame('data', 0, 'x');
  beyond.writeBigUInt64BE(2n ** 53n, 8);
  it.each([
    ['a payload of more than 16 MiB', tooLong],
    ['a header with bytes that should be zero', notZero],
    ['an offset beyond 2^53 - 1', beyond],
    ['data that reaches beyond 2^53 - 1', frame('data', Number.MAX_SAFE_INTEGER, 'xx')],
    ['a gap of another length', frame('gap', 0, 'short')],
    ['a gap that goes backwards', gapFrame(10, 10, 1)],
    ['a caught-up with a payload', frame('caughtUp', 0, 'x')],
    ['a heartbeat with a payload', frame('heartbeat', 0, 'x')],
    ['an end of endless length', frame('end', 0, 'x'.repeat(300))],
  ])('refuses %s as a protocol error', (_, bytes) => {
    let thrown: unknown;
    try {
      new FrameDecoder().push(bytes);
    } catch (error) {
      thrown = error;
    }
    expect(isClientError(thrown, 'PROTOCOL')).toBe(true);
  });

  it('takes 16 MiB in one frame', () => {
    const decoder = new FrameDecoder();
    const head = frame('data', 5);
    head.writeUInt32BE(MAX_FRAME_PAYLOAD, 4);
    decoder.push(head);
    const mebibyte = new Uint8Array(1024 * 1024);
    let taken = 0;
    for (let i = 0; i < 16; i++)
      for (const part of decoder.push(mebibyte)) taken += part.type === 'data' ? part.data.length : 0;
    expect(taken).toBe(MAX_FRAME_PAYLOAD);
    expect(decoder.atBoundary).toBe(true);
  });
});
