import { describe, expect, it } from 'vitest';
import { type Right, ROUTES, Tokens } from '../../../src/server/index.ts';
import { start } from '../harness.ts';
import { as, token } from './tokens.ts';

async function world(...paths: string[]) {
  const tokens = new Tokens([
    token('mover', ['read', 'write', 'admin'], ...paths),
    token('all', ['read', 'write', 'admin'], '/**'),
  ]);
  const running = await start({ mounted: { '/mem': 'memfs', '/s': 'streamfs' }, tokens });
  const { mounts, call } = running;
  for (const path of ['/mem/private', '/mem/private/deep', '/mem/flat', '/mem/empty']) await mounts.mkdir(path, 0o755);
  await mounts.write('/mem/private/deep/secret', Buffer.from('secret'));
  await mounts.write('/mem/file', Buffer.from('text'));
  await mounts.write('/s/private/secret', Buffer.from('secret'));
  const move = async (path: string, newPath: string, who = 'mover') => {
    const response = await call('POST', `/rename?path=${path}`, as(who, { newPath }));
    return [response.status, response.json().error];
  };
  return { ...running, move };
}

const refused = (path: string) => [403, `forbidden: the token mover has no right to admin at ${path}`];

describe('contract 96: moving a directory', () => {
  it.each([
    [['/mem/*', '/mem/flat/**']],
    [['/mem/private', '/mem/private/*', '/mem/flat/**']],
    [['/mem/p*', '/mem/*/deep', '/mem/flat/**']],
    [['/mem/**/private', '/mem/flat/**']],
  ])('needs the right for all that is below it: %j does not do', async (paths) => {
    const { move, mounts } = await world(...paths);
    expect(await move('/mem/private', '/mem/flat/mine')).toEqual(refused('/mem/private/**'));
    expect(await move('/mem/./private/', '/mem/flat/mine')).toEqual(refused('/mem/private/**'));
    expect((await mounts.stat('/mem/private/deep/secret')).size).toBe(6);
  });

  it('and for all that comes to be below where it goes', async () => {
    const { move } = await world('/mem/*', '/mem/private/**');
    expect(await move('/mem/private', '/mem/other')).toEqual(refused('/mem/other/**'));
    expect(await move('/mem/private/deep', '/mem/other')).toEqual(refused('/mem/other/**'));
    expect(await move('/mem/private/deep', '/mem/private/deeper')).toEqual([200, undefined]);
  });

  it('that is empty needs no less: what is below it may come in the next moment', async () => {
    const { move } = await world('/mem/*');
    expect(await move('/mem/empty', '/mem/other')).toEqual(refused('/mem/empty/**'));
  });

  it('a file needs it at its own two paths, and what is not theirs is refused alike whether it is there or not', async () => {
    const { move } = await world('/mem/*');
    expect(await move('/mem/file', '/mem/other')).toEqual([200, undefined]);
    for (const path of ['/mem/private/deep', '/mem/private/absent', '/absent', '/s/private']) {
      expect(await move(path, '/mem/new')).toEqual(refused(path));
      expect(await move('/mem/other', path)).toEqual(refused(path));
      expect(await move('/mem/absent', path)).toEqual(refused(path));
    }
    expect(await move('/mem/private', '/mem/new', 'all')).toEqual([200, undefined]);
  });

  it('so does every other request whose effect reaches below a directory', async () => {
    const { call } = await world('/mem/*', '/s/*');
    for (const path of ['/mem/private', '/s/private']) {
      for (const [method, target, body] of [
        ['DELETE', `/files?path=${path}&recursive=true`, undefined],
        ['DELETE', `/directories?path=${path}&recursive=1`, undefined],
        ['POST', '/grep', { path, pattern: 'secret', recursive: true }],
        ['POST', '/mount', { path, fstype: 'memfs' }],
        ['POST', '/unmount', { path }],
      ] as const) {
        const response = await call(method, target, as('mover', body));
        expect([target, response.status, response.json().code]).toEqual([target, 403, 'FORBIDDEN']);
      }
      const { files } = (await call('GET', `/directories?path=${path}`, as('mover'))).json();
      expect(files ?? []).toEqual([]);
    }
  });
});

describe('contract 96: a token learns nothing of paths where it has no right', () => {
  const RIGHTS: Right[] = ['read', 'write', 'admin'];

  it.each(RIGHTS)('with %s elsewhere, every route answers alike for a mount, a file and nothing', async (right) => {
    const tokens = new Tokens([token('weak', [right], '/mem/mine/**')]);
    const { call, mounts } = await start({
      mounted: { '/mem': 'memfs', '/s': 'streamfs', '/a/b': 'streamfs', '/d': 'devfs' },
      tokens,
    });
    await mounts.mkdir('/mem/mine', 0o755);
    await mounts.write('/mem/file', Buffer.from('text'));
    await mounts.write('/s/stream', Buffer.from('text'));
    const PATHS = ['/s', '/s/stream', '/s/absent', '/s/README', '/a/b', '/mem/file', '/mem/absent', '/d/null', '/x'];
    for (const { method, pattern, permission } of ROUTES) {
      if (pattern.includes(':id') || permission === 'nothing') continue;
      const seen = new Set<string>();
      for (const path of [...PATHS, '/x/y/z']) {
        const body = {
          ...{ path, newPath: path, target: path, mode: 0o600, data: 'x', algorithm: 'md5', pattern: 'x' },
          ...{ fstype: 'memfs', right: 'read' },
        };
        const query = `path=${path}&size=1&flags=0&stream=true&timeout=0`;
        const response = await call(method, `${pattern}?${query}`, as('weak', method === 'GET' ? undefined : body));
        seen.add(`${response.status} ${response.text.replaceAll(path, 'PATH')}`);
      }
      expect([pattern, ...seen]).toHaveLength(2);
    }
  });
});

describe('with tokens', () => {
  it('paths may be as long and as deep as is configured', async () => {
    const limits = { length: 10_000, depth: 100 };
    const deep = `/mem/${'d/'.repeat(90)}f`;
    const long = `/mem/${`${'x'.repeat(200)}/`.repeat(25)}f`;
    const tokens = new Tokens([token('a', ['read', 'write', 'admin'], '/mem/**')], undefined, limits);
    const { call } = await start({ mounted: { '/mem': 'streamfs' }, tokens, pathLimits: limits });
    for (const path of [deep, long]) {
      expect((await call('PUT', `/files?path=${path}`, as('a', 'x'))).status).toBe(200);
      for (const target of ['/stat', '/directories', '/capabilities', '/readers']) {
        const response = await call('GET', `${target}?path=${path}`, as('a'));
        expect([target, response.json().code]).not.toEqual([target, expect.stringMatching(/^PATH_TOO/)]);
      }
      const link = await call('POST', '/links', as('a', { path }));
      expect((await call('GET', `${link.json().url}&timeout=0`)).status).toBe(200);
      const opened = await call('POST', `/handles/open?path=${path}`, as('a'));
      expect((await call('GET', `/handles/${opened.json().id}/read`, as('a'))).text).toBe('x');
    }
    const deeper = `/mem/${'d/'.repeat(100)}f`;
    expect((await call('PUT', `/files?path=${deeper}`, as('a', 'x'))).json().code).toBe('PATH_TOO_DEEP');
  });
});
