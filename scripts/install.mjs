/** Installs the dependencies when what is in node_modules is not what the lock says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run } from './run.mjs';

/**
 * Whether node_modules holds what the lock asks for. npm leaves a lock of its own in there, of what it put there;
 * optional packages for other systems are missing from that one.
 */
function isInstalled() {
  const wanted = packagesOf(join(ROOT, 'package-lock.json'));
  const present = packagesOf(join(ROOT, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = present[path];
    return found ? found.version === entry.version && found.integrity === entry.integrity : entry.optional === true;
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * Installs where needed. Gives an exit code.
 * @param {{ write?: (text: string | Uint8Array) => unknown }} [options]
 */
export async function install({ write } = {}) {
  if (isInstalled()) return 0;
  (write ?? ((text) => process.stderr.write(text)))('installing dependencies\n');
  return run('npm', ['ci', '--no-audit', '--no-fund'], { quiet: true, write });
}
