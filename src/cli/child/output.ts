/**
 * The data of one output of a child process. The output ends when every process that could write to it has gone, or
 * when the child itself has ended and its data has been read. So a background process that the child has left running
 * cannot keep the output open for ever.
 */
import { readSync } from 'node:fs';
import type { Readable } from 'node:stream';

const READ_BYTES = 64 * 1024;
/** Maximum number of bytes read after the end of the child: more than a full pipe. */
const MAX_LEFT_BYTES = 1024 * 1024;
/** How long to wait for the end of an output that cannot be drained synchronously, in milliseconds. */
const GRACE_MS = 1000;

export class ChildOutput {
  /** Whether reading stopped although a process could still write to it. */
  isLeftOpen = false;
  readonly #source: Readable;
  readonly #fd: number | undefined;
  readonly #onChange: () => void;
  readonly #left: Buffer[] = [];
  #hasEnded = false;

  /** @param fd the pipe that `source` reads from, if it can be read without blocking */
  constructor(source: Readable, fd: number | undefined, onChange: () => void) {
    this.#source = source;
    this.#fd = fd;
    this.#onChange = onChange;
    source.on('readable', onChange);
    for (const name of ['end', 'close', 'error']) source.on(name, () => this.#over());
  }

  /** The data that has arrived, or undefined; then the arrival of more is signalled. */
  take(): Buffer | undefined {
    return (this.#left.shift() ?? this.#source.read() ?? undefined) as Buffer | undefined;
  }

  /** No more data follows. */
  get isOver(): boolean {
    return this.#hasEnded && this.#left.length === 0;
  }

  /** The child has ended: drains the pipe. */
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

  /** False if the pipe is empty but not closed. */
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
