/** The public conformance suite of Durable Streams, against the built server (contract 105). */
import { runConformanceTests } from '@durable-streams/server-conformance-tests';
import { afterAll, beforeAll, describe } from 'vitest';
import { type ServerProcess, startServer } from './harness/server.ts';

/** The address of another server to run the suite against. */
const OTHER = process.env.CONFORMANCE_TEST_URL ?? '';

describe('contract 105: the conformance suite of Durable Streams', () => {
  const suite = { baseUrl: OTHER };
  let server: ServerProcess | undefined;
  beforeAll(async () => {
    if (OTHER !== '') return;
    server = await startServer({
      server: { durable_streams: { long_poll_timeout: '500ms' }, cors: { origins: ['https://example.com'] } },
    });
    suite.baseUrl = server.url;
  });
  afterAll(() => server?.stop());
  runConformanceTests(suite);
});
