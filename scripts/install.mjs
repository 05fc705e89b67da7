/** Installs the dependencies if node_modules does not match the lock file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run } from './run.mjs';

/**
 * Whether node_modules matches the lock file. npm keeps a lock file of the installed packages in node_modules; it does
 * not list optional packages for other systems.
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
 * Installs if needed. Returns an exit code.
 * @param {{ write?: (text: string | Uint8Array) => unknown }} [options]
 */
export async function install({ write } = {}) {
  if (isInstalled()) return 0;
  (write ?? ((text) => process.stderr.write(text)))('installing dependencies\n');
  // Without lifecycle scripts: no dependency needs one, and our own `prepare` may be the caller.
  const [command, ...args] = npm('ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund');
  return run(command, args, { quiet: true, write, env: OF_THIS_FOLDER });
}

/** Settings of `npm install -g .` that must not apply to commands run in the folder. */
const OF_THIS_FOLDER = { npm_config_global: '', npm_config_location: '', npm_config_prefix: '', npm_config_omit: '' };

/**
 * npm as a program and its arguments. npm passes its path to scripts it runs; otherwise the system finds it, which on
 * Windows needs a shell, because npm is a batch file there.
 */
function npm(...args) {
  const path = process.env.npm_execpath;
  if (path !== undefined && /[\\/]npm-cli\.js$/.test(path)) return [process.execPath, path, ...args];
  return process.platform === 'win32' ? ['cmd.exe', '/d', '/s', '/c', 'npm', ...args] : ['npm', ...args];
}
