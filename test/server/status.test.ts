import { describe, expect, it } from 'vitest';
import { createError } from '../../src/errors/index.ts';
import type { Plugin } from '../../src/fs/index.ts';
import { memfsPlugin } from '../../src/plugins/index.ts';
import type { ServerStats } from '../../src/protocol/index.ts';
import { start } from './harness.ts';

const VERSION = { version: '9.8.7', gitCommit: 'abc1234', buildTime: '2025-01-02T03:04:05Z' };

const brokenPlugin: Plugin = {
  ...memfsPlugin,
  name: 'brokenfs',
  initialize: async () => {
    throw createError('CONFIG_INVALID', { reason: 'the disk is gone' });
  },
};

describe('what the server says about itself', () => {
  it('GET / says what it is', async () => {
    const { call } = await start();
    expect((await call('GET', '/')).json()).toEqual({ service: 'StreamFS', version: '9.8.7', status: 'running' });
  });

  it('contract 76: health counts the mounts; ready is 200 once all have started', async () => {
    const { call } = await start({ mounted: { '/mem': 'memfs', '/more/mem': 'memfs' } });
    const report = {
      status: 'healthy',
      ...VERSION,
      ready: true,
      degraded: false,
      mounts: { total: 2, pending: 0, mounted: 2, failed: 0 },
    };
    const health = await call('GET', '/health');
    expect([health.status, health.json()]).toEqual([200, report]);
    const ready = await call('GET', '/ready');
    expect([ready.status, ready.json()]).toEqual([200, report]);
  });

  it('GET /stats says what has passed through all streams, and how the process is', async () => {
    const { call } = await start({ mounted: { '/a': 'streamfs', '/b': 'streamfs' } });
    for (const path of ['/a/x', '/b/y']) await call('PUT', `/files?path=${path}`, { body: 'four' });
    await call('GET', '/files?path=/a/x&stream=true&timeout=0');
    const { totals, process } = (await call('GET', '/stats')).json() as unknown as ServerStats;
    expect(totals).toEqual({ received: 8, delivered: 4, skipped: 0 });
    expect(Date.parse(process.started_at)).toBeLessThan(Date.now());
    expect(process.resident).toBeGreaterThan(1024 * 1024);
    expect(process.cpu_seconds).toBeGreaterThan(0);
    expect(process.event_loop_delay_ms).toBeGreaterThanOrEqual(0);
  });

  it('contract 76: while a mount is pending it is starting, and not ready', async () => {
    const { call, mounts } = await start();
    mounts.declare('memfs', '/later');
    const ready = await call('GET', '/ready');
    expect(ready.status).toBe(503);
    expect(ready.json()).toMatchObject({ status: 'starting', ready: false, mounts: { total: 2, pending: 1 } });
    expect((await call('GET', '/health')).status).toBe(200);
    await mounts.startDeclared();
    expect((await call('GET', '/ready')).status).toBe(200);
  });

  it('contract 76: a mount that fails is listed with its error, and the server runs on, degraded', async () => {
    const { call, mounts } = await start({ plugins: [brokenPlugin] });
    mounts.declare('brokenfs', '/broken', {}, { instance: 'disk' });
    await mounts.startDeclared();
    const health = await call('GET', '/health');
    expect([health.status, health.json()]).toMatchObject([
      200,
      { status: 'degraded', ready: false, degraded: true, mounts: { total: 2, mounted: 1, failed: 1 } },
    ]);
    expect((await call('GET', '/mounts')).json()).toEqual({
      mounts: [
        {
          path: '/broken',
          pluginName: 'brokenfs',
          instance: 'disk',
          status: 'failed',
          error: expect.stringContaining('the disk is gone'),
        },
        { path: '/mem', pluginName: 'memfs', status: 'mounted' },
      ],
    });
    expect((await call('POST', '/files?path=/mem/a')).status).toBe(201);
  });

  it('contract 76: the process can say that it is not ready', async () => {
    let wanted = false;
    const { call } = await start({ ready: () => wanted });
    expect((await call('GET', '/ready')).status).toBe(503);
    wanted = true;
    expect((await call('GET', '/ready')).status).toBe(200);
  });

  it('contract 66: version', async () => {
    const { call } = await start();
    expect((await call('GET', '/version')).json()).toEqual(VERSION);
  });

  it('contract 77: capabilities of the server, and of a path', async () => {
    const { call } = await start();
    const server = (await call('GET', '/capabilities')).json();
    expect(server.version).toBe('9.8.7');
    expect(server.features).toEqual(expect.arrayContaining(['handlefs', 'grep', 'digest', 'stream', 'touch']));
    expect((await call('GET', '/capabilities?path=/mem/a')).json()).toMatchObject({
      isAppendOnly: false,
      isBroadcast: false,
      supportsStreamRead: true,
      supportsFileHandle: true,
      supportsSync: true,
      isReadDestructive: false,
      isObjectStore: false,
    });
    expect((await call('GET', '/capabilities?path=/')).json()).toMatchObject({
      supportsSync: false,
      isReadDestructive: false,
      isObjectStore: false,
    });
    expect((await call('GET', '/capabilities?path=/nowhere/a')).status).toBe(404);
    expect((await call('GET', '/capabilities?path=')).json().error).toBe('path parameter is required');
  });
});

describe('mounts', () => {
  it('contract 74: mount, list, unmount, with the texts of the original', async () => {
    const { call, post } = await start();
    const mounted = await post('/mount', { fstype: 'memfs', path: '/second', config: { max_file_size: '1KB' } });
    expect([mounted.status, mounted.json()]).toEqual([200, { message: 'plugin mounted' }]);
    const { mounts } = (await call('GET', '/mounts')).json() as unknown as { mounts: unknown[] };
    expect(mounts).toEqual([
      { path: '/mem', pluginName: 'memfs', status: 'mounted' },
      { path: '/second', pluginName: 'memfs', status: 'mounted', config: { max_file_size: '1KB' } },
    ]);
    await call('PUT', '/files?path=/second/a', { body: 'x' });
    expect((await call('GET', '/stat?path=/mem/a')).status).toBe(404);
    const gone = await post('/unmount', { path: '/second' });
    expect([gone.status, gone.json()]).toEqual([200, { message: 'plugin unmounted' }]);
    expect((await call('GET', '/stat?path=/second/a')).status).toBe(404);
  });

  it('contract 74: an invalid mount or unmount is refused with the texts of the original', async () => {
    const { post } = await start();
    const refused = async (target: string, json: unknown) => {
      const response = await post(target, json);
      return [response.status, response.json().error];
    };
    expect(await refused('/mount', { fstype: 'memfs', path: '/mem' })).toEqual([409, 'mount already exists: /mem']);
    expect(await refused('/mount', { fstype: 'nofs', path: '/x' })).toEqual([
      400,
      'unknown filesystem type: nofs (known are: devfs, memfs, streamfs)',
    ]);
    expect(await refused('/mount', { path: '/x' })).toEqual([400, 'fstype is required']);
    expect(await refused('/mount', { fstype: 'memfs' })).toEqual([400, 'path is required']);
    expect(await refused('/mount', { fstype: 'memfs', path: '/x', config: [] })).toEqual([
      400,
      'invalid request body: "config" must be an object, not an array',
    ]);
    expect(await refused('/mount', { fstype: 'memfs', path: '/x', config: { colour: 'red' } })).toEqual([
      400,
      expect.stringMatching(/^failed to validate plugin: unknown configuration parameter\(s\) 'colour'/),
    ]);
    expect(await refused('/unmount', { path: '/x' })).toEqual([404, 'no mount at path: /x']);
    expect(await refused('/unmount', {})).toEqual([400, 'path is required']);
  });

  it('contract 74: a config of null is as good as none', async () => {
    const { post } = await start();
    expect((await post('/mount', { fstype: 'memfs', path: '/x', config: null })).status).toBe(200);
  });

  it('contract 66: plugins are listed with their mounts and parameters', async () => {
    const { call } = await start();
    const { plugins } = (await call('GET', '/plugins')).json() as unknown as { plugins: { name: string }[] };
    expect(plugins.find(({ name }) => name === 'memfs')).toMatchObject({
      is_external: false,
      mounted_paths: [{ path: '/mem' }],
      config_params: expect.arrayContaining([expect.objectContaining({ name: 'max_file_size', required: false })]),
    });
  });

  it('contract 79: code is never loaded on request', async () => {
    const { post } = await start();
    for (const verb of ['load', 'unload']) {
      const response = await post(`/plugins/${verb}`, { library_path: 'http://127.0.0.1/evil.so' });
      expect([response.status, response.json().code]).toEqual([501, 'PLUGINS_ARE_BUILT_IN']);
    }
  });
});
