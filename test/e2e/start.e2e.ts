import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

import { waitFor } from '../harness/wait.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const running: ChildProcess[] = [];

// Not by SIGKILL: npm could not pass that on to its server.
afterEach(async () => {
  for (const child of running.splice(0)) {
    child.kill('SIGTERM');
    await exitOf(child);
  }
});

interface Started {
  child: ChildProcess;
  url: string;
  /** Its stderr so far. */
  log(): string;
  /** Its output so far, of both streams. */
  output(): string;
}

/** Starts a server and waits until it prints its address. */
async function start(command: string, args: string[]): Promise<Started> {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let output = '';
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const url = await new Promise<string>((found, failed) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const match = /StreamFS is listening on (http:\/\/\S+)/.exec(output);
        if (match) found(match[1]!);
      });
    }
    child.once('exit', (code) => failed(new Error(`it left with ${code}: ${output}`)));
  });
  return { child, url, log: () => log, output: () => output };
}

async function exitOf(child: ChildProcess): Promise<unknown[]> {
  return child.exitCode === null && child.signalCode === null
    ? await once(child, 'exit')
    : [child.exitCode, child.signalCode];
}

describe('npm start', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('contract 28: on %s ends every stream, and leaves with 0', async (signal) => {
    const { child, url } = await start(process.execPath, ['scripts/start.mjs', '--addr', '127.0.0.1:0']);
    await fetch(`${url}/api/v1/files?path=/streamfs/live`, { method: 'PUT', body: 'history' });
    const reading = await fetch(`${url}/api/v1/files?path=/streamfs/live&stream=true`);
    child.kill(signal);
    expect(await reading.text()).toBe('history');
    expect(await exitOf(child)).toEqual([0, null]);
  });

  it('contract 84: hands all its arguments to the server', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-start-'));
    try {
      const file = join(folder, 'my.yaml');
      await writeFile(file, 'plugins:\n  memfs:\n    path: /only\n');
      const { child, url } = await start(process.execPath, ['scripts/start.mjs', '-addr', '127.0.0.1:0', '-c', file]);
      const mounts = await (await fetch(`${url}/api/v1/mounts`)).json();
      expect(JSON.stringify(mounts)).toContain('/only');
      expect(JSON.stringify(mounts)).not.toContain('streamfs');
      child.kill('SIGTERM');
      await exitOf(child);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('logs lines of JSON to stderr, as much as the configuration says, and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-start-'));
    try {
      const logs: string[] = [];
      for (const level of ['info', 'silent']) {
        const file = join(folder, `${level}.yaml`);
        await writeFile(file, `server:\n  address: :0\n  log_level: ${level}\n`);
        const { child, log } = await start(process.execPath, ['scripts/start.mjs', '-c', file]);
        child.kill('SIGTERM');
        await once(child, 'close');
        logs.push(log());
      }
      const lines = logs[0]!.trim().split('\n');
      expect(lines.slice(0, 2).map((line) => JSON.parse(line).msg)).toEqual(['configuration', 'listening']);
      for (const line of lines) {
        expect(JSON.parse(line)).toMatchObject({ level: 'info', time: expect.any(String), msg: expect.any(String) });
      }
      expect(JSON.parse(lines.at(-1)!).msg).toBe('stopped');
      expect(logs[1]).toBe('');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('SIGHUP without a configuration file changes nothing, and the log says why', async () => {
    const { child, url, log } = await start(process.execPath, ['dist/cli/main.js', 'serve', '--addr', '127.0.0.1:0']);
    await fetch(`${url}/api/v1/files?path=/streamfs/live`, { method: 'PUT', body: 'kept' });
    for (const times of [1, 2]) {
      child.kill('SIGHUP');
      await expect.poll(() => log().split('there is no configuration file to read again').length - 1).toBe(times);
    }
    expect(await (await fetch(`${url}/api/v1/files?path=/streamfs/live&snapshot=true`)).text()).toBe('kept');
    child.kill('SIGTERM');
    expect(await exitOf(child)).toEqual([0, null]);
  });

  it('passes on how the server left', async () => {
    const child = spawn(process.execPath, ['scripts/start.mjs', '--addr', 'nowhere'], { cwd: ROOT, stdio: 'pipe' });
    running.push(child);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    expect(await exitOf(child)).toEqual([2, null]);
    expect(errors).toContain('invalid address: "nowhere"');
  });

  it('prints a line that writes and one that reads, which can be typed as they are where it was started', async () => {
    const { output } = await start('npm', ['start', '--', '--addr', '127.0.0.1:0']);
    const line = (what: string) => new RegExp(`^  ${what}: +(.+)$`, 'm').exec(output())?.[1];
    await waitFor(() => line('read') !== undefined && line('write') !== undefined);
    const typed = (command: string) => promisify(execFile)('bash', ['-eu', '-c', command], { cwd: ROOT });
    await typed(line('write')!);
    const { stdout } = await typed(`timeout 60 ${line('read')!} | head -1`);
    expect(stdout).toMatch(/20\d\d/);
  });

  it('contract 28: passes a SIGTERM for npm on to the server', async () => {
    const { child, url } = await start('npm', ['start', '--', '--addr', '127.0.0.1:0']);
    const reading = await fetch(`${url}/api/v1/files?path=/streamfs/live&stream=true`);
    child.kill('SIGTERM');
    expect(await reading.text()).toBe('');
    await exitOf(child);
    await expect(fetch(`${url}/api/v1/health`)).rejects.toThrow();
  });
});
