/**
 * Cases by the sections of RFC 6455, as bytes. Each is sent to this server, which writes the messages to a stream, and to the
 * server of `ws` as a control, which shows that the cases mean what they are assumed to mean.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { waitFor } from '../../harness/wait.ts';
import { start } from '../harness.ts';
import { binary, close, frame, more, ping, pong, type RawPeer, rawPeer, text } from './wire-frames.ts';

const LIMIT_BYTES = 70_000;

/** The expected result of a case. */
interface Outcome {
  /** The messages received. */
  messages: string[];
  /** Payloads of pongs. */
  pongs: string[];
  /** The code of the server's close frame, 0 for one without; undefined if the connection stays open. */
  close: number | undefined;
}

interface Case {
  section: string;
  name: string;
  /** Each buffer is a separate packet. */
  packets: Buffer[];
  messages?: string[];
  pongs?: string[];
  close?: number;
}

const all = (...frames: Buffer[]) => [Buffer.concat(frames)];
const bytewise = (...frames: Buffer[]) => [...Buffer.concat(frames)].map((byte) => Buffer.from([byte]));
const A = (length: number) => 'a'.repeat(length);

const LENGTHS = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537];
const RESERVED_OPCODES = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
const GOOD_CODES = [
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  ...[3000, 3999, 4000, 4999],
];
const BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
const BAD_UTF8: [string, number[]][] = [
  ['a continuation byte alone', [0x80]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['an overlong NUL of three bytes', [0xe0, 0x80, 0x80]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['the byte FE', [0xfe]],
  ['a character cut off', [0xce, 0xba, 0xe1, 0xbd]],
];

const CASES: Case[] = [
  // ── 5.2 Base framing ──
  ...LENGTHS.map((n) => ({ section: '5.2', name: `text of ${n} bytes`, packets: all(text(A(n))), messages: [A(n)] })),
  ...LENGTHS.map((n) => ({
    section: '5.2',
    name: `binary of ${n} bytes`,
    packets: all(binary(A(n))),
    messages: [A(n)],
  })),
  { section: '5.2', name: 'two messages in one packet', packets: all(text('a'), binary('b')), messages: ['a', 'b'] },
  { section: '5.2', name: 'byte by byte', packets: bytewise(text('abc'), binary(A(130))), messages: ['abc', A(130)] },
  {
    section: '5.2',
    name: 'a length of 16 bits where 7 do',
    packets: all(text('abc', { lengthBytes: 2 })),
    messages: ['abc'],
  },
  {
    section: '5.2',
    name: 'a length of 64 bits where 7 do',
    packets: all(text('abc', { lengthBytes: 8 })),
    messages: ['abc'],
  },
  ...[0x40, 0x20, 0x10, 0x70].map((reserved) => ({
    section: '5.2',
    name: `reserved bits ${reserved.toString(16)}`,
    packets: all(text('good'), text('bad', { reserved })),
    messages: ['good'],
    close: 1002,
  })),
  { section: '5.2', name: 'a reserved bit in a ping', packets: all(ping('x', { reserved: 0x40 })), close: 1002 },
  ...RESERVED_OPCODES.map((opcode) => ({
    section: '5.2',
    name: `reserved opcode ${opcode}`,
    packets: all(frame({ opcode, payload: 'x' })),
    close: 1002,
  })),
  { section: '5.2', name: 'the highest bit of a length', packets: all(text('', { length: 1n << 63n })), close: 1009 },

  // ── 5.3 Masking ──
  { section: '5.3', name: 'no mask on text', packets: all(text('abc', { mask: undefined })), close: 1002 },
  { section: '5.3', name: 'no mask on a ping', packets: all(ping('abc', { mask: undefined })), close: 1002 },
  { section: '5.3', name: 'no mask on a close', packets: all(close(1000, '', { mask: undefined })), close: 1002 },
  { section: '5.3', name: 'a mask of zeros', packets: all(text('abc', { mask: [0, 0, 0, 0] })), messages: ['abc'] },
  {
    section: '5.3',
    name: 'another mask for each frame',
    packets: all(text('one', { mask: [1, 2, 3, 4] }), text('two', { mask: [255, 0, 9, 77] })),
    messages: ['one', 'two'],
  },
  {
    section: '5.3',
    name: 'a payload cut at every place of its mask',
    packets: [7, 8, 9, 10, 11].reduce<{ rest: Buffer; cut: Buffer[] }>(
      ({ rest, cut }, n) => ({ rest: rest.subarray(n), cut: [...cut, rest.subarray(0, n)] }),
      { rest: binary('0123456789abcdefghijklmnopqrstuvwxyzABC', { mask: [17, 34, 51, 68] }), cut: [] },
    ).cut,
    messages: ['0123456789abcdefghijklmnopqrstuvwxyzABC'],
  },

  // ── 5.4 Fragmentation ──
  {
    section: '5.4',
    name: 'two fragments',
    packets: all(text('frag', { final: false }), more('ment')),
    messages: ['fragment'],
  },
  {
    section: '5.4',
    name: 'fragments in separate packets',
    packets: [binary('a', { final: false }), more('b', { final: false }), more('c')],
    messages: ['abc'],
  },
  {
    section: '5.4',
    name: 'empty fragments around others',
    packets: all(text('', { final: false }), more('a', { final: false }), more('', { final: false }), more('')),
    messages: ['a'],
  },
  {
    section: '5.4',
    name: 'nothing but empty fragments',
    packets: all(text('', { final: false }), more('')),
    messages: [''],
  },
  {
    section: '5.4',
    name: 'a ping between fragments',
    packets: all(text('a', { final: false }), ping('between'), more('b')),
    messages: ['ab'],
    pongs: ['between'],
  },
  {
    section: '5.4',
    name: 'a close between fragments',
    packets: all(text('a', { final: false }), close(1000), more('b')),
    close: 1000,
  },
  { section: '5.4', name: 'a continuation of nothing', packets: all(more('x')), close: 1002 },
  {
    section: '5.4',
    name: 'a continuation without a beginning',
    packets: all(more('x', { final: false })),
    close: 1002,
  },
  {
    section: '5.4',
    name: 'a continuation of what is complete',
    packets: all(text('a', { final: false }), more('b'), more('c')),
    messages: ['ab'],
    close: 1002,
  },
  { section: '5.4', name: 'text inside text', packets: all(text('a', { final: false }), text('b')), close: 1002 },
  { section: '5.4', name: 'binary inside text', packets: all(text('a', { final: false }), binary('b')), close: 1002 },

  // ── 5.5 Control frames ──
  { section: '5.5', name: 'a ping of nothing', packets: all(ping()), pongs: [''] },
  { section: '5.5', name: 'a ping of 125 bytes', packets: all(ping(A(125))), pongs: [A(125)] },
  { section: '5.5', name: 'a ping of 126 bytes', packets: all(ping(A(126))), close: 1002 },
  { section: '5.5', name: 'a ping in fragments', packets: all(ping('x', { final: false }), more('y')), close: 1002 },
  { section: '5.5', name: 'a close in fragments', packets: all(close(1000, '', { final: false })), close: 1002 },
  { section: '5.5', name: 'pings in a row', packets: all(ping('1'), ping('2'), ping('3')), pongs: ['1', '2', '3'] },
  { section: '5.5', name: 'a ping byte by byte', packets: bytewise(ping('slow')), pongs: ['slow'] },
  { section: '5.5', name: 'unsolicited pongs', packets: all(pong(), pong('x'), text('a')), messages: ['a'] },

  // ── 5.5.1, 7.4 Close ──
  { section: '5.5.1', name: 'a close without a code', packets: all(close()), close: 0 },
  {
    section: '5.5.1',
    name: 'a close with half of a code',
    packets: all(frame({ opcode: 8, payload: 'x' })),
    close: 1002,
  },
  { section: '5.5.1', name: 'a close with a reason of 123 bytes', packets: all(close(1000, A(123))), close: 1000 },
  { section: '5.5.1', name: 'a close that is too long', packets: all(close(1000, A(124))), close: 1002 },
  { section: '5.5.1', name: 'a close byte by byte', packets: bytewise(close(4321, 'reason')), close: 4321 },
  {
    section: '5.5.1',
    name: 'data after a close',
    packets: all(text('a'), close(1000), text('b'), ping()),
    messages: ['a'],
    close: 1000,
  },
  { section: '5.5.1', name: 'two closes', packets: all(close(1000), close(1001)), close: 1000 },
  ...GOOD_CODES.map((code) => ({ section: '7.4', name: `the code ${code}`, packets: all(close(code)), close: code })),
  ...BAD_CODES.map((code) => ({ section: '7.4', name: `the code ${code}`, packets: all(close(code)), close: 1002 })),
  { section: '8.1', name: 'a reason that is no UTF-8', packets: all(close(1000, Buffer.from([0xff]))), close: 1007 },

  // ── 8.1 UTF-8 ──
  { section: '8.1', name: 'characters of two, three and four bytes', packets: all(text('é€😀')), messages: ['é€😀'] },
  {
    section: '8.1',
    name: 'NUL and noncharacters',
    packets: all(text('\0\uffff\u{10ffff}')),
    messages: ['\0\uffff\u{10ffff}'],
  },
  {
    section: '8.1',
    name: 'a character cut by fragments',
    packets: all(text(Buffer.from([0xe2, 0x82]), { final: false }), more(Buffer.from([0xac]))),
    messages: ['€'],
  },
  ...BAD_UTF8.map(([name, bytes]) => ({ section: '8.1', name, packets: all(text(Buffer.from(bytes))), close: 1007 })),
  {
    section: '8.1',
    name: 'invalid UTF-8 in the second fragment',
    packets: all(text('good', { final: false }), more(Buffer.from([0xc3, 0x28]))),
    close: 1007,
  },
  {
    section: '8.1',
    name: 'invalid UTF-8 in binary',
    packets: all(binary(Buffer.from([0xff]))),
    messages: ['\ufffd'],
  },

  // ── 10.4 Limits ──
  { section: '10.4', name: 'as long as is allowed', packets: all(binary(A(LIMIT_BYTES))), messages: [A(LIMIT_BYTES)] },
  { section: '10.4', name: 'one byte too long', packets: all(binary(A(LIMIT_BYTES + 1))), close: 1009 },
  {
    section: '10.4',
    name: 'too long in fragments',
    packets: all(binary(A(LIMIT_BYTES), { final: false }), more('x')),
    close: 1009,
  },
  { section: '10.4', name: 'too long, announced only', packets: all(binary('', { length: 1n << 40n })), close: 1009 },
];

interface Subject {
  connect: () => Promise<{ peer: RawPeer; messages: () => Promise<string[]> }>;
}

/** Sends a case, and waits until the server has closed or has answered a ping after it. */
async function run({ packets }: Case, subject: Subject): Promise<Outcome> {
  const { peer, messages } = await subject.connect();
  for (const packet of packets) {
    peer.send(packet);
    // Small packets that are sent at once may be received as one: each is sent before the next.
    if (packets.length > 1) await new Promise((resolve) => setImmediate(resolve));
  }
  peer.send(ping('the end'));
  const closing = () => peer.frames().find(({ opcode }) => opcode === 8);
  const pongs = () => peer.frames().flatMap(({ opcode, payload }) => (opcode === 10 ? [payload.toString()] : []));
  await waitFor(
    'a close or the last pong',
    () => closing() !== undefined || pongs().includes('the end') || peer.isClosed(),
  );
  const payload = closing()?.payload;
  peer.socket.destroy();
  return {
    messages: await messages(),
    pongs: pongs().filter((each) => each !== 'the end'),
    close: payload === undefined ? undefined : payload.length < 2 ? 0 : payload.readUInt16BE(0),
  };
}

/** This server, with a separate stream for each connection; acknowledgements show what became a message. */
async function ours(): Promise<Subject> {
  const server = await start({ mounted: { '/s': 'streamfs' }, limits: { messageSize: LIMIT_BYTES } });
  let count = 0;
  return {
    connect: async () => {
      const path = `/s/${++count}`;
      const peer = await rawPeer(server.port, `/api/v1/ws?path=${path}&mode=write&text=true`);
      const ends = () =>
        peer
          .frames()
          .filter(({ opcode }) => opcode === 1)
          .map(({ payload }) => JSON.parse(payload.toString()) as { type: string; offset: number })
          .filter(({ type }) => type === 'ack')
          .map(({ offset }) => offset);
      const messages = async () => {
        const { body } = await server.call('GET', `/files?path=${path}&snapshot=true`);
        const offsets = ends();
        expect(offsets.at(-1) ?? 0).toBe(body.length);
        return offsets.map((end, n) => body.subarray(n === 0 ? 0 : offsets[n - 1], end).toString());
      };
      return { peer, messages };
    },
  };
}

describe('contract 101: RFC 6455', () => {
  let control: WebSocketServer;
  let connections: string[][];

  beforeAll(async () => {
    control = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: LIMIT_BYTES, perMessageDeflate: false });
    await once(control, 'listening');
    control.on('connection', (ws) => {
      const messages: string[] = [];
      connections.push(messages);
      ws.on('error', () => undefined);
      ws.on('message', (data) => messages.push(data.toString()));
    });
  });
  afterAll(() => {
    for (const client of control.clients) client.terminate();
    control.close();
  });

  const theirs: Subject = {
    connect: async () => {
      connections = [];
      const peer = await rawPeer((control.address() as AddressInfo).port, '/');
      return { peer, messages: async () => connections[0] ?? [] };
    },
  };

  it('has cases of each section', () => {
    expect(CASES.length).toBeGreaterThan(60);
    expect(new Set(CASES.map(({ section, name }) => section + name)).size).toBe(CASES.length);
  });

  describe.each([...new Set(CASES.map(({ section }) => section))])('section %s', (section) => {
    it('is kept by this server, and by the server of ws in the same way', async () => {
      const subject = await ours();
      for (const one of CASES.filter((each) => each.section === section)) {
        const { name, messages = [], pongs = [] } = one;
        const expected = { name, messages, pongs, close: one.close };
        expect({ name, ...(await run(one, subject)) }, 'this server').toEqual(expected);
        expect({ name, ...(await run(one, theirs)) }, 'ws').toEqual(expected);
      }
    });
  });
});
