/**
 * The output of a child process as the source of a write. With `tee` each piece is printed before it is sent. If the
 * write fails the child continues: its output is read and discarded, because the child would block otherwise.
 */
import type { Child } from './child.ts';
import { LineAssembler } from './lines.ts';
import type { ChildOutput } from './output.ts';

/** Prints a piece of an output; never rejects. */
export type Tee = (output: ChildOutput, piece: Buffer) => Promise<void>;

export interface ChildSourceOptions {
  /** Whether to keep lines of several outputs whole. */
  lines: boolean;
  tee: Tee | undefined;
}

/** The outputs of a child that go into one stream, until they and the child have ended. */
export class ChildSource implements AsyncIterable<Uint8Array> {
  /** Resolves when discarded output has been read to its end; at once if nothing was discarded. */
  dropped: Promise<void> = Promise.resolve();
  readonly #child: Child;
  readonly #outputs: readonly ChildOutput[];
  readonly #tee: Tee | undefined;
  readonly #lines: ReadonlyMap<ChildOutput, LineAssembler> | undefined;

  constructor(child: Child, outputs: readonly ChildOutput[], { lines, tee }: ChildSourceOptions) {
    this.#child = child;
    this.#outputs = outputs;
    this.#tee = tee;
    this.#lines = lines ? new Map(outputs.map((output) => [output, new LineAssembler()])) : undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    let isStopped = false;
    return {
      next: async () => {
        const value = isStopped ? undefined : await this.#pull();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => {
        if (!isStopped) this.dropped = this.#drop().catch(() => undefined);
        isStopped = true;
        return { done: true, value: undefined };
      },
    };
  }

  /** Continues to read, so that the child does not block. */
  async #drop(): Promise<void> {
    while ((await this.#pull()) !== undefined);
  }

  async #pull(): Promise<Uint8Array | undefined> {
    for (;;) {
      // Taken before the outputs are checked, so that no change in between is missed.
      const changed = this.#child.changed();
      for (const output of this.#outputs) {
        const piece = output.take();
        if (piece === undefined) continue;
        await this.#tee?.(output, piece);
        const complete = this.#lines === undefined ? piece : this.#lines.get(output)?.push(piece);
        if (complete !== undefined) return complete;
        return await this.#pull();
      }
      if (this.#child.end !== undefined && this.#outputs.every((output) => output.isOver)) return this.#rest();
      await changed;
    }
  }

  #rest(): Buffer | undefined {
    for (const lines of this.#lines?.values() ?? []) {
      const rest = lines.rest();
      if (rest !== undefined) return rest;
    }
    return undefined;
  }
}
