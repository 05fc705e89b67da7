/** Media made by ffmpeg, read late by ffmpeg (contract 102). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN, type ServerProcess, startServer } from './harness/server.ts';

const HAS_FFMPEG = spawnSync('ffmpeg', ['-version']).status === 0 || process.env.CI === 'true';

describe.runIf(HAS_FFMPEG)('MPEG-TS of ffmpeg', () => {
  let at: ServerProcess;
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-media-'));

  beforeAll(async () => {
    at = await startServer();
    const file = join(folder, 'a.ts');
    const source = ['-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25', '-f', 'lavfi', '-i', 'sine', '-t', '10'];
    const made = spawnSync('ffmpeg', ['-v', 'error', ...source, '-g', '25', '-f', 'mpegts', file]);
    expect(made.stderr.toString()).toBe('');
    const query = 'path=/streamfs/tv&type=video/mp2t&ring_buffer_size=200KB&end=true';
    const response = await fetch(`${at.url}/api/v1/files?${query}`, { method: 'PUT', body: readFileSync(file) });
    expect(response.status).toBe(200);
  });

  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await at.stop();
  });

  /** ffmpeg's report on a stream as a late joiner receives it. */
  async function decode(query: string): Promise<string> {
    const response = await fetch(`${at.url}/api/v1/files?path=/streamfs/tv&stream=true${query}`);
    expect(Number(response.headers.get('x-stream-offset'))).toBeGreaterThan(0);
    const input = Buffer.from(await response.arrayBuffer());
    expect(input.length).toBeGreaterThan(50_000);
    const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-i', '-', '-f', 'null', '-'], { input });
    expect(status).toBe(0);
    return stderr.toString();
  }

  it('contract 102: the same by cat --stream, which asks for a place to begin', () => {
    const read = (...options: string[]) => {
      const args = [MAIN, '-q', 'cat', '--stream', ...options, '/streamfs/tv'];
      return spawnSync(process.execPath, args, { env: { ...process.env, STREAMFS_URL: at.url } }).stdout;
    };
    const decode = (input: Buffer) =>
      spawnSync('ffmpeg', ['-v', 'error', '-i', '-', '-f', 'null', '-'], { input }).stderr.toString();
    const joined = read();
    expect(joined.length).toBeGreaterThan(50_000);
    expect(decode(joined)).toBe('');
    expect(decode(read('--join', 'any'))).not.toBe('');
  });

  it('contract 102: is decoded without an error by who joins late, and not from any byte', async () => {
    expect(await decode('')).toBe('');
    expect(await decode('&join=any')).not.toBe('');
  });
});
