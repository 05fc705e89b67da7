import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/server/index.ts';
import { start } from './harness.ts';

/** A path of a route, with a number for `:id`. */
const pathOf = (pattern: string) => pattern.replace(':id', '7');

describe('the table of routes', () => {
  it('names no method and pattern twice, and describes every parameter', () => {
    const names = ROUTES.map(({ method, pattern }) => `${method} ${pattern}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { pattern, summary, parameters } of ROUTES) {
      expect(summary, pattern).toMatch(/\.$/);
      for (const { name, description } of parameters) expect(description, `${pattern} ${name}`).toMatch(/\.$/);
      expect(new Set(parameters.map(({ name, in: where }) => `${where} ${name}`)).size).toBe(parameters.length);
      const named = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `:${name}`);
      expect(named).toEqual(pattern.match(/:\w+/g) ?? []);
    }
  });

  it('contract 66: has every route of the original', () => {
    const names = new Set(ROUTES.map(({ method, pattern }) => `${method} ${pattern.replace('/api/v1', '')}`));
    const wanted = [
      'GET /files, POST /files, PUT /files, DELETE /files, GET /directories, POST /directories, DELETE /directories',
      'POST /mkdir, GET /list, GET /stat, POST /rename, POST /chmod, POST /truncate, POST /touch, POST /symlink',
      'GET /readlink, POST /write, POST /digest, POST /grep, GET /mounts, POST /mount, POST /unmount, GET /plugins',
      'POST /plugins/load, POST /plugins/unload, GET /health, GET /ready, GET /version, GET /capabilities, GET /',
      'POST /handles/open, GET /handles, GET /handles/:id, DELETE /handles/:id, GET /handles/:id/read',
      'PUT /handles/:id/write, POST /handles/:id/seek, POST /handles/:id/sync, GET /handles/:id/stat',
      'POST /handles/:id/truncate, POST /handles/:id/renew, GET /handles/:id/stream, POST /end',
    ];
    for (const name of wanted.flatMap((line) => line.split(', '))) expect([...names]).toContain(name);
  });

  it('contract 66: every route that requires a path says so', async () => {
    const { call, post } = await start();
    for (const { method, pattern, parameters } of ROUTES) {
      const path = parameters.find(({ name }) => name === 'path');
      if (!path?.required) continue;
      const response =
        path.in === 'query' ? await call(method, pattern) : await post(pattern, { fstype: 'memfs', algorithm: 'md5' });
      expect([pattern, response.status]).toEqual([pattern, 400]);
      expect(response.json().error).toBe(path.in === 'query' ? 'path parameter is required' : 'path is required');
    }
  });
});

describe('a request no route is for', () => {
  it('contract 78: an unknown route is a JSON 404', async () => {
    const { call } = await start();
    for (const target of [
      '/nope',
      '/api/v2/files',
      '/api/v1',
      '/api/v1/files/a',
      '/api/v1//files',
      '/handles/1/nope',
    ]) {
      const response = await call('GET', target);
      expect([target, response.status]).toEqual([target, 404]);
      expect(response.headers['content-type']).toBe('application/json');
      expect(response.json()).toMatchObject({ code: 'ROUTE_NOT_FOUND', error: expect.stringMatching(/^not found: /) });
    }
  });

  it('contract 66: a wrong method is 405 with the methods that are right', async () => {
    const { call } = await start();
    for (const pattern of new Set(ROUTES.map((route) => pathOf(route.pattern)))) {
      const response = await call('PATCH', pattern);
      expect([pattern, response.status]).toEqual([pattern, 405]);
      expect(response.json().error).toBe('method not allowed');
      const methods = ROUTES.filter((route) => pathOf(route.pattern) === pattern).map(({ method }) => method);
      for (const method of methods) expect(String(response.headers.allow).split(', ')).toContain(method);
    }
  });

  it('contract 78: OPTIONS answers 204 with Allow and no CORS headers', async () => {
    const { call } = await start();
    const response = await call('OPTIONS', '/files', { headers: { Origin: 'http://example.org' } });
    expect(response.status).toBe(204);
    expect(response.headers.allow).toBe('GET, PUT, POST, DELETE, HEAD, OPTIONS');
    expect(response.headers['access-control-allow-origin']).toBeUndefined();
    expect((await call('OPTIONS', '*')).status).toBe(204);
    expect((await call('OPTIONS', '/nope')).status).toBe(404);
  });

  it('contract 78: HEAD answers as GET does, without a body', async () => {
    const { call } = await start();
    for (const target of ['/', '/health', '/mounts', '/handles', '/directories?path=/', '/stat?path=/mem']) {
      const get = await call('GET', target);
      const head = await call('HEAD', target);
      expect([target, head.status, head.text]).toEqual([target, get.status, '']);
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    }
    expect((await call('HEAD', '/stat?path=/mem/absent')).status).toBe(404);
    expect((await call('HEAD', '/rename?path=/mem/a')).status).toBe(405);
  });

  it('contract 78: /handles is answered without a redirect, with and without a slash at the end', async () => {
    const { call } = await start();
    for (const target of ['/handles', '/handles/']) {
      const response = await call('GET', target);
      expect(response.status).toBe(200);
      expect(response.json()).toEqual({ handles: [], count: 0, max: 10_000 });
    }
  });

  it('malformed percent-encoding is a JSON 400', async () => {
    const { call } = await start();
    const response = await call('GET', '/stat?path=%E0%A4%A');
    expect(response.status).toBe(400);
    expect(response.json()).toMatchObject({ code: 'BAD_REQUEST' });
  });
});
