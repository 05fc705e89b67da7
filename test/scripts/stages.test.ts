/** What `npm test` makes of its stages, with stand-ins for the tools: however one fails, the whole must fail. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');
const TOOLS = ['biome', 'tsc', 'knip', 'publint', 'attw', 'tsdown', 'vitest'] as const;

interface Behaviour {
  code?: number;
  signal?: NodeJS.Signals;
  /** Two lines are printed, with a pause between them. */
  slow?: boolean;
  /** What vitest reports, by project; null: it leaves no report. */
  report?: { numPassedTests: number; numFailedTests: number } | null;
}

/** What stands for each tool. The project that vitest is to run decides what it does, where that is said. */
const TOOL = `
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { basename } = require('node:path');
const name = basename(process.argv[1]);
const args = process.argv.slice(2);
const project = args[args.indexOf('--project') + 1];
const all = JSON.parse(readFileSync('behaviour.json', 'utf8'));
const { code = 0, signal, slow, report = { numPassedTests: 10, numFailedTests: 0 } } =
  all[name + ' ' + project] ?? all[name] ?? {};
const file = args.find((arg) => arg.startsWith('--outputFile.json='))?.slice('--outputFile.json='.length);
if (file && report) writeFileSync(file, JSON.stringify(report));
if (name === 'tsdown') mkdirSync(args[args.indexOf('--out-dir') + 1] + '/cli', { recursive: true });
console.log(name + ' begins');
setTimeout(
  () => {
    console.log(name + ' ends');
    if (signal) process.kill(process.pid, signal);
    process.exitCode = code;
  },
  slow ? 100 : 0,
);
`;

let project: string;

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'streamfs-stages-'));
  await cp(SCRIPTS, join(project, 'scripts'), { recursive: true });
  await mkdir(join(project, 'node_modules/.bin'), { recursive: true });
  for (const name of TOOLS) await write(`node_modules/.bin/${name}`, TOOL);
  await write('package.json', '{"type":"module"}');
  for (const lock of ['package-lock.json', 'node_modules/.package-lock.json']) await write(lock, '{"packages":{}}');
});

afterEach(() => rm(project, { recursive: true, force: true }));

function write(name: string, text: string): Promise<void> {
  return writeFile(join(project, name), text);
}

async function npmTest(behaviour: Record<string, Behaviour>, ...args: string[]) {
  await write('behaviour.json', JSON.stringify(behaviour));
  const env = { ...process.env, STREAMFS_OTHER_NODES: '' };
  return await new Promise<{ code: number; stdout: string; last: string | undefined }>((done) => {
    execFile(process.execPath, ['scripts/test.mjs', ...args], { cwd: project, env }, (error, stdout) => {
      done({ code: Number(error?.code ?? 0), stdout, last: stdout.trimEnd().split('\n').at(-1) });
    });
  });
}

describe('npm test', () => {
  it('counts tests, and one for each stage that is not; prints what each says whole, though they run at once', async () => {
    const slow = { slow: true };
    const { code, stdout, last } = await npmTest({ biome: slow, tsc: slow, knip: slow });
    expect({ code, last }).toEqual({ code: 0, last: '25 passed, 0 failed' });
    for (const tool of ['biome', 'tsc', 'knip']) expect(stdout).toContain(`${tool} begins\n${tool} ends\n──`);
  });

  it('with --long counts what takes longer as well', async () => {
    expect(await npmTest({}, '--long')).toMatchObject({ code: 0, last: '35 passed, 0 failed' });
  });

  it.each([[['biome', 'tsc', 'knip']], [['tsdown']], [['publint']], [['attw']]])(
    'fails when %j fail; what runs beside them is finished and counted, what comes after is not run',
    async (tools) => {
      const { code, stdout, last } = await npmTest(Object.fromEntries(tools.map((tool) => [tool, { code: 1 }])));
      expect({ code, last }).toEqual({ code: 1, last: `${15 - tools.length} passed, ${tools.length} failed` });
      expect(stdout.match(/FAILED/g)).toHaveLength(tools.length);
      for (const tool of tools) expect(stdout).toContain(`${tool} ends`);
      expect(stdout).not.toContain('── end-to-end tests');
    },
  );

  it.each<[string, Behaviour, string]>([
    ['a test fails', { code: 1, report: { numPassedTests: 7, numFailedTests: 3 } }, '12 passed, 3 failed'],
    ['something fails that is no test', { code: 1 }, '15 passed, 1 failed'],
    ['vitest leaves no report', { report: null }, '5 passed, 1 failed'],
    ['vitest is killed', { signal: 'SIGKILL', report: null }, '5 passed, 1 failed'],
    ['vitest is killed after it has reported', { signal: 'SIGKILL' }, '15 passed, 1 failed'],
  ])('fails when %s', async (_what, unit, last) => {
    expect(await npmTest({ 'vitest unit': unit })).toMatchObject({ code: 1, last });
  });

  it('fails when the last stage does, and when a tool is not there', async () => {
    const e2e = { code: 1, report: { numPassedTests: 9, numFailedTests: 1 } };
    expect(await npmTest({ 'vitest e2e': e2e })).toMatchObject({ code: 1, last: '24 passed, 1 failed' });
    await rm(join(project, 'node_modules/.bin/knip'));
    const { code, stdout, last } = await npmTest({});
    expect({ code, last }).toEqual({ code: 1, last: '14 passed, 1 failed' });
    expect(stdout).toContain('knip is not installed: run npm ci');
  });

  it('fails when a stage breaks, and says where', async () => {
    await write('scripts/install.mjs', 'export async function install() { throw new Error("broken stage"); }');
    const { code, stdout, last } = await npmTest({});
    expect({ code, last }).toEqual({ code: 1, last: '0 passed, 1 failed' });
    expect(stdout).toContain('Error: broken stage');
  });

  it('does not know other options', async () => {
    expect(await npmTest({}, '--quick')).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
  });
});
