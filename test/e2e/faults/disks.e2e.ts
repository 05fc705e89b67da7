/** Full and read-only file systems, a log that takes long to read, and files that are removed under a running server. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RingStream, StreamRules } from '../../../src/core/internal.ts';
import { DiskStore } from '../../../src/persist/disk-store.ts';
import { DEFAULT_SIZES, NodeDisk } from '../../../src/persist/index.ts';
import { freePort } from '../../harness/port.ts';
import { waitFor } from '../../harness/wait.ts';
import { runStreamfs } from '../harness/commands.ts';
import { type ServerProcess, server } from '../harness/server.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'streamfs-disks-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** A command prefix that gives the command its own file system at a directory. */
const withMount = (options: string, at = directory) => [
  ...['unshare', '-Urm', 'sh', '-c'],
  `mount -t tmpfs -o ${options} none "$0" && exec "$@"`,
  at,
];

/** Whether this user may mount a file system for a process. @throws in CI, where the program for it has to exist */
function canMount(): boolean {
  if (process.env.CI === 'true') execFileSync('unshare', ['--version'], { stdio: 'ignore' });
  try {
    const [command = '', ...args] = withMount('size=1m', tmpdir());
    execFileSync(command, [...args, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const HAS_MOUNTS = canMount();

async function put(at: ServerProcess, path: string, body: Buffer) {
  const response = await fetch(at.api(`/files?path=${encodeURIComponent(path)}`), { method: 'PUT', body });
  return { status: response.status, text: await response.text() };
}

async function snapshot(at: ServerProcess, path: string): Promise<Buffer> {
  const response = await fetch(at.api(`/files?path=${encodeURIComponent(path)}&snapshot=true`));
  return Buffer.from(await response.arrayBuffer());
}

/** Why a mount has failed. Waits until it has. */
async function failureOf(at: ServerProcess, path: string): Promise<string> {
  return waitFor('the mount has failed', async () => {
    const { mounts } = (await at.json('GET', '/mounts')) as unknown as { mounts: { path: string; error?: string }[] };
    return mounts.find((mount) => mount.path === path)?.error;
  });
}

/** Only where mounting is possible: a container may forbid it. */
describe.runIf(HAS_MOUNTS)('a separate file system', () => {
  it('that fills up refuses writers with 507, lets readers continue, and is written again when there is room', async () => {
    const config = { persist: directory, ring_buffer_size: '256KB', channel_buffer_size: '256KB' };
    const at = await server({ streamfs: config, under: withMount('size=24m') });
    const ready = () => fetch(at.api('/ready')).then(({ ok }) => ok);
    await waitFor('the mount', ready);
    const acknowledged: Buffer[] = [];
    const part = (n: number) => Buffer.alloc(1_000_000, `${n};`);
    let refused: Awaited<ReturnType<typeof put>> | undefined;
    expect((await put(at, '/streamfs/spare', Buffer.alloc(6_000_000))).status).toBe(200);
    for (let n = 0; refused === undefined; n++) {
      const response = await put(at, '/streamfs/a', part(n));
      if (response.status === 200) acknowledged.push(part(n));
      else refused = response;
    }
    expect([refused.status, refused.text]).toEqual([507, expect.stringContaining('DISK_FULL')]);
    expect(acknowledged.length).toBeGreaterThan(10);
    const kept = Buffer.concat(acknowledged);
    expect((await snapshot(at, '/streamfs/a')).subarray(0, kept.length).equals(kept)).toBe(true);
    expect((await put(at, '/streamfs/b', Buffer.from('no'))).status).toBe(507);
    const degraded = await runStreamfs(at.url, ['health']);
    expect([degraded.code, degraded.stdout]).toEqual([0, expect.stringContaining('status: degraded\n')]);
    expect(degraded.stdout).toContain('disks: 0 of 1 can be written, 1 full, 0 failed\n');
    await fetch(at.api('/files?path=/streamfs/spare'), { method: 'DELETE' });
    await waitFor('there is room', async () => (await put(at, '/streamfs/c', Buffer.from('yes'))).status === 200);
    expect(await at.json('GET', '/health')).toMatchObject({ status: 'healthy', disks: { total: 1, full: 0 } });
    expect((await snapshot(at, '/streamfs/a')).subarray(0, kept.length).equals(kept)).toBe(true);
    expect((await put(at, '/streamfs/a', Buffer.from('more'))).status).toBe(200);
  });

  it('that is full accepts removals, and refused requests have no effect, then or later', async () => {
    const config = { persist: directory, ring_buffer_size: '256KB', channel_buffer_size: '256KB' };
    const at = await server({ streamfs: config, under: withMount('size=12m') });
    await waitFor('the mount', () => fetch(at.api('/ready')).then(({ ok }) => ok));
    const ask = async (method: string, target: string, headers: Record<string, string> = {}) => {
      const response = await fetch(at.api(target), { method, headers });
      await response.arrayBuffer();
      return response.status;
    };
    const names = ['a', 'b', 'c', 'd/1', 'd/2', 'd/3'];
    for (const name of names) expect((await put(at, `/streamfs/${name}`, Buffer.from(name))).status).toBe(200);
    const before = await at.facts('/streamfs/a');
    // Ten times, so that only the free space decides: a refused write is refused again.
    for (let n = 0; n < 10; n++) {
      while ((await put(at, '/streamfs/fill', Buffer.alloc(1_000_000))).status === 200);
      expect(await ask('POST', '/end?path=/streamfs/a')).toBe(507);
      expect(await ask('PUT', '/files?path=/streamfs/a&end=true')).toBe(507);
      expect(await ask('POST', '/touch?path=/streamfs/a')).toBe(507);
      expect(await ask('POST', '/files?path=/streamfs/new')).toBe(507);
      expect(await at.facts('/streamfs/a')).toEqual(before);
      expect(await at.facts('/streamfs/new')).toBeUndefined();
    }
    // While nothing else frees space, and the disk has not a byte left.
    expect(await ask('DELETE', '/files?path=/streamfs/b')).toBe(200);
    expect(await at.facts('/streamfs/b')).toBeUndefined();
    expect(await ask('DELETE', '/files?path=/streamfs/d&recursive=true')).toBe(200);
    expect(await ask('DELETE', '/files?path=/streamfs/fill')).toBe(200);
    expect((await put(at, '/streamfs/c', Buffer.from('more'))).status).toBe(200);
    expect(await at.facts('/streamfs/a')).toEqual(before);
    expect((await snapshot(at, '/streamfs/a')).toString()).toBe('a');
  });

  it('that is full and has no log yet fails its mount, with an error that names the directory', async () => {
    const fill = `mount -t tmpfs -o size=64k none "$0" && { head -c 65536 /dev/zero > "$0/fill"; exec "$@"; }`;
    const log = join(directory, 'log');
    const at = await server({ streamfs: { persist: log }, under: ['unshare', '-Urm', 'sh', '-c', fill, directory] });
    const report = await failureOf(at, '/streamfs');
    expect(report).toContain(`the directory ${log} cannot be used: ENOSPC`);
    expect((await fetch(at.api('/health'))).status).toBe(200);
  });

  it('that is read-only fails its mount, says so, and leaves the rest of the server', async () => {
    const at = await server({ streamfs: { persist: directory }, under: withMount('ro') });
    const report = await failureOf(at, '/streamfs');
    expect(report).toMatch(/EROFS|read-only/);
    expect((await fetch(at.api('/ready'))).status).toBe(503);
    expect((await put(at, '/memfs/file', Buffer.from('x'))).status).toBe(200);
  });
});

describe('a log that takes long to read', () => {
  /** Writes one stream in many small appends. */
  async function manyRecords(count: number): Promise<void> {
    const store = await DiskStore.open({
      ...{ disk: new NodeDisk(directory), sync: { name: 'interval', interval: 60_000 }, boot: 'one' },
      ...{ ...DEFAULT_SIZES, maxJournal: Number.POSITIVE_INFINITY, retention: Number.POSITIVE_INFINITY },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    });
    const rules = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000 });
    const logs = Array.from({ length: 2000 }, (_, n) => {
      const stream = new RingStream({ name: `/${n}` }, rules);
      return { stream, log: store.attach(stream, `/${n}`, { facts: () => '{}', producers: () => undefined }) };
    });
    for (let n = 0; n < count; n += logs.length) {
      for (const { stream } of logs) stream.append(Buffer.from('a line of a log\n'));
      await Promise.all(logs.map(({ log }) => log.whenSaved()));
    }
    await store.close();
  }

  it('contract 76: /health answers while it is read, and /ready says that its mount is pending until it has been', async () => {
    await manyRecords(200_000);
    const port = await freePort();
    const starting = server({ streamfs: { persist: directory }, port });
    const status = (path: string) =>
      fetch(`http://127.0.0.1:${port}/api/v1${path}`).then(
        (response) => response.status,
        () => 0,
      );
    await waitFor('it is there', async () => (await status('/health')) === 200);
    expect(await status('/ready')).toBe(503);
    const at = await starting;
    await waitFor('the log has been read', async () => (await status('/ready')) === 200);
    expect((await snapshot(at, '/streamfs/77')).toString()).toBe('a line of a log\n'.repeat(100));
  });
});

describe('files removed under a running server', () => {
  it('are gaps for readers of what lay in them, and writers continue', async () => {
    const config = { persist: directory, ring_buffer_size: '256KB', channel_buffer_size: '256KB' };
    const at = await server({ streamfs: config });
    await waitFor('the mount', async () => (await fetch(at.api('/ready'))).ok);
    expect((await put(at, '/streamfs/a', Buffer.alloc(5_000_000, 'x'))).status).toBe(200);
    for (const name of readdirSync(join(directory, 'data'))) rmSync(join(directory, 'data', name));
    expect((await put(at, '/streamfs/a', Buffer.from('more'))).status).toBe(200);
    await fetch(at.api('/end?path=/streamfs/a'), { method: 'POST' });
    const read = await fetch(at.api('/files?path=/streamfs/a&stream=true&from=earliest'));
    const body = Buffer.from(await read.arrayBuffer());
    // Bytes in memory can be read, and perhaps bytes in a file that is still open.
    expect(body.subarray(-4).toString()).toBe('more');
    expect(body.length).toBeGreaterThan(250_000);
  });

  it('fail writers when their directory is removed or moved away: nothing is acknowledged', async () => {
    for (const takeAway of [
      () => rmSync(directory, { recursive: true }),
      () => renameSync(directory, `${directory}.moved`),
    ]) {
      const at = await server({ streamfs: { persist: directory } });
      await waitFor('the mount', async () => (await fetch(at.api('/ready'))).ok);
      expect((await put(at, '/streamfs/a', Buffer.from('kept'))).status).toBe(200);
      takeAway();
      const refused = await waitFor('it is refused', async () => {
        const response = await put(at, '/streamfs/a', Buffer.from('more'));
        return response.status === 200 ? undefined : response;
      });
      expect([refused.status, refused.text]).toEqual([503, expect.stringMatching(/DISK_FAILED.*|.*removed/s)]);
      expect((await snapshot(at, '/streamfs/a')).subarray(0, 4).toString()).toBe('kept');
      expect((await put(at, '/memfs/file', Buffer.from('x'))).status).toBe(200);
      await at.stop();
      expect(existsSync(directory)).toBe(false);
      rmSync(`${directory}.moved`, { recursive: true, force: true });
    }
  });

  it('do not matter if only LOCK is removed: it is created again', async () => {
    const at = await server({ streamfs: { persist: directory } });
    await waitFor('the mount', async () => (await fetch(at.api('/ready'))).ok);
    const lock = join(directory, 'LOCK');
    const before = readFileSync(lock, 'utf8');
    rmSync(lock);
    await waitFor('it is there again', () => existsSync(lock) && readFileSync(lock, 'utf8') === before);
    expect((await put(at, '/streamfs/a', Buffer.from('x'))).status).toBe(200);
    const other = await server({ streamfs: { persist: directory } });
    await waitFor('it is refused', async () => (await put(other, '/streamfs/a', Buffer.from('x'))).status === 503);
  });
});
