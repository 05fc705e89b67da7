/**
 * Real processes of a test. Each is ended by its own pid when its test is over, whatever the result, and at the latest
 * with the test runner itself.
 */
import { type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { settled } from '../../harness/wait.ts';
import { Tap } from './tap.ts';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** A file descriptor to read from; default: a pipe that the test writes to. */
  stdin?: number | 'pipe' | 'ignore';
  /** A file descriptor to write to; default: a pipe that is read continuously. */
  stdout?: number;
  /** Whether standard output is kept, in addition to being counted and hashed. Default true. */
  keep?: boolean;
  env?: Record<string, string>;
  /** Whether it can be queried over an IPC channel ({@link Process.ask}). Default false. */
  ipc?: boolean;
}

const running = new Set<Process>();

process.once('exit', () => {
  for (const one of running) one.kill('SIGKILL');
});

export class Process {
  readonly pid: number;
  readonly stdout: Tap;
  readonly stderr: Tap;
  readonly exited: Promise<Exit>;
  private readonly child: ChildProcessByStdio<Writable | null, Readable | null, Readable>;
  private isOver = false;
  private questions = 0;

  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    const { stdin = 'pipe', stdout = 'pipe', keep = true, env = {}, ipc = false } = options;
    // The environment of the test run must not affect the tests.
    const clean = Object.entries(process.env).filter(
      ([name]) => !/^(STREAMFS_|NO_COLOR|FORCE_COLOR|NODE_OPTIONS)/.test(name),
    );
    const stdio: SpawnOptions['stdio'] = [stdin, stdout, 'pipe', ...(ipc ? ['ipc' as const] : [])];
    const spawned: SpawnOptions = { stdio, env: { ...Object.fromEntries(clean), ...env } };
    this.child = spawn(command, args, spawned) as ChildProcessByStdio<Writable | null, Readable | null, Readable>;
    this.pid = this.child.pid ?? 0;
    this.stdout = new Tap(this.child.stdout, keep);
    this.stderr = new Tap(this.child.stderr, true);
    running.add(this);
    // A process that has exited does not take its input; the test sees its exit code.
    this.child.stdin?.on('error', () => undefined);
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('exit', () => {
        this.isOver = true;
      });
      this.child.once('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  get stdin(): Writable {
    if (this.child.stdin === null) throw new Error('the process has a standard input of its own');
    return this.child.stdin;
  }

  get isRunning(): boolean {
    return !this.isOver;
  }

  /** Writes, and settles when the process's pipe has room again. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      const { stdin } = this;
      if (stdin.write(bytes) || stdin.destroyed) {
        resolve();
        return;
      }
      const done = () => {
        stdin.off('drain', done).off('close', done);
        resolve();
      };
      stdin.on('drain', done).on('close', done);
    });
  }

  /** Sends a query over its channel, and returns its answer. */
  async ask<T>(command: string, value?: number): Promise<T> {
    const id = ++this.questions;
    const answer = new Promise<T>((resolve, reject) => {
      const settle = (act: () => void) => {
        this.child.off('message', onMessage).off('exit', onExit);
        act();
      };
      const onMessage = (message: { id: number; answer: T }) => {
        if (message.id === id) settle(() => resolve(message.answer));
      };
      const onExit = () => settle(() => reject(new Error(`the process ended while it was asked to ${command}`)));
      this.child.on('message', onMessage).on('exit', onExit);
    });
    this.child.send({ id, command, value });
    return await settled(`process ${this.pid} to answer '${command}'`, answer);
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.isOver) this.child.kill(signal);
  }

  /** Its exit, with all its output. */
  async result(): Promise<Exit & { stdout: string; stderr: string }> {
    const exit = await settled(`process ${this.pid} to end; it said: ${this.stderr.text}`, this.exited);
    return { ...exit, stdout: this.stdout.text, stderr: this.stderr.text };
  }

  /** Ends it at once. */
  async end(): Promise<void> {
    // SIGKILL works for a stopped process as well.
    this.kill('SIGKILL');
    await this.exited.catch(() => undefined);
  }
}
