import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { fakeServer } from '../client/fake-server.ts';
import { cli, realServer } from './harness.ts';

describe('commands', () => {
  it('contract 85: ls lists names, with -l what matters of streams, with --json what the server said', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/b'], { url, input: 'abc' }).code;
    await cli(['write', '--stream', '/streamfs/a/deep'], { url, input: 'x' }).code;
    const plain = cli(['ls', '/streamfs'], { url });
    expect(await plain.code).toBe(0);
    expect(plain.out()).toBe('README\na/\nb\n');
    const long = cli(['ls', '-l', '/streamfs'], { url });
    await long.code;
    const lines = long.out().trimEnd().split('\n');
    expect(lines[0]).toMatch(/^MODE +SIZE +STATE +READERS +RETAINED +LOST +AGE +TYPE +NAME$/);
    expect(lines[1]).toMatch(/^-r--r--r-- +[\d.]+K?B +- +- +- +- +- +- +README$/);
    expect(lines[3]).toMatch(/^-rw-r--r-- +3B +open +0 +3B +0B +\d+s +\S+ +b$/);
    const json = cli(['--json', 'ls', '/streamfs'], { url });
    await json.code;
    expect(JSON.parse(json.out())[2]).toMatchObject({ name: 'b', size: 3, mode: 420, isDir: false });
  });

  it('ls -l and stat show what streams take on disk, where they are kept there', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'streamfs-ls-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const { url } = await realServer({ plugins: { streamfs: { path: '/s', config: { persist: directory } } } });
    await cli(['write', '--stream', '/s/a'], { url, input: Buffer.alloc(2000) }).code;
    const long = cli(['ls', '-l', '/s'], { url });
    expect(await long.code).toBe(0);
    const [headings, , row] = long.out().split('\n');
    expect(headings).toMatch(/ RETAINED +DISK +LOST /);
    expect(row).toMatch(/ 2\.0KB +2\.[0-9]KB +0B /);
    const facts = cli(['stat', '/s/a'], { url });
    expect(await facts.code).toBe(0);
    expect(facts.out()).toMatch(/^disk_bytes: 2\d{3} \(2\.\dKB\)$/m);
  });

  it('contract 85: ls -l shows ended streams with their status, losses and types; of files mode, size and time', async () => {
    const { url } = await realServer();
    const client = new StreamFSClient({ url });
    await client.mount('streamfs', '/small', { ring_buffer_size: '64KB', channel_buffer_size: '64KB' });
    const reading = client.openHandle('/small/x');
    const handle = await reading;
    await client.write('/small/x', new Uint8Array(200 * 1024), { end: true, endStatus: 'signal SIGKILL' });
    await handle.read({ size: 1 });
    await client.write('/memfs/f', new Uint8Array(2048));
    const streams = cli(['ls', '-l', '/small/x'], { url });
    await streams.code;
    expect(streams.out().split('\n')[1]).toMatch(
      /^-rw-r--r-- +200\.0KB +ended: signal SIGKILL +1 +64\.0KB +136\.0KB +\d+s +\S+ +x$/,
    );
    const files = cli(['ls', '-l', '/memfs'], { url });
    await files.code;
    expect(files.out()).toMatch(/^-rw-r--r-- +2\.0KB +\d{4}-\d\d-\d\dT[\d:]+(Z|[+-]\d\d:\d\d) +f$/m);
  });

  it('contract 85: stat has human units next to the numbers, in groups', async () => {
    const { url } = await realServer();
    await new StreamFSClient({ url }).write('/streamfs/x', new Uint8Array(3000), { end: true, endStatus: 'exit 3' });
    const run = cli(['stat', '/streamfs/x'], { url });
    expect(await run.code).toBe(0);
    expect(run.out()).toMatch(
      /\n\nstate: ended\nend_status: exit 3\ngeneration: \w+\n\ntotal_written: 3000 \(2\.9KB\)\n/,
    );
    expect(run.out()).toMatch(/^modified: .* \(\d+s ago\)$/m);
    expect(run.out()).toMatch(/\nretained: 3000 \(2\.9KB\)\n/);
  });

  it('ls of a file is the file, of nothing an error, of the default the root', async () => {
    const { url } = await realServer();
    const file = cli(['ls', '/streamfs/README'], { url });
    expect(await file.code).toBe(0);
    expect(file.out()).toBe('README\n');
    expect(await cli(['ls', '/streamfs/none'], { url }).code).toBe(EXIT.notFound.code);
    const root = cli(['ls'], { url });
    await root.code;
    expect(root.out().split('\n')).toContain('streamfs/');
  });

  it('contract 85, 40: stat prints the facts, those of the stream too', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' }).code;
    const plain = cli(['stat', '/streamfs/x'], { url });
    expect(await plain.code).toBe(0);
    for (const line of ['name: x', 'type: stream', 'size: 3', 'mode: -rw-r--r-- (0644)', 'total_written: 3']) {
      expect(plain.out().split('\n')).toContain(line);
    }
    const json = cli(['stat', '--json', '/streamfs/x'], { url });
    await json.code;
    expect(JSON.parse(json.out())).toMatchObject({ size: 3, meta: { Name: 'streamfs', Type: 'stream' } });
  });

  it('readers of a path that does not exist fails as stat does', async () => {
    const { url } = await realServer();
    for (const path of ['/streamfs/absent', '/memfs/absent', '/absent']) {
      for (const flags of [[], ['--json']]) {
        const [of, stat] = [cli(['readers', ...flags, path], { url }), cli(['stat', path], { url })];
        expect([await of.code, of.out(), await stat.code], path).toEqual([EXIT.notFound.code, '', EXIT.notFound.code]);
        expect(of.err.text).toBe(stat.err.text);
      }
    }
    const empty = cli(['readers', '--json', '/memfs'], { url });
    expect([await empty.code, JSON.parse(empty.out())]).toEqual([0, []]);
  });

  it('readers lists who reads, kick disconnects them, and cat says so and fails', async () => {
    const { url } = await realServer();
    const nobody = cli(['readers'], { url });
    expect(await nobody.code).toBe(0);
    expect([nobody.out(), nobody.err.text]).toEqual(['', 'streamfs: no readers\n']);
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' }).code;
    const following = cli(['cat', '--stream', '/streamfs/x'], { url });
    await expect.poll(following.out).toBe('abc');
    const plain = cli(['readers', '/streamfs'], { url });
    expect(await plain.code).toBe(0);
    const [head, line, ...rest] = plain.out().trimEnd().split('\n');
    expect(head!.trim().split(/ {2,}/)).toEqual([
      'ID',
      'PATH',
      'ADDRESS',
      'KIND',
      'STATE',
      'LAG',
      'SENT',
      'LOST',
      'POLICY',
      'SINCE',
    ]);
    expect(line).toMatch(
      /^ *\d+ {2}\/streamfs\/x {2}127\.0\.0\.1:\d+ {2}frames {2}live +0B +3B +0B {2}drop-oldest {2}\d{4}-[\dT:-]+Z$/,
    );
    expect(rest).toEqual([]);
    const json = cli(['readers', '--json', '/streamfs/x'], { url });
    await json.code;
    const [{ id }] = JSON.parse(json.out()) as [{ id: number }];
    expect(await cli(['kick', String(id)], { url }).code).toBe(0);
    expect(await following.code).toBe(EXIT.refused.code);
    expect(following.err.text).toBe('streamfs: an administrator disconnected this reader at offset 3\n');
    expect(await cli(['kick', String(id)], { url }).code).toBe(EXIT.notFound.code);
    expect(await cli(['kick', '-1x'], { url }).code).toBe(EXIT.usage.code);
  });

  it('link prints the whole address and nothing else; with --json the object; and says how long it is good', async () => {
    const token = 'a-token-that-is-long';
    const tokens = [{ name: 'tests', token, rights: ['read' as const], paths: ['/streamfs/*'] }];
    const { url } = await realServer({ server: { tokens } });
    const env = { STREAMFS_TOKEN: token };
    const plain = cli(['link', '/streamfs/x'], { url, env });
    expect(await plain.code).toBe(0);
    expect(plain.out()).toMatch(
      new RegExp(`^${url}/api/v1/files\\?path=/streamfs/x&stream=true&expires=\\d+&signature=[\\w-]+\\n$`),
    );
    expect(plain.err.text).toMatch(
      /^streamfs: anyone who has it can read \/streamfs\/x until \d{4}-[\d-]+T[\d:.]+Z\n$/,
    );
    expect((await fetch(plain.out().trim(), { method: 'HEAD' })).status).toBe(404);
    const json = cli(['link', '--for', '90s', '--json', '-q', '/streamfs/x'], { url, env });
    expect(await json.code).toBe(0);
    const { expires_at, ...rest } = JSON.parse(json.out()) as Record<string, string>;
    expect(rest).toEqual({ url: expect.stringContaining(url), path: '/streamfs/x', right: 'read' });
    expect(Math.abs(Date.parse(expires_at!) - Date.now() - 90_000)).toBeLessThan(60_000);
    const forbidden = cli(['link', '--right', 'write', '/streamfs/x'], { url, env });
    expect(await forbidden.code).toBe(EXIT.refused.code);
    expect(forbidden.err.text).toContain('the token tests has no right to write at /streamfs/x');
    for (const wrong of [
      ['--for', '500ms'],
      ['--for', 'soon'],
      ['--right', 'admin'],
    ]) {
      expect(await cli(['link', ...wrong, '/streamfs/x'], { url, env }).code).toBe(EXIT.usage.code);
    }
    const open = await realServer();
    const needless = cli(['link', '/streamfs/x'], { url: open.url });
    expect(await needless.code).toBe(EXIT.refused.code);
    expect(needless.err.text).toContain('requires no tokens');
  });

  it('contract 85, 46: touch, rm, end and mkdir take several paths, and tell of each that fails', async () => {
    const { url } = await realServer();
    expect(await cli(['touch', '/streamfs/a', '/streamfs/b'], { url }).code).toBe(0);
    const removing = cli(['rm', '/streamfs/a', '/streamfs/none', '/streamfs/b'], { url });
    expect(await removing.code).toBe(EXIT.notFound.code);
    expect(removing.err.text).toBe('streamfs: /streamfs/none: stream not found: /streamfs/none\n');
    const left = cli(['ls', '/streamfs'], { url });
    await left.code;
    expect(left.out()).toBe('README\n');
    expect(await cli(['mkdir', '-m', '700', '/memfs/d', '/memfs/e'], { url }).code).toBe(0);
    expect(await cli(['touch', '/memfs/d/f'], { url }).code).toBe(0);
    expect(await cli(['rm', '/memfs/d'], { url }).code).toBe(EXIT.refused.code);
    expect(await cli(['rm', '-r', '/memfs/d'], { url }).code).toBe(0);
    const directory = cli(['mkdir', '/streamfs/d'], { url });
    expect(await directory.code).toBe(EXIT.failed.code);
    expect(directory.err.text).toMatch(/^streamfs: streamfs does not support directories: /);
    expect(await cli(['end', '/streamfs/none'], { url }).code).toBe(EXIT.notFound.code);
  });

  it('contract 74: mount, mounts and unmount', async () => {
    const { url } = await realServer();
    expect(await cli(['mount', 'streamfs', '/two', 'ring_buffer_size=1MB'], { url }).code).toBe(0);
    const again = cli(['mount', 'streamfs', '/two'], { url });
    expect(await again.code).toBe(EXIT.refused.code);
    expect(again.err.text).toBe('streamfs: mount already exists: /two\n');
    const list = cli(['mounts'], { url });
    await list.code;
    expect(list.out()).toMatch(/^\/two +streamfs +mounted$/m);
    const json = cli(['mounts', '--json'], { url });
    await json.code;
    const two = JSON.parse(json.out()).find((mount: { path: string }) => mount.path === '/two');
    expect(two).toMatchObject({ pluginName: 'streamfs', config: { ring_buffer_size: '1MB' } });
    expect(await cli(['unmount', '/two'], { url }).code).toBe(0);
    expect(await cli(['unmount', '/two'], { url }).code).toBe(EXIT.notFound.code);
    const unknown = cli(['mount', 'nonsense', '/x'], { url });
    expect(await unknown.code).toBe(EXIT.usage.code);
    expect(unknown.err.text).toBe('streamfs: unknown filesystem type: nonsense (known are: devfs, memfs, streamfs)\n');
  });

  it('mount sends truth values and numbers as such, and texts as texts', async () => {
    let body = '';
    const server = await fakeServer((request, response) => {
      request.on('data', (piece) => {
        body += piece;
      });
      request.on('end', () => response.end('{}'));
    });
    const config = ['a=true', 'b=12', 'c=1.5', 'd=6MB', 'e=', 'f=x=y', 'g=99999999999999999999'];
    expect(await cli(['mount', 'memfs', '/m', ...config], { url: server.url }).code).toBe(0);
    expect(JSON.parse(body)).toEqual({
      fstype: 'memfs',
      path: '/m',
      config: { a: true, b: 12, c: 1.5, d: '6MB', e: '', f: 'x=y', g: '99999999999999999999' },
    });
  });

  it('contract 76: health prints how the server is, and fails while it is not ready', async () => {
    const { url } = await realServer();
    const healthy = cli(['health'], { url });
    expect(await healthy.code).toBe(0);
    expect(healthy.out()).toContain('status: healthy\nready: yes\n');
    const json = cli(['health', '--json'], { url });
    await json.code;
    expect(JSON.parse(json.out())).toMatchObject({ ready: true, mounts: { failed: 0 } });
    const mounts = { total: 1, pending: 1, mounted: 0, failed: 0 };
    const starting = await fakeServer((_request, response) => {
      response.end(JSON.stringify({ status: 'starting', version: '1', ready: false, degraded: false, mounts }));
    });
    expect(await cli(['health'], { url: starting.url }).code).toBe(EXIT.failed.code);
  });

  it('contract 76: health prints which disks cannot be written, and succeeds while it is ready', async () => {
    const { url } = await fakeServer((_request, response) => {
      const mounts = { total: 3, pending: 0, mounted: 3, failed: 0 };
      const disks = { total: 3, full: 1, failed: 1 };
      response.end(JSON.stringify({ status: 'degraded', version: '1', ready: true, degraded: true, mounts, disks }));
    });
    const degraded = cli(['health'], { url });
    expect(await degraded.code).toBe(0);
    expect(degraded.out()).toContain('status: degraded\nready: yes\n');
    expect(degraded.out()).toContain('\ndisks: 1 of 3 can be written, 1 full, 1 failed\n');
  });
});

/** A configuration that limits the log of a test's server to errors. */
async function quietConfig(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streamfs-cli-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'config.yaml');
  await writeFile(file, 'server:\n  log_level: error\n');
  return file;
}

describe('serve', () => {
  it('contract 84: prints a sample configuration, with one dash or two', async () => {
    for (const flag of ['--print-sample-config', '-print-sample-config']) {
      const run = cli(['serve', flag]);
      expect(await run.code).toBe(0);
      expect(run.out()).toContain('ring_buffer_size');
    }
  });

  it.each([[['-addr', '127.0.0.1:0']], [['-addr=127.0.0.1:0']], [['--addr', '127.0.0.1:0']]])(
    'contract 84, 28: %j listens, says where, and stops with 0 when asked to',
    async (address) => {
      const server = cli(['serve', '-c', await quietConfig(), ...address]);
      await expect
        .poll(server.out)
        .toMatch(/StreamFS is listening on http:\/\/127\.0\.0\.1:\d+\n(.*\/ui\/\n)?.*cat --stream/);
      const url = /http:\S+/.exec(server.out())?.[0] ?? '';
      const reader = cli(['cat', '--stream', '--no-reconnect', '/streamfs/x'], { url });
      await cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' }).code;
      await expect.poll(reader.out).toBe('abc');
      server.interrupt('SIGTERM');
      expect(await server.code).toBe(0);
      expect(await reader.code).toBe(EXIT.cut.code);
      expect(reader.err.text).toContain('the server shut down at offset 3');
    },
  );

  it('contract 84: the lines to try are about a mount that works, and are not there where none does', async () => {
    const file = await quietConfig();
    const broken = '{path: /broken, config: {ring_buffer_size: ABC}}';
    const shown = async (plugins: string) => {
      await writeFile(file, `server:\n  log_level: silent\nplugins:\n${plugins}`);
      const server = cli(['serve', '-c', file, '--addr', '127.0.0.1:0']);
      await expect.poll(server.out).toMatch(/is listening/);
      await expect.poll(async () => (await fetch(`${/http:\S+/.exec(server.out())?.[0]}/api/v1/health`)).ok).toBe(true);
      server.interrupt('SIGTERM');
      expect(await server.code).toBe(0);
      return server.out();
    };
    const one = await shown(`  streamfs:\n    - ${broken}\n    - {name: works, path: /works}\n`);
    expect(one).toContain('cat --stream /works/hello');
    expect(one).not.toContain('/broken');
    expect(await shown(`  streamfs: ${broken}\n`)).not.toContain('--stream');
  });

  it('contract 92: serve reads config.yaml of the working directory, where -c names no other; options come before it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-cli-'));
    const before = process.cwd();
    onTestFinished(async () => {
      process.chdir(before);
      await rm(folder, { recursive: true });
    });
    process.chdir(folder);
    /** The mounts. */
    const served = async (...args: string[]) => {
      const server = cli(['serve', '--addr', '127.0.0.1:0', ...args]);
      await expect.poll(server.out).toMatch(/listening on http:\S+/);
      const mounts = cli(['mounts', '--json'], { url: /http:\S+/.exec(server.out())![0] });
      await mounts.code;
      server.interrupt('SIGTERM');
      expect(await server.code).toBe(0);
      return mounts.out();
    };
    expect(await served()).toContain('/streamfs');
    await writeFile('config.yaml', 'server: {address: "192.0.2.1:1"}\nplugins: {memfs: {path: /only-here}}\n');
    expect(await served()).toContain('/only-here');
    await writeFile('other.yaml', 'plugins: {memfs: {path: /other}}\n');
    expect(await served('-c', 'other.yaml')).toContain('/other');
    await writeFile('config.yaml', 'servr: {}\n');
    const broken = cli(['serve', '--addr', '127.0.0.1:0']);
    expect(await broken.code).toBe(EXIT.usage.code);
    expect(broken.err.text).toContain("config.yaml:1: servr: unknown key (did you mean 'server'?)");
  });

  it('a configuration that cannot be used is a usage error with one line for each thing that is wrong, an address in use a failure', async () => {
    const missing = cli(['serve', '-c', '/nonexistent/config.yaml']);
    expect(await missing.code).toBe(EXIT.usage.code);
    expect(missing.err.text).toContain('/nonexistent/config.yaml');
    const file = await quietConfig();
    await writeFile(file, 'server:\n  address: nowhere\n  colour: red\n');
    const wrong = cli(['serve', '-c', file]);
    expect(await wrong.code).toBe(EXIT.usage.code);
    expect(wrong.err.text.split('\n')).toEqual([
      expect.stringMatching(/^streamfs: .*config\.yaml:2: server\.address: /),
      expect.stringMatching(/^streamfs: .*config\.yaml:3: server\.colour: /),
      '',
    ]);
    const { url } = await realServer();
    const taken = cli(['serve', '-c', await quietConfig(), '--addr', new URL(url).host]);
    expect(await taken.code).toBe(EXIT.failed.code);
    expect(taken.err.text).toMatch(/^streamfs: .*\n$/);
  });
});
