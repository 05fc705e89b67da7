/** Arguments of wrong types at the published functions: each gets an error that says what is right. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, startApp } from '../src/app/index.ts';
import { StreamFSClient } from '../src/client/index.ts';
import { MemoryBudget, Stream } from '../src/core/index.ts';
import { HandleTable, joinPath, MountTable, normalizePath, PluginRegistry } from '../src/fs/index.ts';
import { BodyWriter, builtinPlugins, devfsPlugin, memfsPlugin, streamfsPlugin } from '../src/plugins/index.ts';
import { createServer, HostCheck, Origins, Tokens } from '../src/server/index.ts';

/** Every method as a program without types sees it. */
// biome-ignore lint/suspicious/noExplicitAny: wrong types are the subject here
type Untyped = any;

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const sizes = { retention: 1000, maxLag: 1000 };
const untyped = {
  Stream,
  MemoryBudget,
  HandleTable,
  MountTable,
  PluginRegistry,
  Tokens,
  Origins,
  HostCheck,
} as Untyped;

let app: App;
let client: Untyped;
let mounts: Untyped;
let handles: Untyped;

beforeAll(async () => {
  app = await startApp({ address: '127.0.0.1:0', logger: silent });
  client = new StreamFSClient({ url: app.url });
  mounts = app.mounts;
  handles = app.handles;
  await client.write('/streamfs/x', 'hello', { end: true });
  await client.write('/memfs/f', 'hello');
});

afterAll(() => app.shutdown());

type Case = readonly [what: string, call: () => unknown, says: RegExp];

const NO_BYTES: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a string', 'abc'],
  ['a number', 5],
  ['an array', [1, 2]],
  ['an object', {}],
  ['an ArrayBuffer', new ArrayBuffer(4)],
  ['a Uint16Array', new Uint16Array(2)],
];
const NO_TEXT: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['an object', {}],
];
const NO_OPTIONS: readonly [string, unknown][] = [
  ['null', null],
  ['a number', 5],
  ['a string', 'x'],
  ['an array', []],
];

const forEach = (values: readonly [string, unknown][], act: (value: Untyped) => unknown, what: string, says: RegExp) =>
  values.map(([name, value]): Case => [`${what} ${name}`, () => act(value), says]);

async function* one(value: unknown) {
  yield value;
}

const CASES: readonly Case[] = [
  // streamfsd/core
  ...forEach(
    NO_OPTIONS,
    (value) => new untyped.Stream(value),
    'Stream: options',
    /^options of Stream must be an object/,
  ),
  [
    'Stream: an unknown option',
    () => new untyped.Stream({ ...sizes, onlag: 'block' }),
    /^unknown option 'onlag' of Stream: .*onLag/,
  ],
  ['Stream: name', () => new untyped.Stream({ ...sizes, name: 5 }), /^name must be a string, not number/],
  ['Stream: generation', () => new untyped.Stream({ ...sizes, generation: 5 }), /^generation must be a string/],
  ['Stream: now', () => new untyped.Stream({ ...sizes, now: 5 }), /^now must be a function/],
  ['Stream: observer', () => new untyped.Stream({ ...sizes, observer: 5 }), /^observer must be an object/],
  ['Stream: retention', () => new untyped.Stream({ ...sizes, retention: '5' }), /^retention must be a whole number/],
  ['Stream: onLag', () => new untyped.Stream({ ...sizes, onLag: 'x' }), /onLag parameter: it must be one of/],
  ['MemoryBudget', () => new untyped.MemoryBudget('abc'), /^a budget must be 0 or at least/],
  ...forEach(NO_BYTES, (value) => new untyped.Stream(sizes).append(value), 'append', /^bytes must be a Uint8Array/),
  ...forEach(NO_BYTES, (value) => new untyped.Stream(sizes).write(value), 'write', /^bytes must be a Uint8Array/),
  ...forEach(
    NO_OPTIONS,
    (value) => new untyped.Stream(sizes).openReader(value),
    'openReader: options',
    /^options of openReader must be/,
  ),
  [
    'openReader: start',
    () => new untyped.Stream(sizes).openReader({ start: 5 }),
    /^start must be an object, not number/,
  ],
  [
    'openReader: generation',
    () => new untyped.Stream(sizes).openReader({ generation: 5 }),
    /^generation must be a string/,
  ],
  ['end: reason', () => new untyped.Stream(sizes).end(5), /reason parameter: it must be one of ended, removed/],
  ['end: status', () => new untyped.Stream(sizes).end('ended', 5), /status parameter: it must be/],

  // streamfsd/fs
  ...forEach(NO_TEXT, (value) => normalizePath(value), 'normalizePath', /^path must be a string/),
  ...forEach(NO_TEXT, (value) => joinPath('/a', value), 'joinPath', /^path must be a string/),
  ...forEach(
    NO_OPTIONS,
    (value) => new untyped.MountTable(value),
    'MountTable',
    /^registry of a mount table must be an object/,
  ),
  ...forEach(
    NO_OPTIONS,
    (value) => new untyped.HandleTable(value),
    'HandleTable',
    /^mounts of a handle table must be an object/,
  ),
  ['HandleTable: idle', () => new untyped.HandleTable({ mounts, idle: 'x' }), /^idle must be milliseconds/],
  ['PluginRegistry', () => new untyped.PluginRegistry([5]), /^plugin must be an object, not number/],
  [
    'PluginRegistry: no plugin',
    () => new untyped.PluginRegistry([{ name: 'a' }]),
    /^plugin.validate must be a function/,
  ],
  ...forEach(NO_TEXT, (value) => mounts.mount(value, '/x'), 'mount: type', /^fstype must be a string/),
  ...forEach(NO_TEXT, (value) => mounts.mount('memfs', value), 'mount: path', /^path must be a string/),
  ...forEach(NO_OPTIONS, (value) => mounts.mount('memfs', '/y', value), 'mount: config', /^config must be an object/),
  ...[
    'create',
    'remove',
    'removeAll',
    'readDir',
    'stat',
    'touch',
    'end',
    'open',
    'snapshot',
    'openStream',
    'capabilities',
  ].flatMap((name) => forEach(NO_TEXT, (value) => mounts[name](value), `mounts.${name}`, /^path must be a string/)),
  ...forEach(
    NO_OPTIONS,
    (value) => mounts.write('/memfs/f', new Uint8Array(1), value),
    'write: options',
    /^options must be an object/,
  ),
  ...forEach(
    NO_OPTIONS,
    (value) => mounts.openStream('/streamfs/x', value),
    'openStream: options',
    /^options must be an object/,
  ),
  ...forEach(
    NO_TEXT,
    (value) => handles.open(value, { flags: 0, mode: 0o644 }),
    'handles.open: path',
    /^path must be a string/,
  ),
  ...forEach(
    NO_OPTIONS,
    (value) => handles.open('/memfs/f', value),
    'handles.open: options',
    /^options of open must be/,
  ),
  ...forEach(
    NO_BYTES,
    (value) => new BodyWriter(silent as Untyped).write(value),
    'BodyWriter.write',
    /^bytes must be a Uint8Array/,
  ),

  // streamfsd/plugins
  ...['/memfs/f', '/streamfs/y', '/dev/null'].flatMap((path) =>
    forEach(NO_BYTES, (value) => mounts.write(path, value), `write ${path}`, /^bytes must be/),
  ),
  ...['/memfs/f', '/dev/null'].flatMap((path) => [
    ...forEach(
      NO_BYTES,
      (value) => mounts.resolve(path).fileSystem.write(mounts.resolve(path).path, value),
      `plugin write ${path}`,
      /^bytes must be/,
    ),
    ...forEach(
      NO_BYTES,
      async (value) => {
        const writer = await mounts.openWrite(path);
        try {
          await writer.write(value);
        } finally {
          await writer.abort();
        }
      },
      `openWrite ${path}`,
      /^bytes must be/,
    ),
    ...forEach(
      NO_BYTES,
      async (value) => {
        const handle = await mounts.openHandle(path, { flags: 2, mode: 0o644 });
        try {
          await handle.write(value);
        } finally {
          await handle.close();
        }
      },
      `handle of ${path}`,
      /^bytes must be/,
    ),
  ]),
  ...[memfsPlugin, streamfsPlugin, devfsPlugin].flatMap((plugin) =>
    forEach(NO_OPTIONS, (value) => plugin.validate(value), `${plugin.name}: config`, /config must be an object/),
  ),

  // streamfsd/server
  ...forEach(NO_OPTIONS, (value) => createServer(value), 'createServer', /^options of createServer must be an object/),
  ['createServer: nothing', () => createServer({} as Untyped), /^mounts must be an object, not undefined/],
  [
    'createServer: unknown',
    () => createServer({ mounts, handles, port: 5 } as Untyped),
    /^unknown option 'port' of createServer/,
  ],
  ['Tokens', () => new untyped.Tokens(5), /^tokens must be an array, not number/],
  ['Origins', () => new untyped.Origins('https://a.example'), /^origins must be an array, not string/],
  ['Origins: one', () => new untyped.Origins([5]), /^an origin must be a string/],
  ['HostCheck', () => new untyped.HostCheck('a'), /^allowed hosts must be an array/],

  // streamfsd
  ...forEach(NO_OPTIONS, (value) => startApp(value), 'startApp', /^options of startApp must be an object/),
  ...(
    [
      ['maxmemory', 5, /^unknown option 'maxmemory' of startApp: .*maxMemory/],
      ['address', 8080, /^address must be a string, not number/],
      ['configFile', 5, /^configFile must be a string/],
      ['config', 5, /./],
      ['noAuth', 'yes', /^noAuth must be a boolean/],
      ['logFormat', 'xml', /^logFormat must be one of/],
      ['logger', {}, /^logger.debug must be a function/],
      ['plugins', 5, /^plugins must be an array/],
      ['plugins', [{}], /^plugin.validate must be a function/],
      ['signal', 5, /^signal must be an object/],
    ] as const
  ).map(
    ([name, value, says]): Case => [
      `startApp: ${name}`,
      () => startApp({ address: '127.0.0.1:0', logger: silent, [name]: value } as Untyped),
      says,
    ],
  ),

  // streamfsd/client
  ...forEach(NO_OPTIONS, (value) => new StreamFSClient(value), 'StreamFSClient', /^options of StreamFSClient must be/),
  [
    'StreamFSClient: unknown',
    () => new StreamFSClient({ uri: 'x' } as Untyped),
    /^unknown option 'uri' of StreamFSClient: .*url/,
  ],
  ['StreamFSClient: token', () => new StreamFSClient({ token: 5 } as Untyped), /^token must be a string/],
  ['StreamFSClient: fetch', () => new StreamFSClient({ fetch: 5 } as Untyped), /^fetch must be a function/],
  ...forEach(
    NO_BYTES.filter(([, value]) => typeof value !== 'string'),
    (value) => client.write('/streamfs/y', value),
    'client.write',
    /^the source of a write must be/,
  ),
  ['client.write: a source of no bytes', () => client.write('/streamfs/y', one(5)), /./],
  [
    'client.write: unknown',
    () => client.write('/streamfs/y', 'x', { ends: true }),
    /^unknown option 'ends' of write: .*end,/,
  ],
  ...forEach(
    NO_OPTIONS,
    (value) => client.write('/streamfs/y', 'x', value),
    'client.write: options',
    /^options of write must be/,
  ),
  ...forEach(
    NO_OPTIONS,
    (value) => client.follow('/streamfs/x', value),
    'client.follow: options',
    /^options of follow must be/,
  ),
  [
    'client.follow: unknown',
    () => client.follow('/streamfs/x', { lastLine: 5 }),
    /^unknown option 'lastLine' of follow: .*lastLines/,
  ],
];

describe('arguments of wrong types', () => {
  it.each(CASES)('%s: an error says what is right', async (_what, call, says) => {
    const outcome = await new Promise((resolve) => resolve(call())).catch((error: Error) => error);
    expect(outcome).toBeInstanceOf(Error);
    expect((outcome as Error).message).toMatch(says);
    expect((outcome as Error).message).not.toMatch(/Cannot|is not a function|not iterable/);
  });

  it('a registry takes the built-in plugins', () => {
    expect(new PluginRegistry(builtinPlugins).list()).toHaveLength(3);
  });
});
