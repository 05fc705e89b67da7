/** Programs that a test runs: the built command line, and those of the system. They are ended with the test. */
import { onTestFinished } from 'vitest';
import { Process, type ProcessOptions } from './process.ts';
import { MAIN } from './server.ts';

/** Starts a program that is ended with the test. */
export function start(command: string, args: readonly string[], options: ProcessOptions = {}): Process {
  const child = new Process(command, args, options);
  onTestFinished(() => child.end());
  return child;
}

/** Starts the built command line. */
export function streamfs(url: string, args: readonly string[], options: ProcessOptions = {}): Process {
  return start(process.execPath, [MAIN, ...args], { ...options, env: { STREAMFS_URL: url, ...options.env } });
}

/** Runs the built command line to its end, with `input` as its standard input. */
export async function runStreamfs(url: string, args: readonly string[], input: string | Uint8Array = '') {
  const child = streamfs(url, args);
  child.stdin.end(input);
  return await child.result();
}
