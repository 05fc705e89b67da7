/** What holds for the streams of one process holds for those of a shared log: its tests once more, and the contract of plugins. */
import { afterAll, describe, it } from 'vitest';
import { pluginContract } from '../../src/plugins/contract/index.ts';
import { startDefaults } from '../server/harness.ts';
import { sharedPlugin } from './shared-streams.ts';

startDefaults.streamfs = sharedPlugin();
// Other files are run in the same process.
afterAll(() => {
  delete startDefaults.streamfs;
});

describe('the plugin contract, kept by streams of a shared log', () => {
  const traits = { files: 'free', content: 'append-only', readOnly: '/README' } as const;
  for (const { name, run } of pluginContract({ plugin: sharedPlugin(), traits })) it(name, run);
});

await import('../server/streams.test.ts');
await import('../server/handles.test.ts');
await import('../server/stream-settings.test.ts');
await import('../server/listings.test.ts');
await import('../server/ends.test.ts');
await import('../server/digest.test.ts');
await import('../server/websocket/write.test.ts');
