/**
 * Builds dist, and remembers what it was built from, so that `npm start` can tell whether there is anything to do.
 * Run directly it always builds; `--if-needed` only where something changed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, runTool, TO_STDERR } from './run.mjs';

const STAMP = join(ROOT, 'node_modules', '.cache', 'streamfs', 'build');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const INPUTS = ['src', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsdown.config.ts', 'scripts/build.mjs'];

/** A hash of the names and contents of everything the build reads. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const file of INPUTS.flatMap((input) => filesOf(join(ROOT, input))).sort()) {
    hash
      .update(`${relative(ROOT, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesOf(path) {
  if (!existsSync(path)) return [];
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => filesOf(join(path, entry.name)));
  } catch {
    return [path];
  }
}

function isBuilt(wanted) {
  return existsSync(MAIN) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted;
}

/**
 * Builds, with `ifNeeded` only where a source changed. Gives an exit code.
 * @param {{ ifNeeded?: boolean }} [options]
 */
export async function build({ ifNeeded = false } = {}) {
  const wanted = fingerprint();
  if (ifNeeded && isBuilt(wanted)) return 0;
  if (ifNeeded) process.stderr.write('building\n');
  rmSync(STAMP, { force: true });
  const env = {
    STREAMFS_GIT_COMMIT: process.env.STREAMFS_GIT_COMMIT ?? gitCommit(),
    STREAMFS_BUILD_TIME: process.env.STREAMFS_BUILD_TIME ?? buildTime(),
  };
  const code = await runTool('tsdown', ['--log-level', 'warn'], { env, stdio: TO_STDERR });
  if (code !== 0) return code;
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
  return 0;
}

function gitCommit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return 'unknown';
  }
}

/** SOURCE_DATE_EPOCH makes a build that can be repeated to the byte. */
function buildTime() {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return new Date(epoch ? Number(epoch) * 1000 : Date.now()).toISOString();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await build({ ifNeeded: process.argv.includes('--if-needed') });
}
