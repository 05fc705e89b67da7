import { copyFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../src/app/index.ts';
import { Authority, type Certificate } from '../tls/certificates.ts';
import { recorder } from './recorder.ts';

let authority: Authority;
let certificate: Certificate;

beforeAll(() => {
  authority = new Authority();
  certificate = authority.issue();
});
afterAll(() => authority.remove());

function get(url: string, path: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${url}/api/v1${path}`, { ca: authority.ca, agent: false, headers }, (res) => {
      res.resume();
      resolve(res.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

/** A server whose configuration and certificate are in the same folder. */
async function served(server: Record<string, unknown> = {}) {
  const configFile = join(authority.folder, 'server.yaml');
  const put = ({ certificateFile, keyFile }: Certificate) => {
    copyFileSync(certificateFile, join(authority.folder, 'used.pem'));
    copyFileSync(keyFile, join(authority.folder, 'used.key'));
  };
  const configure = (settings: Record<string, unknown>) => {
    const tls = { certificate: 'used.pem', key: 'used.key' };
    writeFileSync(configFile, JSON.stringify({ server: { address: '127.0.0.1:0', tls, ...settings } }));
  };
  put(certificate);
  configure(server);
  const logger = recorder();
  const app = await startApp({ configFile, logger });
  onTestFinished(() => app.shutdown());
  return { app, put, configure, lines: logger.lines };
}

describe('certificate and key', () => {
  it('are found next to the configuration, and make it https', async () => {
    const { app } = await served();
    expect(app.url).toBe(`https://127.0.0.1:${app.address.port}`);
    expect(await get(app.url, '/health')).toBe(200);
  });

  it.each([
    [
      'a certificate that is not there',
      'certificate',
      () => join(authority.folder, 'absent.pem'),
      'the file does not exist',
    ],
    ['a directory', 'key', () => authority.folder, 'it is a directory'],
    ['an invalid certificate', 'certificate', () => certificate.keyFile, 'expected a certificate in PEM'],
    ['an invalid key', 'key', () => certificate.certificateFile, 'expected a private key in PEM'],
    [
      'a certificate with nonsense in it',
      'certificate',
      () => authority.write('bad.pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
      'it cannot be used: ',
    ],
    [
      'a key with nonsense in it',
      'key',
      () => authority.write('bad.key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'),
      'it cannot be used: ',
    ],
    [
      'an encrypted key',
      'key',
      () => authority.encrypted(certificate),
      'it is encrypted, and a server cannot ask for its password',
    ],
    [
      'the key of another certificate',
      'key',
      () => authority.issue().keyFile,
      'it is not the key of the first certificate',
    ],
  ] as const)('%s is reported with setting, file and reason, and nothing starts', async (_, setting, make, reason) => {
    const file = make();
    const tls = { certificate: certificate.certificateFile, key: certificate.keyFile, [setting]: file };
    const error = await startApp({ config: { server: { address: '127.0.0.1:0', tls } } }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', details: { file, key: `server.tls.${setting}` } });
    expect((error as Error).message).toContain(`server.tls.${setting}: ${file}: ${reason}`);
  });

  it('that has expired is logged, and used all the same', async () => {
    const logger = recorder();
    const { certificateFile, keyFile } = authority.issue(undefined, -1);
    const tls = { certificate: certificateFile, key: keyFile };
    const app = await startApp({ config: { server: { address: '127.0.0.1:0', tls } }, logger });
    onTestFinished(() => app.shutdown());
    expect(logger.lines.map(({ message }) => message)).toContain('the certificate has expired: clients will refuse it');
  });
});

describe('reading the configuration again', () => {
  it('takes certificate, tokens and origins together', async () => {
    const { app, put, configure } = await served();
    const before = await authority.fingerprintAt(app.address.port);
    const origin = 'https://app.example';
    expect(await get(app.url, '/stat?path=/', { origin })).toBe(403);
    put(authority.issue());
    configure({ cors: { origins: [origin] } });
    await app.reload();
    expect(await authority.fingerprintAt(app.address.port)).not.toBe(before);
    expect(await get(app.url, '/stat?path=/', { origin })).toBe(200);
    configure({ tokens: [{ name: 'a', token: 'a-token-long-enough', rights: ['read'], paths: ['/**'] }] });
    await app.reload();
    expect(await get(app.url, '/stat?path=/')).toBe(401);
  });

  it('takes none of it where one of the files cannot be used', async () => {
    const { app, configure } = await served();
    const before = await authority.fingerprintAt(app.address.port);
    const tokens = [{ name: 'a', token: 'a-token-long-enough', rights: ['read'], paths: ['/**'] }];
    copyFileSync(authority.issue().keyFile, join(authority.folder, 'used.key'));
    configure({ tokens });
    await expect(app.reload()).rejects.toThrow(/server\.tls\.key: .*used\.key: it is not the key/);
    expect(await authority.fingerprintAt(app.address.port)).toBe(before);
    expect(await get(app.url, '/stat?path=/')).toBe(200);
  });

  it('says that TLS itself comes and goes only with a start', async () => {
    const { app, configure, lines } = await served();
    configure({ tls: undefined });
    await app.reload();
    expect(lines.map(({ message }) => message)).toContain('turning TLS on or off takes effect at the next start');
    expect(await get(app.url, '/health')).toBe(200);
  });
});

describe('tokens without TLS', () => {
  const tokens = [{ name: 'a', token: 'a-token-long-enough', rights: ['read' as const], paths: ['/**'] }];
  const WARNING =
    'tokens travel in clear text: configure server.tls, or put a proxy that speaks TLS before this server';

  it.each([
    ['off loopback they are warned of, once', '0.0.0.0:0', tokens, false, 1],
    ['not on loopback', '127.0.0.1:0', tokens, false, 0],
    ['nor with TLS', '0.0.0.0:0', tokens, true, 0],
  ])('%s', async (_, address, given, secure, count) => {
    const logger = recorder();
    const tls = secure ? { tls: { certificate: certificate.certificateFile, key: certificate.keyFile } } : {};
    const app = await startApp({ config: { server: { address, tokens: given, ...tls } }, logger });
    onTestFinished(() => app.shutdown());
    expect(logger.lines.filter(({ message }) => message === WARNING)).toHaveLength(count);
  });
});
