/** Streams of a shared log keep the promises of in-process streams: repeats their tests, and the plugin contract. */
import { afterAll, describe, it } from 'vitest';
import { pluginContract } from '../../src/plugins/contract/index.ts';
import { startDefaults } from '../server/harness.ts';
import { sharedPlugin } from './shared-streams.ts';

startDefaults.streamfs = sharedPlugin();
// Other files run in the same process.
afterAll(() => {
  delete startDefaults.streamfs;
});

describe('the plugin contract, kept by streams of a shared log', () => {
  const traits = { files: 'free', content: 'append-only', readOnly: '/README' } as const;
  for (const { name, run } of pluginContract({ plugin: sharedPlugin(), traits })) it(name, run);
});

// Files share a process and its modules: a file that has run in it is run again only under another name.
for (const file of [
  '../server/streams.test.ts',
  '../server/handles.test.ts',
  '../server/stream-settings.test.ts',
  '../server/listings.test.ts',
  '../server/offset-beyond-end.test.ts',
  '../server/digest.test.ts',
  '../server/websocket/write.test.ts',
]) {
  await import(`${file}?again=log`);
}
