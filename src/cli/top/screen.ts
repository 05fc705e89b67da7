/** A terminal that is drawn in place, and restored at the end, however the process ends. */
import { writeSync } from 'node:fs';
import process from 'node:process';
import type { Readable, Writable } from 'node:stream';
import type { Size } from './view.ts';

/** Alternate screen, no cursor, no line wrap. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** A key that a terminal sends as an escape sequence, or any other character. */
const KEYS = /\p{Cc}\[[0-9;]*[A-Za-z~]|[\s\S]/gu;

const DEFAULT_SIZE: Size = { width: 80, height: 24 };

interface Terminal extends Writable {
  columns?: number | undefined;
  rows?: number | undefined;
  fd?: number | undefined;
}

interface Keyboard extends Readable {
  isTTY?: boolean | undefined;
  setRawMode?(isRaw: boolean): unknown;
}

export class Screen {
  readonly #output: Terminal;
  readonly #input: Keyboard | undefined;
  #isEntered = false;

  /** @param input undefined without a keyboard */
  constructor(output: Writable, input: Readable | undefined) {
    this.#output = output;
    this.#input = input;
  }

  get size(): Size {
    const { columns, rows } = this.#output;
    return { width: columns || DEFAULT_SIZE.width, height: rows || DEFAULT_SIZE.height };
  }

  enter(): void {
    this.#isEntered = true;
    this.#input?.setRawMode?.(true);
    this.#output.write(ENTER);
    process.once('exit', this.leave);
  }

  /** Idempotent. Written synchronously: the process may be about to end. */
  readonly leave = (): void => {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    process.off('exit', this.leave);
    try {
      this.#input?.setRawMode?.(false);
      if (this.#output.fd === undefined) this.#output.write(LEAVE);
      else writeSync(this.#output.fd, LEAVE);
    } catch {
      // The terminal has gone.
    }
  };

  draw(lines: readonly string[]): void {
    // No newline after the last line: that would scroll.
    this.#output.write(HOME + lines.map((line) => line + CLEAR_TO_END_OF_LINE).join('\r\n') + CLEAR_BELOW);
  }

  onResize(listener: () => void): () => void {
    this.#output.on('resize', listener);
    return () => this.#output.off('resize', listener);
  }

  /** Calls `listener` with each key, until the returned function is called. */
  onKey(listener: (key: string) => void): () => void {
    const input = this.#input;
    if (input === undefined) return () => {};
    const onData = (bytes: Buffer) => {
      for (const [key] of bytes.toString('latin1').matchAll(KEYS)) listener(key);
    };
    input.on('data', onData);
    return () => {
      input.off('data', onData);
      input.pause();
    };
  }
}
