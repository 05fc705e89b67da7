/**
 * A command run as a child process: its outputs, the signals forwarded to it, and its exit status.
 *
 * It runs in its own session. So a signal of the terminal reaches it once, forwarded by this process, and not a second
 * time directly. Signals are forwarded to its whole process group, as a terminal would do.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { EXIT } from '../exit-codes.ts';
import { ChildOutput } from './output.ts';
import { openPipe } from './pipe.ts';

/** How a command ended. */
export interface ChildEnd {
  /** As a shell reports it: 128 plus the number of the signal that ended it. */
  code: number;
  /** For readers: `exit 3`, `signal SIGKILL`. */
  status: string;
  /** Why it could not be started. */
  failure?: string | undefined;
}

export interface ChildOptions {
  command: string;
  args: readonly string[];
  /** Whether it inherits the standard input of this process; otherwise its input is empty. */
  hasInput: boolean;
  /** Whether standard output and standard error are separate. */
  isSplit: boolean;
}

export class Child {
  /** One output, or standard output and standard error. */
  readonly outputs: readonly ChildOutput[];
  readonly ended: Promise<ChildEnd>;
  /** Set once it has ended. */
  end: ChildEnd | undefined;
  readonly #child: ChildProcess;
  #waiting: (() => void)[] = [];

  constructor({ command, args, hasInput, isSplit }: ChildOptions) {
    const pipes = (isSplit ? [1, 2] : [1]).map(() => openPipe());
    const [out, err] = pipes.map((pipe) => pipe?.writeEnd ?? ('pipe' as const));
    this.#child = spawn(command, args, {
      stdio: [hasInput ? 'inherit' : 'ignore', out, err ?? out],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    for (const pipe of pipes) if (pipe !== undefined) closeSync(pipe.writeEnd);
    const onChange = () => this.#wake();
    this.outputs = pipes.flatMap((pipe, n) => {
      if (pipe !== undefined) {
        return [new ChildOutput(new Socket({ fd: pipe.readEnd, writable: false }), pipe.readEnd, onChange)];
      }
      const sources = isSplit
        ? [n === 0 ? this.#child.stdout : this.#child.stderr]
        : [this.#child.stdout, this.#child.stderr];
      return sources.map((source) => new ChildOutput(source as Readable, undefined, onChange));
    });
    this.ended = new Promise((resolve) => {
      const end = (how: ChildEnd) => {
        if (this.end !== undefined) return;
        this.end = how;
        for (const output of this.outputs) output.childEnded();
        resolve(how);
        this.#wake();
      };
      this.#child.once('error', (error: NodeJS.ErrnoException) => end(notStarted(command, error)));
      this.#child.once('exit', (code, signal) => end(endOf(code, signal)));
    });
  }

  /** Forwards a signal. False if there is no process to receive it. */
  signal(name: NodeJS.Signals): boolean {
    const { pid } = this.#child;
    if (this.end !== undefined || pid === undefined) return false;
    try {
      if (process.platform === 'win32') this.#child.kill(name);
      // The size of the terminal concerns only the process that owns it.
      else process.kill(name === 'SIGWINCH' ? pid : -pid, name);
    } catch {
      // It has ended; the exit event has not been delivered yet.
    }
    return true;
  }

  /** Resolves when an output may have data, or the child has ended. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): ChildEnd {
  if (signal === null) return exited(code ?? EXIT.failed.code);
  return { code: 128 + constants.signals[signal], status: `signal ${signal}` };
}

function exited(code: number): ChildEnd {
  return { code, status: `exit ${code}` };
}

/** Distinguishes a missing command from one that cannot be executed, as shells do. */
function notStarted(command: string, { code, message }: NodeJS.ErrnoException): ChildEnd {
  if (code === 'ENOENT') return { ...exited(EXIT.commandNotFound.code), failure: `${command}: command not found` };
  const why = code === 'EACCES' ? 'it is not an executable file' : (code ?? message);
  return { ...exited(EXIT.notExecutable.code), failure: `${command}: cannot be run: ${why}` };
}
