import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { connectTo, get, parseResponse, type Wire, type WireResponse } from '../harness/wire.ts';
import { MB } from './harness/memory.ts';
import { isPattern, pattern } from './harness/pattern.ts';
import { type ServerProcess, startServer } from './harness/server.ts';

let at: ServerProcess;

beforeAll(async () => {
  at = await startServer();
});

afterAll(() => at.stop());

// Whatever a client did, the server runs, serves others, and has logged no bug.
afterEach(async () => {
  expect(await at.json('GET', '/health')).toMatchObject({ status: 'healthy' });
  expect(at.process.isRunning).toBe(true);
  expect([...at.logged('request failed'), ...at.logged('answering failed')]).toEqual([]);
});

let streams = 0;
/** A path that no other test uses. */
const freshPath = () => `/streamfs/s${++streams}`;

const putHead = (path: string, headers: string) =>
  `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n`;

async function snapshot(path: string): Promise<Buffer> {
  const wire = await get(at.port, `/files?path=${path}&snapshot=true`);
  return (await wire.response()).body;
}

const jsonOf = (response: WireResponse) => JSON.parse(response.body.toString()) as Record<string, unknown>;

describe('the response of a live read', () => {
  it('contract 68, 69: begins at once on an idle stream, with the headers of the original and no byte of body', async () => {
    const wire = await get(at.port, `/files?path=${freshPath()}&stream=true`);
    const { status, headers, body, complete } = await wire.head();
    expect({ status, length: body.length, complete }).toEqual({ status: 200, length: 0, complete: false });
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'transfer-encoding': 'chunked',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-stream-offset': '0',
      trailer: 'X-Stream-End, X-Stream-End-Offset, X-Stream-Skipped, X-Stream-End-Status',
      connection: 'close',
    });
    expect(headers['x-stream-generation']).toMatch(/^\w+$/);
    expect(headers['content-length']).toBeUndefined();
  });

  it('is made of chunks as they were written, ends with trailers and closes', async () => {
    const path = freshPath();
    const wire = await get(at.port, `/files?path=${path}&stream=true`);
    for (const part of ['one', 'second', 'third of them']) {
      await at.put(path, part);
      await wire.until(part);
    }
    await at.json('POST', `/end?path=${path}`);
    const response = await wire.lastResponse();
    expect(response).toMatchObject({
      chunks: [3, 6, 13],
      complete: true,
      trailers: { 'x-stream-end': 'ended', 'x-stream-end-offset': '22', 'x-stream-skipped': '0' },
    });
    expect(response.body.toString()).toBe('onesecondthird of them');
    expect(response.rest.length).toBe(0);
    expect(wire.isReset).toBe(false);
  });

  it('contract 69: on a handle begins at once as well', async () => {
    const { handle_id: id } = await at.json('POST', `/handles/open?path=${freshPath()}&flags=0`);
    const wire = await get(at.port, `/handles/${id}/stream`);
    expect(await wire.head()).toMatchObject({ status: 200, headers: { 'transfer-encoding': 'chunked' } });
  });

  it('comes after the responses to the requests sent before it in one write', async () => {
    const path = freshPath();
    const wire = await connectTo(at.port);
    wire.send(
      [
        `${putHead(path, 'Content-Length: 5')}first`,
        'GET /api/v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n',
        `${putHead(path, 'Transfer-Encoding: chunked')}6\r\nsecond\r\n0\r\n\r\n`,
        `GET /api/v1/stat?path=${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
        `GET /api/v1/files?path=${path}&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      ].join(''),
    );
    await wire.until('firstsecond');
    await at.json('POST', `/end?path=${path}`);
    await wire.closed();
    let rest = wire.bytes;
    const responses: WireResponse[] = [];
    while (rest.length > 0) {
      const response = parseResponse(rest, true)!;
      responses.push(response);
      rest = response.rest;
    }
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(jsonOf(responses[0]!)).toEqual({ message: 'Written 5 bytes' });
    expect(jsonOf(responses[2]!)).toEqual({ message: 'Written 6 bytes' });
    expect(jsonOf(responses[3]!)).toMatchObject({ size: 11 });
    expect(responses[4]).toMatchObject({ complete: true, trailers: { 'x-stream-end-offset': '11' } });
    expect(responses[4]!.body.toString()).toBe('firstsecond');
  });

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'contract 26: ends immediately when the client disconnects by %s',
    async (leave) => {
      const path = freshPath();
      await at.put(path, 'x');
      const wire = await get(at.port, `/files?path=${path}&stream=true`);
      await wire.until('x');
      expect(await at.facts(path)).toMatchObject({ readers: 1 });
      wire.socket[leave]();
      await at.untilReaders(path, 0);
    },
  );
});

describe('a body that is broken', () => {
  const cases: [string, string, (wire: Wire) => void, string][] = [
    [
      'a chunk size that is not a number',
      'Transfer-Encoding: chunked',
      (wire) => wire.send('5\r\nhello\r\nzz\r\n'),
      'hello',
    ],
    [
      'a chunk without its line end',
      'Transfer-Encoding: chunked',
      (wire) => wire.send('5\r\nhelloXX3\r\nabc\r\n'),
      'hello',
    ],
    ['a negative chunk size', 'Transfer-Encoding: chunked', (wire) => wire.send('5\r\nhello\r\n-1\r\n'), 'hello'],
    [
      'a chunk size beyond all numbers',
      'Transfer-Encoding: chunked',
      (wire) => wire.send('5\r\nhello\r\nffffffffffffffffff\r\n'),
      'hello',
    ],
    ['an end in the middle of a chunk', 'Transfer-Encoding: chunked', (wire) => wire.socket.end('a\r\nhello'), 'hello'],
    [
      'an end without the last chunk',
      'Transfer-Encoding: chunked',
      (wire) => wire.socket.end('5\r\nhello\r\n'),
      'hello',
    ],
    ['an end before its length', 'Content-Length: 100', (wire) => wire.socket.end('hello'), 'hello'],
    ['an end before its length, of a long one', 'Content-Length: 100000', (wire) => wire.socket.end('hello'), 'hello'],
  ];

  it.each(cases)('contract 72: by %s leaves what has come, and says how much', async (_name, headers, send, kept) => {
    const path = freshPath();
    const wire = await connectTo(at.port);
    wire.send(putHead(path, headers));
    await waitFor('the stream', () => at.facts(path));
    send(wire);
    const response = await wire.response();
    expect([response.status, jsonOf(response)]).toEqual([
      400,
      {
        error: `request body broke off: ${kept.length} bytes were written`,
        code: 'BODY_BROKE_OFF',
        written: kept.length,
      },
    ]);
    expect((await snapshot(path)).toString()).toBe(kept);
    await wire.closed();
  });

  it('contract 72: by a reset leaves what has come, and ends nothing', async () => {
    const path = freshPath();
    const wire = await connectTo(at.port);
    wire.send(putHead(`${path}&end=true`, 'Transfer-Encoding: chunked'));
    wire.send('5\r\nhello\r\n');
    await at.untilWritten(path, 5);
    wire.socket.resetAndDestroy();
    await at.put(path, ' again');
    expect((await snapshot(path)).toString()).toBe('hello again');
    expect(await at.facts(path)).toMatchObject({ state: 'open', written: 11 });
  });

  it('contract 72: of a file leaves the file as it was', async () => {
    await at.put('/memfs/kept', 'as it was');
    const wire = await connectTo(at.port);
    wire.send(putHead('/memfs/kept', 'Content-Length: 100'));
    wire.socket.end('half');
    expect(await wire.response()).toMatchObject({ status: 400 });
    const read = await get(at.port, '/files?path=/memfs/kept');
    expect((await read.response()).body.toString()).toBe('as it was');
  });
});

describe('the pieces of a body', () => {
  it.each([64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, MB + 1])('a body of %d bytes arrives whole', async (length) => {
    const path = freshPath();
    const body = pattern(0, Math.ceil(length / 8) * 8).subarray(0, length);
    for (const chunked of [false, true]) {
      const wire = await connectTo(at.port);
      wire.send(putHead(path, chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`));
      if (chunked) wire.send(`${length.toString(16)}\r\n`);
      wire.send(body);
      if (chunked) wire.send('\r\n0\r\n\r\n');
      expect(jsonOf(await wire.response())).toEqual({ message: `Written ${length} bytes` });
    }
    expect((await snapshot(path)).equals(Buffer.concat([body, body]))).toBe(true);
  });

  it('contract 10: of up to 64 KiB with a length are one, though they come byte by byte from several writers', async () => {
    const path = freshPath();
    const length = 500;
    const writers = await Promise.all([...'abcd'].map(() => connectTo(at.port)));
    for (const wire of writers) wire.send(putHead(path, `Content-Length: ${length}`));
    for (let byte = 0; byte < length; byte++) {
      for (const [index, wire] of writers.entries()) wire.send('abcd'[index]!);
      // Each byte is a separate packet.
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const wire of writers) expect((await wire.response()).status).toBe(200);
    const text = (await snapshot(path)).toString();
    expect(text.length).toBe(4 * length);
    expect(text).toMatch(/^(a{500}|b{500}|c{500}|d{500}){4}$/);
  });

  it('contract 10: of the largest size are one, while another writer never stops', async () => {
    const path = freshPath();
    const size = 64 * 1024;
    const noise = await connectTo(at.port);
    noise.send(putHead(path, 'Transfer-Encoding: chunked'));
    const timer = setInterval(() => noise.send('3\r\n...\r\n'), 1);
    try {
      for (let round = 0; round < 10; round++) {
        const wire = await connectTo(at.port);
        wire.send(putHead(path, `Content-Length: ${size}`));
        const body = Buffer.alloc(size, 65 + round);
        for (let from = 0; from < size; from += 4096) {
          wire.send(body.subarray(from, from + 4096));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect((await wire.response()).status).toBe(200);
      }
    } finally {
      clearInterval(timer);
    }
    noise.send('0\r\n\r\n');
    await noise.response();
    const text = (await snapshot(path)).toString();
    for (let round = 0; round < 10; round++) {
      expect(text).toContain(String.fromCharCode(65 + round).repeat(size));
    }
    expect(text).toContain('...');
  });

  it('contract 10: with atomic=lines are whole lines, however long bodies of several writers are cut', async () => {
    const path = freshPath();
    const count = 300;
    const writers = await Promise.all([...'xyz'].map(() => connectTo(at.port)));
    for (const wire of writers) wire.send(putHead(`${path}&atomic=lines`, 'Transfer-Encoding: chunked'));
    const expected: string[][] = [];
    const bodies = writers.map((_, index) => {
      const lines = Array.from(
        { length: count },
        (_line, n) => `${'xyz'[index]}${n}:${'xyz'[index]!.repeat((n * 7) % 90)}`,
      );
      expected.push(lines);
      return `${lines.join('\n')}\n`;
    });
    const sent = [0, 0, 0];
    while (sent.some((done, index) => done < bodies[index]!.length)) {
      for (const [index, wire] of writers.entries()) {
        // Cut anywhere, with a different length each time.
        const size = 1 + ((sent[index]! * 31 + index * 17) % 61);
        const part = bodies[index]!.slice(sent[index]!, sent[index]! + size);
        sent[index] = sent[index]! + part.length;
        if (part.length > 0) wire.send(`${part.length.toString(16)}\r\n${part}\r\n`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const wire of writers) {
      wire.send('0\r\n\r\n');
      expect((await wire.response()).status).toBe(200);
    }
    const lines = (await snapshot(path)).toString().trimEnd().split('\n');
    expect(lines.length).toBe(3 * count);
    // Each writer's lines are complete and in order.
    for (const [index, own] of expected.entries()) {
      expect(lines.filter((line) => line.startsWith('xyz'[index]!))).toEqual(own);
    }
  });

  it('contract 10, 17: are in one order for every reader and for history, with many writers', async () => {
    const path = freshPath();
    const readers = await Promise.all([1, 2, 3].map(() => get(at.port, `/files?path=${path}&stream=true`)));
    await at.untilReaders(path, 3);
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 50; n++) await at.put(path, `<${writer}:${n}:${'-'.repeat((writer * 13 + n * 29) % 2000)}>`);
    });
    await Promise.all(writers);
    await at.json('POST', `/end?path=${path}`);
    const history = await snapshot(path);
    for (const wire of readers) expect((await wire.lastResponse()).body.equals(history)).toBe(true);
    const pieces = history.toString().match(/<\d:\d+:-*>/g)!;
    expect(pieces.join('').length).toBe(history.length);
    expect(pieces.length).toBe(400);
    for (let writer = 0; writer < 8; writer++) {
      const own = pieces.filter((piece) => piece.startsWith(`<${writer}:`)).map((piece) => Number(piece.split(':')[1]));
      expect(own).toEqual(Array.from({ length: 50 }, (_, n) => n));
    }
  });

  it('contract 70: of a body without end reach readers one by one', async () => {
    const path = freshPath();
    const reader = await get(at.port, `/files?path=${path}&stream=true`);
    await reader.head();
    const writer = await connectTo(at.port);
    writer.send(putHead(path, `Content-Length: ${2 ** 40}`));
    for (let n = 0; n < 20; n++) {
      writer.send(`piece ${n};`);
      await reader.until(`piece ${n};`);
    }
  });
});

describe('an invalid request', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400],
    ['binary rubbish', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]), 400],
    ['a version that does not exist', 'GET / HTTP/9.9\r\nHost: localhost\r\n\r\n', 400],
    ['headers that are too large', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    [
      'a target that is too large',
      `GET /api/v1/stat?path=/${'x'.repeat(40_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      414,
    ],
    ['a length that is not a number', `${putHead('/streamfs/never', 'Content-Length: five')}hello`, 400],
    ['a negative length', `${putHead('/streamfs/never', 'Content-Length: -5')}hello`, 400],
    ['two lengths', `${putHead('/streamfs/never', 'Content-Length: 5\r\nContent-Length: 6')}hello`, 400],
    [
      'a length next to chunks',
      `${putHead('/streamfs/never', 'Content-Length: 5\r\nTransfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`,
      400,
    ],
    ['a header with a line break in it', 'GET / HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n', 400],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n', 400],
  ])('%s is refused in JSON and closed', async (_name, bytes, status) => {
    const wire = await connectTo(at.port);
    wire.send(bytes);
    const response = await wire.lastResponse();
    expect([response.status, response.complete, typeof jsonOf(response).error]).toEqual([status, true, 'string']);
    expect(await at.facts('/streamfs/never')).toBeUndefined();
  });

  it.each([
    ['%', 400],
    ['%zz', 400],
    ['%c3%28', 400],
    ['%ff%fe', 400],
    ['/streamfs/%00', 400],
    ['/streamfs/a%0Ab', 400],
    ['/streamfs/../dev/null', 400],
    ['/streamfs/%2e%2e/dev/null', 400],
    ['/streamfs/x&path=/streamfs/y', 400],
    ['', 400],
  ])('contract 44: the path %j is refused', async (path, status) => {
    const wire = await connectTo(at.port);
    wire.send(`${putHead(path, 'Content-Length: 1')}x`);
    const response = await wire.response();
    expect([response.status, typeof jsonOf(response).error]).toEqual([status, 'string']);
  });

  it('contract 44: names with every other sign are names', async () => {
    for (const name of ['ü ß 日本', 'a+b&c=d?e#f', '%41', '...', 'con', `${'n'.repeat(255)}`, '🎬']) {
      const path = `/streamfs/${name}`;
      await at.put(path, 'x');
      const wire = await get(at.port, `/stat?path=${encodeURIComponent(path)}`);
      expect(jsonOf(await wire.response())).toMatchObject({ name, size: 1 });
    }
  });

  it('a client that vanishes in the middle of its headers, its body or its response affects nothing else', async () => {
    for (const bytes of [
      '',
      'G',
      'GET /api/v1/ver',
      'GET /api/v1/version HTTP/1.1\r\nHo',
      putHead(freshPath(), 'Content-Length: 9'),
    ]) {
      for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
        const wire = await connectTo(at.port);
        wire.send(bytes);
        wire.socket[leave]();
        if (leave === 'end') await wire.closed();
      }
    }
    const big = freshPath();
    await at.put(big, pattern(0, 6 * MB));
    for (let n = 0; n < 20; n++) {
      const wire = await get(at.port, `/files?path=${big}&stream=true`);
      await wire.head();
      wire.socket.resetAndDestroy();
    }
    await at.untilReaders(big, 0);
  });

  it('a request that comes byte by byte is a request', async () => {
    const path = freshPath();
    const wire = await connectTo(at.port);
    for (const byte of `${putHead(path, 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`) {
      wire.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(jsonOf(await wire.response())).toEqual({ message: 'Written 5 bytes' });
    expect((await snapshot(path)).toString()).toBe('hello');
  });

  it('a request without a Host is refused, unless it is of HTTP/1.0', async () => {
    const wire = await connectTo(at.port);
    wire.send('GET /api/v1/version HTTP/1.1\r\n\r\n');
    const response = await wire.response();
    expect([response.status, jsonOf(response).code]).toEqual([400, 'BAD_REQUEST']);
    const old = await connectTo(at.port);
    old.send('GET /api/v1/version HTTP/1.0\r\n\r\n');
    expect(await old.lastResponse()).toMatchObject({ status: 200, complete: true });
  });

  it('a target as for a proxy is that target', async () => {
    const wire = await connectTo(at.port);
    wire.send(`GET http://localhost/api/v1/version HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(await wire.response()).toMatchObject({ status: 200 });
  });

  it('hundreds of connections that send nothing delay no other', async () => {
    const silent = await Promise.all(Array.from({ length: 300 }, () => connectTo(at.port)));
    const path = freshPath();
    await at.put(path, pattern(0, MB));
    expect(isPattern(await snapshot(path), 0)).toBe(true);
    expect(silent.every(({ isOver }) => !isOver)).toBe(true);
  });
});
