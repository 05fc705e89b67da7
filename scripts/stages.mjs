/**
 * The stages of `npm test`, grouped in steps. The stages of a step run concurrently; a step starts only if no stage of
 * the previous one failed.
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './run.mjs';

/**
 * @typedef {{ passed: number, failed: number, failures: string[] }} Count `failures` names the failed tests or stages
 */
/** @typedef {(text: string | Uint8Array) => unknown} Write */
/** @typedef {{ name: string, run: (write: Write) => Promise<Count> }} Stage */
/**
 * The programs that stages run, each returning an exit code, and a folder for their reports.
 * @typedef {object} Tools
 * @property {typeof import('./install.mjs').install} install
 * @property {typeof import('./build.mjs').build} build
 * @property {typeof import('./run.mjs').runTool} runTool
 * @property {typeof import('./run.mjs').runToolWith} runToolWith
 * @property {string} folder
 */

/** Tests that depend on undocumented behaviour of Node, or cover the server and command line as a whole. */
const DEPEND_ON_NODE = [
  ...['fast-path', 'egress'].map((name) => `test/server/${name}`),
  // Without shared reads, connections use documented APIs of Node, so any of them shows the same.
  ...['hidden-node', 'shared-read-socket', 'tls'].map((name) => `test/server/net/${name}.test.ts`),
  'test/client',
  ...['wire', 'readme', 'fanout', 'tls'].map((name) => `test/e2e/${name}.e2e.ts`),
];

/** Number of lines of a failure message that are repeated at the end. */
const FAILURE_LINES = 12;
const FAILURE_COLUMNS = 200;

/**
 * The count of a stage that failed as a whole.
 * @param {string} name
 * @returns {Count}
 */
const failedStage = (name) => ({ passed: 0, failed: 1, failures: [name] });

/**
 * @param {{ isLong?: boolean, otherNodes?: string[] }} options whether the long stages follow the others, and further
 * versions of Node to test with
 * @param {Tools} tools
 * @returns {Stage[][]}
 */
export function stepsOf({ isLong = false, otherNodes = [] }, { install, build, runTool, runToolWith, folder }) {
  let reports = 0;

  /**
   * Projects of vitest, with this Node and all tests by default. A failure outside a test (a file that does not load,
   * an unhandled error, a missing report) counts as one failure.
   * @param {string} name
   * @param {string[]} projects
   * @param {{ node?: string, only?: string[] }} [options]
   * @returns {Stage}
   */
  const vitest = (name, projects, { node = process.execPath, only = [] } = {}) => ({
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
        return failedStage(`${name}: vitest left no report`);
      }
      const { numPassedTests, numFailedTests, testResults = [] } = JSON.parse(text);
      const failures = testResults.flatMap(failuresOf).map((failure) => `${name}: ${failure}`);
      if (code === 0 || numFailedTests > 0) return { passed: numPassedTests, failed: numFailedTests, failures };
      return { passed: numPassedTests, failed: 1, failures: [...failures, `${name}: ${OUTSIDE_TESTS}`] };
    },
  });

  // In sequence: package checks need the built package.
  const buildAndPackage = check('build and package', async (write) => {
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

  const steps = [
    [check('install', (write) => install({ write }))],
    [
      check('lint and format', (write) => runTool('biome', ['check', '.'], { write })),
      check('types', async (write) => {
        const code = await runTool('tsc', ['--noEmit'], { write });
        return code || (await runTool('tsc', ['--noEmit', '-p', 'ui'], { write }));
      }),
      check('unused code and dependencies', (write) => runTool('knip', [], { write })),
      buildAndPackage,
      vitest('unit tests', ['unit']),
    ],
    [vitest('end-to-end tests', ['e2e', 'browser'])],
  ];
  if (!isLong) return steps;
  const page = vitest('all of the page in browsers', ['browser-thorough']);
  const withOthers = otherNodes.map((node) => vitest(`with ${node}`, ['unit', 'e2e'], { node, only: DEPEND_ON_NODE }));
  return [
    ...steps,
    [vitest('faults, and what is tried in every way', ['unit-thorough', 'e2e-thorough', 'faults'])],
    // A browser leaves half of two cores unused, so the other Nodes are tested at the same time.
    withOthers.length === 0 ? [page] : [page, inTurn('other Nodes', withOthers)],
    [vitest('fuzzing, load, the benchmark and its baseline', ['long', 'e2e-alone'])],
  ];
}

/** Named instead of a test if vitest failed but no test did. */
const OUTSIDE_TESTS = 'an error outside its tests: see its output';

/**
 * The failed tests of a file, each with the beginning of its message; the file itself if it did not load.
 * @param {{ name: string, status: string, message?: string, assertionResults: { fullName: string, status: string, failureMessages?: string[] }[] }} file
 *   an entry of `testResults` in a JSON report
 */
function failuresOf({ name, status, message = '', assertionResults }) {
  const file = relative(ROOT, name);
  const tests = assertionResults
    .filter((test) => test.status === 'failed')
    .map((test) => `${file} > ${test.fullName}\n${beginningOf(test.failureMessages?.[0] ?? '')}`);
  return tests.length === 0 && status === 'failed' ? [`${file}\n${beginningOf(message)}`] : tests;
}

/** @param {string} text */
function beginningOf(text) {
  const lines = text.split('\n').slice(0, FAILURE_LINES);
  return lines.map((line) => `    ${line.slice(0, FAILURE_COLUMNS)}`).join('\n');
}

/** @returns {Count} */
function noTests() {
  return { passed: 0, failed: 0, failures: [] };
}

/**
 * @param {Count} total
 * @param {Count} count
 */
function add(total, { passed, failed, failures }) {
  total.passed += passed;
  total.failed += failed;
  total.failures.push(...failures);
}

/**
 * Combines stages that run in sequence into one.
 * @param {string} name
 * @param {Stage[]} stages
 * @returns {Stage}
 */
function inTurn(name, stages) {
  return {
    name,
    run: (write) =>
      runSteps(
        stages.map((stage) => [stage]),
        write,
      ),
  };
}

/**
 * A stage that passes or fails as a whole.
 * @param {string} name
 * @param {(write: Write) => Promise<number>} run returns an exit code
 * @returns {Stage}
 */
function check(name, run) {
  return {
    name,
    run: async (write) => ((await run(write)) === 0 ? { passed: 1, failed: 0, failures: [] } : failedStage(name)),
  };
}

/**
 * Runs steps until one fails.
 * @param {Stage[][]} steps
 * @param {Write} write
 * @returns {Promise<Count>}
 */
export async function runSteps(steps, write) {
  const total = noTests();
  for (const stages of steps) {
    const count = await runStep(stages, write);
    add(total, count);
    if (count.failed > 0) {
      write('\nstopped: the steps after a failed step are not run\n');
      break;
    }
  }
  return total;
}

/**
 * Runs the stages of a step concurrently. The output of each stage is printed when it has finished; that of a single
 * stage is printed at once.
 * @param {Stage[]} stages
 * @param {Write} print
 * @returns {Promise<Count>}
 */
async function runStep(stages, print) {
  const total = noTests();
  await Promise.all(
    stages.map(async ({ name, run }) => {
      const began = performance.now();
      const isAlone = stages.length === 1;
      const kept = [];
      if (isAlone) print(`\n── ${name}\n`);
      const write = isAlone ? print : (text) => kept.push(Buffer.from(text));
      let count = failedStage(name);
      try {
        count = await run(write);
      } catch (error) {
        write(`${error instanceof Error ? error.stack : error}\n`);
      }
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      write(`── ${name}: ${count.failed === 0 ? 'passed' : 'FAILED'} in ${seconds} s\n`);
      if (!isAlone) print(Buffer.concat([Buffer.from(`\n── ${name}\n`), ...kept]));
      add(total, count);
    }),
  );
  return total;
}
