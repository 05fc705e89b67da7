/** The conformance suite of Durable Streams on servers with other configurations (contract 105). Slow. */
import { createHash } from 'node:crypto';
import { runConformanceTests } from '@durable-streams/server-conformance-tests';
import { afterAll, beforeAll, describe } from 'vitest';
import { Authority } from '../tls/certificates.ts';
import { type ServerOptions, type ServerProcess, startServer } from './harness/server.ts';

const TOKEN = 'token-of-the-suite';

/** The suite sleeps through a part of a ttl of one second: if the machine stalls for that long, one of its tests fails. */
const SUITE_RETRIES = 2;

/** The suite sends no token: this wrapper adds one to its requests. */
function withToken(send: typeof fetch): typeof fetch {
  return (input, init = {}) => {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    headers.set('Authorization', `Bearer ${TOKEN}`);
    return send(input, { ...init, headers });
  };
}

function runWith(name: string, streamfs: ServerOptions['streamfs'], isSecure: boolean): void {
  describe(`contract 105: the conformance suite ${name}`, { retry: SUITE_RETRIES }, () => {
    const suite = { baseUrl: '' };
    const plain = globalThis.fetch;
    const authority = isSecure ? new Authority() : undefined;
    let server: ServerProcess | undefined;
    beforeAll(async () => {
      const issued = authority?.issue();
      const sha256 = createHash('sha256').update(TOKEN).digest('hex');
      const secured =
        issued === undefined
          ? {}
          : {
              tls: { certificate: issued.certificateFile, key: issued.keyFile },
              tokens: [
                { name: 'suite', token_sha256: sha256, rights: ['read', 'write', 'admin'], paths: ['/streamfs/**'] },
              ],
            };
      server = await startServer({
        ...(streamfs === undefined ? {} : { streamfs }),
        server: {
          durable_streams: { long_poll_timeout: '500ms' },
          cors: { origins: ['https://example.com'] },
          ...secured,
        },
      });
      suite.baseUrl = server.url;
      if (issued === undefined) return;
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
      globalThis.fetch = withToken(plain);
    });
    afterAll(async () => {
      globalThis.fetch = plain;
      Reflect.deleteProperty(process.env, 'NODE_TLS_REJECT_UNAUTHORIZED');
      await server?.stop();
      authority?.remove();
    });
    runConformanceTests(suite);
  });
}

runWith('with a ring of 128 KB', { ring_buffer_size: '128KB' }, false);
runWith('with tokens and TLS', undefined, true);
runWith('with tokens, TLS and a ring of 128 KB', { ring_buffer_size: '128KB' }, true);
