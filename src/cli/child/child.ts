/**
 * A command that is run as a child process: its outputs, signals passed on to it, and how it ended.
 *
 * It has a session of its own. So a signal of the terminal reaches it once, through us, and not a second time directly;
 * and signals can be passed on to all that it has started, as a terminal would.
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
  /** As a shell gives it: 128 and the number of the signal that ended it. */
  code: number;
  /** For readers: `exit 3`, `signal SIGKILL`. */
  status: string;
  /** Why it could not be started. */
  failure?: string | undefined;
}

export interface ChildOptions {
  command: string;
  args: readonly string[];
  /** Whether it has our standard input; otherwise an empty one. */
  hasInput: boolean;
  /** Whether standard output and standard error are kept apart. */
  isSplit: boolean;
}

export class Child {
  /** One, or standard output and standard error. */
  readonly outputs: readonly ChildOutput[];
  readonly ended: Promise<ChildEnd>;
  /** Known once it has ended. */
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

  /** Passes a signal on. False where there is no process to get it. */
  signal(name: NodeJS.Signals): boolean {
    const { pid } = this.#child;
    if (this.end !== undefined || pid === undefined) return false;
    try {
      if (process.platform === 'win32') this.#child.kill(name);
      // The size of the terminal concerns the one that has it.
      else process.kill(name === 'SIGWINCH' ? pid : -pid, name);
    } catch {
      // It has ended; the event that says so is still to come.
    }
    return true;
  }

  /** Resolves when an output may have something, or it has ended. */
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

/** As shells tell a command that is not there from one that cannot be run. */
function notStarted(command: string, { code, message }: NodeJS.ErrnoException): ChildEnd {
  if (code === 'ENOENT') return { ...exited(EXIT.commandNotFound.code), failure: `${command}: command not found` };
  const why = code === 'EACCES' ? 'it is not an executable file' : (code ?? message);
  return { ...exited(EXIT.notExecutable.code), failure: `${command}: cannot be run: ${why}` };
}
