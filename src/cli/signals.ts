/** Signals of this process: they ask a command to stop, unless the command handles them to forward them. */
import process from 'node:process';
import { exitCodeOf, InterruptedError } from './exit-codes.ts';

/** Signals that a command forwards to a process it runs. Windows has only the first three. */
const FORWARDED: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP']
    : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGTSTP', 'SIGCONT'];

/** Returns true if it has handled the signal. */
export type SignalHandler = (name: NodeJS.Signals) => boolean;

export class Signals {
  readonly #stopping = new AbortController();
  #handler: SignalHandler | undefined;

  constructor() {
    // Without a handler, Node opens its debugger, which any user of the machine can connect to.
    process.on('SIGUSR1', () => {});
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (this.#handler?.(name) !== true) this.#stop(name);
      });
    }
  }

  /** Aborts with an InterruptedError when the process is asked to stop. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  #stop(name: 'SIGINT' | 'SIGTERM'): void {
    const error = new InterruptedError(name);
    // A second signal ends the process at once.
    if (this.signal.aborted) process.exit(exitCodeOf(error));
    this.#stopping.abort(error);
  }

  /** Gives `handler` every signal that can be forwarded, until the returned function is called. */
  take(handler: SignalHandler): () => void {
    this.#handler = handler;
    const others = FORWARDED.filter((name) => name !== 'SIGINT' && name !== 'SIGTERM');
    const listeners = others.map((name) => [name, () => void handler(name)] as const);
    for (const [name, listener] of listeners) process.on(name, listener);
    return () => {
      this.#handler = undefined;
      for (const [name, listener] of listeners) process.off(name, listener);
    };
  }
}
