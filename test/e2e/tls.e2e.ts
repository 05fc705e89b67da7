/** TLS with the usual programs: curl, the command line, and SIGHUP. */
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { Authority, type Certificate } from '../tls/certificates.ts';
import { start, streamfs } from './harness/commands.ts';
import { curl } from './harness/curl.ts';
import { type ServerProcess, server } from './harness/server.ts';

let authority: Authority;

beforeAll(() => {
  authority = new Authority();
});
afterAll(() => authority.remove());

const used = { certificate: 'used.pem', key: 'used.key' } as const;

function put({ certificateFile, keyFile }: Certificate): void {
  copyFileSync(certificateFile, join(authority.folder, used.certificate));
  copyFileSync(keyFile, join(authority.folder, used.key));
}

function secureServer(settings: Record<string, unknown> = {}): Promise<ServerProcess> {
  put(authority.issue());
  const tls = { certificate: join(authority.folder, used.certificate), key: join(authority.folder, used.key) };
  return server({ server: { tls, ...settings } });
}

it('curl writes, follows and ends a stream over TLS, byte for byte', async () => {
  const one = await secureServer();
  expect(one.url).toMatch(/^https:/);
  const files = (more: string) => one.api(`/files?path=/streamfs/live${more}`);
  const trusting = ['--cacert', authority.caFile];
  const reader = start('curl', ['-sSN', ...trusting, files('&stream=true')]);
  const writer = start('curl', ['-sS', ...trusting, '-T', '-', files('&end=true')]);
  const sent: Buffer[] = [];
  for (let line = 0; line < 2000; line++) {
    const piece = Buffer.from(`${line} ${'x'.repeat(line)}\n`);
    sent.push(piece);
    await writer.write(piece);
    // The first line arrives before the second is written: nothing waits for the end.
    if (line === 0) await waitFor('the first line', () => reader.stdout.text.includes('\n'));
  }
  writer.stdin.end();
  expect((await writer.result()).stdout).toContain(`Written ${Buffer.concat(sent).length} bytes`);
  expect((await reader.result()).code).toBe(0);
  expect(reader.stdout.bytes.equals(Buffer.concat(sent))).toBe(true);
});

it('curl trusts only the given certificate, and plain HTTP gets an error that names https', async () => {
  const one = await secureServer();
  const untold = start('curl', ['-sS', one.api('/health')]);
  expect((await untold.result()).code).toBe(60);
  const plain = start('curl', ['-sS', one.api('/health').replace('https:', 'http:')]);
  expect((await plain.result()).stdout).toMatch(/https:.*BAD_REQUEST/);
  expect((await curl(['--cacert', authority.caFile, one.api('/health')])).status).toBe(200);
});

it('SIGHUP takes another certificate for new connections, keeps it where the next is bad, and old reads go on', async () => {
  const one = await secureServer();
  const first = await authority.fingerprintAt(one.port);
  const env = { STREAMFS_CA_FILE: authority.caFile };
  const reader = streamfs(one.url, ['cat', '--stream', '--no-reconnect', '/streamfs/live'], { env });
  const write = async (text: string) => {
    const args = ['--cacert', authority.caFile, '-T', '-', one.api('/files?path=/streamfs/live')];
    expect((await curl(args, text)).status).toBe(200);
  };
  await write('one\n');
  await waitFor('the first line', () => reader.stdout.text.includes('one'));

  put(authority.issue());
  one.process.kill('SIGHUP');
  await waitFor('the log to say so', () => one.logged('the configuration was read again').length > 0);
  const second = await authority.fingerprintAt(one.port);
  expect(second).not.toBe(first);
  expect(one.logged('the configuration was read again')[0]).toMatchObject({ certificate: second });
  await write('two\n');
  await waitFor('the second line', () => reader.stdout.text.includes('two'));

  copyFileSync(authority.issue().keyFile, join(authority.folder, used.key));
  one.process.kill('SIGHUP');
  const [line] = await waitFor('the log to say why not', () => {
    const lines = one.logged('the configuration is unchanged');
    return lines.length > 0 ? lines : undefined;
  });
  expect(line?.error).toMatch(/server\.tls\.key: .*used\.key: it is not the key of the first certificate/);
  expect(await authority.fingerprintAt(one.port)).toBe(second);
  await write('three\n');

  one.process.kill('SIGTERM');
  expect((await one.process.result()).code).toBe(0);
  const read = await reader.result();
  expect(read.stdout).toBe('one\ntwo\nthree\n');
});

it('a reader that stops taking what comes is cut, and the others never notice', async () => {
  const one = await secureServer({ stall_timeout: '500ms' });
  const trusting = ['--cacert', authority.caFile];
  const stuck = connect({ port: one.port, host: '127.0.0.1', ca: authority.ca });
  await once(stuck, 'secureConnect');
  stuck.on('error', () => undefined).pause();
  stuck.write('GET /api/v1/files?path=/streamfs/live&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const reader = start('curl', ['-sSN', ...trusting, one.api('/files?path=/streamfs/live&stream=true')]);
  const writer = start('curl', ['-sS', ...trusting, '-T', '-', one.api('/files?path=/streamfs/live&end=true')]);
  const piece = Buffer.alloc(256 * 1024, 'x');
  let sent = 0;
  const cut = () => one.logged('stalled connections closed').length > 0;
  while (!cut()) {
    await writer.write(piece);
    sent += piece.length;
    await waitFor('the reader to have it', () => reader.stdout.length >= sent);
  }
  writer.stdin.end();
  expect((await reader.result()).code).toBe(0);
  expect(reader.stdout.length).toBe(sent);
  stuck.destroy();
});
