/**
 * Runs the programs the other scripts are made of, in the project's folder. A signal that this process gets while one
 * runs goes on to it, and ends both.
 */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program to its end and gives its exit code, as a shell counts it. Its output is ours, or with `quiet` is
 * shown only where it failed, on stderr.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, quiet?: boolean }} [options]
 * @returns {Promise<number>}
 */
export function run(command, args, { env = {}, quiet = false } = {}) {
  return new Promise((resolve) => {
    const output = quiet ? 'pipe' : 'inherit';
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
    });
    const written = [];
    child.stdout?.on('data', (piece) => written.push(piece));
    child.stderr?.on('data', (piece) => written.push(piece));
    const forward = (signal) => child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, forward);
    const done = (code) => {
      for (const signal of SIGNALS) process.off(signal, forward);
      if (code !== 0) process.stderr.write(Buffer.concat(written));
      resolve(code);
    };
    child.on('error', (error) => {
      process.stderr.write(`cannot run ${command}: ${error.message}\n`);
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
export function runToolWith(node, name, args, options) {
  let path;
  try {
    path = realpathSync(join(ROOT, 'node_modules', '.bin', name));
  } catch {
    process.stderr.write(`${name} is not installed: run npm ci\n`);
    return Promise.resolve(127);
  }
  return run(node, [path, ...args], options);
}
