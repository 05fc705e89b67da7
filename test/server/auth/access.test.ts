import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Right, ROUTES, Tokens } from '../../../src/server/index.ts';
import { start } from '../harness.ts';

const hash = (token: string) => createHash('sha256').update(token).digest('hex');
const token = (name: string, rights: Right[], ...paths: string[]) => ({
  name,
  sha256: hash(`secret-of-${name}`),
  rights,
  paths,
});
const as = (name: string, body?: string) => ({
  headers: { authorization: `Bearer secret-of-${name}` },
  ...(body === undefined ? {} : { body }),
});

async function guarded() {
  const tokens = new Tokens([
    token('reader', ['read'], '/s/open/**'),
    token('writer', ['write'], '/s/open/*'),
    token('owner', ['read', 'write', 'admin'], '/**'),
  ]);
  const running = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' }, tokens });
  const { call } = running;
  for (const path of ['/s/open/a', '/s/closed']) {
    expect((await call('PUT', `/files?path=${path}`, as('owner', 'x'))).status).toBe(200);
  }
  return { ...running, tokens };
}

describe('who may do what', () => {
  it('contract 79: without a token, or with one that is not known, every route but five is 401', async () => {
    const { call } = await guarded();
    const open = [];
    for (const { method, pattern } of ROUTES) {
      const target = `${pattern.replace(':id', '1')}?path=/s/open/a`;
      for (const headers of [{}, { authorization: 'Bearer no' }, { authorization: 'Basic c2VjcmV0' }]) {
        const response = await call(method, target, { headers });
        if (response.status !== 401) {
          open.push(pattern);
          break;
        }
        expect(response.headers['www-authenticate']).toBe('Bearer, Basic realm="StreamFS", charset="UTF-8"');
        expect(response.json().code).toBe('UNAUTHORIZED');
      }
    }
    expect(open).toEqual(['/', '/api/v1/health', '/api/v1/ready', '/api/v1/version', '/api/v1/openapi.json']);
  });

  it('a right is for its paths, and the refusal names it, whether the path exists or not', async () => {
    const { call } = await guarded();
    expect((await call('PUT', '/files?path=/s/open/a', as('writer', 'y'))).status).toBe(200);
    expect((await call('GET', '/stat?path=/s/open/a', as('reader'))).status).toBe(200);
    for (const path of ['/s/closed', '/s/absent', '/nowhere']) {
      const response = await call('GET', `/stat?path=${path}`, as('reader'));
      expect([response.status, response.json().error]).toEqual([
        403,
        `forbidden: the token reader has no right to read or write or admin at ${path}`,
      ]);
    }
    const refused = await call('PUT', '/files?path=/s/open/a', as('reader', 'z'));
    expect([refused.status, refused.json().right]).toEqual([403, 'write']);
    expect((await call('GET', '/files?path=/s/open/a&stream=true', as('writer'))).status).toBe(403);
    expect((await call('PUT', '/files?path=/s/open//../closed', as('writer', 'z'))).status).toBe(400);
  });

  it('ends, removals and mounts are for admins; what is removed with all in it must all be theirs', async () => {
    const { call, post } = await guarded();
    for (const [method, target] of [
      ['POST', '/end?path=/s/open/a'],
      ['DELETE', '/files?path=/s/open/a'],
      ['GET', '/stats'],
      ['GET', '/plugins'],
    ] as const) {
      expect((await call(method, target, as('writer'))).status, target).toBe(403);
      expect((await call(method, target, as('owner'))).status, target).toBe(200);
    }
    expect((await post('/mount', { fstype: 'memfs', path: '/x' })).status).toBe(401);
    const body = JSON.stringify({ fstype: 'memfs', path: '/s/open/x' });
    expect((await call('POST', '/mount', as('writer', body))).status).toBe(403);
    expect((await call('POST', '/mount', as('owner', body))).status).toBe(200);
    expect((await call('POST', '/unmount', as('reader', JSON.stringify({ path: '/s/open/x' })))).status).toBe(403);
  });

  it('names of what is not theirs are not listed', async () => {
    const { call } = await guarded();
    const names = async (path: string, who: string) => {
      const files = (await call('GET', `/directories?path=${path}`, as(who))).json().files as { name: string }[];
      return files.map(({ name }) => name);
    };
    expect(await names('/', 'reader')).toEqual(['s']);
    expect(await names('/s', 'reader')).toEqual(['open']);
    expect(await names('/s/open', 'reader')).toEqual(['a']);
    expect(await names('/s', 'owner')).toEqual(['README', 'closed', 'open']);
    expect((await call('GET', '/directories?path=/mem', as('reader'))).status).toBe(403);
    const mounts = (await call('GET', '/mounts', as('reader'))).json().mounts as { path: string }[];
    expect(mounts.map(({ path }) => path)).toEqual(['/s']);
  });

  it('a handle is no way around: opening asks for the right at its path', async () => {
    const { call } = await guarded();
    expect((await call('POST', '/handles/open?path=/s/open/a&flags=0', as('writer'))).status).toBe(403);
    expect((await call('POST', '/handles/open?path=/s/open/a&flags=2', as('reader'))).status).toBe(403);
    expect((await call('POST', '/handles/open?path=/s/closed&flags=2', as('owner'))).status).toBe(200);
  });

  it('paths in bodies are asked for too', async () => {
    const { call } = await guarded();
    await call('PUT', '/files?path=/mem/f', as('owner', 'text'));
    const digest = JSON.stringify({ algorithm: 'md5', path: '/mem/f' });
    expect((await call('POST', '/digest', as('reader', digest))).status).toBe(403);
    expect((await call('POST', '/digest', as('owner', digest))).status).toBe(200);
    for (const [path, recursive] of [
      ['/mem/f', false],
      ['/s', true],
    ]) {
      const grep = JSON.stringify({ path, recursive, pattern: 'x' });
      expect((await call('POST', '/grep', as('reader', grep))).status).toBe(403);
      expect((await call('POST', '/grep', as('owner', grep))).status).toBe(200);
    }
  });

  it('tokens that are replaced hold at once', async () => {
    const { call, tokens } = await guarded();
    expect((await call('GET', '/stat?path=/s/open/a', as('reader'))).status).toBe(200);
    tokens.replace([token('other', ['read'], '/**')]);
    expect((await call('GET', '/stat?path=/s/open/a', as('reader'))).status).toBe(401);
    expect((await call('GET', '/stat?path=/s/open/a', as('other'))).status).toBe(200);
  });

  it('no token is in the log, whatever is asked', async () => {
    const { call, log } = await guarded();
    await call('GET', '/stat?path=/s/closed', as('reader'));
    await call('GET', '/stat?path=/s/closed', { headers: { authorization: 'Bearer secret-of-nobody' } });
    expect(JSON.stringify(log)).not.toContain('secret-of');
  });
});
