/** Signed links as people use them: made by the command line, used by curl, which knows nothing of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { start, streamfs } from './harness/commands.ts';
import { curl } from './harness/curl.ts';
import { type ServerProcess, server } from './harness/server.ts';

const KEY = 'a-key-that-nobody-must-ever-see-in-a-log';
const token = (name: string) => `the-secret-token-of-${name}`;

interface Setup {
  config: string;
  write(parts?: { names?: readonly string[]; keyFile?: boolean }): void;
}

/** A configuration with tokens that a test can change. */
function setup(): Setup {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-links-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [config, key] = [join(folder, 'server.yaml'), join(folder, 'link.key')];
  writeFileSync(key, `${KEY}\n`);
  const write: Setup['write'] = ({ names = ['camera', 'other'], keyFile = false } = {}) => {
    const tokens = names.map((name) => {
      return { name, token: token(name), rights: ['read', 'write'], paths: ['/streamfs/cameras/*'] };
    });
    const links = keyFile ? { key_file: key } : {};
    writeFileSync(config, JSON.stringify({ server: { log_level: 'debug', tokens, links } }));
  };
  write();
  return { config, write };
}

const serve = ({ config }: Setup, port = 0) => server({ port, serve: ['-c', config] });

/** The output of `streamfs link`. */
async function link(at: ServerProcess, path: string, ...args: readonly string[]): Promise<string> {
  const env = { STREAMFS_TOKEN: token('camera') };
  const { code, stdout, stderr } = await streamfs(at.url, ['link', ...args, path], { env }).result();
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** The status of an address, with its text or its error code. */
async function answered(url: string): Promise<[number, unknown]> {
  const { status, text } = await curl([`${url}&timeout=0`]);
  return [status, status === 200 ? text : (JSON.parse(text) as { code: string }).code];
}

const PATH = '/streamfs/cameras/door';

describe('signed links, with curl', () => {
  it('contract 79: one to read follows a live stream, one to write appends to it, without any header', async () => {
    const at = await serve(setup());
    const [reading, writing] = [await link(at, PATH), await link(at, PATH, '--right', 'write', '--for', '90s')];
    expect(await answered(`${at.url}/api/v1/files?path=${PATH}&stream=true`)).toEqual([401, 'UNAUTHORIZED']);

    const reader = start('curl', ['-sS', '-N', reading]);
    const first = await curl(['-T', '-', writing], 'one\n');
    expect([first.status, first.json]).toEqual([200, { message: 'Written 4 bytes' }]);
    await waitFor('the first line', () => reader.stdout.text === 'one\n');
    const last = await curl(['-T', '-', `${writing}&end=true`], 'two\n');
    expect(last.status).toBe(200);
    expect(await reader.result()).toMatchObject({ code: 0, stdout: 'one\ntwo\n' });
    // A player that reconnects resumes where it was.
    expect((await curl([`${reading}&offset=4`])).text).toBe('two\n');
    expect((await curl(['-I', reading])).status).toBe(200);
  });

  it('contract 79: none is valid for another right, path or route', async () => {
    const at = await serve(setup());
    const [reading, writing] = [await link(at, PATH), await link(at, PATH, '--right', 'write')];
    expect((await curl(['-T', '-', writing], 'text')).status).toBe(200);
    for (const [args, status, code] of [
      [['-T', '-', reading], 403, 'LINK_INVALID'],
      [[writing], 403, 'LINK_INVALID'],
      [[reading.replace('door', 'back')], 403, 'LINK_INVALID'],
      [[reading.replace('/door', '')], 403, 'LINK_INVALID'],
      [[reading.replace('stream=true', 'recursive=true'), '-X', 'DELETE'], 401, 'UNAUTHORIZED'],
      [[reading.replace('/files', '/stat')], 401, 'UNAUTHORIZED'],
      [[reading.replace('/files', '/handles/open'), '-X', 'POST'], 401, 'UNAUTHORIZED'],
      [[reading.replace('/files', '/directories')], 401, 'UNAUTHORIZED'],
      [[reading.replace('/files', '/links'), '-d', JSON.stringify({ path: PATH })], 401, 'UNAUTHORIZED'],
    ] as const) {
      const response = await curl(args, 'x');
      expect([args[0], response.status, response.json.code]).toEqual([args[0], status, code]);
    }
    expect(await answered(reading)).toEqual([200, 'text']);
  });

  it('those of a random key end with the process, those of a configured one do not', async () => {
    const configured = setup();
    for (const keyFile of [false, true]) {
      configured.write({ keyFile });
      const before = await serve(configured);
      const url = await link(before, PATH, '--right', 'write');
      expect((await curl(['-T', '-', url], 'x')).status).toBe(200);
      await before.stop();
      const after = await serve(configured, before.port);
      const { status, json } = await curl(['-T', '-', url], 'x');
      expect([status, json.code]).toEqual(keyFile ? [200, undefined] : [403, 'LINK_INVALID']);
      await after.stop();
    }
  });

  it('contract 79: SIGHUP after taking a token away ends its links, but not the reads that they began', async () => {
    const configured = setup();
    const at = await serve(configured);
    const reading = await link(at, PATH);
    const writing = await link(at, PATH, '--right', 'write');
    const reader = start('curl', ['-sS', '-N', reading]);
    await curl(['-T', '-', writing], 'before ');
    await waitFor('the first part', () => reader.stdout.text === 'before ');

    configured.write({ names: ['other'] });
    at.process.kill('SIGHUP');
    await waitFor('the tokens to be read again', () => at.logged('the configuration was read again').length === 1);
    expect(await answered(reading)).toEqual([403, 'LINK_INVALID']);
    expect((await curl(['-T', '-', writing], 'x')).status).toBe(403);
    const header = `Authorization: Bearer ${token('other')}`;
    const url = at.api(`/files?path=${PATH}&end=true`);
    expect((await curl(['-H', header, '-T', '-', url], 'after')).status).toBe(200);
    expect(await reader.result()).toMatchObject({ code: 0, stdout: 'before after' });
  });

  it('neither they, nor tokens, nor the key are in the log, at any level', async () => {
    const configured = setup();
    configured.write({ keyFile: true });
    const at = await serve(configured);
    const url = await link(at, PATH, '--right', 'write');
    await curl(['-T', '-', url], 'x');
    await curl([url]);
    await curl([`${url}%`]);
    await curl(['-H', `Authorization: Bearer ${token('nobody')}`, url]);
    await waitFor('the requests to be logged', () => at.logged('request').length >= 5);
    const log = at.process.stderr.text;
    expect(log).toContain(PATH);
    for (const secret of [new URL(url).searchParams.get('signature')!.slice(8), 'the-secret-token', KEY]) {
      expect(log).not.toContain(secret);
    }
  });
});
