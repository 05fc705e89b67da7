/**
 * Isolates a client's regular expression. JavaScript's engine backtracks: `(a+)+$` on thirty characters can take
 * minutes, and nothing in the same thread can stop it. So lines are matched in a worker thread, which is terminated
 * when the time is up; the server's own thread, and every stream on it, is not blocked.
 */
import { Worker } from 'node:worker_threads';
import { createError } from '../../errors/index.ts';
import type { Pattern } from './pattern.ts';

/** Maximum heap of a worker, in MB; a pattern needs no more than a few. */
const WORKER_MEMORY = 64;

/**
 * The worker's whole program. It is inlined as text, so that it works the same from the sources and from the built
 * package. It receives lines and replies with the indices of those that match.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const pattern = new RegExp(workerData.source, workerData.flags);
parentPort.on('message', (lines) => {
  const found = [];
  for (let i = 0; i < lines.length; i++) if (pattern.test(lines[i])) found.push(i);
  parentPort.postMessage(found);
});
`;

interface Pending {
  resolve: (found: number[]) => void;
  reject: (error: Error) => void;
}

export class Matcher {
  readonly #worker: Worker;
  readonly #timeLimit: number;
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout;
  #failure: Error | undefined;
  #pending: Pending | undefined;

  /** `timeLimit` is for the whole search, in milliseconds. */
  constructor(pattern: Pattern, timeLimit: number) {
    this.#timeLimit = timeLimit;
    this.#deadline = performance.now() + timeLimit;
    this.#worker = new Worker(PROGRAM, {
      eval: true,
      workerData: pattern,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: WORKER_MEMORY },
    });
    this.#worker.unref();
    this.#worker.on('message', (found: number[]) => this.#settle((pending) => pending.resolve(found)));
    // Some patterns fail only when they are first used, because they are too large or need too much memory.
    this.#worker.on('error', (error) => this.#fail(createError('INVALID_PATTERN', { reason: error.message })));
    this.#timer = setTimeout(() => this.#fail(this.#tooSlow()), timeLimit);
  }

  /** The indices of the lines that match. GREP_TOO_SLOW when the time is up. One call at a time. */
  async match(lines: readonly string[]): Promise<number[]> {
    this.check();
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#worker.postMessage(lines);
    });
  }

  /** Throws GREP_TOO_SLOW when the time is up, even if nothing is being matched: walking a large tree takes time. */
  check(): void {
    if (!this.#failure && performance.now() > this.#deadline) this.#fail(this.#tooSlow());
    if (this.#failure) throw this.#failure;
  }

  /** Terminates the worker, even in the middle of a match. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#fail(new DOMException('the search was cancelled', 'AbortError'));
    await this.#worker.terminate();
  }

  #tooSlow() {
    return createError('GREP_TOO_SLOW', { seconds: this.#timeLimit / 1000 });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const failure = this.#failure;
    this.#settle((pending) => pending.reject(failure));
  }

  #settle(act: (pending: Pending) => void): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending) act(pending);
  }
}
