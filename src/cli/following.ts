/** Reports on standard error what happens while a stream is followed, and how following ends. */
import type { FollowOptions, FollowRecord } from '../client/index.ts';
import type { CommandContext } from './context.ts';
import { EXIT, ExitError } from './exit-codes.ts';
import { printable } from './io.ts';
import { retryMessage } from './retry.ts';

type ReportedRecord = Exclude<FollowRecord, { type: 'data' | 'end' }>;

/** A loss is reported even with `--quiet` (contract 9). */
export class FollowReport {
  readonly #context: CommandContext;
  readonly #path: string;
  readonly #firstWait: number;
  readonly #timeout: number | undefined;
  /** Whether part of the stream was reached: a gap after that is a loss, and not the start of the retained history. */
  hasBegun = false;
  /** Bytes lost while following. */
  lost = 0;
  #isDisconnected = false;
  #wasConnected = false;

  constructor(context: CommandContext, path: string, { timeout, waitForServer }: FollowOptions) {
    this.#context = context;
    this.#path = printable(path);
    this.#firstWait = Number(waitForServer);
    this.#timeout = timeout;
  }

  report(record: ReportedRecord): void {
    const { messages } = this.#context;
    switch (record.type) {
      case 'gap':
        if (!this.hasBegun) {
          const gone = `the ${record.to - record.from} bytes before it are no longer retained`;
          messages.warn(`${this.#path}: begins at offset ${record.to}: ${gone}`);
          this.hasBegun = true;
          break;
        }
        this.lost += record.to - record.from;
        messages.warn(
          `${this.#path}: lost ${record.to - record.from} bytes, offsets ${record.from} to ${record.to - 1}` +
            // 0: the ring no longer knows the number.
            `${record.chunks > 0 ? `, of ${record.chunks} chunks` : ''}: they are no longer held for this reader`,
        );
        break;
      case 'recreated':
        this.hasBegun = true;
        messages.warn(
          `${this.#path}: this is a new stream, generation ${record.generation} after ${record.previous}, ` +
            `of which ${record.lastOffset} bytes had been reached`,
        );
        break;
      case 'reconnecting':
        if (!this.#isDisconnected) this.#note(this.#isDisconnectedBecause(record.error.message));
        this.#isDisconnected = true;
        break;
      case 'open':
        if (this.#isDisconnected)
          this.#note(record.offset === undefined ? 'reconnected' : `resumed at offset ${record.offset}`);
        this.#isDisconnected = false;
        this.#wasConnected = true;
        break;
      case 'caught-up':
        this.hasBegun = true;
        break;
      case 'header':
      case 'heartbeat':
        break;
    }
  }

  #isDisconnectedBecause(why: string): string {
    return this.#wasConnected ? `${why}; reconnecting` : retryMessage(why, this.#firstWait);
  }

  #note(text: string): void {
    if (this.#context.chatty) this.#context.messages.note(`${this.#path}: ${text}`);
  }

  /**
   * The exit code of an end.
   *
   * @throws ExitError if the end is a failure, or bytes were lost
   */
  end({ offset, reason, status }: Extract<FollowRecord, { type: 'end' }>): number {
    const { chatty, messages } = this.#context;
    switch (reason) {
      case 'ended':
        if (status !== undefined) this.#note(`ended at offset ${offset}: ${printable(status)}`);
        else if (chatty && messages.terminal) this.#note(`ended at offset ${offset}`);
        break;
      case 'removed':
      case 'expired':
        this.#note(`${reason} at offset ${offset}`);
        break;
      case 'timeout':
        if (this.#timeout === 0) break;
        throw new ExitError('timeout', `${this.#path}: no data for ${this.#timeout} ms, at offset ${offset}`);
      case 'shutdown':
        throw new ExitError('cut', `${this.#path}: the server shut down at offset ${offset}`);
    }
    if (this.lost === 0) return EXIT.ok.code;
    throw new ExitError('lost', `${this.#path}: ${this.lost} bytes were lost`);
  }
}
