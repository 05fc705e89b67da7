/**
 * `npm run soak -- --minutes N [--streams N --readers N]`: load of every kind on the built server, every byte checked.
 * It is written in TypeScript, so it is first bundled into a separate folder.
 */
import { join } from 'node:path';
import { build } from './build.mjs';
import { endWithNpm } from './end-with-npm.mjs';
import { ROOT, run, runTool } from './run.mjs';

endWithNpm();

const OUT = join(ROOT, 'node_modules', '.cache', 'streamfs', 'soak');

async function bundle() {
  const flags = ['--no-config', '--out-dir', OUT, '--format', 'esm', '--platform', 'node', '--target', 'node20.19'];
  return runTool('tsdown', ['bench/soak/main.ts', ...flags, '--no-dts'], { quiet: true });
}

const failed = (await build({ ifNeeded: true })) || (await bundle());
process.exitCode = failed || (await run(process.execPath, [join(OUT, 'main.mjs'), ...process.argv.slice(2)]));
