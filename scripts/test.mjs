/**
 * `npm test`: everything that has to hold before a change goes in, cheapest first, up to the first stage that fails.
 * The last line is always `N passed, N failed`: tests, and one for each stage that is not made of tests.
 *
 * `STREAMFS_OTHER_NODES` may name further Nodes, as `PATH` names folders: what depends most on Node is tried with each.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { build } from './build.mjs';
import { install } from './install.mjs';
import { runTool, runToolWith } from './run.mjs';

const folder = mkdtempSync(join(tmpdir(), 'streamfs-test-'));

/** Tests of what goes by more of Node than it documents, and of the server and command line as a whole. */
const DEPEND_ON_NODE = [
  ...['test/server/fast-path', 'test/server/net', 'test/server/egress', 'test/client'],
  ...['wire', 'cli', 'fanout', 'tls'].map((name) => `test/e2e/${name}.e2e.ts`),
];

/** @typedef {{ passed: number, failed: number }} Count */

/** @type {{ name: string, run: () => Promise<Count> }[]} */
const STAGES = [
  { name: 'install', run: check(install) },
  { name: 'lint and format', run: check(() => runTool('biome', ['check', '.'])) },
  { name: 'types', run: check(() => runTool('tsc', ['--noEmit'])) },
  { name: 'unused code and dependencies', run: check(() => runTool('knip', [])) },
  { name: 'unit tests', run: () => vitest('unit') },
  { name: 'build', run: check(build) },
  { name: 'package: publint', run: check(() => runTool('publint', ['--strict'])) },
  { name: 'package: types resolve', run: check(() => runTool('attw', ['--pack', '.', '--profile', 'esm-only'])) },
  { name: 'end-to-end tests', run: () => vitest('e2e') },
  ...(process.env.STREAMFS_OTHER_NODES ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((node) => ({ name: `with ${node}`, run: () => vitest('*', { node, only: DEPEND_ON_NODE }) })),
];

/** @returns {() => Promise<Count>} */
function check(/** @type {() => Promise<number>} */ stage) {
  return async () => ((await stage()) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
}

/**
 * Runs a project of vitest, with this Node and all of it unless something else is said. What fails without being a test
 * (a file that does not load, a stray error) counts as one.
 * @param {string} project
 * @param {{ node?: string, only?: string[] }} [options]
 */
async function vitest(project, { node = process.execPath, only = [] } = {}) {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const code = await runToolWith(node, 'vitest', [
    'run',
    ...only,
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  let passed = 0;
  let failed = 0;
  try {
    ({ numPassedTests: passed, numFailedTests: failed } = JSON.parse(readFileSync(report, 'utf8')));
  } catch {
    process.stdout.write('vitest left no report\n');
  }
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

let passed = 0;
let failed = 0;
try {
  for (const { name, run } of STAGES) {
    const began = performance.now();
    process.stdout.write(`\n── ${name}\n`);
    const count = await run();
    passed += count.passed;
    failed += count.failed;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    process.stdout.write(`── ${name}: ${count.failed === 0 ? 'passed' : 'FAILED'} in ${seconds} s\n`);
    if (count.failed > 0) {
      process.stdout.write(`\nstopped: '${name}' failed, the stages after it were not run\n`);
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
