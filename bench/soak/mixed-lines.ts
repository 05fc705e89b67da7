/** Writers of every kind with `atomic=lines` on one stream: they write in blocks, and some are cut all the time. */
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient, type WriteOptions } from '../../src/client/index.ts';
import { Process } from '../../test/e2e/harness/process.ts';
import { ask } from './http.ts';
import { type LineWriter, line, linesOf } from './lines.ts';
import { type Means, pause, type Run } from './run.ts';

const PATH = '/lines/mixed';
/** The block size of a program with buffered output: most blocks do not end at the end of a line. */
const BLOCK = 4096;
/** Bytes per second of each writer. */
const RATE = 10_000;
/** One pause in this many is much longer, in the middle of a line. */
const LONG_EVERY = 30;

interface Blocks extends AsyncIterable<Buffer> {
  /** Lines begun so far; at the end, all lines. */
  readonly count: number;
}

function blocks(run: Run, writer: number): Blocks {
  let count = 0;
  return {
    get count() {
      return count;
    },
    async *[Symbol.asyncIterator]() {
      const { signal } = run.writing;
      let rest: Buffer = Buffer.alloc(0);
      while (!signal.aborted) {
        while (rest.length < BLOCK) rest = Buffer.concat([rest, line(writer, count++)]);
        yield rest.subarray(0, BLOCK);
        rest = rest.subarray(BLOCK);
        const isLong = run.between(1, LONG_EVERY) === 1;
        await pause(isLong ? run.between(1500, 4000) : ((2 * BLOCK) / RATE) * 1000 * run.random(), signal);
      }
      if (rest.length > 0) yield rest;
    },
  };
}

export async function mixedLines(run: Run, { main, cutter }: Means): Promise<void> {
  const fetch = createNodeFetch();
  const through = (port: number, options: WriteOptions): LineWriter => {
    const client = new StreamFSClient({ url: `http://127.0.0.1:${port}`, fetch });
    return async (writer) => {
      const source = blocks(run, writer);
      await client.write(PATH, source, { atomic: 'lines', ...options });
      return source.count;
    };
  };
  const exact = through(cutter, {
    reconnect: { initial: 20, max: 500 },
    retryFor: 300_000,
    onRetry: () => {
      run.counts.retries++;
    },
  });
  const oneBody = through(run.port, {});

  const handle: LineWriter = async (writer) => {
    const source = blocks(run, writer);
    const opened = await ask(run.port, 'POST', `/handles/open?path=${PATH}&flags=1&lease=60&atomic=lines`);
    const { handle_id: id } = JSON.parse(opened.body.toString()) as { handle_id: number };
    for await (const block of source) {
      const { status, body } = await ask(run.port, 'PUT', `/handles/${id}/write`, block);
      if (status !== 200) throw new Error(`a write answered ${status}: ${body}`);
    }
    await ask(run.port, 'DELETE', `/handles/${id}`);
    return source.count;
  };

  const commandLine: LineWriter = async (writer) => {
    const source = blocks(run, writer);
    const env = { STREAMFS_URL: `http://127.0.0.1:${cutter}` };
    const args = ['write', '--stream', '--atomic', 'lines', '--quiet', '--retry-for', '5m', PATH];
    const command = new Process(process.execPath, [main, ...args], { env });
    for await (const block of source) await command.write(block);
    command.stdin.end();
    const { code, stderr } = await command.result();
    if (code !== 0) throw new Error(`the command line left with ${code}: ${stderr}`);
    return source.count;
  };

  await run.guard('lines of several writers', () =>
    linesOf(run, PATH, [exact, exact, exact, oneBody, handle, commandLine], (lines) => {
      run.counts.lines += lines;
    }),
  );
  fetch.close();
}
