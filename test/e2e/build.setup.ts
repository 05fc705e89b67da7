import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** End-to-end tests run the built package, so it must be built from the current sources. */
export function setup(): void {
  const script = resolve(import.meta.dirname, '../../scripts/build.mjs');
  execFileSync(process.execPath, [script, '--if-needed'], { stdio: 'inherit' });
}
