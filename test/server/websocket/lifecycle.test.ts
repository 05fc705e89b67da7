/** Events during an open WebSocket, and how it ends. */
import { describe, expect, it } from 'vitest';
import { Tokens } from '../../../src/server/index.ts';
import { FakeClock } from '../../fs/fake-clock.ts';
import { waitFor } from '../../harness/wait.ts';
import { Authority } from '../../tls/certificates.ts';
import { as, token } from '../auth/tokens.ts';
import { type Running, type StartOptions, start } from '../harness.ts';
import { connectClient, type Peer } from './peer.ts';
import { binary, close, ping, pong, rawPeer } from './wire-frames.ts';

const STREAMS: StartOptions = { mounted: { '/s': 'streamfs' } };

async function pair(server: Running, options = {}): Promise<{ reader: Peer; writer: Peer }> {
  const writer = await connectClient(server.port, 'path=/s/a&mode=write', options);
  await writer.record('open');
  const reader = await connectClient(server.port, 'path=/s/a', options);
  await reader.record('caught-up');
  return { reader, writer };
}

describe('contract 101: an open WebSocket', () => {
  it.each<[string, (server: Running) => Promise<unknown>, string, number]>([
    ['is ended', ({ call }) => call('POST', '/end?path=/s/a&end_status=done'), 'ended', 1000],
    ['is removed', ({ call }) => call('DELETE', '/files?path=/s/a'), 'removed', 1000],
    ['goes with its mount', ({ mounts }) => mounts.unmount('/s'), 'shutdown', 1001],
    ['goes with its server', ({ stop }) => stop(), 'shutdown', 1001],
  ])('learns immediately that its stream %s, reading and writing', async (_, act, reason, code) => {
    const server = await start(STREAMS);
    const { reader, writer } = await pair(server);
    writer.ws.send(Buffer.from('last words'));
    await writer.record('ack');
    const done = act(server);
    for (const peer of [reader, writer]) {
      expect(await peer.closed).toEqual({ code, reason });
      expect(peer.records.at(-1)).toMatchObject({ type: 'end', reason, offset: 10 });
    }
    expect(reader.bytes().toString()).toBe('last words');
    await done;
  });

  it('learns that its stream has expired, unless it writes to it', async () => {
    const server = await start({ mounted: { '/s': { fstype: 'streamfs', config: { idle_timeout: '300ms' } } } });
    const writer = await connectClient(server.port, 'path=/s/a&mode=write');
    await writer.record('open');
    await server.call('PUT', '/files?path=/s/b', { body: 'x' });
    const reader = await connectClient(server.port, 'path=/s/b');
    expect(await reader.closed).toEqual({ code: 1000, reason: 'expired' });
    expect(reader.records.at(-1)).toMatchObject({ type: 'end', reason: 'expired', offset: 1 });
    expect((await server.call('GET', '/stat?path=/s/b')).status).toBe(404);
    // It is older than the one that has expired.
    writer.ws.send(Buffer.from('y'));
    expect(await writer.record('ack')).toEqual({ type: 'ack', seq: 0, offset: 1 });
  });

  it('is closed with 1008 when its reader is kicked', async () => {
    const server = await start(STREAMS);
    const { reader } = await pair(server);
    const { readers } = (await server.call('GET', '/readers')).json() as unknown as { readers: { id: number }[] };
    await server.call('DELETE', `/readers/${readers[0]!.id}`);
    expect(await reader.closed).toEqual({ code: 1008, reason: 'kicked' });
    expect(reader.records.at(-1)).toMatchObject({ type: 'end', reason: 'kicked' });
  });

  it('is closed with 1008 within seconds when its token is taken away, and not when others are', async () => {
    const clock = new FakeClock();
    const one = token('one', ['read', 'write'], '/**');
    const tokens = new Tokens([one, token('other', ['read'], '/**')]);
    const server = await start({ ...STREAMS, tokens, clock });
    const { reader, writer } = await pair(server, as('one'));
    tokens.replace([one]);
    clock.advance(3000);
    writer.ws.send(Buffer.from('still here'));
    await reader.until(10);
    tokens.replace([token('one', ['read'], '/elsewhere')]);
    clock.advance(3000);
    for (const peer of [reader, writer]) {
      expect((await peer.closed).code).toBe(1008);
      expect(peer.records.some(({ type, code }) => type === 'error' && code === 'FORBIDDEN')).toBe(true);
    }
    expect(reader.records.at(-1)).toMatchObject({ type: 'end', reason: 'kicked' });
  });

  it('is closed with 1008 when the time of its link is over', async () => {
    const clock = new FakeClock();
    let now = Date.now();
    const tokens = new Tokens([token('boss', ['read', 'write'], '/**')], { now: () => now });
    const server = await start({ ...STREAMS, tokens, clock });
    const { url } = (
      await server.call('POST', '/links', as('boss', { path: '/s/a', expires_in: '90s' }))
    ).json() as unknown as {
      url: string;
    };
    const reader = await connectClient(server.port, url.slice(url.indexOf('?') + 1));
    await reader.record('caught-up');
    now += 80_000;
    clock.advance(3000);
    await server.call('PUT', '/files?path=/s/a', as('boss', 'in time'));
    await reader.until(7);
    now += 15_000;
    clock.advance(3000);
    expect((await reader.closed).code).toBe(1008);
    expect(reader.records.slice(-2)).toMatchObject([{ type: 'error', code: 'LINK_EXPIRED' }, { reason: 'kicked' }]);
  });

  it('is asked every 30 s of silence whether it is there, and cut when two pings stay without a response', async () => {
    const clock = new FakeClock();
    const server = await start({ ...STREAMS, clock, limits: { stallTimeout: 0 } });
    const [silent, alive] = [
      await rawPeer(server.port, '/api/v1/ws?path=/s/a&heartbeat=0'),
      await rawPeer(server.port, '/api/v1/ws?path=/s/a&mode=write'),
    ];
    const pings = (peer: typeof silent) => peer.frames().filter(({ opcode }) => opcode === 9).length;
    await waitFor(() => silent.frames().length >= 2);
    clock.advance(1000);
    for (const expected of [1, 2]) {
      clock.advance(30_000);
      await waitFor(() => pings(silent) === expected && pings(alive) === expected);
      alive.send(pong());
      const before = alive.frames().length;
      alive.send(ping('are you there'));
      await waitFor(() => alive.frames().length > before);
    }
    expect(silent.isClosed()).toBe(false);
    clock.advance(30_000);
    await waitFor(() => silent.isClosed());
    await waitFor(() => pings(alive) === 3);
    expect(alive.isClosed()).toBe(false);
  });

  it('that is closed by the server and does not answer is cut after two seconds', async () => {
    const server = await start(STREAMS);
    const peer = await rawPeer(server.port, '/api/v1/ws?path=/s/a&heartbeat=0');
    await waitFor(() => peer.frames().length >= 2);
    await server.call('POST', '/end?path=/s/a');
    await waitFor(() => peer.frames().some(({ opcode }) => opcode === 8));
    const before = performance.now();
    expect(peer.isClosed()).toBe(false);
    await waitFor(() => peer.isClosed());
    expect(performance.now() - before).toBeGreaterThan(1500);
  });

  it('that is closed by the server and answers is over at once, with nothing lost before', async () => {
    const server = await start(STREAMS);
    const body = Buffer.alloc(2_000_000, 'all of it');
    const peer = await rawPeer(server.port, '/api/v1/ws?path=/s/a&heartbeat=0');
    await server.call('PUT', '/files?path=/s/a&end=true', { body });
    await waitFor(() => peer.frames().some(({ opcode }) => opcode === 8));
    peer.send(close(1000));
    await waitFor(() => peer.isClosed());
    const bytes = Buffer.concat(peer.frames().flatMap(({ opcode, payload }) => (opcode === 2 ? [payload] : [])));
    expect(bytes.equals(body)).toBe(true);
    await waitFor('the connection to be gone', async () =>
      (await server.call('GET', '/metrics')).text.includes('\nstreamfs_connections 1\n'),
    );
  });

  it('whose client closes gets its own code back, behind what was on its way', async () => {
    const server = await start(STREAMS);
    for (const query of ['path=/s/a', 'path=/s/a&mode=write']) {
      const peer = await connectClient(server.port, query);
      peer.ws.close(4321, 'enough');
      expect((await peer.closed).code).toBe(4321);
    }
    await waitFor(async () => (await server.call('GET', '/readers')).json().count === 0);
  });

  it('whose client closes its sending side without a close frame gets what is retained, and the end', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/a', { body: 'what is there' });
    const peer = await rawPeer(server.port, '/api/v1/ws?path=/s/a');
    peer.socket.end();
    await waitFor(() => peer.isClosed());
    expect(peer.frames().map(({ opcode }) => opcode)).toEqual([1, 2, 1, 1, 8]);
    expect(JSON.parse(peer.frames().at(-2)!.payload.toString())).toMatchObject({ type: 'end', reason: 'closed' });
  });

  it('whose client breaks off is forgotten: its reader, its writer and its memory', async () => {
    const server = await start(STREAMS);
    const { reader, writer } = await pair(server);
    const half = await rawPeer(server.port, '/api/v1/ws?path=/s/a&mode=write');
    half.send(binary(Buffer.alloc(100_000)).subarray(0, 50_000));
    for (const { ws } of [reader, writer]) ws.terminate();
    half.socket.destroy();
    await waitFor('all to be gone', async () => {
      const { text } = await server.call('GET', '/metrics');
      return [
        'streamfs_connections 1',
        'streamfs_live_reads 0',
        'streamfs_writers{mount="/s"} 0',
        'streamfs_readers{mount="/s"} 0',
      ].every((line) => text.includes(`\n${line}\n`));
    });
  });

  it('works inside TLS, in both directions', async () => {
    const authority = new Authority();
    const certificate = authority.issue();
    const server = await start({ ...STREAMS, tls: certificate });
    const { reader, writer } = await pair(server, { scheme: 'wss', ca: authority.ca });
    const message = Buffer.alloc(300_000, 'secret');
    for (let n = 0; n < 5; n++) writer.ws.send(message);
    await reader.until(5 * message.length);
    writer.ws.send('{"type":"end"}');
    expect(await reader.closed).toEqual({ code: 1000, reason: 'ended' });
    expect((await writer.closed).code).toBe(1000);
    expect(reader.bytes().equals(Buffer.concat(Array.from({ length: 5 }, () => message)))).toBe(true);
    authority.remove();
  });
});
