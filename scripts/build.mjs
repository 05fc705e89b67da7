/**
 * Builds dist, and records a fingerprint of its sources, so that `npm start` can skip an unnecessary build. Run
 * directly it always builds; with `--if-needed` only if something changed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildUi } from './build-ui.mjs';
import { ROOT, runTool } from './run.mjs';

const DIST = join(ROOT, 'dist');
const CACHE = join(ROOT, 'node_modules', '.cache', 'streamfs');
const STAMP = join(CACHE, 'build');
const INPUTS = [
  ...['src', 'ui', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsdown.config.ts'],
  ...['scripts/build.mjs', 'scripts/build-ui.mjs'],
];

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
  return existsSync(join(DIST, 'cli', 'main.js')) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted;
}

/**
 * Builds; with `ifNeeded` only if a source changed. Returns an exit code.
 * @param {{ ifNeeded?: boolean, write?: (text: string | Uint8Array) => unknown }} [options]
 */
export async function build({ ifNeeded = false, write } = {}) {
  const wanted = fingerprint();
  if (ifNeeded && isBuilt(wanted)) return 0;
  if (ifNeeded) process.stderr.write('building\n');
  const env = {
    STREAMFS_GIT_COMMIT: process.env.STREAMFS_GIT_COMMIT ?? gitCommit(),
    STREAMFS_BUILD_TIME: process.env.STREAMFS_BUILD_TIME ?? buildTime(),
  };
  // Built in a temporary folder and moved when complete, so that a program running from dist sees either the old build
  // or the new one.
  const aside = join(CACHE, `dist-${process.pid}`);
  try {
    const code = await runTool('tsdown', ['--out-dir', aside], { env, quiet: true, write });
    if (code !== 0) return code;
    // After tsdown, which empties the folder.
    const ofPage = await buildUi(join(aside, 'ui'), join(aside, 'NOTICE'), write);
    if (ofPage !== 0) return ofPage;
    await writeManual(aside, env.STREAMFS_BUILD_TIME.slice(0, 10));
    rmSync(STAMP, { force: true });
    rmSync(DIST, { recursive: true, force: true });
    renameSync(aside, DIST);
    writeFileSync(STAMP, wanted);
    return 0;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** The manual pages of the program just built; npm links them where `man` looks (package.json). */
async function writeManual(dist, date) {
  const { manualPages } = await import(pathToFileURL(join(dist, 'cli', 'manual.js')).href);
  mkdirSync(join(dist, 'man'));
  for (const [name, text] of manualPages(date)) writeFileSync(join(dist, 'man', name), text);
  rmSync(join(dist, 'cli', 'manual.js'));
  rmSync(join(dist, 'cli', 'manual.d.ts'), { force: true });
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

/** SOURCE_DATE_EPOCH makes the build reproducible. */
function buildTime() {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return new Date(epoch ? Number(epoch) * 1000 : Date.now()).toISOString();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await build({ ifNeeded: process.argv.includes('--if-needed') });
}
