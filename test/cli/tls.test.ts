import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../src/app/index.ts';
import { Authority, type Certificate } from '../tls/certificates.ts';
import { cli, realServer } from './harness.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

let authority: Authority;
let other: Authority;

beforeAll(() => {
  authority = new Authority();
  other = new Authority();
});
afterAll(() => {
  authority.remove();
  other.remove();
});

async function secureServer(certificate: Certificate = authority.issue()): Promise<string> {
  const tls = { certificate: certificate.certificateFile, key: certificate.keyFile };
  const app = await startApp({ config: { server: { address: '127.0.0.1:0', tls } }, logger: silent });
  onTestFinished(() => app.shutdown());
  return app.url;
}

describe('a server with TLS', () => {
  it.each([
    ['--ca-file', (file: string) => ({ argv: ['--ca-file', file], env: {} })],
    ['STREAMFS_CA_FILE', (file: string) => ({ argv: [], env: { STREAMFS_CA_FILE: file } })],
  ])('is used like any other with the certificate that %s names', async (_, given) => {
    const url = await secureServer();
    const { argv, env } = given(authority.caFile);
    const written = cli(['write', '--stream', '--end', '/streamfs/a', ...argv], { url, env, input: 'hello\n' });
    expect(await written.code, written.err.text).toBe(0);
    const read = cli(['cat', '--stream', '/streamfs/a', ...argv], { url, env });
    expect(await read.code).toBe(0);
    expect(read.out()).toBe('hello\n');
  });

  it.each([
    [
      'its certificate is not signed by a trusted authority',
      () => authority.issue(),
      [],
      '--ca-file or STREAMFS_CA_FILE',
    ],
    ['another signed it', () => authority.issue(), ['other'], '--ca-file or STREAMFS_CA_FILE'],
    [
      'it is for another name',
      () => authority.issue('DNS:elsewhere.example'),
      ['own'],
      'but for DNS:elsewhere.example',
    ],
    ['it has expired', () => authority.issue(undefined, -1), ['own'], 'its certificate has expired'],
  ] as const)('is not reached if %s, with an immediate hint', async (_, make, trusted, expected) => {
    const url = await secureServer(make());
    const files = { own: authority.caFile, other: other.caFile };
    const ca = trusted.flatMap((which) => ['--ca-file', files[which]]);
    for (const argv of [
      ['ls'],
      ['cat', '--stream', '/streamfs/a'],
      ['write', '--stream', '/streamfs/a'],
      ['write', '/memfs/a'],
    ]) {
      const one = cli([...argv, ...ca], { url, input: 'x' });
      expect(await one.code, argv.join(' ')).toBe(5);
      expect(one.err.text).toContain(`cannot reach ${url}/api/v1: `);
      expect(one.err.text).toContain(expected);
    }
  });

  it('that has no TLS is reported with a hint', async () => {
    const { url } = await realServer();
    for (const argv of [['ls'], ['write', '--stream', '/streamfs/a']]) {
      const one = cli(argv, { url: url.replace('http:', 'https:'), input: 'x' });
      expect(await one.code).toBe(5);
      expect(one.err.text).toContain('it does not speak TLS there: use http:// instead of https://');
    }
  });
});

describe('--ca-file', () => {
  it.each([
    [
      '/nonexistent/ca.pem',
      () => '/nonexistent/ca.pem',
      '--ca-file: cannot read /nonexistent/ca.pem: the file does not exist',
    ],
    ['a file without certificates', () => authority.issue().keyFile, 'has no certificate: expected PEM'],
    [
      'one with nonsense',
      () => authority.write('odd.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
      'has a certificate that cannot be read',
    ],
  ])('refuses %s as a wrong argument', async (_, make, expected) => {
    const one = cli(['ls', '--ca-file', make()], { url: 'https://127.0.0.1:1' });
    expect(await one.code).toBe(2);
    expect(one.err.text).toContain(expected);
  });
});
