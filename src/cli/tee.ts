/** Also prints data that passes, while the output is read; the main work continues in any case. */
import type { Writable } from 'node:stream';
import type { CommandContext } from './context.ts';
import { BrokenPipeError } from './exit-codes.ts';
import { Output } from './io.ts';

export class Tee {
  readonly #context: CommandContext;
  readonly #output: Output;
  #hasEnded = false;
  #isIncomplete = false;

  constructor(context: CommandContext, stream: Writable) {
    this.#context = context;
    this.#output = new Output(stream);
  }

  /** Whether part of the output could not be written, except because its reader has gone. */
  get isIncomplete(): boolean {
    return this.#isIncomplete;
  }

  /** Waits while the output queue is full. Rejects only if the command is asked to stop. */
  async write(piece: Uint8Array): Promise<void> {
    await this.#trying(() => this.#output.write(piece, this.#context.signal));
  }

  async flush(): Promise<void> {
    await this.#trying(() => this.#output.flush(this.#context.signal));
  }

  async #trying(act: () => Promise<void>): Promise<void> {
    if (this.#hasEnded) return;
    try {
      await act();
    } catch (error) {
      this.#context.signal.throwIfAborted();
      this.#hasEnded = true;
      if (error instanceof BrokenPipeError) return;
      this.#isIncomplete = true;
      this.#context.messages.warn(`${error instanceof Error ? error.message : error}; the stream continues`);
    }
  }
}

/** The same pieces, each printed before it is yielded. */
export function teed(source: AsyncIterable<Uint8Array>, tee: Tee): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = source[Symbol.asyncIterator]();
      return {
        async next() {
          const step = await pieces.next();
          if (step.done !== true) await tee.write(step.value);
          return step;
        },
        async return() {
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
