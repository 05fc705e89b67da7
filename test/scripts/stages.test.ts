/** How `npm test` combines its stages: if any of them fails, the whole must fail. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPTS = resolve(import.meta.dirname, '../../scripts');

type Write = (text: string) => unknown;
interface Written {
  write?: Write;
}
interface Tools {
  folder: string;
  install(options?: Written): Promise<number>;
  build(options?: Written): Promise<number>;
  runTool(name: string, args: string[], options?: Written): Promise<number>;
  runToolWith(node: string, name: string, args: string[], options?: Written): Promise<number>;
}
interface Options {
  isLong?: boolean;
  otherNodes?: string[];
}
/** The compiler does not check the scripts. */
interface Stages {
  stepsOf(options: Options, tools: Tools): unknown[][];
  runSteps(steps: unknown[][], write: Write): Promise<{ passed: number; failed: number; failures: string[] }>;
}
const { runSteps, stepsOf } = (await import(pathToFileURL(join(SCRIPTS, 'stages.mjs')).href)) as Stages;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamfs-stages-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

interface Behaviour {
  code?: number;
  /** The report of vitest; null: none. */
  report?: { numPassedTests: number; numFailedTests: number; testResults?: object[] } | null;
  throws?: string;
}

/** Runs the stages with stand-ins for the tools: each succeeds unless configured otherwise, by name or project. */
async function npmTest(behaviours: Record<string, Behaviour>, options: Options = {}) {
  const ran: string[] = [];
  const tool = async (name: string, args: readonly string[], write: Write) => {
    const project = args[args.indexOf('--project') + 1];
    const { code = 0, report, throws } = behaviours[`${name} ${project}`] ?? behaviours[name] ?? {};
    write(`${name} begins\n`);
    // Lets everything that runs concurrently take its turn.
    for (let turn = 0; turn < 3; turn++) await new Promise((next) => setImmediate(next));
    write(`${name} ends\n`);
    ran.push(name);
    if (throws !== undefined) throw new Error(throws);
    const file = args.find((arg) => arg.startsWith('--outputFile.json='))?.slice('--outputFile.json='.length);
    const result = report === undefined ? { numPassedTests: 10, numFailedTests: 0 } : report;
    if (file !== undefined && result !== null) await writeFile(file, JSON.stringify(result));
    return code;
  };
  let stdout = '';
  const steps = stepsOf(options, {
    folder,
    install: ({ write = () => {} } = {}) => tool('npm', [], write),
    build: ({ write = () => {} } = {}) => tool('tsdown', [], write),
    runTool: (name, args, { write = () => {} } = {}) => tool(name, args, write),
    runToolWith: (node, name, args, { write = () => {} } = {}) =>
      tool(node === process.execPath ? name : `${name} of ${node}`, args, write),
  });
  const { passed, failed, failures } = await runSteps(steps, (text) => {
    stdout += text;
  });
  return { passed, failed, failures, stdout, ran };
}

describe('npm test', () => {
  it('counts tests, and one for each stage that is not; prints what each says whole, though they run at once', async () => {
    const { passed, failed, stdout } = await npmTest({});
    expect({ passed, failed }).toEqual({ passed: 25, failed: 0 });
    for (const tool of ['biome', 'tsc', 'knip']) expect(stdout).toContain(`${tool} begins\n${tool} ends\n──`);
  });

  it('with --long counts what takes longer as well, and other Nodes', async () => {
    expect(await npmTest({}, { isLong: true })).toMatchObject({ passed: 55, failed: 0 });
    const others = await npmTest({}, { isLong: true, otherNodes: ['/node/a', '/node/b'] });
    expect(others).toMatchObject({ passed: 75, failed: 0 });
    expect(others.ran.filter((name) => name.includes(' of '))).toEqual(['vitest of /node/a', 'vitest of /node/b']);
    const bad = { code: 1, report: { numPassedTests: 4, numFailedTests: 6 } };
    const failing = await npmTest({ 'vitest of /node/b': bad }, { isLong: true, otherNodes: ['/node/a', '/node/b'] });
    expect(failing).toMatchObject({ passed: 59, failed: 6 });
  });

  it.each([[['biome', 'tsc', 'knip']], [['tsdown']], [['publint']], [['attw']]])(
    'fails when %j fail; concurrent stages are finished and counted, later steps are not run',
    async (tools) => {
      const { passed, failed, stdout } = await npmTest(Object.fromEntries(tools.map((tool) => [tool, { code: 1 }])));
      expect({ passed, failed }).toEqual({ passed: 15 - tools.length, failed: tools.length });
      expect(stdout.match(/FAILED/g)).toHaveLength(tools.length);
      for (const tool of tools) expect(stdout).toContain(`${tool} ends`);
      expect(stdout).not.toContain('── end-to-end tests');
    },
  );

  it.each<[string, Behaviour, { passed: number; failed: number }]>([
    ['a test fails', { code: 1, report: { numPassedTests: 7, numFailedTests: 3 } }, { passed: 12, failed: 3 }],
    ['something fails that is no test', { code: 1 }, { passed: 15, failed: 1 }],
    ['vitest leaves no report', { report: null }, { passed: 5, failed: 1 }],
    ['vitest is killed', { code: 137, report: null }, { passed: 5, failed: 1 }],
    ['vitest is killed after it has reported', { code: 137 }, { passed: 15, failed: 1 }],
  ])('fails when %s', async (_what, unit, count) => {
    expect(await npmTest({ 'vitest unit': unit })).toMatchObject(count);
  });

  it('names each test that failed with what it said, each file that did not load, and each stage that failed', async () => {
    const file = (name: string) => resolve(SCRIPTS, '../test', name);
    const testResults = [
      {
        name: file('a.test.ts'),
        status: 'failed',
        message: '',
        assertionResults: [
          { fullName: 'a works', status: 'passed', failureMessages: [] },
          { fullName: 'a ends', status: 'failed', failureMessages: ['expected 1 to be 2\n    at a.test.ts:3'] },
        ],
      },
      { name: file('b.test.ts'), status: 'failed', message: 'cannot find ./c.js', assertionResults: [] },
    ];
    const report = { numPassedTests: 1, numFailedTests: 2, testResults };
    const { failures } = await npmTest({
      'vitest unit': { code: 1, report },
      knip: { code: 1 },
      tsc: { throws: 'no tsc' },
    });
    expect(failures.toSorted()).toEqual([
      'types',
      'unit tests: test/a.test.ts > a ends\n    expected 1 to be 2\n        at a.test.ts:3',
      'unit tests: test/b.test.ts\n    cannot find ./c.js',
      'unused code and dependencies',
    ]);
    expect((await npmTest({ 'vitest e2e': { code: 1 } })).failures).toEqual([
      'end-to-end tests: an error outside its tests: see its output',
    ]);
    expect((await npmTest({})).failures).toEqual([]);
  });

  it('fails when a later stage does, and when nothing can be installed', async () => {
    const e2e = { code: 1, report: { numPassedTests: 9, numFailedTests: 1 } };
    expect(await npmTest({ 'vitest e2e': e2e })).toMatchObject({ passed: 24, failed: 1 });
    expect(await npmTest({ npm: { code: 1 } })).toMatchObject({ passed: 0, failed: 1, ran: ['npm'] });
  });

  it('fails when a stage breaks, and says where', async () => {
    const { passed, failed, stdout } = await npmTest({ npm: { throws: 'broken stage' } });
    expect({ passed, failed }).toEqual({ passed: 0, failed: 1 });
    expect(stdout).toContain('Error: broken stage');
  });
});

describe('npm test as a process', () => {
  /** A project whose tools are stand-ins, as real processes: by default they do nothing and succeed. */
  async function project(tools: Record<string, string>): Promise<void> {
    await cp(SCRIPTS, join(folder, 'scripts'), { recursive: true });
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true });
    for (const [name, code] of Object.entries(tools)) await writeFile(join(folder, 'node_modules/.bin', name), code);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    for (const lock of ['package-lock.json', 'node_modules/.package-lock.json']) {
      await writeFile(join(folder, lock), '{"packages":{}}');
    }
  }

  function run(...args: string[]) {
    const env = { ...process.env, STREAMFS_OTHER_NODES: '' };
    return new Promise<{ code: number; stdout: string; last: string | undefined }>((done) => {
      execFile(process.execPath, ['scripts/test.mjs', ...args], { cwd: folder, env }, (error, stdout) => {
        done({ code: Number(error?.code ?? 0), stdout, last: stdout.trimEnd().split('\n').at(-1) });
      });
    });
  }

  const VITEST = `
    const file = process.argv.find((arg) => arg.startsWith('--outputFile.json=')).slice('--outputFile.json='.length);
    require('node:fs').writeFileSync(file, JSON.stringify({ numPassedTests: 10, numFailedTests: 0 }));
    console.log('vitest ends');
  `;
  const TSDOWN = `
    const out = process.argv[process.argv.indexOf('--out-dir') + 1];
    require('node:fs').mkdirSync(out + '/cli', { recursive: true });
    require('node:fs').writeFileSync(out + '/cli/manual.js', 'exports.manualPages = () => new Map();');
  `;
  const VITE = `require('node:fs').mkdirSync(process.argv[process.argv.indexOf('--outDir') + 1]);`;
  const TOOLS = { biome: '', tsc: '', knip: '', publint: '', attw: '', tsdown: TSDOWN, vite: VITE, vitest: VITEST };

  it('ends with the count, and 0', async () => {
    await project(TOOLS);
    expect(await run()).toMatchObject({ code: 0, last: '25 passed, 0 failed' });
  });

  it('ends with the count, and 1, where a tool is killed, and where one is not there', async () => {
    const { knip: _, ...rest } = TOOLS;
    await project({ ...rest, vitest: `${VITEST} process.kill(process.pid, 'SIGKILL')` });
    const { code, stdout, last } = await run();
    expect({ code, last }).toEqual({ code: 1, last: '14 passed, 2 failed' });
    expect(stdout).toContain('knip is not installed: run npm ci');
  });

  it('does not know other options', async () => {
    await project({});
    expect(await run('--quick')).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
  });
});
