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

await import('../fast-path/connection.test.ts');
await import('../streams.test.ts');
await import('../following-requests.test.ts');
await import('../half-closed.test.ts');
await import('../large-reads.test.ts');
await import('../producers.test.ts');
