import { describe, expect, it } from 'vitest';
import { isClientError, StreamFSClient } from '../../src/client/index.ts';
import { fakeServer, refuse } from './fake-server.ts';

type Call = (client: StreamFSClient) => Promise<unknown>;

/** Each method, the request it must make, and the result it derives from the response. */
const calls: [
  string,
  Call,
  { method: string; target: string; json?: unknown; responseBody: unknown; gives: unknown },
][] = [
  [
    'health',
    (c) => c.health(),
    { method: 'GET', target: '/health', responseBody: { ready: true }, gives: { ready: true } },
  ],
  ['ready', (c) => c.ready(), { method: 'GET', target: '/ready', responseBody: {}, gives: true }],
  [
    'version',
    (c) => c.version(),
    { method: 'GET', target: '/version', responseBody: { version: '1' }, gives: { version: '1' } },
  ],
  [
    'capabilities',
    (c) => c.capabilities(),
    { method: 'GET', target: '/capabilities', responseBody: { features: ['stream'] }, gives: { features: ['stream'] } },
  ],
  [
    'capabilities of a path',
    (c) => c.capabilities('/s/a'),
    {
      method: 'GET',
      target: '/capabilities?path=%2Fs%2Fa',
      responseBody: { isAppendOnly: true },
      gives: { isAppendOnly: true },
    },
  ],
  [
    'list',
    (c) => c.list('/s'),
    { method: 'GET', target: '/directories?path=%2Fs', responseBody: { files: [1] }, gives: [1] },
  ],
  [
    'list of nothing',
    (c) => c.list('/s'),
    { method: 'GET', target: '/directories?path=%2Fs', responseBody: { files: null }, gives: [] },
  ],
  [
    'stat',
    (c) => c.stat('/s/a b'),
    { method: 'GET', target: '/stat?path=%2Fs%2Fa+b', responseBody: { size: 1 }, gives: { size: 1 } },
  ],
  [
    'create',
    (c) => c.create('/s/a'),
    { method: 'POST', target: '/files?path=%2Fs%2Fa', responseBody: {}, gives: undefined },
  ],
  [
    'mkdir',
    (c) => c.mkdir('/d', 0o700),
    { method: 'POST', target: '/directories?path=%2Fd&mode=0700', responseBody: {}, gives: undefined },
  ],
  [
    'remove',
    (c) => c.remove('/s/a'),
    { method: 'DELETE', target: '/files?path=%2Fs%2Fa', responseBody: {}, gives: undefined },
  ],
  [
    'remove, recursive',
    (c) => c.remove('/d', { recursive: true }),
    { method: 'DELETE', target: '/files?path=%2Fd&recursive=true', responseBody: {}, gives: undefined },
  ],
  ['end', (c) => c.end('/s/a'), { method: 'POST', target: '/end?path=%2Fs%2Fa', responseBody: {}, gives: undefined }],
  [
    'touch',
    (c) => c.touch('/s/a'),
    { method: 'POST', target: '/touch?path=%2Fs%2Fa', responseBody: {}, gives: undefined },
  ],
  [
    'truncate',
    (c) => c.truncate('/f', 3),
    { method: 'POST', target: '/truncate?path=%2Ff&size=3', responseBody: {}, gives: undefined },
  ],
  [
    'rename',
    (c) => c.rename('/f', '/g'),
    { method: 'POST', target: '/rename?path=%2Ff', json: { newPath: '/g' }, responseBody: {}, gives: undefined },
  ],
  [
    'chmod',
    (c) => c.chmod('/f', 0o600),
    { method: 'POST', target: '/chmod?path=%2Ff', json: { mode: 384 }, responseBody: {}, gives: undefined },
  ],
  [
    'digest',
    (c) => c.digest('/f', 'md5'),
    {
      method: 'POST',
      target: '/digest',
      json: { path: '/f', algorithm: 'md5' },
      responseBody: { digest: 'x' },
      gives: { digest: 'x' },
    },
  ],
  [
    'grep',
    (c) => c.grep('/d', 'a.c', { recursive: true, caseInsensitive: true }),
    {
      method: 'POST',
      target: '/grep',
      json: { path: '/d', pattern: 'a.c', recursive: true, case_insensitive: true, stream: false },
      responseBody: { matches: [], count: 0 },
      gives: { matches: [], count: 0 },
    },
  ],
  ['mounts', (c) => c.mounts(), { method: 'GET', target: '/mounts', responseBody: { mounts: [2] }, gives: [2] }],
  [
    'mount',
    (c) => c.mount('memfs', '/m', { a: 1 }),
    {
      method: 'POST',
      target: '/mount',
      json: { fstype: 'memfs', path: '/m', config: { a: 1 } },
      responseBody: {},
      gives: undefined,
    },
  ],
  [
    'unmount',
    (c) => c.unmount('/m'),
    { method: 'POST', target: '/unmount', json: { path: '/m' }, responseBody: {}, gives: undefined },
  ],
  ['plugins', (c) => c.plugins(), { method: 'GET', target: '/plugins', responseBody: { plugins: [3] }, gives: [3] }],
  ['handles', (c) => c.handles(), { method: 'GET', target: '/handles', responseBody: { handles: [4] }, gives: [4] }],
];

describe('client', () => {
  it.each(calls)(
    'contract 66: %s makes its request',
    async (_name, call, { method, target, json, responseBody, gives }) => {
      let body = '';
      const server = await fakeServer((request, response) => {
        request.on('data', (piece) => {
          body += piece;
        });
        request.on('end', () => response.end(JSON.stringify(responseBody)));
      });
      expect(await call(new StreamFSClient({ url: server.url }))).toEqual(gives);
      const [seen] = server.requests;
      const query = seen?.query.toString() ?? '';
      expect(`${seen?.method} ${seen?.path}${query && `?${query}`}`).toBe(`${method} /api/v1${target}`);
      if (json !== undefined) expect(JSON.parse(body)).toEqual(json);
    },
  );

  it.each(['', '/', '/api/v1', '/api/v1/'])('takes the url with %j at its end', async (suffix) => {
    const server = await fakeServer((_request, response) => response.end('{}'));
    await new StreamFSClient({ url: server.url + suffix }).health();
    expect(server.requests[0]?.path).toBe('/api/v1/health');
  });

  it.each(['', 'nonsense', '127.0.0.1:8080', 'localhost:8080', 'ftp://host', 'http://user:secret@host'])(
    'refuses the url %j with what would be right',
    (url) => {
      expect(() => new StreamFSClient({ url })).toThrow(/it should|token option/);
    },
  );

  it('sends the token, and refuses one that would break the header', async () => {
    const server = await fakeServer((_request, response) => response.end('{}'));
    await new StreamFSClient({ url: server.url, token: 'secret' }).health();
    expect(server.requests[0]?.headers.authorization).toBe('Bearer secret');
    expect(() => new StreamFSClient({ token: 'two\r\nlines' })).toThrow(TypeError);
  });

  it('gives a link whole, from where it reaches the server itself', async () => {
    const bodies: string[] = [];
    const server = await fakeServer((request, response) => {
      request.on('data', (piece) => bodies.push(String(piece)));
      request.on('end', () => response.end('{"url":"/api/v1/files?path=/s/a&signature=x","path":"/s/a"}'));
    });
    for (const prefix of ['', '/behind/a/proxy', '/behind/api/v1/']) {
      const client = new StreamFSClient({ url: server.url + prefix });
      const { url } = await client.createLink('/s/a', { right: 'write', expiresIn: 90_000 });
      expect(url).toBe(`${client.url}/files?path=/s/a&signature=x`);
    }
    await new StreamFSClient({ url: server.url }).createLink('/s/a');
    expect(bodies.map((body) => JSON.parse(body)).slice(2)).toEqual([
      { path: '/s/a', right: 'write', expires_in: '90000ms' },
      { path: '/s/a', right: 'read' },
    ]);
    await expect(new StreamFSClient().createLink('/s/a', { expiresIn: 999 })).rejects.toThrow(TypeError);
  });

  it('gives a refusal with its status, code, text and facts', async () => {
    const server = await fakeServer((_request, response) => refuse(response, 410, 'OFFSET_GONE', { earliest: 9 }));
    const error = await new StreamFSClient({ url: server.url }).stat('/s/a').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      kind: 'http',
      status: 410,
      code: 'OFFSET_GONE',
      message: 'refused with OFFSET_GONE',
      details: { earliest: 9 },
    });
  });

  it("gives a proxy's page as an error with its status", async () => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(502);
      response.end('<html>Bad Gateway</html>');
    });
    const error = await new StreamFSClient({ url: server.url }).stat('/s/a').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'http', status: 502, code: 'HTTP_502' });
  });

  it('a response that is not JSON is a protocol error', async () => {
    const server = await fakeServer((_request, response) => response.end('<html>hello</html>'));
    const error = await new StreamFSClient({ url: server.url }).health().catch((thrown: unknown) => thrown);
    expect(isClientError(error, 'PROTOCOL')).toBe(true);
  });

  it('a web page is a protocol error of every request, and never taken for the bytes of a file or an acknowledgement', async () => {
    const server = await fakeServer((request, response) => {
      request.resume();
      request.on('end', () => {
        response.setHeader('Content-Type', 'text/html; charset=utf-8');
        response.end('<html>Please log in</html>');
      });
    });
    const client = new StreamFSClient({ url: server.url });
    const all = async (pieces: AsyncIterable<unknown>) => {
      for await (const _ of pieces) throw new Error('delivered');
    };
    for (const act of [
      () => client.health(),
      () => client.read('/f'),
      () => all(client.download('/f')),
      () => client.openSnapshot('/s/a'),
      () => all(client.follow('/s/a')),
      () => client.write('/f', 'x'),
      () => client.write('/s/a', 'x', { reconnect: true, retryFor: 1 }),
    ]) {
      const error = await act().then(String, (thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'PROTOCOL',
        message: expect.stringContaining(` is a web page: is ${server.url}/api/v1 a StreamFS server?`),
      });
    }
  });

  it('says that a server which is starting is not ready', async () => {
    const server = await fakeServer((_request, response) => refuse(response, 503, 'NOT_READY'));
    expect(await new StreamFSClient({ url: server.url }).ready()).toBe(false);
  });

  it('reads part of a file, and a snapshot with its offset and generation', async () => {
    const server = await fakeServer((_request, response) => {
      response.setHeader('X-Stream-Offset', '4090');
      response.setHeader('X-Stream-Generation', 'g7');
      response.end(Buffer.from([0, 255, 1]));
    });
    const client = new StreamFSClient({ url: server.url });
    expect(await client.read('/f', { offset: 2, size: 3 })).toEqual(new Uint8Array([0, 255, 1]));
    expect(server.requests[0]?.query.toString()).toBe('path=%2Ff&offset=2&size=3');
    expect(await client.snapshot('/s/a', { last: 10, generation: 'g7' })).toEqual({
      data: new Uint8Array([0, 255, 1]),
      offset: 4090,
      generation: 'g7',
    });
    expect(server.requests[1]?.query.toString()).toBe('path=%2Fs%2Fa&snapshot=true&last=10&generation=g7');
  });

  it('a file that breaks off is an error that says how much came', async () => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': 100 });
      response.write('half', () => response.socket?.destroy());
    });
    const client = new StreamFSClient({ url: server.url });
    const pieces: Uint8Array[] = [];
    const error = await (async () => {
      for await (const piece of client.download('/f')) pieces.push(piece);
    })().catch((thrown: unknown) => thrown);
    expect(Buffer.concat(pieces).toString()).toBe('half');
    expect(error).toMatchObject({ kind: 'cut', details: { received: 4 } });
    await expect(client.read('/f')).rejects.toMatchObject({ kind: 'cut' });
  });

  it("an abort is the signal's reason, of the call or of the client", async () => {
    const server = await fakeServer(() => {});
    const reason = new Error('enough');
    const abort = new AbortController();
    const client = new StreamFSClient({ url: server.url, signal: abort.signal });
    const waiting = client.health().catch((error: unknown) => error);
    abort.abort(reason);
    expect(await waiting).toBe(reason);
    const other = new StreamFSClient({ url: server.url });
    await expect(other.read('/f', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('a handle makes its requests, and closes', async () => {
    const server = await fakeServer((request, response) => {
      response.setHeader('X-EOF', 'true');
      if (request.url?.includes('/read')) response.end('data');
      else response.end(JSON.stringify({ handle_id: 3, path: '/s/a', lease: 5, position: 7, bytes_written: 2 }));
    });
    const handle = await new StreamFSClient({ url: server.url }).openHandle('/s/a', {
      flags: 2,
      lease: 5,
      mode: 0o600,
      create: true,
    });
    expect(handle).toMatchObject({ id: 3, path: '/s/a', lease: 5 });
    expect(await handle.read({ size: 10, timeout: 50 })).toEqual({
      data: new Uint8Array(Buffer.from('data')),
      eof: true,
    });
    await handle.readAt(9);
    expect(await handle.write('hi', { offset: 4 })).toEqual({ written: 2, position: 7 });
    expect(await handle.seek(-3, 'end')).toBe(7);
    await handle.sync();
    await handle.stat();
    await handle.info();
    await handle.renew(9);
    await handle.truncate(0);
    for await (const piece of handle.stream()) expect(piece.length).toBeGreaterThan(0);
    await handle.close();
    const targets = server.requests.map(({ method, path, query }) => `${method} ${path.slice(15)} ${query}`.trim());
    expect(targets).toEqual([
      'POST /open path=%2Fs%2Fa&flags=2&create=true&mode=0600&lease=5',
      'GET /3/read size=10&timeout=50ms',
      'GET /3/read offset=9&size=65536',
      'PUT /3/write offset=4',
      'POST /3/seek offset=-3&whence=2',
      'POST /3/sync',
      'GET /3/stat',
      'GET /3',
      'POST /3/renew lease=9',
      'POST /3/truncate size=0',
      'GET /3/stream',
      'DELETE /3',
    ]);
  });
});
