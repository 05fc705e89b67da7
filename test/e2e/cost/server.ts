/** Starts the built server as a separate process: plain, under strace, or with a heap meter. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../../..');
const SERVE = [join(ROOT, 'dist/cli/main.js'), 'serve', '--addr', '127.0.0.1:0'];

export interface RunningServer {
  readonly port: number;
  readonly child: ChildProcess;
  /** Ends it and waits for its exit. */
  stop(): Promise<void>;
}

async function started(command: string, args: string[]): Promise<RunningServer> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  const port = await new Promise<number>((found, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => failed(new Error(`the server left with ${code}: ${output}`)));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const match = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output);
      if (match) found(Number(match[1]));
    });
  });
  return {
    port,
    child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

export function startServer(): Promise<RunningServer> {
  return started(process.execPath, SERVE);
}

/** strace forwards SIGTERM to the server, and writes its table when the server has exited. */
export function startTraced(table: string): Promise<RunningServer> {
  return started('strace', [
    '-f',
    '-c',
    '-I',
    '2',
    '-o',
    table,
    '-e',
    'trace=read,write,writev',
    process.execPath,
    ...SERVE,
  ]);
}

/** A server whose young generation is so large that nothing is collected during a short load. */
export function startMetered(): Promise<RunningServer> {
  const meter = pathToFileURL(join(import.meta.dirname, 'meter.mjs')).href;
  const heap = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];
  return started(process.execPath, [...heap, '--import', meter, ...SERVE]);
}

export async function readMeter(
  { child }: RunningServer,
  command: 'collect' | 'read',
): Promise<{ heapUsed: number; collections: number }> {
  const response = once(child, 'message');
  child.send(command);
  return (await response)[0] as { heapUsed: number; collections: number };
}

/** The number of calls of each system call, from the table of `strace -c`. */
export async function countsOf(table: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const line of (await readFile(table, 'utf8')).split('\n')) {
    const columns = line.trim().split(/\s+/);
    const name = columns.at(-1) ?? '';
    if (/^[a-z]+$/.test(name) && /^\d+$/.test(columns[3] ?? '')) counts[name] = Number(columns[3]);
  }
  return counts;
}

/** Resident memory in KiB. */
export async function residentKiB({ child }: RunningServer): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}
