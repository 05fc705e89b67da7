/** Installs what the benchmark needs: the servers from npm, in a separate workspace, and a build of StreamFS. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(BENCH);

/** @param {boolean} withPeers whether servers from npm are measured */
export function prepare(withPeers) {
  if (withPeers && !existsSync(join(BENCH, 'node_modules', '.package-lock.json'))) {
    process.stderr.write('installing the servers to compare with\n');
    try {
      // No scripts: they compile only optional parts that are not needed here. Not `ci`: it insists on packages of
      // other platforms that a registry may not have.
      execFileSync('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: BENCH,
        stdio: 'ignore',
      });
    } catch {
      process.stderr.write('npm install failed in bench: piping-server and Durable Streams are left out\n');
    }
  }
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs'), '--if-needed'], { stdio: ['ignore', 2, 2] });
}
