/**
 * A damaged framed stream: the client reports the damage, or everything it returns is right. Only if a type or a length is
 * wrong, or bytes are missing in the middle of a frame, can it misinterpret bytes, until the next header. Even then there is no
 * clean end, unless whole frames were taken for the missing bytes.
 */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { isClientError } from '../../src/client/errors.ts';
import { type FetchResponse, type FollowRecord, StreamFSClient } from '../../src/client/index.ts';
import { frame, gapFrame } from '../client/fake-server.ts';
import { pattern } from '../e2e/harness/pattern.ts';
import { fuzz } from './run-length.ts';

const HEADER = 16;

/** Successive frames; data is the pattern, so that every byte identifies its offset. */
const stream = fc
  .record({
    first: fc.nat({ max: 1000 }),
    lengths: fc.array(fc.integer({ min: -40, max: 60 }), { minLength: 1, maxLength: 8 }),
  })
  .map(({ first, lengths }) => {
    const frames: Buffer[] = [];
    let at = first * 8;
    for (const length of lengths) {
      if (length > 0) {
        frames.push(frame('data', at, pattern(at, length * 8)));
        at += length * 8;
      } else if (length < -20) {
        frames.push(gapFrame(at, at - length * 8, 1));
        at -= length * 8;
      } else frames.push(frame(length < -10 ? 'heartbeat' : 'caughtUp', at));
    }
    frames.push(frame('end', at, 'ended'));
    return { frames, from: first * 8, to: at };
  });

/** Damage to the header of one frame, or to the frame boundaries. */
const damage = fc.oneof(
  fc.record({
    do: fc.constant('header' as const),
    frame: fc.nat(),
    byte: fc.nat({ max: HEADER - 1 }),
    to: fc.nat({ max: 255 }),
  }),
  fc.record({ do: fc.constant('drop' as const), frame: fc.nat() }),
  fc.record({ do: fc.constant('twice' as const), frame: fc.nat() }),
  fc.record({ do: fc.constant('swap' as const), frame: fc.nat() }),
  fc.record({ do: fc.constant('cut' as const), frame: fc.nat(), byte: fc.nat({ max: 100 }) }),
  fc.record({ do: fc.constant('none' as const), frame: fc.nat() }),
);

function damaged(frames: readonly Buffer[], one: typeof damage extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const all = frames.map((each) => Buffer.from(each));
  const at = one.frame % all.length;
  if (one.do === 'header') all[at]![one.byte] = one.to;
  else if (one.do === 'drop') all.splice(at, 1);
  else if (one.do === 'twice') all.splice(at, 0, all[at]!);
  else if (one.do === 'swap') all.splice(at, 2, ...all.slice(at, at + 2).reverse());
  else if (one.do === 'cut') all.splice(at, 1, all[at]!.subarray(0, one.byte));
  return Buffer.concat(all);
}

/** A response to a read, in pieces cut anywhere. */
function response(bytes: Buffer, cuts: readonly number[], from: number): FetchResponse {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
  const headers = {
    'content-type': 'application/vnd.streamfs.frames',
    'x-stream-offset': String(from),
    'x-stream-generation': 'g',
  };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(new Uint8Array(piece));
    },
  });
  return new Response(body, { headers }) as unknown as FetchResponse;
}

describe('a framed stream', () => {
  fuzz('that is damaged anyhow gives bytes that are right and in order, then its end or an error', 'frames', () =>
    fc.asyncProperty(stream, damage, fc.array(fc.nat(), { maxLength: 8 }), async ({ frames, from, to }, one, cuts) => {
      const bytes = damaged(frames, one);
      const client = new StreamFSClient({ url: 'http://fake', fetch: async () => response(bytes, cuts, from) });
      let cursor = from;
      let last: FollowRecord | undefined;
      let gaps = 0;
      let wrong = 0;
      try {
        for await (const record of client.follow('/streamfs/x', { reconnect: false })) {
          last = record;
          if (record.type === 'data') {
            expect(record.offset).toBe(cursor);
            // Misplaced bytes are those of another offset, as the pattern shows.
            const start = record.offset - (record.offset % 8);
            const whole = pattern(start, Math.ceil((record.data.length + 8) / 8) * 8);
            const place = record.offset - start;
            if (!whole.subarray(place, place + record.data.length).equals(record.data)) wrong++;
            cursor += record.data.length;
          } else if (record.type === 'gap') {
            expect(record.from).toBe(cursor);
            cursor = record.to;
            gaps++;
          }
        }
        // The end of the damaged stream is consistent with what came before it.
        expect(last).toMatchObject({ type: 'end', offset: cursor });
        // Unless exactly as many bytes as are missing were whole frames, and were taken for them.
        if (one.do !== 'cut') expect(wrong).toBe(0);
        if (one.do === 'none') expect(cursor).toBe(to);
      } catch (error) {
        if (!isClientError(error)) throw error;
        expect(['protocol', 'cut', 'http']).toContain(error.kind);
        if (one.do === 'none') throw error;
      }
      const isMisread = one.do === 'header' && (one.byte === 0 || (one.byte >= 4 && one.byte < 8));
      if (!isMisread && one.do !== 'cut') expect(wrong).toBe(0);
      expect(gaps).toBeLessThanOrEqual(frames.length + 1);
    }),
  );
});
