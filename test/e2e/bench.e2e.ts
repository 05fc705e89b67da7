import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, rmdir } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'bench/main.mjs');

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

interface Result {
  rows: { name: string; cells: { target: string; runs: { value?: number; invalid?: string; port?: number }[] }[] }[];
}

/** Runs the benchmark and returns its machine-readable output. */
async function bench(args: string[], env: Record<string, string> = {}): Promise<Result> {
  const { stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
  });
  const file = join(ROOT, /all runs: (\S+)/.exec(stderr)![1]!);
  const result = JSON.parse(await readFile(file, 'utf8'));
  await rm(file);
  return result;
}

/** A server that forwards written bytes to all readers, modified by `change`. */
async function relay(change: (bytes: Buffer) => Buffer): Promise<string> {
  const readers: ServerResponse[] = [];
  server = createServer((req, res) => {
    if (req.method === 'GET') {
      res.writeHead(200).flushHeaders();
      readers.push(res);
      return;
    }
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const bytes = change(Buffer.concat(parts));
      if (bytes.length > 0) for (const reader of readers) reader.write(bytes);
      res.end('{}');
    });
  });
  await new Promise<void>((listening) => server!.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server!.address() as AddressInfo).port}/api/v1`;
}

const S2_ON_AGFS = ['--only', 'S2', '--targets', 'agfs', '--rounds', '1', '--agfs'];

describe('the benchmark', () => {
  const generators = spawnSync('gcc', ['--version']).status === 0 ? ['native', 'node'] : ['node'];

  describe.each(generators)('with its generator %s', (generator) => {
    const env: Record<string, string> = generator === 'node' ? { STREAMFS_BENCH_NATIVE: '0' } : {};

    it('measures ours, counts every byte at the readers, and leaves nothing behind', async () => {
      // A separate folder, since another run of the benchmark may have folders in the usual one.
      const folder = await mkdtemp(join(tmpdir(), 'streamfs-test-bench-'));
      const { rows } = await bench(['--only', 'S2', '--targets', 'ours', '--rounds', '1'], { ...env, TMPDIR: folder });
      const run = rows[0]!.cells[0]!.runs[0]!;
      expect(run).toMatchObject({ lostBytes: 0, extraBytes: 0, corrupt: 0, disordered: 0, stray: 0 });
      expect(run.value).toBeGreaterThan(0);
      // Throws if the folder is not empty.
      await rmdir(folder);
    });

    it('does not count a run that lost a message', async () => {
      let count = 0;
      const url = await relay((bytes) => (++count === 100 ? Buffer.alloc(0) : bytes));
      const { rows } = await bench([...S2_ON_AGFS, url], env);
      const run = rows[0]!.cells[0]!.runs[0]!;
      expect(run.value).toBeUndefined();
      expect(run.invalid).toContain('lost 10000 bytes');
    });

    it('does not count a run that changed a byte', async () => {
      let count = 0;
      const url = await relay((bytes) => {
        if (++count === 100) bytes[60] = 0;
        return bytes;
      });
      const { rows } = await bench([...S2_ON_AGFS, url], env);
      const run = rows[0]!.cells[0]!.runs[0]!;
      expect(run.value).toBeUndefined();
      expect(run.invalid).toContain('changed');
    });
  });

  it.each([
    [['--only', 'S9'], '--only: no row is called S9'],
    [['--targets', 'ours,none'], '--targets: no target is called none'],
    [['--rounds', '0'], '--rounds must be a whole number from 1'],
    [['--fast'], "Unknown option '--fast'"],
  ])('refuses %j', (args, text) => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr).toContain('usage: npm run bench');
  });
});
