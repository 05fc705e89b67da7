/** Output of several streams at once: under headings as `tail` prints them, or line by line with the path of each. */
import { styleText } from 'node:util';
import { LineAssembler } from './child/lines.ts';
import type { CommandContext } from './context.ts';
import { printable } from './io.ts';
import { isTerminal } from './is-terminal.ts';

export interface TailOutput {
  /** Output of a path is about to begin, even if there is none. */
  begin(path: string): Promise<void>;
  write(path: string, piece: Uint8Array): Promise<void>;
  /** No more output of a path follows. */
  end(path: string): Promise<void>;
}

/** Bytes as they arrive, under headings if there are several paths. */
export class UnderHeadings implements TailOutput {
  readonly #context: CommandContext;
  readonly #hasHeadings: boolean;
  #last: string | undefined;

  constructor(context: CommandContext, hasHeadings: boolean) {
    this.#context = context;
    this.#hasHeadings = hasHeadings;
  }

  async begin(path: string): Promise<void> {
    await this.write(path, new Uint8Array(0));
  }

  async write(path: string, piece: Uint8Array): Promise<void> {
    if (this.#hasHeadings && path !== this.#last) {
      const heading = `${this.#last === undefined ? '' : '\n'}==> ${printable(path)} <==\n`;
      this.#last = path;
      // One write, because other paths write concurrently.
      await this.#context.output.write(Buffer.concat([Buffer.from(heading), piece]), this.#context.signal);
    } else if (piece.length > 0) {
      await this.#context.output.write(piece, this.#context.signal);
    }
  }

  async end(): Promise<void> {}
}

export interface LineMarks {
  prefix: boolean;
  timestamps: boolean;
  color: boolean;
}

const COLORS = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'] as const;

/** Complete lines, each preceded by its path or time. */
export class MarkedLines implements TailOutput {
  readonly #context: CommandContext;
  readonly #marks: LineMarks;
  readonly #lines = new Map<string, LineAssembler>();
  readonly #prefixes: ReadonlyMap<string, string>;

  constructor(context: CommandContext, paths: readonly string[], marks: LineMarks) {
    const { env, stdout } = context.io;
    const color = marks.color && isTerminal(stdout) && !env.NO_COLOR && env.TERM !== 'dumb';
    this.#context = context;
    this.#marks = { ...marks, color };
    this.#prefixes = new Map(
      paths.map((path, n) => [path, this.#styled(COLORS[n % COLORS.length]!, `${printable(path)}:`)]),
    );
  }

  async begin(): Promise<void> {}

  async write(path: string, piece: Uint8Array): Promise<void> {
    let lines = this.#lines.get(path);
    if (lines === undefined) {
      lines = new LineAssembler();
      this.#lines.set(path, lines);
    }
    await this.#print(path, lines.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length)));
  }

  async end(path: string): Promise<void> {
    await this.#print(path, this.#lines.get(path)?.rest());
  }

  async #print(path: string, lines: Buffer | undefined): Promise<void> {
    if (lines === undefined) return;
    const time = this.#marks.timestamps ? `${this.#styled('dim', new Date().toISOString())} ` : '';
    const mark = Buffer.from(time + (this.#marks.prefix ? `${this.#prefixes.get(path)} ` : ''));
    const parts: Uint8Array[] = [];
    for (let at = 0; at < lines.length; ) {
      const newline = lines.indexOf('\n', at);
      const end = newline < 0 ? lines.length : newline + 1;
      parts.push(mark, lines.subarray(at, end));
      at = end;
    }
    // The end of a part of a very long line: the next output must not look like its continuation.
    if (lines.at(-1) !== 10) parts.push(Buffer.from('\n'));
    await this.#context.output.write(Buffer.concat(parts), this.#context.signal);
  }

  #styled(style: (typeof COLORS)[number] | 'dim', text: string): string {
    return this.#marks.color ? styleText(style, text, { validateStream: false }) : text;
  }
}
