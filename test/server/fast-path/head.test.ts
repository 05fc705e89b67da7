import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHeadBegun, readHead } from '../../../src/server/fast-path/head.ts';
import { readByNode } from './node-parser.ts';

const PUT = 'PUT /api/v1/files?path=/s/a HTTP/1.1';
const GET = 'GET /api/v1/files?path=/s/a&stream=true HTTP/1.1';

function head(...lines: string[]): string {
  return lines.join('\r\n');
}

describe('a head that is served directly', () => {
  it('is a PUT or POST with a length, or chunked', () => {
    const put = readHead(head(PUT, 'Host: a:1', 'Content-Length: 100', 'Content-Type: text/plain', 'User-Agent: x y'));
    expect(put).toEqual({
      ...{ method: 'PUT', target: '/api/v1/files?path=/s/a', host: 'a:1', length: 100, expectsContinue: false },
      ...{ authorization: undefined, 'user-agent': 'x y', accept: undefined, 'content-type': 'text/plain' },
    });
    const post = readHead(
      head('POST /v1/stream/a HTTP/1.1', 'Host: a', 'Content-Type: text/plain', 'Content-Length: 3'),
    );
    expect(post).toMatchObject({ method: 'POST', length: 3, 'content-type': 'text/plain' });
    const chunked = readHead(head(PUT, 'host:a', 'transfer-encoding:\t Chunked ', 'Expect: 100-continue'));
    expect(chunked).toMatchObject({ length: undefined, expectsContinue: true, host: 'a' });
  });

  it('is a GET without a body', () => {
    const get = head(
      GET,
      'Host: a',
      'Accept: x/y',
      'Authorization: Bearer abc',
      'Connection: close',
      'Range: bytes=0-',
    );
    expect(readHead(get)).toMatchObject({ method: 'GET', accept: 'x/y', authorization: 'Bearer abc' });
  });

  it.each([
    ['another method', head('PATCH /a HTTP/1.1', 'Host: a', 'Content-Length: 1')],
    ['a method in small letters', head('put /a HTTP/1.1', 'Host: a', 'Content-Length: 1')],
    ['another version', head('GET /a HTTP/1.0', 'Host: a')],
    ['an absolute target', head('GET http://a/b HTTP/1.1', 'Host: a')],
    ['two spaces', head('GET  /a HTTP/1.1', 'Host: a')],
    ['no Host', head('GET /a HTTP/1.1')],
    ['an empty Host', head('GET /a HTTP/1.1', 'Host:')],
    ['a header twice', head('GET /a HTTP/1.1', 'Host: a', 'host: b')],
    ['a header it does not know', head('GET /a HTTP/1.1', 'Host: a', 'Origin: http://evil')],
    ['a browser that is sent here', head('GET /a HTTP/1.1', 'Host: a', 'Sec-Fetch-Mode: navigate')],
    ['a page of a browser', head('GET /a HTTP/1.1', 'Host: a', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Site: same-origin')],
    ['a name with a space after it', head('GET /a HTTP/1.1', 'Host : a')],
    ['a tab after a value', head(PUT, 'Host: a', 'Content-Length: 5\t')],
    ['a folded value', head('GET /a HTTP/1.1', 'Host: a', ' b')],
    ['a line that ends in LF alone', head('GET /a HTTP/1.1', 'Host: a\nContent-Length: 1')],
    ['a CR within a value', head('GET /a HTTP/1.1', 'Host: a\rb')],
    ['a value that is not ASCII', head('GET /a HTTP/1.1', 'Host: \xe4')],
    ['a control character', head('GET /a HTTP/1.1', 'Host: a\0')],
    ['length and chunks', head(PUT, 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
    ['neither of them', head(PUT, 'Host: a')],
    ['another coding', head(PUT, 'Host: a', 'Transfer-Encoding: gzip, chunked')],
    ['a length with a sign', head(PUT, 'Host: a', 'Content-Length: +1')],
    ['two lengths', head(PUT, 'Host: a', 'Content-Length: 1, 1')],
    ['a length that is no exact number', head(PUT, 'Host: a', `Content-Length: ${'9'.repeat(16)}`)],
    ['a body where none is expected', head(GET, 'Host: a', 'Content-Length: 1')],
    ['an upgrade', head(GET, 'Host: a', 'Connection: upgrade')],
    ['a connection that is to be closed after a body', head(PUT, 'Host: a', 'Content-Length: 1', 'Connection: close')],
    ['another expectation', head(PUT, 'Host: a', 'Content-Length: 1', 'Expect: 200-ok')],
    ['a producer', head(PUT, 'Host: a', 'Content-Length: 1', 'Producer-Id: a')],
  ])('is none with %s', (_, text) => {
    expect(readHead(text)).toBeUndefined();
  });

  it('is known by its first bytes, however few have come', () => {
    for (const text of ['G', 'GET', 'GET /', 'PUT /x', 'P', 'PO', 'POST', 'POST /x'])
      expect(isHeadBegun(Buffer.from(`..${text}`), 2)).toBe(true);
    for (const text of ['POST*', 'PATCH', 'PA', 'get /', '\r\n', 'GET *', '\x16\x03']) {
      expect(isHeadBegun(Buffer.from(text), 0)).toBe(false);
    }
  });

  it('means to node:http what it means here, whatever is written', async () => {
    const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
    const name = fc.oneof(
      { weight: 8, arbitrary: oneOf('Host', 'content-length', 'Transfer-Encoding', 'Accept', 'Connection', 'Expect') },
      oneOf('Authorization', 'X', 'Host ', 'Content-Length\t', 'Transfer_Encoding', ''),
    );
    const value = fc.oneof(
      { weight: 8, arbitrary: oneOf('a', '5', '05', 'chunked', 'keep-alive', 'close', '100-continue', '', 'a b') },
      oneOf('5, 5', '+5', '0x5', 'chunked, chunked', ' 5 ', '\t5\t', '\x0b5', '5\x00', '\xff'),
    );
    const right = oneOf(
      'Content-Length: 5',
      'content-length:0',
      'Transfer-Encoding: chunked',
      'Expect: 100-continue',
      'Accept: x',
      'Content-Type: a/b; c=d',
    );
    const odd = fc.tuple(name, oneOf(':', ': ', ':\t', ' :', ''), value).map((parts) => parts.join(''));
    const line = fc.oneof({ weight: 4, arbitrary: right }, odd);
    const mostly = <T>(right: T, ...others: T[]) =>
      fc.oneof({ weight: 9, arbitrary: fc.constant(right) }, fc.constantFrom(...others));
    const first = fc.tuple(
      oneOf('PUT', 'GET', 'POST'),
      mostly(' ', '  '),
      mostly('/a?b=c', '/', '*', '/\xff'),
      mostly(' HTTP/1.1', ' HTTP/1.0', ''),
    );
    const text = fc.tuple(first, fc.array(line, { maxLength: 3 }), mostly('\r\n', '\n'));
    let ours = 0;
    await fc.assert(
      fc.asyncProperty(text, async ([start, lines, end]) => {
        const written = [start.join(''), 'Host: a', ...lines].join(end);
        const read = readHead(written);
        if (read === undefined) return;
        ours++;
        const body = read.length === undefined ? '0\r\n\r\n' : 'x'.repeat(Math.min(read.length, 10));
        const { requests, isBroken } = await readByNode(Buffer.from(`${written}\r\n\r\n${body}`, 'latin1'));
        expect(isBroken).toBe(false);
        expect(requests).toHaveLength(1);
        const [{ method, target, headers, isComplete, body: got }] = requests as [(typeof requests)[0]];
        expect({ method, target, host: headers.host }).toEqual({
          method: read.method,
          target: read.target,
          host: read.host,
        });
        expect(headers.accept).toBe(read.accept);
        expect(headers.authorization).toBe(read.authorization);
        expect(headers['content-type']).toBe(read['content-type']);
        expect(Number(headers['content-length'] ?? Number.NaN)).toBe(
          read.method === 'GET' ? Number.NaN : (read.length ?? Number.NaN),
        );
        expect(isComplete).toBe(read.length === undefined || read.length <= 10);
        expect(got.length).toBe(read.length === undefined ? 0 : Math.min(read.length, 10));
      }),
      { numRuns: 3000 },
    );
    // A check that enough was compared. It is about 550.
    expect(ours).toBeGreaterThan(100);
  });
});
