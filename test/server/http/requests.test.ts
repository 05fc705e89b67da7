/** HTTP's requirements for requests, on both paths into the server: the fast path, and node:http's. */
import { describe, expect, it } from 'vitest';
import { connectTo, type Wire } from '../../harness/wire.ts';
import { type Running, start } from '../harness.ts';

const STREAMS = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** A request; a plain PUT to a stream is served without node:http. */
function request(line: string, headers: string, body = ''): string {
  return `${line} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;
}

const APPEND = 'PUT /api/v1/files?path=/s/a';
const WRITE = 'POST /api/v1/write?path=/s/a';

interface ParsedResponse {
  status: number;
  headers: string;
  code: string;
  error: string;
}

/** Sends bytes, and returns the first response other than 100; the connection is then closed. */
async function responseTo(server: Running, ...packets: string[]): Promise<ParsedResponse> {
  const one = await connectTo(server.port);
  one.socket.setNoDelay(true);
  for (const packet of packets) {
    one.send(Buffer.from(packet, 'latin1'));
    // Turns of the event loop in which the server, in the same process, reads each packet by itself.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return responseOf(one);
}

async function responseOf(one: Wire): Promise<ParsedResponse> {
  const text = await one.until('}\n');
  one.socket.destroy();
  const [head = '', body = ''] = text.slice(text.indexOf('HTTP/1.1')).split('\r\n\r\n');
  const { code, error } = JSON.parse(body) as ParsedResponse;
  return { status: Number(head.slice(9, 12)), headers: head, code, error };
}

describe('a body that is not framed as HTTP has it', () => {
  it.each([
    ['a size that is not a number, of an append', request(APPEND, CHUNKED, 'ZZ\r\n'), 400, 'BODY_BROKE_OFF'],
    ['a size that is not a number, of a write', request(WRITE, CHUNKED, 'ZZ\r\n'), 400, 'BODY_BROKE_OFF'],
    ['the same after a chunk', request(WRITE, CHUNKED, '1\r\na\r\nZZ\r\n'), 400, 'BODY_BROKE_OFF'],
    ['the same of a JSON body', request('POST /api/v1/rename?path=/mem/a', CHUNKED, 'ZZ\r\n'), 400, 'BODY_BROKE_OFF'],
    ['the same where no body is wanted', request('GET /api/v1/stat?path=/s', CHUNKED, 'ZZ\r\n'), 400, 'BODY_BROKE_OFF'],
    ['an invalid coding', request(APPEND, 'Transfer-Encoding: xchunked\r\n'), 501, 'TRANSFER_CODING'],
    ['the same with a body', request(WRITE, 'Transfer-Encoding: xchunked\r\n', '1\r\na\r\n'), 501, 'TRANSFER_CODING'],
    ['gzip', request(APPEND, 'Transfer-Encoding: gzip, chunked\r\n', '1\r\na\r\n0\r\n\r\n'), 501, 'TRANSFER_CODING'],
    ['gzip of a read', request('GET /api/v1/version', 'Transfer-Encoding: gzip\r\n'), 501, 'TRANSFER_CODING'],
    ['chunked twice', request(APPEND, 'Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 400, 'BAD_REQUEST'],
    ['chunked in two headers', request(APPEND, CHUNKED + CHUNKED, '0\r\n\r\n'), 400, 'BAD_REQUEST'],
    ['chunked, but not at last', request(APPEND, 'Transfer-Encoding: chunked, x\r\n', '0\r\n\r\n'), 400, 'BAD_REQUEST'],
    ['a length after chunks', request(APPEND, `${CHUNKED}Content-Length: 1\r\n`, '0\r\n\r\n'), 400, 'BAD_REQUEST'],
    ['a length before chunks', request(APPEND, `Content-Length: 1\r\n${CHUNKED}`, '0\r\n\r\n'), 400, 'BAD_REQUEST'],
    ['two lengths', request(APPEND, 'Content-Length: 1\r\nContent-Length: 1\r\n', 'a'), 400, 'BAD_REQUEST'],
  ])('contract 72, 73: is answered, wherever its packets are cut: %s', async (_, bytes, status, code) => {
    const server = await start(STREAMS);
    for (let cut = 1; cut <= bytes.length; cut++) {
      const response = await responseTo(server, bytes.slice(0, cut), ...(cut < bytes.length ? [bytes.slice(cut)] : []));
      expect([cut, response.status, response.code]).toEqual([cut, status, code]);
      expect(response.headers).toContain('X-Content-Type-Options: nosniff');
    }
  });

  it('contract 72: keeps what came before the mistake, in one packet with the head or after another request', async () => {
    const server = await start(STREAMS);
    const broken = request(WRITE, CHUNKED, '3\r\nabc\r\nZZ\r\n');
    expect((await responseTo(server, broken)).error).toContain('3 bytes were written');
    const one = await connectTo(server.port);
    one.send(request('GET /api/v1/version', '') + broken);
    expect(await one.closed()).toMatch(/"version"[\s\S]*3 bytes were written/);
    expect((await server.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe('abcabc');
  });

  it('is refused of HTTP/1.0, which has no chunks', async () => {
    const server = await start(STREAMS);
    const response = await responseTo(server, request(APPEND, CHUNKED, '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'));
    expect(response).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  });
});

describe('a head that could be read in two ways', () => {
  const lines = (text: string) => text.replaceAll('\r\n', '\n');
  it.each([
    ['line feeds alone, of a read', lines(request('GET /api/v1/version', ''))],
    ['line feeds alone, of an append', lines(request(APPEND, 'Content-Length: 1\r\n', 'a'))],
    ['line feeds alone, of which the last is missing', 'GET /api/v1/version HTTP/1.1\nHost: x\n'],
    ['a line feed alone in the middle', 'GET /api/v1/version HTTP/1.1\r\nHost: x\nA: b\r\n'],
    ['a line feed alone at the end', 'GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\n'],
    ['carriage returns alone', request('GET /api/v1/version', '').replaceAll('\r\n', '\r')],
    ['a carriage return in a value', request('GET /api/v1/version', 'A: b\rc\r\n')],
    ['a space before a colon', request(APPEND, 'Content-Length : 1\r\n', 'a')],
    ['a line that continues in the next', request(APPEND, 'A: b\r\n c\r\nContent-Length: 1\r\n', 'a')],
    ['a NUL in a value', request(APPEND, 'A: b\0c\r\nContent-Length: 1\r\n', 'a')],
    ['a control character in a value', request('GET /api/v1/version', 'A: b\x01c\r\n')],
    ['a NUL in the path', request('GET /api/v1/ver\0sion', '')],
    ['NULs for slashes', request('POST /api%00v1%00write?path=/s/a', 'Content-Length: 1\r\n', 'a')],
    ['a line break in the path', request('GET /api/v1/ver%0Asion', '')],
    ['a control character beyond ASCII in the path', request('GET /api/v1/ver%C2%85sion', '')],
    ['two Hosts', request('GET /api/v1/version', 'Host: y\r\n')],
    ['the same Host twice', request(APPEND, 'host: x\r\nContent-Length: 1\r\n', 'a')],
    ['an invalid Host', request('GET /api/v1/version', '').replace('Host: x', 'Host: x y')],
    ['another host in the target', request('GET http://y/api/v1/version', '')],
    ['another port in the target', request('GET http://x:81/api/v1/version', '')],
    ['a user in the target', request('GET http://u@x/api/v1/version', '')],
    ['a version to come', request('GET /api/v1/version', '').replace('HTTP/1.1', 'HTTP/2.0')],
    ['a tunnel', request('CONNECT x:80', '')],
  ])('contract 73: is refused at once: %s', async (_, bytes) => {
    const server = await start(STREAMS);
    const response = await responseTo(server, bytes);
    expect([response.status, response.code]).toEqual([400, 'BAD_REQUEST']);
    const byByte = await responseTo(server, ...bytes);
    expect([byByte.status, byByte.code]).toEqual([400, 'BAD_REQUEST']);
    expect((await server.call('GET', '/stat?path=/s/a')).status).toBe(404);
  });

  it.each([
    ['ä as it is', 'GET /api/v1/stat?path=/s/\xc3\xa4', '%C3%A4'],
    ['ä of an append', 'PUT /api/v1/files?path=/s/\xc3\xa4', '%C3%A4'],
    ['a space', 'GET /api/v1/stat?path=/s/a b', '%20'],
  ])('says how a target must be written: %s', async (_, line, hint) => {
    const server = await start(STREAMS);
    const response = await responseTo(server, request(line, 'Content-Length: 0\r\n'));
    expect(response).toMatchObject({ status: 400, error: expect.stringContaining(hint) });
  });

  it('whose target and Host name the same server is accepted', async () => {
    const server = await start(STREAMS);
    for (const target of ['http://x', 'HTTP://X', 'http://x:80', 'http://x:']) {
      const one = await connectTo(server.port);
      one.send(request(`GET ${target}/api/v1/version`, ''));
      expect(await one.until('"version"')).toContain('200 OK');
      one.socket.destroy();
    }
  });
});

describe('an offer of another protocol', () => {
  it.each([
    ['a read', request('GET /api/v1/version', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'), '"version"'],
    [
      'a write with a body',
      request(WRITE, 'Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n', 'abc'),
      'Written 3 bytes',
    ],
    [
      'a write in chunks',
      request(WRITE, `Connection: upgrade\r\nUpgrade: h2c\r\n${CHUNKED}`, '3\r\nabc\r\n0\r\n\r\n'),
      'Written 3 bytes',
    ],
  ])('is ignored, and the next request is served: %s', async (_, offer, response) => {
    const server = await start(STREAMS);
    const before = request('GET /api/v1/stat?path=/mem', '');
    const behind = request('GET /api/v1/nope', '');
    for (const packets of [[before + offer + behind + offer + behind], [before + offer, behind, offer + behind]]) {
      const one = await connectTo(server.port);
      for (const packet of packets) one.send(packet);
      one.socket.end();
      const text = await one.closed();
      const order = [...text.matchAll(/"isDir"|"version"|Written 3 bytes|ROUTE_NOT_FOUND/g)].map(([found]) => found);
      expect(order).toEqual(['"isDir"', response, 'ROUTE_NOT_FOUND', response, 'ROUTE_NOT_FOUND']);
    }
  });
});

describe('a client that asks before it sends its body', () => {
  const expects = 'Expect: 100-continue\r\n';
  const length = (bytes: number) => `${expects}Content-Length: ${bytes}\r\n`;

  it.each([
    ['a bad parameter', request('PUT /api/v1/files?path=/s/a&end=maybe', length(3)), 400],
    ['a missing one', request('POST /api/v1/rename', length(3)), 400],
    ['a body of no use', request('POST /api/v1/files?path=/s/b', length(3)), 400],
    ['no mount', request('PUT /api/v1/files?path=/nowhere/a', length(3)), 404],
    [
      'no mount, of JSON',
      request('POST /api/v1/write?path=/nowhere/a', `${length(3)}Content-Type: application/json\r\n`),
      404,
    ],
    ['no route', request('PUT /api/v1/nope', length(3)), 404],
    ['no such method', request('DELETE /api/v1/write', length(3)), 405],
    ['no stream to be created', request('PUT /api/v1/files?path=/s/b&create=false', length(3)), 404],
    ['a stream that has ended', request('PUT /api/v1/files?path=/s/over', length(3)), 409],
    ['the same in chunks', request('PUT /api/v1/files?path=/s/over', `${expects}${CHUNKED}`), 409],
    ['README', request('PUT /api/v1/files?path=/s/README', length(3)), 403],
    ['too much', request('PUT /api/v1/files?path=/mem/a', length(3_000_000)), 413],
    ['too much JSON', request('POST /api/v1/rename?path=/mem/a', length(3_000_000)), 413],
    ['a content coding', request('PUT /api/v1/files?path=/s/a', `${length(3)}Content-Encoding: gzip\r\n`), 415],
    ['another expectation', request('PUT /api/v1/files?path=/s/a', 'Expect: 200-maybe\r\nContent-Length: 3\r\n'), 417],
    ['one more expectation', request('PUT /api/v1/files?path=/s/a', `${length(3)}Expect: more\r\n`), 417],
    [
      'a transfer coding',
      request('PUT /api/v1/files?path=/s/a', `${expects}Transfer-Encoding: gzip, chunked\r\n`),
      501,
    ],
  ])('is not told to, where it is of no use: %s', async (_, head, status) => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/over&end=true', { body: 'x' });
    const one = await connectTo(server.port);
    one.send(head);
    const text = await one.until('}\n');
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(text).toContain('X-Content-Type-Options: nosniff');
    // It is not known whether the body will follow: the next bytes may be it, or a request.
    expect(text).toContain('Connection: close');
    one.socket.destroy();
  });

  it.each([
    ['an append', 'PUT /api/v1/files?path=/s/a'],
    ['an append next to others', 'PUT /api/v1/files?path=/s/a&atomic=lines'],
    ['a file', 'PUT /api/v1/files?path=/mem/a'],
    ['a write', 'POST /api/v1/write?path=/mem/b'],
  ])('is informed once, before it does: %s', async (_, line) => {
    const server = await start(STREAMS);
    for (const framing of [length(3), `${expects}${CHUNKED}`]) {
      const one = await connectTo(server.port);
      one.send(request(line, framing));
      await one.until('HTTP/1.1 100 Continue\r\n\r\n');
      one.send(framing.includes('chunked') ? '3\r\nabc\r\n0\r\n\r\n' : 'abc');
      expect(await one.until('Written 3')).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /);
      one.socket.destroy();
    }
  });

  it('is not told on a connection where it has written before, once the stream has ended', async () => {
    const server = await start(STREAMS);
    const one = await connectTo(server.port);
    const head = request(APPEND, length(3));
    one.send(head);
    await one.until('100 Continue');
    one.send('abc');
    const before = (await one.until('Written 3')).length;
    await server.call('POST', '/end?path=/s/a');
    one.send(head);
    expect((await one.until('STREAM_CLOSED')).slice(before)).not.toContain('100 Continue');
    one.socket.destroy();
  });
});

describe('a body that is not read', () => {
  const json = { 'Content-Type': 'application/json' };
  it.each([
    ['POST', '/files?path=/s/new', 'PUT /api/v1/files'],
    ['POST', '/touch?path=/s/new', 'PUT /api/v1/files'],
    ['POST', '/end?path=/s/a', 'end=true'],
    ['POST', '/directories?path=/mem/new', 'query'],
    ['POST', '/truncate?path=/mem/f&size=0', 'query'],
    ['POST', '/handles/open?path=/s/new', 'query'],
    ['DELETE', '/files?path=/s/a', 'query'],
    ['GET', '/files?path=/s/a&stream=true', 'PUT /api/v1/files'],
    ['GET', '/stat?path=/s/a', 'query'],
  ])('is refused, and nothing is done: %s %s', async (method, target, hint) => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/a', { body: 'abc' });
    await server.call('PUT', '/files?path=/mem/f', { body: 'abc' });
    for (const headers of [{}, json, { 'Transfer-Encoding': 'chunked' }, { ...json, 'Transfer-Encoding': 'chunked' }]) {
      for (const body of ['hello=world', '{"a":1}', 'x'.repeat(100_000)]) {
        const framed = 'Transfer-Encoding' in headers ? headers : { ...headers, 'Content-Length': String(body.length) };
        const response = await server.call(method, target, { body, headers: framed });
        expect([response.status, response.json().code]).toEqual([400, 'BODY_NOT_USED']);
        expect(response.json().error).toContain(hint);
      }
    }
    const sizes = await Promise.all(
      ['/s/a', '/mem/f'].map(async (path) => (await server.call('GET', `/stat?path=${path}`)).json().size),
    );
    expect(sizes).toEqual([3, 3]);
    expect((await server.call('GET', '/directories?path=/s')).json().files).toHaveLength(2);
  });

  it('may be empty, or say nothing in JSON, as clients write it that send a body with everything', async () => {
    const server = await start(STREAMS);
    let n = 0;
    for (const parts of [
      {},
      { body: '' },
      { body: '', headers: { 'Transfer-Encoding': 'chunked' } },
      { body: '{}', headers: json },
      { body: ' {} \n', headers: { 'Content-Type': 'application/json; charset=utf-8' } },
      { body: 'null', headers: { ...json, 'Transfer-Encoding': 'chunked' } },
    ]) {
      expect((await server.call('POST', `/files?path=/s/n${++n}`, parts)).status).toBe(201);
      expect((await server.call('GET', `/stat?path=/s/n${n}`, parts)).status).toBe(200);
    }
  });

  it('contract 80: is what asks for a plugin to be loaded, which never is', async () => {
    const server = await start();
    expect((await server.post('/plugins/load', { library_path: './x.so' })).status).toBe(501);
  });
});

describe('the content of a body', () => {
  it.each(['PUT /files?path=/s/a', 'PUT /files?path=/mem/a', 'POST /write?path=/s/a', 'POST /rename?path=/mem/a'])(
    'is taken as it is, so compressed it is refused: %s',
    async (route) => {
      const server = await start(STREAMS);
      const [method = '', target = ''] = route.split(' ');
      for (const coding of ['gzip', 'br', 'identity, gzip', 'GZIP', 'x']) {
        const response = await server.call(method, target, { body: 'abc', headers: { 'Content-Encoding': coding } });
        expect([coding, response.status, response.json().code]).toEqual([coding, 415, 'CONTENT_CODING']);
      }
      const response = await server.call(method, target, { body: '{}', headers: { 'Content-Encoding': 'Identity' } });
      expect(response.status).not.toBe(415);
    },
  );

  it.each(['\\ud800', 'a\\udc00b', '\\udc00\\ud800', 'ok \\ud83d'])(
    'of JSON is text that UTF-8 can say, so half of a character is refused: %s',
    async (text) => {
      const server = await start(STREAMS);
      const send = (data: string) =>
        server.call('POST', '/write?path=/s/a', {
          body: `{"data":"${data}"}`,
          headers: { 'Content-Type': 'application/json' },
        });
      const refused = await send(text);
      expect([refused.status, refused.json().code]).toEqual([400, 'INVALID_BODY']);
      expect((await server.call('GET', '/stat?path=/s/a')).status).toBe(404);
      expect((await send('\\ud83d\\ude00')).status).toBe(200);
      expect((await server.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe('😀');
    },
  );
});

describe('input that is not HTTP', () => {
  it('but TLS gets a response that says that this port has none', async () => {
    const server = await start();
    const hello = '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03';
    expect(await responseTo(server, hello)).toMatchObject({ status: 400, error: expect.stringContaining('TLS') });
  });

  it('but HTTP/2 gets an error that names the supported version', async () => {
    const server = await start();
    const response = await responseTo(server, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(response).toMatchObject({ status: 400, error: expect.stringContaining('HTTP/1.1') });
  });
});
