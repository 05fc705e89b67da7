/** Lossless file transfer: every byte to every reader, at the speed of the slowest, with the server's memory bounded. */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { streamfs } from './harness/commands.ts';
import { MB } from './harness/memory.ts';
import { pattern, patternHash } from './harness/pattern.ts';
import { server, startServer } from './harness/server.ts';

const PATH = '/streamfs/file';
const SIZE = 100 * MB;

/** A file with this many bytes of the pattern, open for reading. */
function fileOfPattern(bytes: number): number {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-lossless-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'file');
  const out = openSync(path, 'w');
  for (let at = 0; at < bytes; at += MB) writeSync(out, pattern(at, MB));
  closeSync(out);
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  return fd;
}

describe('write --lossless --end --readers 3', () => {
  it('contract 98: moves 100 MB to three readers, one of which stands still for a while; the server holds a part of it', async () => {
    const at = await server({ streamfs: { block_timeout: '60s' } });
    const before = at.memory().rss;
    const writer = streamfs(at.url, ['write', '--lossless', '--end', '--readers', '3', PATH], {
      stdin: fileOfPattern(SIZE),
    });
    await writer.stderr.until('waiting for 3 readers: 0 joined');
    const readers = [0, 1, 2].map(() =>
      streamfs(at.url, ['cat', '--stream', '--from-start', PATH], { stdin: 'ignore', keep: false }),
    );
    const [, , last] = readers;
    await last!.stdout.untilLength(MB);
    last!.kill('SIGSTOP');
    // The reader is as far behind as it may be, and everybody waits for it.
    await waitFor('the writer to wait for it', async () => ((await at.facts(PATH))?.lag ?? 0) >= 6 * MB);
    last!.kill('SIGCONT');
    const ended = await Promise.all([writer, ...readers].map((each) => each.result()));
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const whole = patternHash([{ from: 0, to: SIZE }]);
    expect(readers.map(({ stdout }) => [stdout.length, stdout.sha256])).toEqual(readers.map(() => [SIZE, whole]));
    expect(await at.facts(PATH)).toMatchObject({ written: SIZE, skipped: 0, state: 'ended' });
    expect(at.memory().peak - before).toBeLessThan(SIZE);
  });
});

describe('a writer whose server is restarted', () => {
  it('contract 98: makes the stream again as it was', async () => {
    const first = await startServer();
    const writer = streamfs(first.url, ['write', '--ring', '2MB', '--type', 'audio/ogg', PATH]);
    await writer.write('one\n');
    await first.untilWritten(PATH, 4);
    await first.stop();
    const second = await server({ port: first.port });
    writer.stdin.end('two\n');
    expect((await writer.result()).code).toBe(0);
    const { meta } = await second.json('GET', `/stat?path=${PATH}`);
    expect(meta).toMatchObject({ Content: { ring_buffer_size: String(2 * MB), type: 'audio/ogg' } });
  });

  it('does not with --lossless, where its readers would miss what was in the old one', async () => {
    const first = await startServer();
    const writer = streamfs(first.url, ['write', '--lossless', PATH]);
    await writer.write('one\n');
    await first.untilWritten(PATH, 4);
    await first.stop();
    await server({ port: first.port });
    writer.stdin.end('two\n');
    const { code, stderr } = await writer.result();
    expect(code).not.toBe(0);
    expect(stderr).toContain('lost with its server');
  });
});
