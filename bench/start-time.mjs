/** Startup time of a command compared with plain Node: the row `start`. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { end, freePort, pinned, SERVER_CORE, start } from './processes.mjs';

/** @typedef {{ bare: number[], version: number[], serve: number[] }} StartTimes milliseconds */

/**
 * Alternates, so that drift affects all alike.
 * @param {string} root the project's folder
 * @param {number} rounds
 * @returns {Promise<StartTimes>}
 */
export async function startTimes(root, rounds) {
  const main = join(root, 'dist', 'cli', 'main.js');
  const times = { bare: [], version: [], serve: [] };
  for (let round = 0; round < rounds; round++) {
    times.bare.push(await timeToEnd([process.execPath, '-e', '0']));
    times.version.push(await timeToEnd([process.execPath, main, '--version']));
    times.serve.push(await timeToResponse(main));
  }
  return times;
}

async function timeToEnd(command) {
  const began = performance.now();
  const { ended } = start(pinned(SERVER_CORE, command));
  if ((await ended) !== 0) throw new Error(`${command.join(' ')} failed`);
  return performance.now() - began;
}

/** The time until the server answers a request. */
async function timeToResponse(main) {
  const port = await freePort();
  const began = performance.now();
  const server = start(pinned(SERVER_CORE, [process.execPath, main, 'serve', '--addr', `127.0.0.1:${port}`]));
  try {
    for (;;) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}/api/v1/health`);
        await response.arrayBuffer();
        return performance.now() - began;
      } catch {
        if (server.child.exitCode !== null) throw new Error(`serve failed: ${server.output.stderr}`);
        await delay(2);
      }
    }
  } finally {
    await end(server);
  }
}
