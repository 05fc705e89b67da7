/** The contract suite itself: it must detect a plugin that violates it. */
import { describe, expect, it } from 'vitest';
import type { Capabilities, FileSystem, Plugin, PluginInstance } from '../../src/fs/index.ts';
import { type ContractOptions, pluginContract } from '../../src/plugins/contract/index.ts';
import { devfsPlugin, memfsPlugin, streamfsPlugin } from '../../src/plugins/index.ts';

interface Fault {
  fault: string;
  plugin?: Partial<Plugin>;
  /** Changes methods of the file system. */
  fs?: (fs: FileSystem) => Partial<FileSystem>;
  shutdown?: (instance: PluginInstance) => Promise<void>;
  /** A word in the name of the case that must detect it. */
  noticedBy: string;
}

function faulty(plugin: Plugin, { plugin: changes = {}, fs = () => ({}), shutdown }: Fault): Plugin {
  return {
    ...plugin,
    async initialize(config, context) {
      const instance = await plugin.initialize(config, context);
      const inner = instance.fileSystem;
      const changed = fs(inner);
      const fileSystem = new Proxy(inner, {
        get(target, key: keyof FileSystem) {
          const method = changed[key] ?? target[key];
          return method?.bind(target);
        },
      });
      return { fileSystem, shutdown: () => (shutdown ? shutdown(instance) : instance.shutdown()) };
    },
    ...changes,
  };
}

const faults: Fault[] = [
  { fault: 'has no readme', plugin: { readme: ' ' }, noticedBy: 'readme' },
  { fault: 'validates nothing', plugin: { validate() {} }, noticedBy: 'unknown parameter' },
  { fault: 'lists nothing', fs: () => ({ readDir: async () => [] }), noticedBy: 'lists what stat finds' },
  {
    fault: 'lists twice',
    fs: (fs) => ({ readDir: async (path) => [...(await fs.readDir(path)), ...(await fs.readDir(path))] }),
    noticedBy: 'each name once',
  },
  {
    fault: 'fails with plain errors',
    fs: () => ({ stat: () => Promise.reject(new Error('file not found: /contract-absent')) }),
    noticedBy: 'absent path',
  },
  {
    fault: 'creates by reading',
    fs: (fs) => ({
      async open(path) {
        await fs.touch(path);
        return fs.open(path);
      },
    }),
    noticedBy: 'absent path',
  },
  {
    fault: 'says nothing where there is nothing to remove',
    fs: () => ({ removeAll: async () => {} }),
    noticedBy: 'absent path',
  },
  { fault: 'creates twice', fs: (fs) => ({ create: (path) => fs.touch(path) }), noticedBy: 'not twice' },
  {
    fault: 'removes nothing',
    fs: (fs) => ({ remove: async (path) => void (await fs.stat(path)) }),
    noticedBy: 'forgets it',
  },
  {
    fault: 'writes only the beginning',
    fs: (fs) => ({ write: (path, data, options) => fs.write(path, data.subarray(0, 1), options) }),
    noticedBy: 'own copy',
  },
  {
    fault: 'ignores offsets',
    fs: (fs) => ({ write: (path, data) => fs.write(path, data) }),
    noticedBy: 'at any offset',
  },
  {
    fault: 'moves the position of what was not delivered',
    fs: (fs) => ({
      openHandle: async (path, options) => {
        const handle = await fs.openHandle(path, options);
        const read = handle.read.bind(handle);
        handle.read = async (how) => {
          const found = await read(how);
          found.commit();
          return found;
        };
        return handle;
      },
    }),
    noticedBy: 'only by delivered bytes',
  },
  {
    fault: 'leaves a timer behind',
    fs: (fs) => ({
      write: (path, data, options) => {
        setTimeout(() => {}, 60_000).unref();
        return fs.write(path, data, options);
      },
    }),
    noticedBy: 'leaves nothing running',
  },
  { fault: 'cannot shut down twice', shutdown: onlyOnce(), noticedBy: 'twice without harm' },
];

/** A shutdown that fails the second time, for each instance. */
function onlyOnce() {
  const done = new WeakSet<PluginInstance>();
  return async (instance: PluginInstance) => {
    if (done.has(instance)) throw new Error('shut down already');
    done.add(instance);
    await instance.shutdown();
  };
}

async function failedCases(cases: ReturnType<typeof pluginContract>): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of cases) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe('the plugin contract notices a plugin that', () => {
  for (const fault of faults) {
    it(fault.fault, async () => {
      const plugin = faulty(memfsPlugin, fault);
      const failed = await failedCases(pluginContract({ plugin, traits: { files: 'free', content: 'random-access' } }));
      expect(failed).toContainEqual(expect.stringContaining(fault.noticedBy));
    });
  }

  const described: ContractOptions[] = [
    { plugin: memfsPlugin, traits: { files: 'free', content: 'random-access' } },
    { plugin: devfsPlugin, traits: { files: 'fixed', content: 'discarded', present: '/null' } },
    { plugin: streamfsPlugin, traits: { files: 'free', content: 'append-only' } },
  ];
  for (const { plugin, traits } of described) {
    it(`contract 77: claims the opposite of what it can do, in any one capability: ${plugin.name}`, async () => {
      const can = await plugin
        .initialize({}, { mountPath: '/x', logger: { debug() {}, info() {}, warn() {}, error() {} } })
        .then(async ({ fileSystem, shutdown }) => {
          const found = await fileSystem.capabilities('/null');
          await shutdown();
          return found;
        });
      const unnoticed: string[] = [];
      for (const key of Object.keys(can) as (keyof Capabilities)[]) {
        const lying = faulty(plugin, {
          fault: '',
          fs: (fs) => ({
            async capabilities(path) {
              const real = await fs.capabilities(path);
              return path === '/' ? real : { ...real, [key]: !can[key] };
            },
          }),
          noticedBy: '',
        });
        const cases = pluginContract({ plugin: lying, traits }).filter(({ name }) => name.includes('capabilities'));
        if ((await failedCases(cases)).length === 0) unnoticed.push(key);
      }
      // No method shows whether objects are replaced as a whole; discarded bytes cannot be read twice.
      const cannotBeSeen = traits.content === 'discarded' ? ['isReadDestructive', 'isObjectStore'] : ['isObjectStore'];
      expect(unnoticed.filter((key) => !cannotBeSeen.includes(key))).toEqual([]);
    });
  }

  it('serves the ring as a plain file', async () => {
    const fault: Fault = {
      fault: '',
      fs: (fs) => ({ read: async (path) => Buffer.concat((await fs.snapshot(path)).parts) }),
      noticedBy: '',
    };
    const plugin = faulty(streamfsPlugin, fault);
    const failed = await failedCases(pluginContract({ plugin, traits: { files: 'free', content: 'append-only' } }));
    expect(failed).toContainEqual(expect.stringContaining('contract 34'));
  });

  it('lets files be added where they are fixed', async () => {
    const fault: Fault = { fault: '', fs: () => ({ create: async () => {} }), noticedBy: '' };
    const plugin = faulty(devfsPlugin, fault);
    const traits = { files: 'fixed', content: 'discarded', present: '/null' } as const;
    expect(await failedCases(pluginContract({ plugin, traits }))).toContain('refuses new files');
  });

  it('is not described: fixed files need one that is there', () => {
    expect(() => pluginContract({ plugin: devfsPlugin, traits: { files: 'fixed', content: 'discarded' } })).toThrow(
      'traits.present',
    );
  });
});
