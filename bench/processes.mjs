/**
 * Starts the programs of a measurement, each pinned to a core if taskset is available, and ends them by their pid.
 * Programs that still run when this process exits are killed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const SERVER_CORE = 0;
export const GENERATOR_CORE = availableParallelism() > 1 ? 1 : 0;

const running = new Set();
const folders = new Set();

process.on('exit', () => {
  for (const child of running) for (const pid of family(child.pid)) kill(pid, 'SIGKILL');
  for (const folder of folders) removeFolder(folder);
});

/** A folder for a server's files, until it is removed or this process exits. */
export function makeFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-bench-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Whether programs can be pinned to cores on this machine. */
export const CAN_PIN = (() => {
  try {
    execFileSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** The command, pinned to a core if possible. */
export function pinned(core, command) {
  return CAN_PIN ? ['taskset', '-c', String(core), ...command] : command;
}

/**
 * Starts a program. Its stderr is kept for error messages.
 * @param {string[]} command
 */
export function start([program, ...args]) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (name.startsWith('STREAMFS_')) delete env[name];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      output[name] = (output[name] + text).slice(-1_000_000);
    });
  }
  const ended = new Promise((resolve) => {
    child.once('error', (error) => {
      output.stderr += error.message;
      running.delete(child);
      resolve(127);
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal);
    });
  });
  return { child, output, ended };
}

/** Runs a program to its end; kills it after `limit` milliseconds. Returns its stdout. */
export async function runToEnd(command, limit) {
  const { child, output, ended } = start(command);
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  const code = await ended;
  clearTimeout(timer);
  if (code !== 0 && output.stdout === '') throw new Error(`${command[0]} left with ${code}: ${output.stderr.trim()}`);
  return output.stdout;
}

/** Ends a program and all processes it started: SIGTERM first, SIGKILL after two seconds. */
export async function end({ child, ended }) {
  const pids = family(child.pid);
  for (const pid of pids) kill(pid, 'SIGTERM');
  const timer = setTimeout(() => {
    for (const pid of pids) kill(pid, 'SIGKILL');
  }, 2000);
  await ended;
  clearTimeout(timer);
  for (const pid of pids) kill(pid, 'SIGKILL');
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already exited.
  }
}

/** A process and all its descendants. */
export function family(pid) {
  const parents = new Map();
  try {
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(name));
    }
  } catch {
    return [pid];
  }
  const all = [pid];
  for (const ancestor of all) {
    for (const [child, parent] of parents) if (parent === ancestor && !all.includes(child)) all.push(child);
  }
  return all;
}

function parentOf(pid) {
  try {
    return Number(/.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]);
  } catch {
    return undefined;
  }
}

/** A port of 127.0.0.1 that is currently free. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits until a port accepts connections, or throws if its program has exited. */
export async function whenListening(port, { child, output }, limit = 20_000) {
  const deadline = performance.now() + limit;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new Error(`it does not listen: ${output.stderr.trim().slice(-300) || `exit code ${child.exitCode}`}`);
    }
    await delay(20);
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .once('error', () => resolve(false));
  });
}
