import { describe, expect, it } from 'vitest';
import * as fs from '../../src/fs/index.ts';
import * as streamfs from '../../src/index.ts';
import { type ContractOptions, pluginContract } from '../../src/plugins/contract/index.ts';
import * as plugins from '../../src/plugins/index.ts';
import { page } from './pages.ts';
import { pluginSamples } from './plugin-samples.ts';
import { runSample } from './run-sample.ts';

const modules = { 'streamfsd/fs': fs, 'streamfsd/plugins': plugins };
const { noticePlugin } = (await runSample(pluginSamples['noticefs.mts'], modules)) as { noticePlugin: fs.Plugin };
const { notePlugin } = (await runSample(pluginSamples['notefs.mts'], modules)) as { notePlugin: fs.Plugin };

describe('the page for writers of plugins', () => {
  it('shows a program that serves the plugin', async () => {
    const printed: unknown[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const startApp = (options: streamfs.AppOptions) => streamfs.startApp({ ...options, logger });
    await runSample(
      pluginSamples['program.mts'],
      { streamfsd: { ...streamfs, startApp }, './noticefs.mjs': { noticePlugin } },
      { console: { log: (text: unknown) => printed.push(text) } },
    );
    expect(printed).toEqual(['back at noon\n']);
  });

  it('shows how to run the suite', async () => {
    const names: string[] = [];
    const test = (name: string) => names.push(name);
    await runSample(pluginSamples['suite.mts'], {
      'node:test': { __esModule: true, default: test },
      'streamfsd/plugins/contract': { pluginContract },
      './notefs.mjs': { notePlugin },
    });
    expect(names.length).toBeGreaterThan(40);
  });

  it('names every method of a file system', () => {
    const table = /## What a base class does\n([\s\S]*?)\n## /.exec(page('docs/plugins.md').text)![1]!;
    const named = new Set([...table.matchAll(/`(\w+)`/g)].map((match) => match[1]!));
    const methods = Object.getOwnPropertyNames(plugins.BaseFileSystem.prototype).filter(
      (name) => !['constructor', 'supports', 'notSupported', 'infoOf'].includes(name),
    );
    expect([...methods, 'openAppend', 'openProducerWrite'].filter((name) => !named.has(name))).toEqual([]);
  });
});

const shown: ContractOptions[] = [
  { plugin: noticePlugin, traits: { files: 'fixed', content: 'read-only', present: '/notice' } },
  { plugin: notePlugin, traits: { files: 'free', content: 'random-access' } },
];

for (const options of shown) {
  describe(`the plugin contract, kept by the example ${options.plugin.name}`, () => {
    for (const { name, run } of pluginContract(options)) it(name, run);
  });
}
