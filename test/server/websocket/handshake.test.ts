import { describe, expect, it } from 'vitest';
import { HostCheck, Origins, Tokens } from '../../../src/server/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo } from '../../harness/wire.ts';
import { as, token } from '../auth/tokens.ts';
import { type StartOptions, start } from '../harness.ts';
import { connectClient, refusal } from './peer.ts';
import { close, HANDSHAKE_KEY, rawPeer } from './wire-frames.ts';

const STREAMS: StartOptions = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };
const TARGET = '/api/v1/ws?path=/s/a';

const secret = (name: string) => `streamfs.token.${Buffer.from(`secret-of-${name}`).toString('base64url')}`;

const guarded = () =>
  start({
    ...STREAMS,
    tokens: new Tokens([
      token('reader', ['read'], '/s/*'),
      token('writer', ['write'], '/s/*'),
      token('other', ['read', 'write'], '/s/elsewhere'),
      token('boss', ['read', 'write', 'admin'], '/**'),
    ]),
  });

describe('contract 101: a handshake', () => {
  it('gets the response of RFC 6455, with the accept value of its example', async () => {
    const { port } = await start(STREAMS);
    const peer = await rawPeer(port, TARGET, 'Sec-WebSocket-Protocol: chat, streamfs.frames.v1, streamfs.v1\r\n');
    const head = peer.head();
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(head).toContain('Upgrade: websocket\r\nConnection: Upgrade\r\n');
    expect(head).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    expect(head).toContain('Sec-WebSocket-Protocol: streamfs.frames.v1\r\n');
    expect(head).not.toMatch(/extensions|content-length|transfer-encoding/i);
  });

  it('agrees on no extension, and names no subprotocol to who offers none', async () => {
    const { port } = await start(STREAMS);
    const peer = await rawPeer(
      port,
      TARGET,
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n',
    );
    expect(peer.head()).toMatch(/^HTTP\/1\.1 101 /);
    expect(peer.head()).not.toMatch(/extensions|protocol:/i);
    await waitFor(() => peer.frames().length >= 2);
    expect(JSON.parse(peer.frames()[0]!.payload.toString()).type).toBe('open');
  });

  it('may have frames right after it', async () => {
    const { port } = await start(STREAMS);
    const peer = await rawPeer(port, TARGET, '', close(4000));
    await waitFor(() => peer.isClosed());
    expect(peer.frames().at(-1)).toMatchObject({ opcode: 8, payload: Buffer.from([4000 >> 8, 4000 & 255]) });
  });

  it('comes after the responses to requests before it on the same connection', async () => {
    const { port } = await start(STREAMS);
    const one = await connectTo(port);
    const before = `GET /api/v1/version HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
    const offer = `GET ${TARGET} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${HANDSHAKE_KEY}\r\n\r\n`;
    one.send(before + offer);
    const text = await one.until('"caught-up"');
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '101']);
    one.socket.destroy();
  });

  const offering = (lines: Record<string, string | undefined>) =>
    Object.entries({
      Host: 'localhost',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': HANDSHAKE_KEY,
      ...lines,
    })
      .map(([name, value]) => (value === undefined ? '' : `${name}: ${value}\r\n`))
      .join('');

  it.each([
    ['no version', { 'Sec-WebSocket-Version': undefined }, 426, 'Sec-WebSocket-Version must be 13, it is missing'],
    ['another version', { 'Sec-WebSocket-Version': '8' }, 426, 'Sec-WebSocket-Version must be 13, not 8'],
    ['no key', { 'Sec-WebSocket-Key': undefined }, 400, 'must be 16 random bytes in base64, it is missing'],
    ['a short key', { 'Sec-WebSocket-Key': 'AAAA' }, 400, 'must be 16 random bytes in base64, not AAAA'],
    ['a key that is no base64', { 'Sec-WebSocket-Key': `${'*'.repeat(22)}==` }, 400, 'must be 16 random bytes'],
    ['subprotocols of others', { 'Sec-WebSocket-Protocol': 'mqtt, graphql-ws' }, 400, 'offer streamfs.v1 or'],
    ['nothing but a token', { 'Sec-WebSocket-Protocol': secret('reader') }, 400, 'none of the subprotocols'],
    ['no such mode', { path: '&mode=both' }, 400, 'must be one of read, write; got both'],
    ['an impossible start', { path: '&offset=-1' }, 400, 'must be 0 or more'],
    ['two starts', { path: '&offset=1&last=5' }, 400, 'only one of from, offset, last'],
    ['frames to write', { path: '&mode=write', 'Sec-WebSocket-Protocol': 'streamfs.frames.v1' }, 400, 'streamfs.v1'],
    ['a number without a producer', { path: '&mode=write&seq=3' }, 400, 'needs producer and epoch'],
    ['a producer without an epoch', { path: '&mode=write&producer=p' }, 400, 'needs epoch'],
    ['an absent stream', { path: '&create=false' }, 404, 'stream not found: /a'],
    ['an ordinary file to write', { path: '/../../mem/x&mode=write' }, 400, 'invalid path'],
  ])(
    'is refused with %s, and with what would be right',
    async (_, { path = '', ...lines }: Record<string, string | undefined>, status, reason) => {
      const { port } = await start(STREAMS);
      const one = await connectTo(port);
      one.send(`GET ${TARGET}${path} HTTP/1.1\r\n${offering(lines)}\r\n`);
      const text = await one.closed();
      expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      const { error, code } = JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) as { error: string; code: string };
      expect(error).toContain(reason);
      expect(code).toMatch(/^[A-Z_]+$/);
      if (status === 426) expect(text).toMatch(/Upgrade: websocket\r\n.*Sec-WebSocket-Version: 13\r\n/s);
    },
  );

  it('to write is for streams: an ordinary file stays as it is', async () => {
    const { call, port } = await start(STREAMS);
    await call('PUT', '/files?path=/mem/a', { body: 'as it was' });
    expect(await refusal(port, 'path=/mem/a&mode=write')).toMatchObject({ status: 501, code: 'NOT_SUPPORTED' });
    expect((await call('GET', '/files?path=/mem/a')).text).toBe('as it was');
  });
});

describe('a request that is not a WebSocket handshake', () => {
  it.each([
    ['no offer at all', '', 426],
    [
      'an offer of another protocol',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n',
      426,
    ],
    ['an offer without Connection', 'Upgrade: websocket\r\n', 426],
    ['an offer with a body', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc', 400],
  ])('is treated as a request, with what would be right: %s', async (_, lines, status) => {
    const { port } = await start(STREAMS);
    const one = await connectTo(port);
    one.send(`GET ${TARGET} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`);
    await one.until('"code"');
    expect(one.text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (status === 426) expect(one.text).toContain('"error":"upgrade required: this URL speaks WebSocket');
    one.socket.destroy();
  });

  it('is an offer with HTTP/1.0, with another method, or at another address', async () => {
    const { call, port } = await start(STREAMS);
    const offer =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    for (const [line, status] of [
      [`GET ${TARGET} HTTP/1.0`, 426],
      [`POST ${TARGET} HTTP/1.1`, 405],
      [`HEAD ${TARGET} HTTP/1.1`, 426],
      ['GET /api/v1/version HTTP/1.1', 200],
      ['GET /api/v1/ws/ws HTTP/1.1', 404],
    ] as const) {
      const one = await connectTo(port);
      one.send(`${line}\r\nHost: localhost\r\n${offer}\r\n`);
      await one.until('\r\n\r\n');
      expect([line, one.text.split(' ')[1]]).toEqual([line, String(status)]);
      one.socket.destroy();
    }
    expect((await call('GET', '/stat?path=/s/a')).status).toBe(404);
  });
});

describe('contract 101: the checks of every request', () => {
  it('hold for its Host', async () => {
    const { port } = await start({ ...STREAMS, hosts: new HostCheck([]) });
    expect(await refusal(port, 'path=/s/a', { headers: { host: 'rebound.example' } })).toMatchObject({
      status: 403,
      code: 'HOST_REFUSED',
    });
    await connectClient(port, 'path=/s/a', { headers: { host: `localhost:${port}` } });
  });

  it('hold for its Origin, which is all that stands between a page of a stranger and a server without tokens', async () => {
    const origins = new Origins(['https://app.example']);
    const { call, port } = await start({ ...STREAMS, origins });
    // The handshakes of Chromium, of Firefox, and of a sandboxed frame.
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'websocket' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-site' },
    ]) {
      for (const mode of ['read', 'write']) {
        const response = await refusal(port, `path=/s/a&mode=${mode}`, { headers });
        expect([headers, response.status, response.code]).toEqual([headers, 403, 'ORIGIN_REFUSED']);
      }
    }
    expect((await call('GET', '/stat?path=/s/a')).status).toBe(404);
    for (const headers of [
      { origin: `http://127.0.0.1:${port}` },
      { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'websocket' },
      { origin: 'https://app.example' },
      {},
    ]) {
      await connectClient(port, 'path=/s/a', { headers: headers as Record<string, string> });
    }
  });

  it('apply to tokens: a header, or a subprotocol that is never accepted', async () => {
    const { port } = await guarded();
    expect(await refusal(port, 'path=/s/a')).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    const byHeader = await connectClient(port, 'path=/s/a', as('reader'));
    expect(byHeader.ws.protocol).toBe('streamfs.v1');
    const byProtocol = await connectClient(port, 'path=/s/a', { protocols: [secret('reader'), 'streamfs.v1'] });
    expect(byProtocol.ws.protocol).toBe('streamfs.v1');
    for (const protocols of [
      ['streamfs.v1', 'streamfs.token.d3Jvbmc'],
      ['streamfs.v1', 'streamfs.token.'],
      ['streamfs.v1', secret('reader'), secret('boss')],
    ]) {
      expect(await refusal(port, 'path=/s/a', { protocols })).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    }
    // The page sends the subprotocol; the browser may have added the other by itself.
    const both = { protocols: ['streamfs.v1', secret('reader')], headers: { authorization: 'Basic eDp5' } };
    await connectClient(port, 'path=/s/a', both);
    expect(await refusal(port, 'path=/s/a&token=secret-of-reader')).toMatchObject({ status: 401 });
  });

  it('take a token in a subprotocol for a handshake alone', async () => {
    const { call } = await guarded();
    const headers = { 'sec-websocket-protocol': secret('boss') };
    expect((await call('GET', '/files?path=/s/a&snapshot=true', { headers })).status).toBe(401);
    expect((await call('GET', '/ws?path=/s/a', { headers })).status).toBe(401);
  });

  it('hold for rights, by the mode', async () => {
    const { port } = await guarded();
    const to = (name: string) => ({ protocols: ['streamfs.v1', secret(name)] });
    await connectClient(port, 'path=/s/a', to('reader'));
    await connectClient(port, 'path=/s/a&mode=write', to('writer'));
    for (const [name, mode] of [
      ['reader', 'write'],
      ['writer', 'read'],
      ['other', 'read'],
      ['other', 'write'],
    ] as const) {
      expect(await refusal(port, `path=/s/a&mode=${mode}`, to(name))).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    }
    expect(await refusal(port, 'path=/s/a&on_lag=block', to('reader'))).toMatchObject({ code: 'BLOCK_REFUSED' });
  });

  it('hold for links: each is good in its own mode', async () => {
    const { port, call } = await guarded();
    const link = async (right: string) => {
      const { url } = (await call('POST', '/links', as('boss', { path: '/s/a', right }))).json() as unknown as {
        url: string;
      };
      return url.slice(url.indexOf('?') + 1);
    };
    const [reading, writing] = [await link('read'), await link('write')];
    await connectClient(port, reading);
    await connectClient(port, `${writing}&mode=write`);
    expect(await refusal(port, `${reading}&mode=write`)).toMatchObject({ status: 403, code: 'LINK_INVALID' });
    expect(await refusal(port, writing)).toMatchObject({ status: 403, code: 'LINK_INVALID' });
    expect(await refusal(port, reading.replace('/s/a', '/s/b'))).toMatchObject({ status: 403, code: 'LINK_INVALID' });
    expect(await refusal(port, `${reading}&on_lag=block`)).toMatchObject({ status: 403, code: 'BLOCK_REFUSED' });
  });

  it('hold for limits on readers, on connections and on those of a token', async () => {
    const { port } = await start({ ...STREAMS, limits: { readers: 1, connections: 3 } });
    const first = await connectClient(port, 'path=/s/a');
    expect(await refusal(port, 'path=/s/a')).toMatchObject({ status: 503, code: 'READER_LIMIT' });
    await connectClient(port, 'path=/s/a&mode=write');
    await connectClient(port, 'path=/s/a&mode=write');
    // None of the three is idle, so none is closed to make room.
    expect(await refusal(port, 'path=/s/a&mode=write')).toMatchObject({ status: 503, code: 'CONNECTION_LIMIT' });
    first.ws.close();
    await first.closed;
    await waitFor('room for a reader', async () => {
      try {
        return await connectClient(port, 'path=/s/a');
      } catch {
        return undefined;
      }
    });
  });

  it('leave their marks: the list of readers, the log, the figures', async () => {
    const server = await start(STREAMS);
    const peer = await connectClient(server.port, 'path=/s/a&heartbeat=0', { headers: { 'x-request-id': 'page-7' } });
    await peer.record('caught-up');
    const { readers } = (await server.call('GET', '/readers')).json() as unknown as {
      readers: Record<string, unknown>[];
    };
    expect(readers).toMatchObject([{ path: '/s/a', kind: 'websocket', state: 'live' }]);
    peer.ws.close();
    await peer.closed;
    const line = await waitFor('the request in the log', () =>
      server.log.find(({ message, facts }) => message === 'request' && facts.request === 'page-7'),
    );
    expect(line.facts).toMatchObject({ method: 'GET', route: '/api/v1/ws', path: '/s/a', status: 101 });
    const metrics = (await server.call('GET', '/metrics')).text;
    expect(metrics).toMatch(/streamfs_live_reads_total\{end="cut"\} 1\n/);
    expect(metrics).not.toMatch(/duration_seconds\w*\{[^}]*\/ws/);
    expect((await server.call('GET', '/readers')).json().count).toBe(0);
    expect(JSON.stringify(server.log)).not.toContain('streamfs.token');
  });
});
