import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { blocksOf } from '../docs/markdown.ts';
import { page, ROOT } from '../docs/pages.ts';
import { waitFor } from '../harness/wait.ts';
import { MAIN, type ServerProcess, startServer } from './harness/server.ts';

/** The blocks of README's recipes; those of shell are split into lines. */
const RECIPES = blocksOf(page('README.md').text).filter((block) => block.under.includes('Recipes'));

let server: ServerProcess;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'streamfs-recipes-'));
  mkdirSync(join(folder, 'bin'));
  symlinkSync(MAIN, join(folder, 'bin', 'streamfs'));
  server = await startServer();
});

afterAll(async () => {
  for (const child of children) {
    // Each is a process group leader: a recipe is a pipeline of several programs.
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL');
  }
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A folder that stands for one of the machines. */
function machine(name: string, files: Record<string, string | Buffer> = {}): string {
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  for (const [path, content] of Object.entries(files)) writeFileSync(join(at, path), content);
  return at;
}

/** A substitute for a program that is not installed here. */
function standIn(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** Runs a line of a recipe on a machine. */
function type(line: string, cwd: string) {
  const env = { ...process.env, STREAMFS_URL: server.url, PATH: `${join(folder, 'bin')}:${process.env.PATH}` };
  const child = spawn('bash', ['-o', 'pipefail', '-c', line], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const over = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return { output, over };
}

/** The lines of the recipe that contains `word`. */
function recipe(word: string): string[] {
  const block = RECIPES.find(({ language, text }) => language === 'sh' && text.includes(word));
  expect(block, word).toBeDefined();
  return block!.text.split('\n');
}

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('the recipes in README', () => {
  it('are all run here, but the last, which is run in a browser: see test/browser/sse.browser.ts', () => {
    expect(RECIPES.map(({ language }) => language)).toEqual(['sh', 'sh', 'sh', 'sh', 'sh', 'js', 'js']);
    expect(RECIPES.at(-1)!.text).toContain('new EventSource(');
  });

  it('bring a file whole to three machines', async () => {
    const [write, read] = recipe('disk.img');
    const from = machine('from', { 'disk.img': randomBytes(20_000_000) });
    const writing = type(write!, from);
    const machines = ['one', 'two', 'three'].map((name) => machine(name));
    const readings = machines.map((at) => type(read!, at));
    expect(await writing.over).toMatchObject({ code: 0 });
    for (const reading of readings) expect(await reading.over).toMatchObject({ code: 0 });
    for (const at of machines) expect(digest(join(at, 'disk.img'))).toBe(digest(join(from, 'disk.img')));
  });

  it('bring a directory to another machine', async () => {
    const [write, read] = recipe('tar cz');
    const from = machine('tree');
    mkdirSync(join(from, 'src'));
    for (const name of ['a', 'b']) writeFileSync(join(from, 'src', name), randomBytes(300_000));
    const to = machine('copy');
    const reading = type(read!, to);
    expect(await type(write!, from).over).toMatchObject({ code: 0 });
    expect(await reading.over).toMatchObject({ code: 0 });
    for (const name of ['a', 'b']) expect(digest(join(to, 'src', name))).toBe(digest(join(from, 'src', name)));
  });

  it('follow a log', async () => {
    const [write, read] = recipe('tail -F');
    const at = machine('log', { 'app.log': 'started\n' });
    type(write!, at);
    const reading = type(read!, at);
    appendFileSync(join(at, 'app.log'), 'ERROR of the first kind\nall is well\n');
    await waitFor(() => reading.output.stdout === 'ERROR of the first kind\n');
    appendFileSync(join(at, 'app.log'), 'ERROR of the second kind\n');
    await waitFor(() => reading.output.stdout === 'ERROR of the first kind\nERROR of the second kind\n');
  });

  it('show a build to others, from its first line to its exit status', async () => {
    const [run, watch] = recipe('streamfs exec');
    standIn('make', 'echo "compiling $*"; echo "an error" >&2; exit 3');
    const at = machine('build');
    expect(await type(run!, at).over).toMatchObject({ code: 3, stdout: 'compiling -j4\nan error\n' });
    const { stdout, stderr } = await type(watch!, at).over;
    expect(stdout).toBe('compiling -j4\nan error\n');
    expect(stderr).toContain('exit 3');
  });

  it('play a live video', async () => {
    const [write, read] = recipe('ffmpeg');
    standIn('ffmpeg', 'cat in.mp4; while [ ! -e over ]; do sleep 0.05; done');
    standIn('mpv', 'cat > played');
    const at = machine('video', { 'in.mp4': randomBytes(5_000_000) });
    type(write!, at);
    // A late joiner: the ring is smaller than what has been sent.
    await waitFor(async () => (await fetch(`${server.url}/api/v1/stat?path=/streamfs/tv`)).ok);
    await server.untilWritten('/streamfs/tv', 5_000_000);
    const reading = type(read!, at);
    const newest = readFileSync(join(at, 'in.mp4')).subarray(5_000_000 - 4 * 1024 * 1024);
    await waitFor(() => existsSync(join(at, 'played')) && readFileSync(join(at, 'played')).length >= newest.length);
    expect(readFileSync(join(at, 'played')).equals(newest)).toBe(true);
    writeFileSync(join(at, 'over'), '');
    expect(reading.output.stderr).not.toContain('lost');
  });

  it('show tokens on a page, which continues at the right byte after a reload', async () => {
    const at = machine('page');
    mkdirSync(join(at, 'node_modules'));
    symlinkSync(ROOT, join(at, 'node_modules', packageJson.name));
    const sample = RECIPES.find(({ language }) => language === 'js')!.text.replace('http://127.0.0.1:8080', server.url);
    // Session storage and the page's content are files here.
    const tab = `import { readFileSync, writeFileSync, existsSync } from 'node:fs';
      globalThis.sessionStorage = {
        get chat() { return existsSync('kept') ? readFileSync('kept', 'utf8') : undefined; },
        set chat(text) { writeFileSync('kept', text); },
      };
      globalThis.document = { body: { set textContent(text) { writeFileSync('shown', text); } } };`;
    writeFileSync(join(at, 'tab.mjs'), tab);
    writeFileSync(join(at, 'page.mjs'), `import './tab.mjs';\n${sample}`);
    const write = (text: string | Uint8Array) =>
      fetch(`${server.url}/api/v1/files?path=/streamfs/chat`, { method: 'PUT', body: text });
    const shown = () => (existsSync(join(at, 'shown')) ? readFileSync(join(at, 'shown'), 'utf8') : '');
    await write('Once upon ');
    const first = type('exec node page.mjs', at);
    await waitFor(() => shown() === 'Once upon ');
    // The page is reloaded in the middle of a character.
    const [half, rest] = [Buffer.from('a time …').subarray(0, -1), Buffer.from('…').subarray(2)];
    await write(half);
    await waitFor(() => shown() === 'Once upon a time ');
    process.kill(-children.at(-1)!.pid!, 'SIGKILL');
    await first.over;
    await write(rest);
    await write(' there was ');
    const second = type('exec node page.mjs', at);
    await waitFor(() => shown() === 'Once upon a time … there was ');
    await write('a stream.');
    await fetch(`${server.url}/api/v1/end?path=/streamfs/chat`, { method: 'POST' });
    expect(await second.over).toMatchObject({ code: 0, stderr: '' });
    expect(shown()).toBe('Once upon a time … there was a stream.');
  });
});
