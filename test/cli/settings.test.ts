/** Settings of a stream, and lossless file transfer, by the command line (contract 90, 98, 99). */
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { cli, realServer } from './harness.ts';

const KB = 1024;
const ALL = [
  ...['--ring', '2MB', '--channel', '1MB', '--on-lag', 'disconnect', '--reader-block', 'always'],
  ...['--atomic', 'lines', '--type', 'text/plain; charset=utf-8', '--ttl', '90s'],
];
const FACTS = {
  ring_buffer_size: String(2048 * KB),
  channel_buffer_size: String(1024 * KB),
  on_lag: 'disconnect',
  reader_block: 'always',
  atomic: 'lines',
  type: 'text/plain; charset=utf-8',
  ttl: '90s',
};

async function factsOf(url: string, path: string): Promise<Record<string, string>> {
  return (await new StreamFSClient({ url }).stat(path)).meta.Content ?? {};
}

describe('contract 98: settings of a stream, by the command line', () => {
  it.each([
    ['create', ['create', '/streamfs/x', ...ALL]],
    ['write', ['write', '/streamfs/x', ...ALL]],
    ['write --no-retry', ['write', '--stream', '--no-retry', '/streamfs/x', ...ALL]],
    ['exec', ['exec', ...ALL, '/streamfs/x', '--', process.execPath, '-e', 'console.log(1)']],
  ])('%s takes them all', async (_, argv) => {
    const { url } = await realServer();
    const made = cli(argv, { url, input: 'x\n' });
    expect([await made.code, made.err.text]).toEqual([0, '']);
    expect(await factsOf(url, '/streamfs/x')).toMatchObject(FACTS);
  });

  it('that differ from those of an existing stream are reported, with both values and a hint', async () => {
    const { url } = await realServer();
    await cli(['create', '/streamfs/x', '--ring', '2MB'], { url }).code;
    const refused = cli(['write', '/streamfs/x', '--ring', '1MB', '--type', 'audio/ogg'], { url, input: 'x' });
    expect(await refused.code).toBe(EXIT.refused.code);
    expect(refused.err.text).toBe(
      'streamfs: stream /streamfs/x exists with other settings: ring_buffer_size is 2097152, not 1048576; ' +
        'type is application/octet-stream, not audio/ogg: ' +
        'leave those options out to use it as it is, or remove it first: streamfs rm\n',
    );
    const again = cli(['create', '/streamfs/x'], { url });
    expect([await again.code, again.err.text]).toEqual([4, 'streamfs: stream already exists: /streamfs/x\n']);
  });

  it.each([
    [['create', '/streamfs/x', '--ring', '0'], 'expected a size from 1B to 1TB'],
    [
      ['create', '/streamfs/x', '--ring', '2GB'],
      'must be at most 1.0GB here (max_ring_buffer_size of the mount), got 2.0GB',
    ],
    [['create', '/streamfs/x', '--type', 'text/html'], 'must be one of a fixed list'],
    [['create', '/streamfs/x', '--ttl', 'soon'], 'invalid duration format'],
    [['write', '/streamfs/x', '--on-lag', 'wait'], 'Allowed choices are drop-oldest'],
    [['write', '/streamfs/x', '--on-lag', 'block', '--reader-block', 'never'], 'contradicts itself'],
    [['write', '--lossless', '--on-lag', 'drop-oldest', '/streamfs/x'], '--lossless and --on-lag drop-oldest exclude'],
    [['write', '--lossless', '--reader-block', 'never', '/streamfs/x'], '--lossless and --reader-block never exclude'],
    [['write', '--readers', '0', '/streamfs/x'], 'expected a whole number from 1 to '],
    [['exec', '--lines', '--atomic', 'none', '/streamfs/x', '--', 'true'], '--lines and --atomic none exclude'],
    [['cat', '--from-start', '/streamfs/x'], '--from-start needs --stream'],
    [
      ['cat', '--stream', '--from-start', '--offset', '3', '/streamfs/x'],
      '--from-start and --offset exclude each other',
    ],
  ])('what makes no sense is a usage error: %j', async (argv, reason) => {
    const { url } = await realServer();
    const refused = cli(argv, { url, input: 'x' });
    expect(await refused.code).toBe(EXIT.usage.code);
    expect(refused.err.text).toContain(reason);
    await expect(factsOf(url, '/streamfs/x')).rejects.toThrow('not found');
  });

  it('mean nothing to an ordinary file', async () => {
    const { url } = await realServer();
    const refused = cli(['create', '/memfs/x', '--ring', '1MB'], { url });
    expect(await refused.code).toBe(EXIT.failed.code);
    expect(refused.err.text).toBe('streamfs: this is not a stream: --ring, --type and the like do not apply\n');
    expect(await cli(['create', '/memfs/x'], { url }).code).toBe(0);
  });
});

describe('write --lossless', () => {
  it('waits for so many readers, and gives each of them every byte', async () => {
    const { url } = await realServer();
    const bytes = randomBytes(20_000_000);
    const first = cli(['cat', '--stream', '/streamfs/x'], { url });
    await expect.poll(() => factsOf(url, '/streamfs/x').catch(() => ({}))).toMatchObject({ active_readers: '1' });
    const writer = cli(['write', '--lossless', '--end', '--readers', '2', '/streamfs/x'], { url, input: bytes });
    await expect.poll(() => writer.err.text).toContain('/streamfs/x: waiting for 2 readers: 1 joined\n');
    expect(await factsOf(url, '/streamfs/x')).toMatchObject({ on_lag: 'block', total_written: '0' });
    const second = cli(['cat', '--stream', '/streamfs/x'], { url });
    expect([await writer.code, await first.code, await second.code]).toEqual([0, 0, 0]);
    expect(writer.err.text).toContain('/streamfs/x: 2 readers joined: starting\n');
    for (const reader of [first, second]) expect(reader.outBytes().equals(bytes)).toBe(true);
  });

  it('says no more than it has to with --quiet, and stops waiting when it is asked to', async () => {
    const { url } = await realServer();
    const writer = cli(['write', '-q', '--lossless', '--readers', '1', '/streamfs/x'], { url });
    await expect.poll(() => factsOf(url, '/streamfs/x').catch(() => ({}))).toMatchObject({ on_lag: 'block' });
    writer.interrupt('SIGINT');
    expect([await writer.code, writer.err.text]).toEqual([EXIT.interrupted.code, '']);
  });

  it('fails immediately when the stream that it waits for is removed', async () => {
    const { url } = await realServer();
    const writer = cli(['write', '--lossless', '--readers', '1', '/streamfs/x'], { url });
    await expect.poll(() => writer.err.text).toContain('waiting for 1 reader: 0 joined');
    await cli(['rm', '/streamfs/x'], { url }).code;
    expect(await writer.code).not.toBe(0);
  });

  it('disconnects a reader that stops for longer than block_timeout, and reports it; the others lose nothing', async () => {
    const { url } = await realServer({
      plugins: { streamfs: { path: '/streamfs', config: { block_timeout: '300ms', channel_buffer_size: '64KB' } } },
    });
    const bytes = randomBytes(30_000_000);
    const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
    const slow = cli(['cat', '--stream', '/streamfs/x'], { url, stdout: stuck });
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url });
    const writer = cli(['write', '--lossless', '--end', '--readers', '2', '/streamfs/x'], { url, input: bytes });
    expect([await writer.code, await reader.code]).toEqual([0, 0]);
    expect(reader.outBytes().equals(bytes)).toBe(true);
    const { readers } = await new StreamFSClient({ url }).readers({ path: '/streamfs/x' });
    expect(readers.filter(({ state }) => state !== 'ending')).toEqual([]);
    slow.interrupt('SIGTERM');
    await slow.code;
  });
});

describe('contract 90: cat --stream --from-start', () => {
  it('gives everything from byte 0, or fails and says from where on there is something', async () => {
    const { url } = await realServer();
    await cli(['write', '--ring', '64KB', '--end', '/streamfs/x'], { url, input: 'all of it' }).code;
    const whole = cli(['cat', '--stream', '--from-start', '/streamfs/x'], { url });
    expect([await whole.code, whole.out()]).toEqual([0, 'all of it']);
    await cli(['write', '--ring', '64KB', '--end', '/streamfs/y'], { url, input: new Uint8Array(100 * KB) }).code;
    for (const how of ['--stream', '--snapshot']) {
      const gone = cli(['cat', how, '--from-start', '/streamfs/y'], { url });
      expect(await gone.code).toBe(EXIT.refused.code);
      expect(gone.err.text).toBe(
        `streamfs: its first ${36 * KB} bytes are no longer retained: begin with --offset ${36 * KB}, or without --from-start\n`,
      );
      expect(gone.out()).toBe('');
    }
  });
});
