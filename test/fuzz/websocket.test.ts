/**
 * The parser of client frames, compared with the receiver of `ws`: the same bytes, however they are cut, mean the same to both.
 */

import type { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import * as ws from 'ws';
import { type FrameHandler, FrameParser } from '../../src/server/websocket/frame-parser.ts';
import { frame, OPCODES } from '../server/websocket/wire-frames.ts';
import { fuzz } from './run-length.ts';

const MAX_MESSAGE_BYTES = 300;

type Event =
  | ['message', isText: boolean, bytes: string]
  | ['ping', payload: string]
  | ['pong']
  | ['close', code: number]
  | ['failed', code: number];

function ours(packets: readonly Buffer[]): Event[] {
  const events: Event[] = [];
  const handler: FrameHandler = {
    isWaiting: false,
    message: (bytes, isText) => void events.push(['message', isText, bytes.toString('hex')]),
    ping: (payload) => void events.push(['ping', payload.toString('hex')]),
    pong: () => void events.push(['pong']),
    closed: (code) => void events.push(['close', code]),
    failed: ({ code }) => void events.push(['failed', code]),
  };
  const parser = new FrameParser(handler, { maxMessageBytes: MAX_MESSAGE_BYTES });
  for (const packet of packets) expect(parser.take(Buffer.from(packet))).toBe(packet.length);
  return events;
}

/** Its types omit it. */
const { Receiver } = ws as unknown as { Receiver: new (options: Record<string, unknown>) => Writable };

/** The same for `ws`, which identifies an error's code by a symbol. */
async function theirs(packets: readonly Buffer[]): Promise<Event[]> {
  const events: Event[] = [];
  const receiver = new Receiver({ isServer: true, maxPayload: MAX_MESSAGE_BYTES, allowSynchronousEvents: true });
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    events.push(['message', !isBinary, data.toString('hex')]);
  });
  receiver.on('ping', (data: Buffer) => events.push(['ping', data.toString('hex')]));
  receiver.on('pong', () => events.push(['pong']));
  receiver.on('conclude', (code: number) => events.push(['close', code]));
  receiver.on('error', (error: Error) => {
    const symbol = Object.getOwnPropertySymbols(error).find(({ description }) => description === 'status-code');
    events.push(['failed', (error as unknown as Record<symbol, number>)[symbol!]!]);
  });
  for (const packet of packets) {
    if (receiver.destroyed) break;
    await new Promise<void>((resolve) => receiver.write(Buffer.from(packet), () => resolve()));
  }
  return events;
}

const PAYLOAD = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 20, unit: 'grapheme' }).map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.integer({ min: 120, max: 310 }).map((length) => Buffer.alloc(length, 'x')) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 5010 }).map((code) => Buffer.from([code >> 8, code & 255])) },
);

const RIGHT = fc.record({
  opcode: fc.constantFrom(...Object.values(OPCODES), OPCODES.continuation, OPCODES.text),
  final: fc.boolean(),
  payload: PAYLOAD,
  mask: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
  lengthBytes: fc.constantFrom(undefined, undefined, undefined, 8 as const),
});

const WRONG = fc.record({
  opcode: fc.nat(15),
  final: fc.boolean(),
  payload: PAYLOAD,
  reserved: fc.constantFrom(0, 0, 0x10, 0x20, 0x40),
  mask: fc.constantFrom(undefined, [1, 2, 3, 4]),
});

const BYTES = fc
  .array(
    fc.oneof({ weight: 9, arbitrary: RIGHT }, { weight: 1, arbitrary: WRONG }).map(({ ...parts }) => {
      const { payload } = parts;
      const lengthBytes = 'lengthBytes' in parts ? parts.lengthBytes : undefined;
      return frame({
        ...parts,
        ...(lengthBytes === undefined || payload.length > 65_535 ? {} : { lengthBytes }),
      } as never);
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((frames) => Buffer.concat(frames));

/** Some of its bytes are changed. */
const SPOILT = fc.tuple(BYTES, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })).map(([bytes, changes]) => {
  const spoilt = Buffer.from(bytes);
  for (const [at, byte] of changes) spoilt[at % spoilt.length] = byte;
  return spoilt;
});

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, n) => bytes.subarray(n === 0 ? 0 : sorted[n - 1], end));
}

describe('frames of clients', () => {
  const seen = new Set<string>();
  fuzz(
    'mean to this server what they mean to ws',
    'websocket',
    () =>
      fc.asyncProperty(fc.oneof(BYTES, SPOILT), fc.array(fc.nat(), { maxLength: 20 }), async (bytes, places) => {
        const packets = cut(bytes, places);
        const events = ours(packets);
        for (const [kind] of events) seen.add(kind);
        expect(events).toEqual(await theirs(packets));
      }),
    async () => expect([...seen]).toEqual(expect.arrayContaining(['failed', 'message', 'ping'])),
  );
});
