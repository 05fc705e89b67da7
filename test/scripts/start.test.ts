import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');

/** Stands in for tsdown: builds a program that prints its source and its arguments. */
const BUILDER = `
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const out = process.argv[process.argv.indexOf('--out-dir') + 1];
const source = readFileSync('src/a.ts', 'utf8').trim();
if (source === 'broken') { console.log('cannot build this'); process.exit(3); }
mkdirSync(out + '/cli', { recursive: true });
writeFileSync(out + '/cli/manual.js', 'export const manualPages = () => new Map([["p.1", "a page"]]);');
writeFileSync(out + '/cli/main.js', 'console.log(JSON.stringify([' + JSON.stringify(source) + ', ...process.argv.slice(2)])); process.exitCode = 42;');
`;

/** Stands in for vite: a page of one document. */
const PAGE_BUILDER = `
import { mkdirSync, writeFileSync } from 'node:fs';
const out = process.argv[process.argv.indexOf('--outDir') + 1];
mkdirSync(out);
writeFileSync(out + '/index.html', '<!doctype html>');
`;

/** Stands in for npm: a lock inside node_modules like the one outside. */
const INSTALLER = `#!/bin/sh
echo "npm $*" >> npm.log
mkdir -p node_modules/.bin
cp tsdown.mjs node_modules/.bin/tsdown
cp vite.mjs node_modules/.bin/vite
cp package-lock.json node_modules/.package-lock.json
`;

const lock = (version: string) =>
  JSON.stringify({
    packages: {
      '': { name: 'p' },
      'node_modules/a': { version, integrity: `sha-${version}` },
      'node_modules/other-system': { version: '1.0.0', optional: true },
    },
  });

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'streamfs-scripts-'));
  await cp(SCRIPTS, join(project, 'scripts'), { recursive: true });
  await mkdir(join(project, 'src'));
  await mkdir(join(project, 'bin'));
  await write('src/a.ts', 'one');
  await write('package.json', '{"type":"module"}');
  await write('package-lock.json', lock('1.0.0'));
  await write('tsdown.mjs', BUILDER);
  await write('vite.mjs', PAGE_BUILDER);
  await write('bin/npm', INSTALLER);
  await chmod(join(project, 'bin/npm'), 0o755);
});

afterEach(() => rm(project, { recursive: true, force: true }));

function write(name: string, text: string): Promise<void> {
  return writeFile(join(project, name), text);
}

/** Runs the script as a user does, with the stand-in before the real npm, which may be running these tests. */
function start(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, npm_execpath: '', PATH: `${join(project, 'bin')}:${process.env.PATH}` };
  return new Promise((done) => {
    execFile(process.execPath, ['scripts/start.mjs', ...args], { cwd: project, env }, (error, stdout, stderr) => {
      done({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

async function installs(): Promise<number> {
  const log = await readFile(join(project, 'npm.log'), 'utf8').catch(() => '');
  return log.split('\n').filter((line) => line.startsWith('npm ci')).length;
}

describe('the start script', () => {
  it('installs and builds at first, then is the program with all its arguments, and leaves as it does', async () => {
    const { code, stdout, stderr } = await start('--addr', '127.0.0.1:9000', '-c', 'my.yaml');
    expect(JSON.parse(stdout)).toEqual(['one', 'serve', '--addr', '127.0.0.1:9000', '-c', 'my.yaml']);
    expect(stderr).toBe('installing dependencies\nbuilding\n');
    expect(code).toBe(42);
  });

  it('does neither where nothing has changed', async () => {
    await start();
    await write('src/a.ts', 'one');
    const { stdout, stderr } = await start();
    expect([stdout, stderr]).toEqual(['["one","serve"]\n', '']);
    expect(await installs()).toBe(1);
  });

  it('builds again where a source has changed, been added or removed', async () => {
    await start();
    await write('src/a.ts', 'two');
    expect(await start()).toMatchObject({ stdout: '["two","serve"]\n', stderr: 'building\n' });
    await write('src/b.ts', '');
    expect((await start()).stderr).toBe('building\n');
    await rm(join(project, 'src/b.ts'));
    expect((await start()).stderr).toBe('building\n');
    expect(await installs()).toBe(1);
  });

  it('builds again where the build is gone', async () => {
    await start();
    await rm(join(project, 'dist'), { recursive: true });
    expect((await start()).stdout).toBe('["one","serve"]\n');
  });

  it('installs again where the lock asks for something else', async () => {
    await start();
    await write('package-lock.json', lock('1.0.1'));
    expect((await start()).stderr).toContain('installing dependencies\n');
    expect(await installs()).toBe(2);
  });

  it('installs again where node_modules is not whole', async () => {
    await start();
    await write('node_modules/.package-lock.json', '{"packages":{}}');
    await start();
    expect(await installs()).toBe(2);
  });

  it('shows why a build failed, starts nothing, and keeps the last good build', async () => {
    await start();
    await write('src/a.ts', 'broken');
    expect(await start()).toEqual({ code: 3, stdout: '', stderr: 'building\ncannot build this\n' });
    await write('src/a.ts', 'one');
    expect(await start()).toMatchObject({ stdout: '["one","serve"]\n', stderr: '' });
  });
});
