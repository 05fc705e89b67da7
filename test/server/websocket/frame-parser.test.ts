import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FrameHandler, FrameParser } from '../../../src/server/websocket/frame-parser.ts';
import { unmask } from '../../../src/server/websocket/unmask.ts';
import { frame, OPCODES } from './wire-frames.ts';

describe('the parser of frames', () => {
  it('stops in front of what its handler does not want yet, and reads on from there', () => {
    const taken: string[] = [];
    let isWaiting = false;
    const handler: FrameHandler = {
      get isWaiting() {
        return isWaiting;
      },
      message: (bytes) => {
        taken.push(bytes.toString());
        isWaiting = true;
      },
      ping: () => undefined,
      pong: () => undefined,
      closed: () => undefined,
      failed: ({ reason }) => expect.fail(reason),
    };
    const parser = new FrameParser(handler, { maxMessageBytes: 100 });
    const frames = ['one', 'two', 'three'].map((payload) => frame({ opcode: OPCODES.binary, payload }));
    const bytes = Buffer.concat(frames);
    let at = 0;
    for (const one of frames) {
      isWaiting = false;
      const used = parser.take(bytes.subarray(at));
      expect(used).toBe(one.length);
      at += used;
    }
    expect(taken).toEqual(['one', 'two', 'three']);
  });

  it('keeps of a message that is not complete at most twice what has come, and of a head next to nothing', () => {
    const nothing = () => undefined;
    const handler = {
      isWaiting: false,
      message: nothing,
      ping: nothing,
      pong: nothing,
      closed: nothing,
      failed: nothing,
    };
    const parser = new FrameParser(handler, { maxMessageBytes: 2 ** 24 });
    const bytes = frame({ opcode: OPCODES.binary, payload: Buffer.alloc(10_000) });
    parser.take(bytes.subarray(0, 8));
    expect(parser.held).toBe(0);
    for (let at = 8; at < bytes.length - 1; at++) {
      parser.take(Buffer.from(bytes.subarray(at, at + 1)));
      expect(parser.held).toBeLessThanOrEqual(Math.max(1024, 2 * (at - 7)));
    }
    parser.take(Buffer.from(bytes.subarray(-1)));
    expect(parser.held).toBe(0);
  });

  it('takes masks off, wherever the bytes lie and whatever came before', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.nat(9),
        fc.nat(9),
        (bytes, key, offset, phase) => {
          const memory = new Uint8Array(offset + bytes.length + 9);
          const place = memory.subarray(offset, offset + bytes.length);
          place.set(bytes.map((byte, at) => byte ^ key[(phase + at) % 4]!));
          unmask(place, key, phase);
          expect(place).toEqual(bytes);
          expect(memory.subarray(offset + bytes.length)).toEqual(new Uint8Array(9));
        },
      ),
    );
  });
});
