import { describe, it } from 'vitest';
import { type ContractOptions, pluginContract } from '../../src/plugins/contract/index.ts';
import { devfsPlugin, memfsPlugin, streamfsPlugin } from '../../src/plugins/index.ts';

const plugins: ContractOptions[] = [
  { plugin: memfsPlugin, traits: { files: 'free', content: 'random-access' } },
  { plugin: devfsPlugin, traits: { files: 'fixed', content: 'discarded', present: '/null', endless: '/zero' } },
  { plugin: streamfsPlugin, traits: { files: 'free', content: 'append-only', readOnly: '/README' } },
  {
    plugin: streamfsPlugin,
    config: { ring_buffer_size: '2MB', channel_buffer_size: '64KB', on_lag: 'drop-newest' },
    traits: { files: 'free', content: 'append-only', readOnly: '/README' },
  },
];

for (const options of plugins) {
  const { plugin, config } = options;
  describe(`the plugin contract, kept by ${plugin.name}${config ? ` with ${JSON.stringify(config)}` : ''}`, () => {
    for (const { name, run } of pluginContract(options)) it(name, run);
  });
}
