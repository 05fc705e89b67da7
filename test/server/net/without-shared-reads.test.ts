/**
 * The tests of the fast path, of live reads and of bodies once more, by servers whose connections are read as Node reads
 * them: what `server.shared_reads: off` gives, and a Node that does not allow the other.
 */
import { afterAll, expect, it } from 'vitest';
import { start, startDefaults } from '../harness.ts';

startDefaults.sharedReads = 'off';
// Other files are run in the same process.
afterAll(() => {
  delete startDefaults.sharedReads;
});

it('servers of this file read each connection into memory of its own', async () => {
  const { server } = await start();
  expect(server.metrics.text()).toContain('streamfs_shared_reads 0\n');
});

// Files share a process, and with it modules: only by another name is a file that was run there before run again.
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
