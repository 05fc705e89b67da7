/**
 * Lines of several writers on one stream: each contains its writer and number, which determine the rest of the line.
 */
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { content } from './content.ts';
import { ask } from './http.ts';
import type { Run } from './run.ts';
import { WrongBytes } from './verify.ts';

const NEWLINE = 10;
/** Most lines are short; one in this many is long. */
const LONG_EVERY = 97;

export function line(writer: number, number: number): Buffer {
  const length = (number * 7919 + writer * 31) % (number % LONG_EVERY === 1 ? 20_000 : 300);
  const rest = content(writer, number * 131, length).map((byte) => (byte === NEWLINE ? 0 : byte));
  return Buffer.concat([Buffer.from(`${writer} ${number} `), rest, Buffer.of(NEWLINE)]);
}

/** Checks that the data consists of complete lines, in order for each writer, with none missing or duplicated. */
class LineCheck {
  /** The number of each writer's next line. */
  private readonly next: number[];
  private rest: Buffer = Buffer.alloc(0);

  constructor(writers: number) {
    this.next = new Array<number>(writers).fill(0);
  }

  /** Returns the number of lines in the data. */
  push(bytes: Uint8Array): number {
    const all = Buffer.concat([this.rest, bytes]);
    let count = 0;
    let from = 0;
    for (let end = all.indexOf(NEWLINE); end >= 0; end = all.indexOf(NEWLINE, from)) {
      this.line(all.subarray(from, end + 1));
      from = end + 1;
      count++;
    }
    this.rest = all.subarray(from);
    return count;
  }

  private line(found: Buffer): void {
    const [, writer, number] = /^(\d+) (\d+) /.exec(found.toString('latin1', 0, 40))?.map(Number) ?? [];
    const next = writer === undefined ? undefined : this.next[writer];
    if (writer === undefined || number === undefined || next === undefined || !line(writer, number).equals(found)) {
      throw new WrongBytes(`a line that no writer has written: ${JSON.stringify(found.toString('latin1', 0, 200))}`);
    }
    if (number !== next) throw new WrongBytes(`line ${number} of writer ${writer}, where ${next} is next`);
    this.next[writer] = number + 1;
  }

  /** Checks that this many lines of each writer arrived. */
  end(written: readonly number[]): void {
    if (this.rest.length > 0) throw new WrongBytes(`an unfinished line of ${this.rest.length} bytes at the end`);
    for (const [writer, count] of written.entries()) {
      if (this.next[writer] !== count)
        throw new WrongBytes(`${this.next[writer]} lines of writer ${writer}, of ${count} written`);
    }
  }
}

/** Writes lines until told to stop, and returns their number. */
export type LineWriter = (writer: number) => Promise<number>;

/**
 * Starts writers that write lines to one stream, each in its own way, and a reader that checks all lines from first to
 * last.
 */
export async function linesOf(
  run: Run,
  path: string,
  writers: readonly LineWriter[],
  read: (lines: number) => void,
): Promise<void> {
  await ask(run.port, 'PUT', `/files?path=${path}`, '');
  const fetch = createNodeFetch();
  const client = new StreamFSClient({ url: `http://127.0.0.1:${run.port}`, fetch });
  const check = new LineCheck(writers.length);
  const reading = (async () => {
    for await (const record of client.follow(path)) {
      if (record.type === 'gap') throw new WrongBytes(`the reader lost ${record.to - record.from} bytes`);
      if (record.type === 'data') read(check.push(record.data));
    }
  })();
  const written = (async () => {
    const counts = await Promise.all(writers.map((write, writer) => write(writer)));
    await ask(run.port, 'POST', `/end?path=${path}`);
    return counts;
  })();
  const [counts] = await Promise.all([written, reading]);
  check.end(counts);
  fetch.close();
}
