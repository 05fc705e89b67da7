import { describe, expect, it } from 'vitest';
import { type Running, start } from './harness.ts';

const put = ({ call }: Running, path: string, body: string) => call('PUT', `/files?path=${path}`, { body });

describe('files', () => {
  it('contract 66: create, write, read, remove, with the texts of the original', async () => {
    const server = await start();
    const { call } = server;
    const created = await call('POST', '/files?path=/mem/a');
    expect([created.status, created.json()]).toEqual([201, { message: 'file created' }]);
    const written = await put(server, '/mem/a', 'hello');
    expect([written.status, written.json()]).toEqual([200, { message: 'Written 5 bytes' }]);
    const read = await call('GET', '/files?path=/mem/a');
    expect([read.status, read.text]).toEqual([200, 'hello']);
    expect(read.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '5',
      'x-content-type-options': 'nosniff',
    });
    const removed = await call('DELETE', '/files?path=/mem/a');
    expect([removed.status, removed.json()]).toEqual([200, { message: 'deleted' }]);
    expect((await call('GET', '/files?path=/mem/a')).status).toBe(404);
  });

  it.each([
    ['If-Match', '"x"', 'generation='],
    ['If-None-Match', '*', 'POST /files'],
    ['If-Unmodified-Since', 'Thu, 26 Nov 2026 12:00:00 GMT', 'generation='],
    ['Content-Range', 'bytes 2-4/5', 'offset='],
  ])(
    'a request that changes something refuses %s, which it would otherwise seem to have checked',
    async (name, value, instead) => {
      const server = await start({ mounted: { '/mem': 'memfs', '/s': 'streamfs' } });
      const { call } = server;
      await put(server, '/mem/a', 'hello');
      await put(server, '/s/a', 'hello');
      const headers = { [name]: value };
      for (const [method, target, body] of [
        ['PUT', '/files?path=/mem/a', 'other'],
        ['PUT', '/files?path=/s/a', 'other'],
        ['POST', '/write?path=/s/a', 'other'],
        ['POST', '/files?path=/mem/new', undefined],
        ['POST', '/truncate?path=/mem/a&size=0', undefined],
        ['POST', '/end?path=/s/a', undefined],
        ['DELETE', '/files?path=/mem/a', undefined],
        ['DELETE', '/directories?path=/mem/a', undefined],
      ] as const) {
        const refused = await call(method, target, body === undefined ? { headers } : { headers, body });
        expect([method, target, refused.status, refused.json().code]).toEqual([
          method,
          target,
          400,
          'INVALID_PARAMETER',
        ]);
        expect(refused.json().error).toMatch(new RegExp(`^invalid ${name} parameter: .*${instead}`));
      }
      // Nothing has changed, and a read ignores it.
      expect((await call('GET', '/files?path=/mem/a', { headers })).text).toBe('hello');
      expect((await call('GET', '/files?path=/s/a&snapshot=true', { headers })).text).toBe('hello');
      expect((await put(server, '/s/a', '!')).status).toBe(200);
    },
  );

  it('contract 73: creating an existing file is 409', async () => {
    const { call } = await start();
    await call('POST', '/files?path=/mem/a');
    const again = await call('POST', '/files?path=/mem/a');
    expect([again.status, again.json().code]).toEqual([409, 'FILE_EXISTS']);
  });

  it('reads a part: negative offsets are 0, negative sizes everything, past the end is empty', async () => {
    const server = await start();
    await put(server, '/mem/a', '0123456789');
    const part = async (parameters: string) => (await server.call('GET', `/files?path=/mem/a&${parameters}`)).text;
    expect(await part('offset=3&size=4')).toBe('3456');
    expect(await part('offset=8&size=100')).toBe('89');
    expect(await part('offset=-5&size=2')).toBe('01');
    expect(await part('offset=7&size=-1')).toBe('789');
    expect(await part('size=0')).toBe('');
    const past = await server.call('GET', '/files?path=/mem/a&offset=100');
    expect([past.status, past.text]).toEqual([200, '']);
  });

  it('contract 59: an offset or size that is not a number is 400 with the text of the original', async () => {
    const { call } = await start();
    for (const name of ['offset', 'size']) {
      for (const value of ['x', '1.5', '99999999999999999999', '0x10']) {
        const response = await call('GET', `/files?path=/mem/a&${name}=${value}`);
        expect([value, response.status]).toEqual([value, 400]);
        expect(response.json().error).toMatch(new RegExp(`^invalid ${name} parameter`));
      }
    }
  });

  it('contract 78: HEAD of a file gives the length a read would have, and reads nothing', async () => {
    const server = await start();
    await put(server, '/mem/a', '0123456789');
    const length = async (parameters: string) =>
      (await server.call('HEAD', `/files?path=/mem/a${parameters}`)).headers['content-length'];
    expect(await length('')).toBe('10');
    expect(await length('&offset=4')).toBe('6');
    expect(await length('&offset=4&size=3')).toBe('3');
    expect(await length('&offset=40')).toBe('0');
    expect((await server.call('HEAD', '/files?path=/mem/absent')).status).toBe(404);
    expect((await server.call('HEAD', '/files?path=/mem')).status).toBe(400);
  });

  it('a file can be read as a stream, raw and framed', async () => {
    const server = await start();
    await put(server, '/mem/a', 'hello');
    const raw = await server.call('GET', '/files?path=/mem/a&stream=true');
    expect([raw.status, raw.text]).toEqual([200, 'hello']);
    const framed = await server.call('GET', '/files?path=/mem/a&stream=true&format=frames');
    expect(framed.headers['content-type']).toBe('application/vnd.streamfs.frames');
    expect(framed.body.subarray(16, 21).toString()).toBe('hello');
  });

  it('contract 71: a PUT body is raw whatever its type says', async () => {
    const { call } = await start();
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const response = await call('PUT', '/files?path=/mem/a', {
        body: '{"data":"x"}',
        headers: { 'Content-Type': type },
      });
      expect(response.json().message).toBe('Written 12 bytes');
      expect((await call('GET', '/files?path=/mem/a')).text).toBe('{"data":"x"}');
    }
  });

  it('contract 66: POST /write takes data as JSON, else the raw body', async () => {
    const { call, post } = await start();
    expect((await post('/write?path=/mem/a', { data: 'grüße' })).json()).toEqual({ message: 'Written 7 bytes' });
    expect((await call('GET', '/files?path=/mem/a')).text).toBe('grüße');
    const raw = await call('POST', '/write?path=/mem/a', { body: '{"data":1}' });
    expect(raw.json()).toEqual({ message: 'Written 10 bytes' });
    expect((await post('/write?path=/mem/a', { data: '' })).json()).toEqual({ message: 'Written 0 bytes' });
    const wrong = await post('/write?path=/mem/a', { data: 5 });
    expect(wrong.json().error).toBe('invalid request body: "data" must be a string, not a number');
    expect((await post('/write?path=/mem/a', {})).json().error).toBe('data is required');
  });

  it('create=false answers 404 where the file does not exist', async () => {
    const { call, post } = await start();
    expect((await call('PUT', '/files?path=/mem/a&create=false', { body: 'x' })).status).toBe(404);
    expect((await post('/write?path=/mem/a&create=false', { data: 'x' })).status).toBe(404);
    expect((await call('GET', '/stat?path=/mem/a')).status).toBe(404);
  });

  it('contract 1: an offset of a PUT is for ordinary files: there the rest of the file stays, a stream appends', async () => {
    const server = await start({ mounted: { '/mem': 'memfs', '/s': 'streamfs' } });
    for (const path of ['/mem/a', '/s/a']) {
      await put(server, path, '012345');
      expect((await server.call('PUT', `/files?path=${path}&offset=2`, { body: 'XY' })).status).toBe(200);
      expect((await server.call('PUT', `/files?path=${path}&offset=-1`, { body: 'XY' })).status).toBe(400);
    }
    expect((await server.call('GET', '/files?path=/mem/a')).text).toBe('01XY45');
    expect((await server.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe('012345XY');
  });

  it('a file that is not a stream has no generation to ask for, and no end', async () => {
    const server = await start();
    await put(server, '/mem/a', 'old');
    const other = await server.call('PUT', '/files?path=/mem/a&generation=g1', { body: 'new' });
    expect([other.status, other.json().code]).toEqual([409, 'STREAM_RECREATED']);
    expect((await server.call('POST', '/end?path=/mem/a')).status).toBe(501);
    expect((await server.call('GET', '/files?path=/mem/a')).text).toBe('old');
  });

  it('contract 66: DELETE with recursive=true removes a directory with all in it; DELETE /directories is the same', async () => {
    const server = await start();
    await server.call('POST', '/mkdir?path=/mem/d');
    await put(server, '/mem/d/a', 'x');
    expect((await server.call('DELETE', '/files?path=/mem/d')).status).toBe(409);
    expect((await server.call('DELETE', '/directories?path=/mem/d&recursive=true')).json()).toEqual({
      message: 'deleted',
    });
    expect((await server.call('GET', '/stat?path=/mem/d')).status).toBe(404);
    expect((await server.call('DELETE', '/files?path=/mem/x&recursive=maybe')).json().error).toMatch(
      /^invalid recursive parameter: must be true or false/,
    );
  });

  it('stream=true and snapshot=true together are refused', async () => {
    const { call } = await start();
    const response = await call('GET', '/files?path=/mem/a&stream=true&snapshot=true');
    expect([response.status, response.json().error]).toEqual([
      400,
      'invalid snapshot parameter: give either stream=true or snapshot=true, not both',
    ]);
  });

  it('two starting points together are refused', async () => {
    const { call } = await start();
    const response = await call('GET', '/files?path=/mem/a&stream=true&from=live&last=1KB');
    expect(response.json().error).toMatch(/^invalid last parameter: only one of from, offset, last and last_lines/);
  });
});

describe('the limit of bodies', () => {
  it('contract 70: a file takes no more than the limit, said or not said beforehand', async () => {
    const server = await start({ maxRequestBodyBytes: 1000 });
    const text = 'request body exceeds maximum size of 1000 bytes';
    const refused = await server.call('PUT', '/files?path=/mem/a', { body: Buffer.alloc(1001) });
    expect([refused.status, refused.json().error]).toEqual([413, text]);
    const chunked = await server.call('PUT', '/files?path=/mem/a', {
      body: Buffer.alloc(1001),
      headers: { 'Transfer-Encoding': 'chunked' },
    });
    expect([chunked.status, chunked.json().error]).toEqual([413, text]);
    expect((await server.call('GET', '/stat?path=/mem/a')).status).toBe(404);
    expect((await put(server, '/mem/a', 'x'.repeat(1000))).status).toBe(200);
  });

  it('contract 70: a JSON body is limited too', async () => {
    const server = await start({ maxRequestBodyBytes: 1000 });
    const body = JSON.stringify({ newPath: 'x'.repeat(2000) });
    for (const headers of [{}, { 'Transfer-Encoding': 'chunked' }]) {
      const response = await server.call('POST', '/rename?path=/mem/a', { body, headers });
      expect([response.status, response.json()]).toEqual([
        413,
        {
          limit: 'body_size',
          max: 1000,
          error: 'request body exceeds maximum size of 1000 bytes',
          code: 'BODY_TOO_LARGE',
        },
      ]);
    }
  });

  it('contract 70: a client that sends 64 MiB too many still gets its response', async () => {
    const server = await start({ maxRequestBodyBytes: 1000 });
    const response = await server.call('PUT', '/files?path=/mem/a', { body: Buffer.alloc(64 * 1024 * 1024) });
    expect(response.status).toBe(413);
    expect((await server.call('GET', '/health')).status).toBe(200);
  });
});
