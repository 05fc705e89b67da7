/**
 * What one output of a child process gives. It is over when every process that could write to it has gone, or when the
 * child itself has ended and what it had written has been read: a process that the child has left running in the background
 * must not keep it open for ever.
 */
import { readSync } from 'node:fs';
import type { Readable } from 'node:stream';

const READ_BYTES = 64 * 1024;
/** The most that is read after the end of the child, in bytes: a pipe that is full, and more than that. */
const MAX_LEFT_BYTES = 1024 * 1024;
/** How long the end of an output that cannot be read to the last byte at once is waited for, in milliseconds. */
const GRACE_MS = 1000;

export class ChildOutput {
  /** No more is read from it although a process could still write to it. */
  isLeftOpen = false;
  readonly #source: Readable;
  readonly #fd: number | undefined;
  readonly #onChange: () => void;
  readonly #left: Buffer[] = [];
  #hasEnded = false;

  /** @param fd the pipe that `source` reads from, where that can be read without waiting */
  constructor(source: Readable, fd: number | undefined, onChange: () => void) {
    this.#source = source;
    this.#fd = fd;
    this.#onChange = onChange;
    source.on('readable', onChange);
    for (const name of ['end', 'close', 'error']) source.on(name, () => this.#over());
  }

  /** What has arrived, or undefined; then the arrival of more is signalled. */
  take(): Buffer | undefined {
    return (this.#left.shift() ?? this.#source.read() ?? undefined) as Buffer | undefined;
  }

  /** Nothing more comes. */
  get isOver(): boolean {
    return this.#hasEnded && this.#left.length === 0;
  }

  /** The child has ended: reads what it has left in the pipe. */
  childEnded(): void {
    if (this.#hasEnded) return;
    if (this.#fd === undefined) {
      setTimeout(() => {
        if (!this.#hasEnded) this.isLeftOpen = true;
        this.#over();
      }, GRACE_MS).unref();
      return;
    }
    for (let piece = this.#source.read(); piece !== null; piece = this.#source.read()) this.#left.push(piece as Buffer);
    this.isLeftOpen = !this.#readLeft(this.#fd);
    this.#source.destroy();
    this.#over();
  }

  /** False where the pipe is empty and not over. */
  #readLeft(fd: number): boolean {
    for (let total = 0; total < MAX_LEFT_BYTES; ) {
      const piece = Buffer.allocUnsafe(READ_BYTES);
      let length: number;
      try {
        length = readSync(fd, piece);
      } catch (error) {
        return (error as NodeJS.ErrnoException).code !== 'EAGAIN';
      }
      if (length === 0) return true;
      this.#left.push(piece.subarray(0, length));
      total += length;
    }
    return false;
  }

  #over(): void {
    this.#hasEnded = true;
    this.#onChange();
  }
}
