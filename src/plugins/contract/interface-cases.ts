/** The plugin itself: its name, configuration, instances, and the visible state of an unused instance. */
import assert from 'node:assert/strict';
import { baseName } from '../../fs/index.ts';
import { bytes, caseOf, isFileInfo, names, newInstance, refused } from './support.ts';
import type { ContractCase, ContractOptions } from './types.ts';

const ABSENT = '/contract-absent';

export function interfaceCases(options: ContractOptions): ContractCase[] {
  const { plugin, config = {}, traits } = options;
  return [
    {
      name: 'contract 80: has a name, a readme and described parameters',
      async run() {
        assert.match(plugin.name, /^[a-z][a-z0-9_-]*$/, 'its name is lower case letters, digits, - and _');
        assert.ok(plugin.readme.trim().length > 0, 'its readme is not empty');
        const known = plugin.configParameters.map((parameter) => parameter.name);
        assert.equal(new Set(known).size, known.length, 'every parameter is described once');
        for (const parameter of plugin.configParameters) {
          assert.ok(parameter.description.length > 0, `${parameter.name} is described`);
          assert.ok(['string', 'number', 'boolean', 'array'].includes(parameter.type), `${parameter.name} has a type`);
        }
        assert.ok(known.includes('mount_path'), 'mount_path is accepted');
      },
    },
    {
      name: 'contract 81: refuses an unknown parameter, naming it and those there are',
      async run() {
        const validating = (async () => plugin.validate({ ...config, contract_unknown: 1 }))();
        const error = await refused(validating, 'an unknown parameter', 400, 'CONFIG_INVALID');
        names(error, `unknown configuration parameter(s) 'contract_unknown' - allowed parameters are: `);
        for (const parameter of plugin.configParameters) names(error, `'${parameter.name}'`);
      },
    },
    {
      name: 'contract 80: validates without changing the configuration or anything else',
      async run() {
        const given = structuredClone(config);
        plugin.validate(given);
        plugin.validate({ ...given, mount_path: '/contract' });
        assert.deepEqual(given, config);
      },
    },
    caseOf(options, 'contract 74: gives instances that are independent', async ({ fs, path, makeFile }) => {
      const other = await newInstance(options);
      await makeFile();
      if (traits.files === 'free') await refused(other.fileSystem.stat(path), 'a file of another instance', 404);
      await other.shutdown();
      if (traits.content !== 'read-only') await fs.write(path, bytes('x'));
      await fs.stat(path);
    }),
    caseOf(options, 'has a root that is a directory and can be listed', async ({ fs }) => {
      const root = await fs.stat('/');
      isFileInfo(root, plugin.name, 'the root');
      assert.equal(root.isDir, true);
      await fs.readDir('/');
      await fs.capabilities('/');
    }),
    caseOf(options, 'contract 37: lists what stat finds, each name once', async ({ fs, makeFile, path }) => {
      await makeFile();
      const listing = await fs.readDir('/');
      const listed = listing.map((info) => info.name);
      assert.equal(new Set(listed).size, listed.length, 'each name is listed once');
      assert.ok(listed.includes(baseName(path)), `${path} is listed`);
      for (const info of listing) {
        isFileInfo(info, plugin.name, info.name);
        assert.deepEqual(info, await fs.stat(`/${info.name}`), `stat of ${info.name} is what is listed`);
      }
      const own = listed.filter((name) => `/${name}` !== traits.readOnly);
      assert.deepEqual(own, own.toSorted(), 'the listing is sorted by name');
    }),
    caseOf(options, 'says of an absent path that it is not found, and leaves it absent', async ({ fs }) => {
      const calls: [string, () => Promise<unknown>][] = [
        ['stat', () => fs.stat(ABSENT)],
        ['read', () => fs.read(ABSENT, 0, 1)],
        ['open', () => fs.open(ABSENT)],
        ['snapshot', () => fs.snapshot(ABSENT)],
        ['readDir', () => fs.readDir(ABSENT)],
        ['openStream with create=false', () => fs.openStream(ABSENT, { create: false })],
      ];
      // These operations are optional.
      const changing: [string, () => Promise<unknown>][] = [
        ['remove', () => fs.remove(ABSENT)],
        ['removeAll', () => fs.removeAll(ABSENT)],
        ['truncate', () => fs.truncate(ABSENT, 0)],
        ['write with create=false', () => fs.write(ABSENT, bytes('x'), { create: false })],
        ['openWrite with create=false', () => fs.openWrite(ABSENT, { create: false })],
      ];
      for (const [what, call] of [...calls, ...changing]) {
        const isOptional = changing.some(([name]) => name === what);
        const error = await refused(call(), `${what} of an absent path`, isOptional ? [404, 501] : 404);
        if (error.status === 501) continue;
        names(error, ABSENT);
        names(error, 'not found');
      }
      await refused(fs.stat(ABSENT), 'stat afterwards', 404);
    }),
    caseOf(options, 'contract 44: refuses to use its root as a file', async ({ fs }) => {
      const before = await fs.readDir('/');
      await refused(fs.write('/', bytes('x')), 'write to the root', [400, 501]);
      await refused(fs.openWrite('/'), 'openWrite of the root', [400, 501]);
      await refused(fs.read('/', 0, -1), 'read of the root', 400);
      await refused(fs.open('/'), 'open of the root', 400);
      await refused(fs.openStream('/'), 'openStream of the root', 400);
      await refused(fs.openHandle('/', { flags: 0, mode: 0o644 }), 'openHandle of the root', 400);
      assert.deepEqual(await fs.readDir('/'), before, 'and nothing has come of it');
    }),
    caseOf(options, 'contract 37: reports that a file is not a directory', async ({ fs, path, makeFile }) => {
      await makeFile();
      const error = await refused(fs.readDir(path), 'readDir of a file', 400, 'NOT_A_DIRECTORY');
      names(error, `not a directory: ${path}`);
    }),
  ];
}
