import { describe, expect, it } from 'vitest';
import { ROUTES, Tokens } from '../../../src/server/index.ts';
import { start } from '../harness.ts';
import { as, token } from './tokens.ts';

const ALL = [
  token('owner', ['read', 'write'], '/s/**', '/mem/**'),
  token('peer', ['read', 'write'], '/s/**', '/mem/**'),
  token('reader', ['read'], '/s/**'),
  token('admin', ['read', 'write', 'admin'], '/s/**'),
  token('elsewhere', ['read', 'write', 'admin'], '/mem/**'),
  token('ender', ['admin'], '/s/**'),
];

async function world() {
  const tokens = new Tokens(ALL);
  const running = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' }, tokens });
  const { call } = running;
  await call('PUT', '/files?path=/s/a', as('owner', 'hello'));
  const open = async (who: string, path = '/s/a', flags = 2) => {
    const response = await call('POST', `/handles/open?path=${path}&flags=${flags}`, as(who));
    expect(response.status).toBe(200);
    return Number(response.json().handle_id);
  };
  const listed = async (who: string) => {
    const { handles, count } = (await call('GET', '/handles', as(who))).json() as unknown as {
      handles: { id: number }[];
      count: number;
    };
    expect(handles.length).toBe(count);
    return handles.map(({ id }) => id);
  };
  return { ...running, tokens, open, listed };
}

const HANDLE_ROUTES = ROUTES.filter(({ pattern }) => pattern.startsWith('/api/v1/handles/:id'));

describe('contract 96: a handle belongs to the token that opened it', () => {
  it.each(['peer', 'reader', 'elsewhere'])('does not exist for %s, on every route, in every spelling', async (who) => {
    const { call, open, listed } = await world();
    const id = await open('owner');
    expect(HANDLE_ROUTES.length).toBeGreaterThan(9);
    for (const { method, pattern } of HANDLE_ROUTES) {
      const ask = async (text: string | number) => {
        const target = `${pattern.replace(':id', String(text))}?offset=0&size=0&timeout=0`;
        const response = await call(method, target, as(who, method === 'PUT' ? 'x' : undefined));
        return [response.status, response.text];
      };
      const absent = await ask(id + 1000);
      expect(absent).toEqual([404, '{"error":"not found","code":"HANDLE_NOT_FOUND"}\n']);
      for (const text of [
        id,
        `0${id}`,
        String(id).padStart(15, '0'),
        String(id).padStart(16, '0'),
        String(id).padStart(20, '0'),
      ]) {
        expect([pattern, text, ...(await ask(text))]).toEqual([pattern, text, ...absent]);
      }
      if (method === 'GET') expect((await call('HEAD', pattern.replace(':id', String(id)), as(who))).status).toBe(404);
    }
    expect(await listed(who)).toEqual([]);
    expect(await listed('owner')).toEqual([id]);
    expect((await call('GET', `/handles/${id}/read?timeout=0`, as('owner'))).text).toBe('hello');
  });

  it('or to admin at its path, who may do with it what the other rights there allow', async () => {
    const { call, open, listed } = await world();
    const id = await open('owner');
    expect([await listed('admin'), await listed('ender')]).toEqual([[id], [id]]);
    expect((await call('GET', `/handles/${id}/read?timeout=0`, as('ender'))).status).toBe(403);
    expect((await call('PUT', `/handles/${id}/write`, as('admin', ' you'))).status).toBe(200);
    expect((await call('GET', `/handles/${id}/read?timeout=0`, as('admin'))).text).toBe('hello you');
    expect((await call('DELETE', `/handles/${id}`, as('ender'))).status).toBe(200);
    expect(await listed('owner')).toEqual([]);
  });

  it('stays its own when tokens are read again, also under another name, and belongs to no other token after that', async () => {
    const { call, tokens, open, listed } = await world();
    const id = await open('owner');
    tokens.replace(ALL);
    expect([await listed('owner'), await listed('peer')]).toEqual([[id], []]);
    const [owner, peer] = ALL;
    tokens.replace([
      { ...owner!, name: 'renamed' },
      { ...peer!, name: 'owner' },
    ]);
    expect([await listed('owner'), await listed('peer')]).toEqual([[id], []]);
    tokens.replace([peer!]);
    expect((await call('GET', `/handles/${id}`, as('peer'))).status).toBe(404);
    expect((await call('GET', `/handles/${id}`, as('owner'))).status).toBe(401);
    // A revoked right does not apply through a handle either.
    tokens.replace([{ ...owner!, rights: ['read'] }, peer!]);
    expect((await call('PUT', `/handles/${id}/write`, as('owner', 'x'))).status).toBe(404);
  });

  it('is used with the rights its token has now', async () => {
    const { call, tokens, open } = await world();
    const id = await open('owner');
    tokens.replace([{ ...ALL[0]!, rights: ['read'] }]);
    expect((await call('PUT', `/handles/${id}/write`, as('owner', 'x'))).status).toBe(403);
    expect((await call('GET', `/handles/${id}/read?timeout=0`, as('owner'))).text).toBe('hello');
    tokens.replace([{ ...ALL[0]!, paths: ['/s/b'] }]);
    expect((await call('GET', `/handles/${id}/read?timeout=0`, as('owner'))).status).toBe(404);
  });

  it('goes with its file: where that was moved to decides who may use it', async () => {
    const tokens = new Tokens([
      token('owner', ['read', 'write'], '/mem/open/**'),
      token('admin', ['read', 'write', 'admin'], '/mem/**'),
    ]);
    const { call, mounts } = await start({ mounted: { '/mem': 'memfs' }, tokens });
    for (const path of ['/mem/open', '/mem/open/d', '/mem/closed']) await mounts.mkdir(path, 0o755);
    await mounts.write('/mem/open/d/f', Buffer.from('text'));
    const opened = await call('POST', '/handles/open?path=//mem/open/d/f&flags=2', as('owner'));
    const { handle_id: id } = opened.json() as Record<string, number>;
    const status = async () => (await call('GET', `/handles/${id}/read?offset=0`, as('owner'))).status;
    const move = async (path: string, newPath: string) =>
      expect((await call('POST', `/rename?path=${path}`, as('admin', { newPath }))).status).toBe(200);
    expect(await status()).toBe(200);
    await move('/mem/open/d', '/mem/closed/e');
    expect(await status()).toBe(404);
    expect((await call('GET', `/handles/${id}`, as('admin'))).json().path).toBe('/mem/closed/e/f');
    await move('/mem/closed/e/f', '/mem/open/g');
    expect(await status()).toBe(200);
  });

  it('without tokens all callers are one', async () => {
    const { call } = await start({ mounted: { '/s': 'streamfs' } });
    const { handle_id: id } = (await call('POST', '/handles/open?path=/s/a&flags=2')).json();
    expect((await call('GET', `/handles/${id}`, as('anybody'))).status).toBe(200);
    expect((await call('GET', '/handles')).json().count).toBe(1);
  });

  it('one that was opened when no token was asked for is for admins', async () => {
    const tokens = new Tokens([]);
    const { call } = await start({ mounted: { '/s': 'streamfs' }, tokens });
    const { handle_id: id } = (await call('POST', '/handles/open?path=/s/a&flags=2')).json();
    tokens.replace(ALL);
    expect((await call('GET', `/handles/${id}`, as('owner'))).status).toBe(404);
    expect((await call('GET', `/handles/${id}`, as('admin'))).status).toBe(200);
  });
});
