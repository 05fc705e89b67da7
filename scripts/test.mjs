/**
 * `npm test`: all checks that a change must pass. The last line is always `N passed, N failed`: tests, plus one for
 * each stage that does not consist of tests.
 *
 * `npm test -- --long` continues with the long stages: faults, fuzzing, load of every kind, the benchmark, and the
 * tests that depend most on Node with each further Node in `STREAMFS_OTHER_NODES`, a list of folders like `PATH`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { endWithNpm } from './end-with-npm.mjs';
import { install } from './install.mjs';
import { runTool, runToolWith } from './run.mjs';
import { runSteps, stepsOf } from './stages.mjs';

endWithNpm();

const folder = mkdtempSync(join(tmpdir(), 'streamfs-test-'));
/** @type {import('./stages.mjs').Count} */
let count = { passed: 0, failed: 1, failures: [] };
try {
  const { values } = parseArgs({ options: { long: { type: 'boolean' } } });
  const otherNodes = (process.env.STREAMFS_OTHER_NODES ?? '').split(delimiter).filter(Boolean);
  const steps = stepsOf({ isLong: values.long === true, otherNodes }, { install, build, runTool, runToolWith, folder });
  count = await runSteps(steps, (text) => process.stdout.write(text));
} catch (error) {
  process.stdout.write(`\nstopped: ${error instanceof Error ? error.stack : error}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
  // Repeated at the end, because often only the end of a long run is kept.
  for (const failure of count.failures) process.stdout.write(`\nfailed: ${failure}\n`);
  process.stdout.write(`\n${count.passed} passed, ${count.failed} failed\n`);
  process.exitCode = count.failed === 0 ? 0 : 1;
}
