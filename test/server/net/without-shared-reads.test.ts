/**
 * Repeats the tests of the fast path, of live reads and of bodies with servers that read their connections as Node does: with
 * `server.shared_reads: off`, or on a Node that does not support shared reads.
 */
import { afterAll, expect, it } from 'vitest';
import { start, startDefaults } from '../harness.ts';

startDefaults.sharedReads = 'off';
// Other files run in the same process.
afterAll(() => {
  delete startDefaults.sharedReads;
});

it('servers of this file read each connection into separate memory', async () => {
  const { server } = await start();
  expect(server.metrics.text()).toContain('streamfs_shared_reads 0\n');
});

// Files share a process and its modules: a file that has run in it is run again only under another name.
for (const file of [
  '../fast-path/connection.test.ts',
  '../streams.test.ts',
  '../following-requests.test.ts',
  '../half-closed.test.ts',
  '../large-reads.test.ts',
  '../producers.test.ts',
]) {
  await import(`${file}?again=no-shared-reads`);
}
