/** Lines of several writers on one stream: each says whose it is and its number, and all the rest follows from these. */
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { content } from './content.ts';
import { ask } from './http.ts';
import type { Run } from './run.ts';
import { WrongBytes } from './verify.ts';

const NEWLINE = 10;
/** Most lines are short; one in so many is not. */
const LONG_EVERY = 97;

export function line(writer: number, number: number): Buffer {
  const length = (number * 7919 + writer * 31) % (number % LONG_EVERY === 1 ? 20_000 : 300);
  const rest = content(writer, number * 131, length).map((byte) => (byte === NEWLINE ? 0 : byte));
  return Buffer.concat([Buffer.from(`${writer} ${number} `), rest, Buffer.of(NEWLINE)]);
}

/** Holds what comes to be whole lines, those of each writer in order, each once and none missing. */
class LineCheck {
  /** The number of each writer's next line. */
  private readonly next: number[];
  private rest: Buffer = Buffer.alloc(0);

  constructor(writers: number) {
    this.next = new Array<number>(writers).fill(0);
  }

  /** Gives how many lines were in it. */
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
      throw new WrongBytes(`a line that nobody has written: ${JSON.stringify(found.toString('latin1', 0, 200))}`);
    }
    if (number !== next) throw new WrongBytes(`line ${number} of writer ${writer}, where ${next} is next`);
    this.next[writer] = number + 1;
  }

  /** What came was all: so many lines of each. */
  end(written: readonly number[]): void {
    if (this.rest.length > 0) throw new WrongBytes(`an unfinished line of ${this.rest.length} bytes at the end`);
    for (const [writer, count] of written.entries()) {
      if (this.next[writer] !== count)
        throw new WrongBytes(`${this.next[writer]} lines of writer ${writer}, of ${count} written`);
    }
  }
}

/** Writes lines until it is time to stop, and gives how many. */
export type LineWriter = (writer: number) => Promise<number>;

/** Lets writers write lines to one stream, each in its way, and a reader check all of them from the first to the last. */
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
