/** A plugin that fails in every method, in every way: nothing else fails. */
import { afterEach, describe, expect, it } from 'vitest';
import { type App, startApp } from '../../src/app/index.ts';
import { type FileHandle, type FileSystem, type FileWriter, type Plugin, sizedContent } from '../../src/fs/index.ts';
import { recorder } from './recorder.ts';

/** How it fails. */
const WAYS = {
  'by throwing': () => {
    throw new Error('broken: thrown');
  },
  'by rejecting': () => Promise.reject(new Error('broken: rejected')),
  'by rejecting after a while': () =>
    new Promise((_, reject) => setTimeout(() => reject(new Error('broken: rejected late')), 20)),
  'by throwing something that is not an error': () => {
    throw 'broken: a text';
  },
  'by rejecting with nothing': () => Promise.reject(undefined),
} as const;

type Way = keyof typeof WAYS;

/** An object whose methods all fail, except the given ones. */
function failing<T extends object>(way: Way, sound: Partial<T> = {}): T {
  return new Proxy(sound, {
    // A promise is recognised by its `then`: the failing object must not look like one.
    get: (target, name) => (name === 'then' ? undefined : (Reflect.get(target, name) ?? WAYS[way])),
  }) as T;
}

interface Sound {
  initialize?: boolean;
  fileSystem?: Partial<FileSystem>;
  shutdown?: boolean;
}

function brokenPlugin(way: Way, sound: Sound): Plugin {
  return {
    name: 'brokenfs',
    readme: '',
    configParameters: [],
    validate() {},
    async initialize() {
      if (sound.initialize === false) await WAYS[way]();
      return {
        fileSystem: failing<FileSystem>(way, sound.fileSystem),
        shutdown: sound.shutdown === true ? async () => undefined : (WAYS[way] as () => Promise<void>),
      };
    },
  };
}

const apps: App[] = [];
const stray: unknown[] = [];
const onStray = (error: unknown) => stray.push(error);
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.shutdown()));
});

async function start(way: Way, sound: Sound = {}) {
  const logger = recorder();
  const app = await startApp({
    address: '127.0.0.1:0',
    logger,
    plugins: [brokenPlugin(way, sound)],
    config: {
      server: { shutdown_timeout: '2s', limits: { handle_idle_timeout: '1s' } },
      plugins: { brokenfs: { path: '/broken' }, streamfs: {}, memfs: {} },
    },
  });
  apps.push(app);
  return { app, logger };
}

async function ask(app: App, method: string, path: string, body?: string) {
  const response = await fetch(`${app.url}/api/v1${path}`, { method, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return { status: response.status, text };
}

const FILE = '/broken/x';
/** Every request that reaches the plugin. */
const REQUESTS: [method: string, path: string, body?: string][] = [
  ['GET', `/files?path=${FILE}`],
  ['GET', `/files?path=${FILE}&stream=true`],
  ['GET', `/files?path=${FILE}&snapshot=true`],
  ['HEAD', `/files?path=${FILE}`],
  ['HEAD', `/files?path=${FILE}&stream=true`],
  ['PUT', `/files?path=${FILE}`, 'bytes'],
  ['PUT', `/files?path=${FILE}`, ''],
  ['PUT', `/files?path=${FILE}`, 'x'.repeat(300_000)],
  ['POST', `/files?path=${FILE}`],
  ['DELETE', `/files?path=${FILE}`],
  ['DELETE', `/files?path=${FILE}&recursive=true`],
  ['POST', `/write?path=${FILE}`, 'bytes'],
  ['POST', `/end?path=${FILE}`],
  ['GET', `/stat?path=${FILE}`],
  ['GET', '/directories?path=/broken'],
  ['GET', '/directories?path=/broken/x'],
  ['POST', `/directories?path=${FILE}`],
  ['POST', `/rename?path=${FILE}`, '{"newPath":"/broken/y"}'],
  ['POST', `/chmod?path=${FILE}`, '{"mode":420}'],
  ['POST', `/truncate?path=${FILE}&size=0`],
  ['POST', `/touch?path=${FILE}`],
  ['POST', `/symlink?path=${FILE}`, '{"target":"/x"}'],
  ['GET', `/readlink?path=${FILE}`],
  ['POST', '/digest', `{"algorithm":"md5","path":"${FILE}"}`],
  ['POST', '/grep', `{"path":"${FILE}","pattern":"x"}`],
  ['POST', '/grep', '{"path":"/broken","pattern":"x","recursive":true}'],
  ['GET', `/capabilities?path=${FILE}`],
  ['POST', `/handles/open?path=${FILE}`],
];

describe.each(Object.keys(WAYS) as Way[])('a plugin that fails %s', (way) => {
  /** Runs a test, and fails if there was an unhandled error meanwhile. */
  async function undisturbed(test: () => Promise<void>): Promise<void> {
    process.on('unhandledRejection', onStray).on('uncaughtException', onStray);
    try {
      await test();
      // An unhandled rejection is reported at the end of its turn.
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(stray.splice(0)).toEqual([]);
    } finally {
      process.off('unhandledRejection', onStray).off('uncaughtException', onStray);
    }
  }

  async function othersWork(app: App): Promise<void> {
    expect((await ask(app, 'PUT', '/files?path=/streamfs/live', 'hello')).status).toBe(200);
    expect((await ask(app, 'GET', '/files?path=/streamfs/live&snapshot=true')).text).toBe('hello');
    expect((await ask(app, 'DELETE', '/files?path=/streamfs/live')).status).toBe(200);
    expect((await ask(app, 'GET', '/health')).status).toBe(200);
  }

  it('answers every request with an error, in JSON where there can be a body, and the others work', () =>
    undisturbed(async () => {
      const { app, logger } = await start(way);
      for (const [method, path, body] of REQUESTS) {
        const { status, text } = await ask(app, method, path, body);
        expect([method, path, status]).toEqual([method, path, 500]);
        if (method !== 'HEAD') expect(JSON.parse(text)).toEqual({ error: 'internal error', code: 'INTERNAL' });
      }
      // Logged in full, each time; the client learns nothing of it.
      expect(logger.lines.filter(({ message }) => message === 'request failed').length).toBe(REQUESTS.length);
      expect(app.handles.size).toBe(0);
      await othersWork(app);
    }));

  it('in its writers and contents alone, breaks off what it answers and nothing else', () =>
    undisturbed(async () => {
      const writer = failing<FileWriter>(way, { written: 0 });
      const content: AsyncIterable<Uint8Array> = {
        async *[Symbol.asyncIterator]() {
          yield new TextEncoder().encode('begin');
          await WAYS[way]();
        },
      };
      const { app } = await start(way, {
        fileSystem: {
          openWrite: async () => writer,
          openStream: async () => ({ kind: 'content', content }),
          open: async () => sizedContent(5, content),
          capabilities: async () => ({ isAppendOnly: true }) as never,
          stat: async () => ({ name: 'x', size: 5, mode: 0, modTime: new Date(), isDir: false, meta: {} }) as never,
        },
      });
      for (const body of ['bytes', '', 'x'.repeat(300_000)]) {
        expect((await ask(app, 'PUT', `/files?path=${FILE}`, body)).status).toBe(500);
      }
      await expect(ask(app, 'GET', `/files?path=${FILE}&stream=true`)).rejects.toThrow();
      expect((await ask(app, 'POST', '/digest', `{"algorithm":"md5","path":"${FILE}"}`)).status).toBe(500);
      await othersWork(app);
    }));

  it('in its handles alone, fails each use, and a handle that cannot be closed is gone all the same', () =>
    undisturbed(async () => {
      const { app, logger } = await start(way, {
        fileSystem: {
          openHandle: async () => failing<FileHandle>(way, { path: '/x' }),
          capabilities: async () => ({ isAppendOnly: true }) as never,
        },
      });
      const open = async () => {
        const { status, text } = await ask(app, 'POST', `/handles/open?path=${FILE}&lease=1`);
        expect(status).toBe(200);
        return Number((JSON.parse(text) as { id: number }).id);
      };
      const id = await open();
      for (const [method, path, body] of [
        ['GET', '/read'],
        ['PUT', '/write', 'bytes'],
        ['PUT', '/write', ''],
        ['POST', '/seek?offset=1'],
        ['POST', '/sync'],
        ['GET', '/stat'],
        ['POST', '/truncate?size=1'],
        ['GET', '/stream'],
      ] as const) {
        expect([path, (await ask(app, method, `/handles/${id}${path}`, body)).status]).toEqual([path, 500]);
      }
      expect((await ask(app, 'DELETE', `/handles/${id}`)).status).toBe(500);
      expect((await ask(app, 'DELETE', `/handles/${id}`)).status).toBe(404);
      // One that is not used, and one that is closed with its mount.
      await open();
      await expect.poll(() => app.handles.size).toBe(0);
      await open();
      expect((await ask(app, 'POST', '/unmount', '{"path":"/broken"}')).status).toBe(500);
      expect(app.handles.size).toBe(0);
      expect(logger.lines.filter(({ message }) => message === 'handle failed to close').length).toBe(2);
      await othersWork(app);
    }));

  it('at its start is a failed mount, and at its end is gone all the same', () =>
    undisturbed(async () => {
      const failed = await start(way, { initialize: false });
      expect(JSON.parse((await ask(failed.app, 'GET', '/health')).text)).toMatchObject({
        degraded: true,
        mounts: { failed: 1, mounted: 3 },
      });
      expect((await ask(failed.app, 'GET', `/stat?path=${FILE}`)).status).toBe(503);
      expect((await ask(failed.app, 'POST', '/unmount', '{"path":"/broken"}')).status).toBe(200);
      expect((await ask(failed.app, 'POST', '/mount', '{"fstype":"brokenfs","path":"/again"}')).status).toBe(500);
      expect(failed.app.mounts.counts()).toMatchObject({ total: 3 });
      await othersWork(failed.app);

      const { app, logger } = await start(way);
      expect((await ask(app, 'POST', '/unmount', '{"path":"/broken"}')).status).toBe(500);
      expect((await ask(app, 'GET', `/stat?path=${FILE}`)).status).toBe(404);
      expect((await ask(app, 'POST', '/mount', '{"fstype":"brokenfs","path":"/broken"}')).status).toBe(200);
      await othersWork(app);
      await app.shutdown();
      expect(logger.lines.map(({ message }) => message)).toContain('plugin failed to shut down');
      expect(logger.lines.at(-1)).toMatchObject({ message: 'stopped' });
    }));
});
