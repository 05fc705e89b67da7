import { describe, expect, it } from 'vitest';
import { LimitCounters } from '../../../src/fs/index.ts';
import { type TokenOptions, Tokens } from '../../../src/server/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { follow, type StartOptions, start } from '../harness.ts';
import { as, token } from './tokens.ts';

const limited = (name: string, limits: TokenOptions['limits'] = {}) => ({
  ...token(name, ['read', 'write', 'admin'], '/**'),
  limits,
});

async function world(limits: TokenOptions['limits'] = {}, options: StartOptions = {}) {
  const counters = new LimitCounters();
  const tokens = new Tokens([limited('greedy', limits), limited('other')]);
  const mounted = { '/s': { fstype: 'streamfs', config: { max_streams: 4 } }, '/mem': 'memfs' };
  const running = await start({ mounted, tokens, counters, ...options });
  return { ...running, tokens, counters };
}

const refusal = (what: string, name: string, max: number) => ({
  ...{ error: `too many ${what} of one token: ${max} are allowed`, code: 'TOKEN_LIMIT' },
  ...{ limit: `token_${name}`, max },
});

describe('contract 96: limits of a token', () => {
  it('on handles: half of all by default, and the others have the rest', async () => {
    const { call, counters } = await world({}, { maxHandles: 4 });
    const open = (who: string) => call('POST', '/handles/open?path=/s/a&flags=2', as(who));
    const ids = [];
    for (const _ of [1, 2]) ids.push((await open('greedy')).json().handle_id);
    const refused = await open('greedy');
    expect([refused.status, refused.json()]).toEqual([429, refusal('open handles', 'handles', 2)]);
    expect([refused.headers['retry-after'], counters.get('token_handles')]).toEqual(['1', 1]);
    for (const _ of [1, 2]) expect((await open('other')).status).toBe(200);
    await call('DELETE', `/handles/${ids[0]}`, as('greedy'));
    expect((await open('greedy')).status).toBe(200);
    const burst = await Promise.all([1, 2, 3].map(() => open('greedy')));
    expect(burst.map(({ status }) => status)).toEqual([429, 429, 429]);
  });

  it('on handles: what fails to open is not counted', async () => {
    const { call } = await world({ handles: 1 });
    for (const _ of [1, 2, 3]) {
      expect((await call('POST', '/handles/open?path=/s/absent&create=false', as('greedy'))).status).toBe(404);
    }
    expect((await call('POST', '/handles/open?path=/s/a&flags=2', as('greedy'))).status).toBe(200);
  });

  it.each([
    ['POST', '/files?path=/s/PATH'],
    ['PUT', '/files?path=/s/PATH'],
    ['POST', '/touch?path=/s/PATH'],
    ['POST', '/write?path=/s/PATH'],
    ['POST', '/handles/open?path=/s/PATH&flags=1'],
    ['GET', '/files?path=/s/PATH&stream=true&timeout=1ms'],
  ])('on streams, however they are made: %s %s', async (method, target) => {
    const { call } = await world();
    // A stream created by an open is removed when that is closed; a stream that was written to stays.
    const make = async (path: string, who = 'greedy') => {
      const body = method === 'PUT' || target.startsWith('/write') ? 'x' : undefined;
      return call(method, target.replace('PATH', path), as(who, body));
    };
    for (const path of ['a', 'b']) await call('PUT', `/files?path=/s/${path}`, as('greedy', 'x'));
    const refused = await make('c');
    expect([refused.status, refused.json()]).toEqual([429, refusal('streams', 'streams', 2)]);
    expect((await call('GET', '/stat?path=/s/c', as('other'))).status).toBe(404);
    expect((await make('c', 'other')).status).toBeLessThan(300);
    await call('DELETE', '/files?path=/s/a', as('greedy'));
    expect((await make('d')).status).toBeLessThan(300);
  });

  it('on streams that are gone and recreated, on one connection', async () => {
    const { port, call } = await world({ streams: 1 });
    const one = await connectTo(port);
    const head = 'PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-of-greedy\r\n';
    let responses = 0;
    let wake = () => {};
    one.socket.on('data', () => {
      responses++;
      wake();
    });
    const answered = (count: number) =>
      new Promise<void>((resolve) => {
        wake = () => responses === count && resolve();
        wake();
      });
    for (const count of [1, 2, 3]) {
      one.send(`${head}Content-Length: 1\r\n\r\nx`);
      await answered(count);
      expect((await call('DELETE', '/files?path=/s/a', as('other'))).status).toBe(200);
    }
    one.socket.destroy();
    expect((await call('PUT', '/files?path=/s/b', as('greedy', 'x'))).status).toBe(200);
    expect((await call('PUT', '/files?path=/s/c', as('greedy', 'x'))).status).toBe(429);
  });

  it.each([{}, { 'x-request-id': 'by-node-http' }])(
    'on live reads, those of its links too: with %j',
    async (headers) => {
      const { call, port } = await world({}, { limits: { readers: 4 } });
      await call('PUT', '/files?path=/s/a', as('other', 'x'));
      const link = String((await call('POST', '/links', as('greedy', { path: '/s/a' }))).json().url);
      const read = (who: string) =>
        follow(port, '/files?path=/s/a&stream=true', { ...as(who).headers, ...(headers as Record<string, string>) });
      const reads = [await read('greedy'), await follow(port, link)];
      const refused = await call('GET', '/files?path=/s/a&stream=true', as('greedy'));
      expect([refused.status, refused.json()]).toEqual([429, refusal('readers', 'readers', 2)]);
      expect((await call('GET', link)).status).toBe(429);
      for (const _ of [1, 2]) reads.push(await read('other'));
      expect(reads.map(({ res }) => res.statusCode)).toEqual([200, 200, 200, 200]);
      reads[0]!.cut();
      const again = async () => (await call('GET', '/files?path=/s/a&stream=true&timeout=1ms', as('greedy'))).status;
      while ((await again()) !== 200);
      for (const live of reads) live.cut();
    },
  );

  it.each(['', 'X-Request-Id: by-node-http\r\n'])(
    'on connections: its own idle one goes, and where none is idle it is refused (%j)',
    async (more) => {
      const { port, call } = await world({}, { limits: { connections: 6 } });
      const put = (path: string, length = 1) =>
        `PUT /api/v1/files?path=${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret-of-greedy\r\n${more}Content-Length: ${length}\r\n\r\nx`;
      const idle = await connectTo(port);
      idle.send(put('/s/a'));
      await idle.until('Written');
      const busy = [await connectTo(port), await connectTo(port), await connectTo(port)];
      for (const one of busy) one.send(put('/s/a', 100_000));
      // The third of them replaces the idle one.
      await idle.closed();
      const refused = await connectTo(port);
      refused.send(put('/s/a'));
      const text = await refused.closed();
      expect(text).toMatch(/^HTTP\/1.1 429 /);
      expect(text).toMatch(/connection: close/i);
      expect(text).toContain('"limit":"token_connections","max":3');
      expect((await call('GET', '/stat?path=/s/a', as('other'))).status).toBe(200);
      busy[0]!.socket.destroy();
      const status = async () => (await call('GET', '/stat?path=/s/a', as('greedy'))).status;
      while ((await status()) !== 200);
      for (const one of busy) one.socket.destroy();
    },
  );

  it('on searches: one of its own waits, one of another does not', async () => {
    const { call, mounts, counters } = await world({}, { grepTimeLimit: 3000 });
    await mounts.write('/mem/slow', Buffer.from(`${'a'.repeat(64)}!`));
    await mounts.write('/mem/fast', Buffer.from('text'));
    const search = (who: string, path: string, pattern: string) => call('POST', '/grep', as(who, { path, pattern }));
    const slow = search('greedy', '/mem/slow', '^(a+)+$');
    const done: string[] = [];
    const waiting = search('greedy', '/mem/fast', 'text').finally(() => done.push('greedy'));
    while (counters.get('token_searches') === 0) await call('GET', '/health');
    expect((await search('other', '/mem/fast', 'text')).json().count).toBe(1);
    expect(done).toEqual([]);
    expect((await slow).json().code).toBe('GREP_TOO_SLOW');
    expect((await waiting).json().count).toBe(1);
  });

  it('are a number, a share or none, and hold as they are read again', async () => {
    const { call, tokens } = await world({ handles: 1 }, { maxHandles: 10 });
    const status = async () => (await call('POST', '/handles/open?path=/s/a&flags=2', as('greedy'))).status;
    expect([await status(), await status()]).toEqual([200, 429]);
    tokens.replace([limited('greedy', { handles: 0.3 })]);
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
    tokens.replace([limited('greedy', { handles: 0 })]);
    for (const _ of [4, 5, 6, 7, 8, 9, 10]) expect(await status()).toBe(200);
    expect((await call('POST', '/handles/open?path=/s/a&flags=2', as('greedy'))).json().limit).toBe('handles');
  });
});
