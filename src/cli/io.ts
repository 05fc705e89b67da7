/**
 * The environment of a command: streams, variables and the request to stop. It is passed in rather than taken from
 * `process`, so that a command can be run, and tested, inside another program.
 */
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import { BrokenPipeError } from './exit-codes.ts';
import { isTerminal } from './is-terminal.ts';
import type { OutputCheck } from './output-check.ts';
import type { SignalHandler } from './signals.ts';

/** Access to the process that the command runs in. */
interface OwnProcess {
  /** The words that start this command line again. */
  readonly self: readonly string[];
  /** Gives `handler` every signal that can be forwarded, until the returned function is called. */
  takeSignals(handler: SignalHandler): () => void;
}

export interface CliIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts with an InterruptedError when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** Undefined if the command line runs inside another program. */
  readonly process?: OwnProcess | undefined;
  /** Total number of bytes of standard input, if known, as for a file. */
  readonly inputSize?: (() => number | undefined) | undefined;
  /** Creates the check whether standard output is still read; without it, only a write detects that. */
  readonly outputCheck?: (() => OutputCheck | undefined) | undefined;
}

/**
 * Maximum number of bytes queued for a slow reader of our output. More would only cost memory: the system buffers some
 * itself.
 */
const MAX_QUEUED_BYTES = 512 * 1024;

/** Milliseconds between two checks whether an idle output is still read. */
const CHECK_INTERVAL_MS = 1000;

/**
 * Writes to standard output in order, with backpressure; memory stays bounded. Several callers may write concurrently,
 * as `tail --follow` with several paths does.
 */
export class Output {
  readonly #stream: Writable;
  readonly #failed = new AbortController();
  #failure: Error | undefined;
  /** Wakes the callers that wait; each then checks its own condition. */
  readonly #waiting = new Set<() => void>();

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
    stream.on('close', () => this.#fail(new BrokenPipeError('standard output was closed')));
    stream.on('drain', () => this.#wakeUp());
  }

  /**
   * Queues a piece; its memory must not change. Waits only while the queue is full. Throws BrokenPipeError once the
   * reader has gone, and the signal's reason if it aborts.
   */
  async write(piece: Uint8Array | string, signal?: AbortSignal): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#stream.write(piece, (error) => {
      if (error) this.#fail(error);
    });
    if (this.#stream.writableLength > MAX_QUEUED_BYTES)
      await this.#until(() => !this.#stream.writableNeedDrain, signal);
  }

  /** Aborts, with the error, once writing is no longer possible: a command that waits for data can then stop. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Checks periodically whether the output is still read, until the returned function is called. */
  watch(check: OutputCheck | undefined): () => void {
    if (check === undefined) return () => {};
    const timer = setInterval(() => {
      if (!check()) this.#fail(Object.assign(new Error('no reader'), { code: 'EPIPE' }));
    }, CHECK_INTERVAL_MS).unref();
    return () => clearInterval(timer);
  }

  /** Waits until everything has been handed to the system, and throws if that failed. */
  async flush(signal?: AbortSignal): Promise<void> {
    let flushed = false;
    if (!this.#failure) {
      this.#stream.write('', (error) => {
        if (error) this.#fail(error);
        flushed = true;
        this.#wakeUp();
      });
    }
    await this.#until(() => flushed, signal);
  }

  async #until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    const onAbort = () => this.#wakeUp();
    signal?.addEventListener('abort', onAbort);
    try {
      while (true) {
        signal?.throwIfAborted();
        if (this.#failure) throw this.#failure;
        if (condition()) return;
        await new Promise<void>((resolve) => {
          this.#waiting.add(resolve);
        });
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (this.#failure !== undefined) return;
    this.#failure = isGone(error, this.#stream)
      ? new BrokenPipeError('standard output was closed', { cause: error })
      : new Error(`cannot write the output: ${error.message}`, { cause: error });
    this.#failed.abort(this.#failure);
    this.#wakeUp();
  }

  #wakeUp(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/** Whether an error means that the reader has gone. A closed terminal reports EIO. */
function isGone({ code }: NodeJS.ErrnoException, stream: Writable): boolean {
  if (code === 'EIO') return isTerminal(stream);
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED';
}

/** Messages for people, on standard error: one line each, in colour only on a terminal. */
export class Messages {
  readonly #stream: Writable;
  readonly #colour: boolean;
  readonly terminal: boolean;

  constructor(io: Pick<CliIo, 'stderr' | 'env'>) {
    this.#stream = io.stderr;
    this.terminal = isTerminal(io.stderr);
    this.#colour = this.terminal && !io.env.NO_COLOR && io.env.TERM !== 'dumb';
    // The reader of our messages may have gone: that does not stop the work.
    this.#stream.on('error', () => {});
  }

  /** An error text of several lines reports several problems: each is printed as a separate message. */
  error(text: string): void {
    for (const line of text.trim().split(/\s*\n\s*/)) this.#line('red', line);
  }

  warn(text: string): void {
    this.#line('yellow', text);
  }

  note(text: string): void {
    this.#line('dim', text);
  }

  /** Text unchanged, for help and progress. */
  raw(text: string): void {
    this.#stream.write(text);
  }

  #line(style: 'red' | 'yellow' | 'dim', text: string): void {
    const name = this.#colour ? styleText(style, 'streamfs:', { validateStream: false }) : 'streamfs:';
    this.#stream.write(`${this.terminal ? CLEAR_LINE : ''}${name} ${oneLine(text)}\n`);
  }
}

/** Erases a progress line that may be at the position of the next message. */
export const CLEAR_LINE = '\r\x1b[K';

function oneLine(text: string): string {
  return printable(text.trim().replace(/\s*\n\s*/g, ' '));
}

/** Text from outside, with control characters replaced, so that a terminal does not interpret them. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\uFFFD');
}
