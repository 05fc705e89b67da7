import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { type Block, blocksOf } from '../docs/markdown.ts';
import { page, ROOT } from '../docs/pages.ts';

const run = promisify(execFile);
const README = blocksOf(page('README.md').text);
const under = (heading: string) => README.filter((block) => block.under.includes(heading));
const SHOWN_URL = 'http://127.0.0.1:8080';

let server: ChildProcess;
let url: string;
/** A folder in which the package can be imported by its name, and is installed as README says. */
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamfs-tour-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules', packageJson.name));
  const prefix = join(folder, 'installed');
  env = { ...process.env, npm_config_prefix: prefix, PATH: `${join(prefix, 'bin')}:${process.env.PATH}` };
  const [installation] = under('Install');
  expect(installation?.text).toBe('npm install -g .');
  await run('bash', ['-c', installation!.text], { cwd: ROOT, env });
  // The first block of the tour, on a free port.
  expect(under('A tour in a minute')[0]?.text).toBe('streamfs serve');
  server = spawn('streamfs', ['serve', '--addr', '127.0.0.1:0'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  url = await new Promise<string>((found, failed) => {
    for (const stream of [server.stdout!, server.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const match = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(output);
        if (match) found(match[1]!);
      });
    }
    server.once('exit', (code) => failed(new Error(`it left with ${code}: ${output}`)));
  });
  env = { ...env, STREAMFS_URL: url };
}, 120_000);

afterAll(async () => {
  if (server?.exitCode === null && server.signalCode === null) {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Blocks to run, each with the output that README shows for it; none shown is none expected. */
function stepsOf(blocks: readonly Block[]): { script: string; shown: string }[] {
  const steps: { script: string; shown: string }[] = [];
  for (const { language, text } of blocks) {
    if (language === 'sh') steps.push({ script: text, shown: '' });
    else steps.at(-1)!.shown += `${text}\n`;
  }
  return steps;
}

describe('the installation and the tour in README', () => {
  it('gives a command, with its manual', async () => {
    expect((await run('streamfs', ['--version'], { env })).stdout).toContain(packageJson.version);
    expect(existsSync(join(folder, 'installed/share/man/man1/streamfs-cat.1'))).toBe(true);
  });

  it('runs as it is written, and shows what it says', async () => {
    const steps = stepsOf(under('A tour in a minute').slice(1));
    expect(steps.length).toBeGreaterThan(3);
    // One shell for everything, as a reader of the tour has.
    const mark = '--- step ---';
    const script = steps
      .map((step) => `${step.script}\necho '${mark}'\n`)
      .join('')
      .replaceAll(SHOWN_URL, url);
    const options = { cwd: folder, env, timeout: 60_000 };
    const { stdout, stderr } = await run('bash', ['--norc', '-euo', 'pipefail', '-c', script], options);
    expect(stderr).toBe('');
    const outputs = stdout.split(`${mark}\n`).slice(0, -1);
    expect(outputs).toEqual(steps.map((step) => step.shown));
    for (const name of ['first.txt', 'second.txt']) expect(existsSync(join(folder, name))).toBe(false);
  });
});

describe('samples of the library', () => {
  const samples = blocksOf(page('docs/library.md').text)
    .filter((block) => block.language === 'ts')
    .map((block) => block.text);
  const outputs: [sample: string, output: RegExp][] = [
    ['new Stream(', /^hello\n$/],
    ['startApp(', /^http:\/\/127\.0\.0\.1:\d+\n$/],
    ['new StreamFSClient(', /^0 hello\n\n$/],
  ];

  it('are all run here, and the one in README is one of them', () => {
    expect(samples).toHaveLength(outputs.length);
    const shown = README.filter((block) => block.language === 'ts').map((block) => block.text);
    expect(shown).toHaveLength(1);
    expect(samples).toContain(shown[0]);
  });

  it.each(outputs)('%s… runs as it is written', async (start, output) => {
    const sample = samples.find((text) => text.includes(start));
    expect(sample).toBeDefined();
    const { outputText } = ts.transpileModule(sample!.replaceAll(SHOWN_URL, url), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
    });
    const file = join(folder, 'sample.mjs');
    await writeFile(file, outputText);
    const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 30_000 });
    expect(stdout).toMatch(output);
  });
});
