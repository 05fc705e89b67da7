import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingStream } from '../../../src/core/internal.ts';
import { joinFanout } from '../../../src/server/egress/fanout.ts';
import { Sink } from '../../../src/server/egress/sink.ts';
import { closeTransfer } from '../../../src/server/egress/transfer.ts';
import { ENCODINGS, type Encoding, sendableLength, usualRun } from '../../../src/server/encoding/index.ts';
import { base64Lines, decodeBase64Lines } from './base64-lines.ts';

let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterAll(() => {
  server.close();
});

/** A connection on the loopback, and everything that its peer has received when it is closed. */
async function connection(): Promise<{ near: Socket; received: Promise<string> }> {
  const far = connect(port, '127.0.0.1');
  const [near] = (await once(server, 'connection')) as [Socket];
  near.resume();
  return {
    near,
    received: (async () => {
      const parts: Buffer[] = [];
      for await (const part of far) parts.push(part as Buffer);
      return Buffer.concat(parts).toString('latin1');
    })(),
  };
}

/** The successive events of a stream. */
type Step = { append: number } | { join: number } | 'turn';

const steps = fc.array(
  fc.oneof(
    fc.record({ append: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 100_000 })) }),
    fc.record({ join: fc.nat() }),
    fc.constant<Step>('turn'),
  ),
  { maxLength: 12 },
);

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('bytes that an encoding holds back', () => {
  it('reach every reader once and in order, also those that join at or after the end, wherever they begin', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        // Readers that join in the turn of the end, and readers that join later; each begins this many bytes before the end.
        fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat({ max: 7 }), { maxLength: 2 }),
        async (before, atEnd, later) => {
          const stream = new RingStream({ retention: 8 * 1024 * 1024, maxLag: 8 * 1024 * 1024 });
          const history: Buffer[] = [];
          const readers: { begin: number; received: Promise<string> }[] = [];
          const joins = before.filter((step) => typeof step === 'object' && 'join' in step).length;
          const sockets: Awaited<ReturnType<typeof connection>>[] = [];
          while (sockets.length < joins + atEnd.length + later.length) sockets.push(await connection());
          const join = (begin: number) => {
            const { near, received } = sockets[readers.length]!;
            const reader = stream.openReader({ start: { offset: begin } });
            const fanout = joinFanout(stream, base64Lines, closeTransfer);
            new Sink(reader, near, fanout, { timeout: undefined, heartbeat: 0 }, { readEnded: () => undefined }).pump();
            readers.push({ begin, received });
          };
          for (const step of before) {
            if (step === 'turn') await turn();
            else if ('join' in step) join(step.join % (stream.endOffset + 1));
            else {
              const bytes = Buffer.alloc(step.append, `${stream.endOffset}-`);
              history.push(bytes);
              stream.append(bytes);
            }
          }
          stream.end();
          for (const distance of atEnd) join(Math.max(0, stream.endOffset - distance));
          await turn();
          for (const distance of later) join(Math.max(0, stream.endOffset - distance));
          const all = Buffer.concat(history);
          for (const { begin, received } of readers) {
            const { data, offset, records } = decodeBase64Lines(await received);
            expect(records.at(-1)).toBe(`end ended ${all.length}`);
            expect(data.equals(all.subarray(begin))).toBe(true);
            if (data.length > 0) expect(offset).toBe(begin);
          }
        },
      ),
      { numRuns: 60, examples: [[[{ append: 4 }, { join: 0 }], [4], []]] },
    );
  });

  it('are all of a run where no byte follows it, or where it is as long as a run can be', () => {
    const stuck: Encoding = { ...base64Lines, body: { ...base64Lines.body!, usable: () => 0 } };
    const run = (length: number) => ({ type: 'run' as const, offset: 0, length, parts: [new Uint8Array(length)] });
    const stream = { generation: undefined };
    expect(sendableLength(stuck, run(5), false, stream)).toBe(0);
    expect(sendableLength(stuck, run(5), true, stream)).toBe(5);
    expect(sendableLength(stuck, run(stuck.maxRunBytes), false, stream)).toBe(stuck.maxRunBytes);
    const unbounded = { ...stuck, maxRunBytes: Number.POSITIVE_INFINITY };
    expect(sendableLength(unbounded, run(256 * 1024 - 1), false, stream)).toBe(0);
    expect(sendableLength(unbounded, run(256 * 1024), false, stream)).toBe(256 * 1024);
    expect(sendableLength(base64Lines, run(5), false, stream)).toBe(3);
  });
});

describe('runs that are transformed', () => {
  const lines = ENCODINGS.find(({ name }) => name === 'sse')!.forms!.lines;

  it('end at the same places for readers that lag, wherever they began', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 45 }), fc.nat({ max: 300_000 }), (offset, behind) => {
        const end = offset + usualRun(lines, offset);
        expect(end).toBeGreaterThan(offset + lines.maxRunBytes / 2);
        expect(end).toBeLessThanOrEqual(offset + lines.maxRunBytes);
        let other = offset - Math.min(offset, behind);
        while (other < end) other += usualRun(lines, other);
        expect(other).toBe(end + (other > end ? lines.maxRunBytes / 2 : 0));
      }),
    );
  });

  it('come together for readers that began at different places, and are longer where a line is', async () => {
    const stream = new RingStream({ retention: 8 * 1024 * 1024, maxLag: 8 * 1024 * 1024 });
    const longLine = `${'x'.repeat(200_000)}\n`;
    const shortLine = `${'y'.repeat(89)}\n`;
    for (let n = 0; n < 4; n++) stream.append(Buffer.from(longLine));
    const begin = stream.endOffset;
    for (let n = 0; n < 8_000; n++) stream.append(Buffer.from(shortLine));
    const encodedAt = new Set<number>();
    const counting: Encoding = {
      ...lines,
      body: {
        ...lines.body!,
        encode(target, at, run, length, of) {
          if (run.offset >= begin + 5 * shortLine.length) encodedAt.add(run.offset);
          return lines.body!.encode(target, at, run, length, of);
        },
      },
    };
    const received: Promise<string>[] = [];
    for (const offset of [0, 1, 2, 3, 4].map((n) => begin + n * shortLine.length)) {
      const socket = await connection();
      const reader = stream.openReader({ start: { offset } });
      const fanout = joinFanout(stream, counting, closeTransfer);
      new Sink(
        reader,
        socket.near,
        fanout,
        { timeout: undefined, heartbeat: 0 },
        { readEnded: () => undefined },
      ).pump();
      received.push(socket.received);
    }
    const socket = await connection();
    const reader = stream.openReader({ start: { offset: 0 } });
    const fanout = joinFanout(stream, counting, closeTransfer);
    new Sink(reader, socket.near, fanout, { timeout: undefined, heartbeat: 0 }, { readEnded: () => undefined }).pump();
    stream.end();
    for (const [n, text] of (await Promise.all(received)).entries()) {
      expect(text.match(/^data:y{89}$/gm)).toHaveLength(8_000 - n);
    }
    const whole = await socket.received;
    expect(whole.match(/^data:x{200000}$/gm)).toHaveLength(4);
    expect(whole.match(/^data:y{89}$/gm)).toHaveLength(8_000);
    expect(encodedAt.size).toBeLessThanOrEqual(Math.ceil((8_000 * shortLine.length) / (lines.maxRunBytes / 2)));
  });
});
