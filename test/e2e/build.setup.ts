import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** End-to-end tests run what users run, so that has to be built from the sources as they are now. */
export function setup(): void {
  const script = resolve(import.meta.dirname, '../../scripts/build.mjs');
  execFileSync(process.execPath, [script, '--if-needed'], { stdio: 'inherit' });
}
