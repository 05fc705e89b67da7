import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type App, type AppOptions, sampleConfig, startApp, version } from '../../src/app/index.ts';
import { defaultConfig, parseConfig } from '../../src/config/index.ts';
import type { Plugin, PluginInstance } from '../../src/fs/index.ts';
import { builtinPlugins, memfsPlugin } from '../../src/plugins/index.ts';
import { recorder } from './recorder.ts';

const open: { shutdown(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.shutdown()));
});

async function start(options: AppOptions = {}): Promise<App> {
  const app = await startApp({ address: '127.0.0.1:0', logger: recorder(), ...options });
  open.push(app);
  return app;
}

async function get(app: { url: string }, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${app.url}/api/v1${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A memfs whose start, or stop, waits until the test releases it. */
function heldPlugin(when: 'initialize' | 'shutdown'): { plugin: Plugin; reached: Promise<void>; release(): void } {
  let reach: (() => void) | undefined;
  let release: (() => void) | undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hold = async () => {
    reach?.();
    await held;
  };
  const plugin: Plugin = {
    ...memfsPlugin,
    name: 'heldfs',
    readme: memfsPlugin.readme,
    configParameters: [],
    validate() {},
    async initialize(_, context): Promise<PluginInstance> {
      const instance = await memfsPlugin.initialize({}, context);
      if (when === 'initialize') await hold();
      return {
        fileSystem: instance.fileSystem,
        async shutdown() {
          if (when === 'shutdown') await hold();
          await instance.shutdown();
        },
      };
    },
  };
  return { plugin, reached, release: () => release?.() };
}

describe('an app', () => {
  it('mounts every built-in plugin where nothing is configured', async () => {
    const app = await start();
    expect(app.mounts.mounts().map(({ path, pluginName, status }) => ({ path, pluginName, status }))).toEqual([
      { path: '/dev', pluginName: 'devfs', status: 'mounted' },
      { path: '/memfs', pluginName: 'memfs', status: 'mounted' },
      { path: '/streamfs', pluginName: 'streamfs', status: 'mounted' },
    ]);
    expect((await get(app, '/ready')).status).toBe(200);
  });

  it('says where it is: the port the system chose, in address and url', async () => {
    const app = await start();
    expect(app.address.host).toBe('127.0.0.1');
    expect(app.address.port).toBeGreaterThan(0);
    expect(app.url).toBe(`http://127.0.0.1:${app.address.port}`);
  });

  it('contract 76: tells its version in health', async () => {
    const { body } = await get(await start(), '/health');
    expect(body).toMatchObject({ ...version, ready: true, degraded: false });
    expect(version.version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('contract 84: runs what a configuration file says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-app-'));
    try {
      const file = join(folder, 'app.toml');
      await writeFile(
        file,
        '[server]\naddress = ":0"\n[[plugins.streamfs]]\nname = "a"\npath = "/a"\n[[plugins.memfs]]\npath = "/m"\n',
      );
      const app = await startApp({ configFile: file, logger: recorder() });
      open.push(app);
      expect(app.mounts.mounts().map((mount) => [mount.path, mount.instance])).toEqual([
        ['/a', 'a'],
        ['/dev', undefined],
        ['/m', undefined],
      ]);
      expect(app.address.host).toBe('127.0.0.1');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('contract 84: serves the bytes of a stream through the plugin that the configuration mounts', async () => {
    const app = await start({ config: { plugins: { streamfs: { path: '/live' } } } });
    await fetch(`${app.url}/api/v1/files?path=/live/x`, { method: 'PUT', body: 'hello' });
    const snapshot = await fetch(`${app.url}/api/v1/files?path=/live/x&snapshot=true`);
    expect(await snapshot.text()).toBe('hello');
  });

  it('contract 92: logs the name of its configuration, and warns of what exists in AGFS only, not of a mistake', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-app-'));
    try {
      const file = join(folder, 'app.yaml');
      await writeFile(file, 'plugins:\n  kvfs: {}\n  streamsf: {}\nexternal_plugins: {enabled: true}\n');
      const logger = recorder();
      const app = await start({ configFile: file, logger });
      expect(logger.lines).toContainEqual({ level: 'info', message: 'configuration', facts: { file } });
      const warnings = () => logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
      const expectedWarnings = [
        expect.stringMatching(/app\.yaml:2: plugins\.kvfs: /),
        expect.stringMatching(/app\.yaml:4: ext/),
      ];
      expect(warnings()).toEqual(expectedWarnings);
      const mistakes = logger.lines.filter(({ level }) => level === 'error');
      expect(mistakes).toHaveLength(1);
      expect(`${mistakes[0]!.message}: ${mistakes[0]!.facts.error}`).toMatch(
        /app\.yaml:3: .*filesystem type: streamsf/,
      );
      await app.reload();
      expect(warnings()).toEqual([...expectedWarnings, ...expectedWarnings]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('contract 76: runs on, degraded, where a mount fails, and says all that is wrong, one line each, and where', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-app-'));
    try {
      const file = join(folder, 'app.yaml');
      const wrong = '{ring_buffer_size: ABC, on_lag: never, colour: red}';
      await writeFile(file, `plugins:\n  memfs:\n  streamfs:\n    config: ${wrong}\n  nosuchfs:\n`);
      const logger = recorder();
      const app = await start({ configFile: file, logger });
      const { body } = await get(app, '/health');
      expect(body).toMatchObject({
        degraded: true,
        mounts: { total: 4, pending: 0, mounted: 2, failed: 2 },
      });
      // One line for each fault, each reported once.
      const errors = logger.lines
        .filter(({ level }) => level === 'error')
        .map(({ message }) => message)
        .sort();
      expect(errors).toEqual([
        expect.stringMatching(/app\.yaml:3: failed to validate plugin: invalid ring_buffer_size: .*ABC/),
        expect.stringMatching(/app\.yaml:3: failed to validate plugin: on_lag must be one of/),
        expect.stringMatching(/app\.yaml:3: failed to validate plugin: unknown .*'colour'/),
        expect.stringMatching(/app\.yaml:5: unknown filesystem type: nosuchfs/),
      ]);
      for (const error of errors) expect(error).not.toContain('\n');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('contract 76: answers health, and 503 to ready, while mounts start', async () => {
    const { plugin, reached, release } = heldPlugin('initialize');
    const logger = recorder();
    const starting = startApp({
      address: '127.0.0.1:0',
      logger,
      plugins: [plugin],
      config: { plugins: { heldfs: { path: '/held' }, memfs: {} } },
    });
    await reached;
    const url = String(logger.lines.find((line) => line.message === 'listening')?.facts.url);
    expect((await get({ url }, '/ready')).status).toBe(503);
    expect(await get({ url }, '/health')).toMatchObject({ status: 200, body: { mounts: { total: 3, pending: 1 } } });
    release();
    const app = await starting;
    open.push(app);
    expect((await get(app, '/ready')).status).toBe(200);
  });
});

describe('an app that cannot start', () => {
  let taken: Server | undefined;
  afterEach(() => {
    taken?.close();
    taken = undefined;
  });

  it('says that its port is in use', async () => {
    taken = createTcpServer();
    await new Promise<void>((resolve) => taken?.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    await expect(start({ address: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringMatching(
        `^cannot listen on 127.0.0.1:${port}: the port is in use: stop what listens there`,
      ),
    });
  });

  it('says that this machine does not have the address', async () => {
    await expect(start({ address: '192.0.2.1:0', noAuth: true })).rejects.toThrow(
      'cannot listen on 192.0.2.1:0: this machine has no such address',
    );
  });

  it('contract 79: refuses an address that others can reach, unless authentication is turned off explicitly', async () => {
    await expect(start({ address: '0.0.0.0:0' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(start({ config: { server: { address: '[::]:0' } }, address: '0.0.0.0:0' })).rejects.toThrow(
      /^refusing to listen on 0\.0\.0\.0:0: /,
    );
    const app = await start({ address: '0.0.0.0:0', noAuth: true });
    expect(app.url).toBe(`http://127.0.0.1:${app.address.port}`);
    expect((await get(app, '/health')).status).toBe(200);
    await start({ address: '0.0.0.0:0', config: { server: { no_auth: true } } });
  });

  const TOKENS = (name: string) => `server:
  address: 0.0.0.0:0
  tokens:
    - {name: ${name}, token: the-secret-of-${name}, rights: [read], paths: ["/streamfs/**"]}
`;

  async function statusFor(app: App, name: string): Promise<number> {
    const headers = { authorization: `Bearer the-secret-of-${name}` };
    return (await fetch(`${app.url}/api/v1/directories?path=/streamfs`, { headers })).status;
  }

  it('contract 79: with tokens it listens where others can reach it, and asks them; a reload replaces them', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'streamfs-app-'));
    try {
      const configFile = join(directory, 'c.yaml');
      await writeFile(configFile, TOKENS('alpha'));
      const app = await startApp({ configFile, logger: recorder() });
      open.push(app);
      expect((await get(app, '/directories?path=/streamfs')).status).toBe(401);
      expect([await statusFor(app, 'alpha'), await statusFor(app, 'bravo')]).toEqual([200, 401]);
      await writeFile(configFile, TOKENS('bravo'));
      await app.reload();
      expect([await statusFor(app, 'alpha'), await statusFor(app, 'bravo')]).toEqual([401, 200]);
      // Neither an invalid file nor one without tokens turns access control off.
      for (const text of ['server: [', 'server: {address: 0.0.0.0:0}', '', 'server: {no_auth: true}']) {
        await writeFile(configFile, text);
        await expect(app.reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      }
      expect([await statusFor(app, 'alpha'), await statusFor(app, 'bravo')]).toEqual([401, 200]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('takes one configuration, not two', async () => {
    await expect(start({ configFile: 'a.yaml', config: {} })).rejects.toThrow(
      'expected configFile or config, not both',
    );
  });

  it('gives up when told to, and leaves nothing running', async () => {
    const { plugin, reached, release } = heldPlugin('initialize');
    const logger = recorder();
    const controller = new AbortController();
    const starting = startApp({
      address: '127.0.0.1:0',
      logger,
      plugins: [plugin],
      config: { plugins: { heldfs: {} } },
      signal: controller.signal,
    });
    const failure = expect(starting).rejects.toThrow('enough');
    await reached;
    controller.abort(new Error('enough'));
    release();
    await failure;
    const url = String(logger.lines.find((line) => line.message === 'listening')?.facts.url);
    await expect(fetch(`${url}/api/v1/health`)).rejects.toThrow();
  });
});

describe('shutting an app down', () => {
  it('contract 28: gives readers what they are owed and then the end, and closes the port', async () => {
    const app = await start();
    await fetch(`${app.url}/api/v1/files?path=/streamfs/live`, { method: 'PUT', body: 'history' });
    const reading = await fetch(`${app.url}/api/v1/files?path=/streamfs/live&stream=true`);
    const text = reading.text();
    await app.shutdown();
    expect(await text).toBe('history');
    await expect(fetch(`${app.url}/api/v1/health`)).rejects.toThrow();
  });

  it('contract 28: holds its deadline although a plugin hangs', async () => {
    const { plugin, release } = heldPlugin('shutdown');
    const logger = recorder();
    const app = await start({
      logger,
      plugins: [plugin],
      config: { server: { shutdown_timeout: '50ms' }, plugins: { heldfs: {} } },
    });
    await app.shutdown();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', facts: { unfinished: ['mounts'] } });
    release();
  });

  it('twice is harmless, also at the same time', async () => {
    const app = await start();
    const [first, second] = [app.shutdown(), app.shutdown()];
    expect(first).toBe(second);
    await first;
    await app.shutdown();
  });
});

describe('the sample configuration of an app', () => {
  it('contract 84: holds every parameter of every plugin, and still loads to the defaults', () => {
    const sample = sampleConfig();
    const config = parseConfig(sample, 'sample.yaml');
    expect({ ...config, mounts: config.mounts.map(({ where: _, ...mount }) => mount) }).toEqual(defaultConfig());
    for (const plugin of builtinPlugins) {
      for (const parameter of plugin.configParameters) expect(sample).toContain(`# ${parameter.name}: `);
    }
  });

  it('contract 82: can have any of its comments taken away', () => {
    const lines = sampleConfig()
      .split('\n')
      .map((line) => line.replace(/^ {6}# (\w+: \S.*)$/, '      $1'));
    const uncommented = lines.filter((line) => !line.endsWith(': …'));
    const { mounts } = parseConfig(uncommented.join('\n'), 'sample.yaml');
    for (const mount of mounts) {
      const plugin = builtinPlugins.find(({ name }) => name === mount.plugin);
      expect(() => plugin?.validate(mount.config)).not.toThrow();
    }
  });
});
