/**
 * `npm test`: everything that has to hold before a change goes in, in steps, up to the first step in which something
 * fails. What is in one step runs at the same time. The last line is always `N passed, N failed`: tests, and one for each
 * stage that is not made of tests.
 *
 * `npm test -- --long` goes on with what takes longer: fuzzing, load of every kind, the benchmark, and what depends most
 * on Node with each further Node that `STREAMFS_OTHER_NODES` names, as `PATH` names folders.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { install } from './install.mjs';
import { runTool, runToolWith } from './run.mjs';

/** @typedef {{ passed: number, failed: number }} Count */
/** @typedef {(text: string | Uint8Array) => unknown} Write */
/** @typedef {{ name: string, run: (write: Write) => Promise<Count> }} Stage */

const folder = mkdtempSync(join(tmpdir(), 'streamfs-test-'));
let reports = 0;

/** Tests of what goes by more of Node than it documents, and of the server and command line as a whole. */
const DEPEND_ON_NODE = [
  ...['fast-path', 'net', 'egress'].map((name) => `test/server/${name}`),
  'test/client',
  ...['wire', 'cli', 'fanout', 'tls'].map((name) => `test/e2e/${name}.e2e.ts`),
];

/** Stages that use the same files come one after the other: what looks at a package needs it built. */
const BUILD = check('build and package', async (write) => {
  const steps = [
    () => build({ write }),
    () => runTool('publint', ['--strict'], { write }),
    () => runTool('attw', ['--pack', '.', '--profile', 'esm-only'], { write }),
  ];
  for (const step of steps) {
    const code = await step();
    if (code !== 0) return code;
  }
  return 0;
});

/** @type {Stage[][]} */
const STEPS = [
  [check('install', (write) => install({ write }))],
  [
    check('lint and format', (write) => runTool('biome', ['check', '.'], { write })),
    check('types', (write) => runTool('tsc', ['--noEmit'], { write })),
    check('unused code and dependencies', (write) => runTool('knip', [], { write })),
    BUILD,
    vitest('unit tests', ['unit']),
  ],
  [vitest('end-to-end tests', ['e2e', 'e2e-alone'])],
];

/** @type {Stage[][]} */
const LONG = [
  [vitest('fuzzing, load and the benchmark', ['long'])],
  ...(process.env.STREAMFS_OTHER_NODES ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((node) => [vitest(`with ${node}`, ['unit', 'e2e', 'e2e-alone'], { node, only: DEPEND_ON_NODE })]),
];

/**
 * A stage that passes or fails as a whole.
 * @param {string} name
 * @param {(write: Write) => Promise<number>} run gives an exit code
 * @returns {Stage}
 */
function check(name, run) {
  return { name, run: async (write) => ((await run(write)) === 0 ? { passed: 1, failed: 0 } : FAILED) };
}

/** @type {Count} */
const FAILED = { passed: 0, failed: 1 };

/**
 * Projects of vitest, with this Node and all of them unless something else is said. What fails without being a test (a
 * file that does not load, a stray error, no report at all) counts as one.
 * @param {string} name
 * @param {string[]} projects
 * @param {{ node?: string, only?: string[] }} [options]
 * @returns {Stage}
 */
function vitest(name, projects, { node = process.execPath, only = [] } = {}) {
  return {
    name,
    run: async (write) => {
      const report = join(folder, `report-${++reports}.json`);
      const chosen = projects.flatMap((project) => ['--project', project]);
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
      const code = await runToolWith(node, 'vitest', ['run', ...only, ...chosen, ...reporters], { write });
      let text;
      try {
        text = readFileSync(report, 'utf8');
      } catch {
        write('vitest left no report\n');
        return FAILED;
      }
      const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(text);
      return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
    },
  };
}

/**
 * Runs the stages of a step at the same time. The output of each is printed whole, when it is over; of one that is alone,
 * as it comes.
 * @param {Stage[]} stages
 * @returns {Promise<Count>}
 */
async function runStep(stages) {
  const total = { passed: 0, failed: 0 };
  await Promise.all(
    stages.map(async ({ name, run }) => {
      const began = performance.now();
      const isAlone = stages.length === 1;
      const kept = [];
      if (isAlone) process.stdout.write(`\n── ${name}\n`);
      const write = isAlone ? (text) => process.stdout.write(text) : (text) => kept.push(Buffer.from(text));
      let count = FAILED;
      try {
        count = await run(write);
      } catch (error) {
        write(`${error instanceof Error ? error.stack : error}\n`);
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      write(`── ${name}: ${count.failed === 0 ? 'passed' : 'FAILED'} in ${seconds} s\n`);
      if (!isAlone) process.stdout.write(Buffer.concat([Buffer.from(`\n── ${name}\n`), ...kept]));
      total.passed += count.passed;
      total.failed += count.failed;
    }),
  );
  return total;
}

let passed = 0;
let failed = 0;
try {
  const { values } = parseArgs({ options: { long: { type: 'boolean' } } });
  for (const stages of values.long ? [...STEPS, ...LONG] : STEPS) {
    const count = await runStep(stages);
    passed += count.passed;
    failed += count.failed;
    if (count.failed > 0) {
      process.stdout.write('\nstopped: what comes after a step that failed is not run\n');
      break;
    }
  }
} catch (error) {
  failed += 1;
  process.stdout.write(`\nstopped: ${error instanceof Error ? error.stack : error}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
