/**
 * The output of a child process as the source of a write. With `tee` each piece is handed on here before it is sent. When
 * the write fails the child goes on: its output is read and dropped, since the child would block otherwise.
 */
import type { Child } from './child.ts';
import { WholeLines } from './lines.ts';
import type { ChildOutput } from './output.ts';

/** Takes a piece of an output to print it; does not fail. */
export type Tee = (output: ChildOutput, piece: Buffer) => Promise<void>;

export interface ChildSourceOptions {
  /** Whether lines of several outputs are kept whole. */
  lines: boolean;
  tee: Tee | undefined;
}

/** The outputs of a child that go into one stream, until they and the child have ended. */
export class ChildSource implements AsyncIterable<Uint8Array> {
  /** Resolves once output that is no longer sent has been read to its end; at once where all of it was sent. */
  dropped: Promise<void> = Promise.resolve();
  readonly #child: Child;
  readonly #outputs: readonly ChildOutput[];
  readonly #tee: Tee | undefined;
  readonly #lines: ReadonlyMap<ChildOutput, WholeLines> | undefined;

  constructor(child: Child, outputs: readonly ChildOutput[], { lines, tee }: ChildSourceOptions) {
    this.#child = child;
    this.#outputs = outputs;
    this.#tee = tee;
    this.#lines = lines ? new Map(outputs.map((output) => [output, new WholeLines()])) : undefined;
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

  /** Reads on, for the child's sake. */
  async #drop(): Promise<void> {
    while ((await this.#pull()) !== undefined);
  }

  async #pull(): Promise<Uint8Array | undefined> {
    for (;;) {
      // Before anything is looked at: what happens meanwhile must wake.
      const changed = this.#child.changed();
      for (const output of this.#outputs) {
        const piece = output.take();
        if (piece === undefined) continue;
        await this.#tee?.(output, piece);
        const whole = this.#lines === undefined ? piece : this.#lines.get(output)?.push(piece);
        if (whole !== undefined) return whole;
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
