/**
 * Runs the programs that the other scripts consist of, in the project folder. A signal that this process receives
 * meanwhile is forwarded, and ends both.
 */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const toStderr = (/** @type {string | Uint8Array} */ text) => process.stderr.write(text);

/**
 * Runs a program to its end and returns its exit code, as a shell reports it. It inherits the output of this process.
 * With `quiet` output is printed only if the program fails; with `write` it is passed to that function instead.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, quiet?: boolean, write?: (text: string | Uint8Array) => unknown }} [options]
 * @returns {Promise<number>}
 */
export function run(command, args, { env = {}, quiet = false, write } = {}) {
  return new Promise((resolve) => {
    const output = quiet || write ? 'pipe' : 'inherit';
    const say = write ?? toStderr;
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
    });
    const written = [];
    const take = (piece) => (quiet ? written.push(piece) : say(piece));
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const forward = (signal) => child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, forward);
    const done = (code) => {
      for (const signal of SIGNALS) process.off(signal, forward);
      if (code !== 0 && written.length > 0) say(Buffer.concat(written));
      resolve(code);
    };
    child.on('error', (error) => {
      say(`cannot run ${command}: ${error.message}\n`);
      done(127);
    });
    child.on('close', (code, signal) => done(code ?? 128 + constants.signals[signal]));
  });
}

/**
 * Runs a tool of node_modules with this Node.
 * @param {string} name
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runTool(name, args, options) {
  return runToolWith(process.execPath, name, args, options);
}

/**
 * Runs a tool of node_modules with a given Node.
 * @param {string} node
 * @param {string} name
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} [options]
 */
export function runToolWith(node, name, args, options = {}) {
  let path;
  try {
    path = realpathSync(join(ROOT, 'node_modules', '.bin', name));
  } catch {
    (options.write ?? toStderr)(`${name} is not installed: run npm ci\n`);
    return Promise.resolve(127);
  }
  return run(node, [path, ...args], options);
}
