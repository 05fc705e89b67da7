import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { type Right, ROUTES, Tokens } from '../../src/server/index.ts';
import { connectTo } from '../harness/wire.ts';
import { start } from './harness.ts';

const MB = 1024 * 1024;
const JSON_ROUTES = ROUTES.filter(({ parameters }) => parameters.some((parameter) => parameter.in === 'body'));
const targetOf = (pattern: string) => `${pattern}?path=/mem/f`;
const JSON_TYPE = { 'content-type': 'application/json' };

const BODIES: Readonly<Record<string, string>> = {
  'many arrays': `{"a":[${'[],'.repeat(MB / 3 - 100)}1]}`,
  'many objects': `{"a":[${'{},'.repeat(MB / 3 - 100)}1]}`,
  'many fields': `{${Array.from({ length: 90_000 }, (_, n) => `"${n}":0`).join()}}`,
  'deep arrays': `{"a":${'['.repeat(MB / 2 - 100)}${']'.repeat(MB / 2 - 100)}}`,
  'deep objects': `${'{"a":'.repeat(MB / 6 - 100)}1${'}'.repeat(MB / 6 - 100)}`,
  'a field twice': '{"data":"a","data":"b"}',
};

describe('JSON bodies', () => {
  it.each(Object.entries(BODIES))(
    'contract 95: a body with %s is refused by every route that takes JSON',
    async (_, body) => {
      const { call } = await start();
      for (const { method, pattern } of JSON_ROUTES) {
        const response = await call(method, targetOf(pattern), { body, headers: JSON_TYPE });
        expect([pattern, response.status, response.json().code]).toEqual([pattern, 400, 'INVALID_BODY']);
      }
    },
  );

  it('contract 95: long texts and numbers are an error of their field, whatever the route', async () => {
    const { call } = await start();
    const names = new Set(
      JSON_ROUTES.flatMap(({ parameters }) => parameters.filter((one) => one.in === 'body').map(({ name }) => name)),
    );
    const long = Object.fromEntries([...names].map((name) => [name, 'a'.repeat(90_000)]));
    const digits = `{${[...names].map((name) => `"${name}":${'9'.repeat(90_000)}`).join()}}`;
    for (const { method, pattern } of JSON_ROUTES.filter(({ pattern }) => !pattern.endsWith('/write'))) {
      for (const body of [JSON.stringify(long), digits]) {
        const { status } = await call(method, targetOf(pattern), { body, headers: JSON_TYPE });
        expect([pattern, status < 500 || status === 501]).toEqual([pattern, true]);
      }
    }
  });

  it('contract 95: have a separate limit; that of a write is four times as long', async () => {
    const { call, post } = await start({ maxJsonBodyBytes: 1000 });
    const refused = await call('POST', '/digest', { body: `{"path":"${'a'.repeat(1000)}"}` });
    expect([refused.status, refused.json()]).toMatchObject([
      413,
      { error: 'request body exceeds maximum size of 1000 bytes', limit: 'json_size', max: 1000 },
    ]);
    expect((await post('/write?path=/mem/f', { data: 'x'.repeat(3900) })).status).toBe(200);
    const long = await post('/write?path=/mem/f', { data: 'x'.repeat(4000) });
    expect([long.status, long.json().max]).toEqual([413, 4000]);
    expect((await call('POST', '/write?path=/mem/f', { body: 'x'.repeat(5000) })).status).toBe(200);
  });

  it('contract 95: parsed JSON is charged until the response is complete', async () => {
    const memory = new MemoryBudget(8 * MB);
    const { post } = await start({ memory });
    const before = memory.fixed;
    for (let n = 0; n < 20; n++) expect((await post('/digest', { a: Array(9000).fill(0) })).status).toBe(400);
    await expect.poll(() => memory.fixed).toBeLessThan(before + MB);
    expect(memory.peak).toBeGreaterThan(9000 * 100);
  });

  it('contract 95: bodies in transit are charged: one too many is refused, and its memory is released', async () => {
    const memory = new MemoryBudget(16 * MB);
    const { port } = await start({ memory });
    const body = JSON.stringify({ algorithm: 'md5', path: '/mem/f', rest: 'x'.repeat(MB - 100) });
    const head = `POST /api/v1/digest HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    const clients = await Promise.all(Array.from({ length: 24 }, () => connectTo(port)));
    for (const client of clients) client.send(head + body.slice(0, -1));
    const refused = await Promise.race(clients.map((client) => client.until('\r\n\r\n')));
    expect(refused).toMatch(/^HTTP\/1.1 503 /);
    expect(memory.fixed).toBeLessThanOrEqual(10 * MB);
    for (const client of clients) client.socket.destroy();
    await expect.poll(() => memory.fixed).toBe(0);
  });
});

describe('rights of requests whose body says what they are for', () => {
  const guarded = (...rights: Right[]) => {
    const sha256 = createHash('sha256').update('secret').digest('hex');
    const tokens = new Tokens([{ name: 'some', sha256, rights, paths: ['/mem/mine'] }]);
    return start({ tokens });
  };

  it.each([
    ['/digest', ['write', 'admin'], 'read'],
    ['/grep', ['write', 'admin'], 'read'],
    ['/links', ['admin'], 'read or write'],
    ['/mount', ['read', 'write'], 'admin'],
    ['/unmount', ['read', 'write'], 'admin'],
    ['/rename?path=/mem/mine', ['read', 'write'], 'admin'],
    ['/chmod?path=/mem/mine', ['read', 'admin'], 'write'],
    ['/write?path=/mem/mine', ['read', 'admin'], 'write'],
  ] as const)(
    'contract 95: %s is refused without its right before the body has come',
    async (target, rights, right) => {
      const { port } = await guarded(...rights);
      const client = await connectTo(port);
      client.send(
        `POST /api/v1${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{`,
      );
      const response = await client.until('FORBIDDEN');
      expect(response).toMatch(/^HTTP\/1.1 403 /);
      expect(response).toContain(`has no right to ${right} at `);
      client.socket.destroy();
    },
  );

  it('a right somewhere is not one at the path that the body names', async () => {
    const { call } = await guarded('read');
    const body = JSON.stringify({ algorithm: 'md5', path: '/mem/other' });
    const response = await call('POST', '/digest', { body, headers: { authorization: 'Bearer secret' } });
    expect([response.status, response.json().right]).toEqual([403, 'read']);
  });
});
