/** Writers of every kind, one to a stream, each at its share of the rate. */
import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { Process } from '../../test/e2e/harness/process.ts';
import { content } from './content.ts';
import { ask } from './http.ts';
import { type Means, pause, type Run } from './run.ts';

/** The longest message, in bytes: one chunk. */
const LONGEST = 64 * 1024;

export type WriterKind = 'put' | 'chunked' | 'handle' | 'cut' | 'exact' | 'command line';
const KINDS: readonly WriterKind[] = ['put', 'chunked', 'exact', 'put', 'handle', 'cut'];

/** Which kind writes a stream: the first few are written by processes of the command line. */
export function writerKind(run: Run, stream: number): WriterKind {
  return stream < run.options.processes ? 'command line' : KINDS[stream % KINDS.length]!;
}

/** Writes a stream until it is told to stop, and ends it. */
export async function write(run: Run, stream: number, means: Means): Promise<void> {
  const kind = writerKind(run, stream);
  await run.guard(`writer (${kind}) of stream ${stream}`, () => WRITE[kind](run, stream, means));
}

/** Messages at the stream's pace, until it is time to stop; each follows what was written before. */
async function* messages(run: Run, stream: number): AsyncGenerator<Buffer> {
  const rate = run.rateOf(stream);
  const { signal } = run.writing;
  while (!signal.aborted) {
    // Mostly small messages, some of a whole chunk.
    const length = Math.max(1, Math.floor(LONGEST * run.random() ** 4));
    yield content(stream, run.written[stream]!, length);
    await pause((length / rate) * 1000 * 2 * run.random(), signal);
  }
}

async function paced(run: Run, stream: number, send: (bytes: Buffer) => Promise<void>): Promise<void> {
  for await (const bytes of messages(run, stream)) await send(bytes);
}

/** What is handed over counts as written: none of it may be lost. */
async function* handedOver(run: Run, stream: number): AsyncGenerator<Buffer> {
  for await (const bytes of messages(run, stream)) {
    took(run, stream, bytes.length);
    yield bytes;
  }
}

function took(run: Run, stream: number, length: number): void {
  run.written[stream]! += length;
  run.counts.bytesIn += length;
}

function expectEnd(run: Run, stream: number, end: string | undefined): void {
  if (Number(end) !== run.written[stream])
    throw new Error(`the server is at ${end}, the writer at ${run.written[stream]}`);
}

const finish = async (run: Run, stream: number) => {
  const { status } = await ask(run.port, 'POST', `/end?path=${run.pathOf(stream)}`);
  if (status !== 200) throw new Error(`ending answered ${status}`);
};

const WRITE: Record<WriterKind, (run: Run, stream: number, means: Means) => Promise<void>> = {
  async put(run, stream) {
    await paced(run, stream, async (bytes) => {
      const { status, headers } = await ask(run.port, 'PUT', `/files?path=${run.pathOf(stream)}`, bytes);
      if (status !== 200) throw new Error(`a write answered ${status}`);
      took(run, stream, bytes.length);
      expectEnd(run, stream, headers.get('x-stream-end-offset'));
    });
    await finish(run, stream);
  },

  async chunked(run, stream) {
    const path = `/api/v1/files?path=${run.pathOf(stream)}&end=true`;
    const writing = request({ host: '127.0.0.1', port: run.port, method: 'PUT', path, agent: false });
    const answered = once(writing, 'response');
    // Told when it is waited for, at the end.
    answered.catch(() => undefined);
    let broken: unknown;
    writing.on('error', (error) => {
      broken = error;
    });
    await paced(run, stream, async (bytes) => {
      if (broken !== undefined) throw broken;
      took(run, stream, bytes.length);
      if (!writing.write(bytes)) await roomIn(writing);
    });
    writing.end();
    const [answer] = await answered;
    answer.resume();
    expectEnd(run, stream, answer.headers['x-stream-end-offset']);
  },

  async handle(run, stream) {
    const opened = await ask(run.port, 'POST', `/handles/open?path=${run.pathOf(stream)}&flags=1&lease=60`);
    const { handle_id: id } = JSON.parse(opened.body.toString()) as { handle_id: number };
    await paced(run, stream, async (bytes) => {
      const { status, body } = await ask(run.port, 'PUT', `/handles/${id}/write`, bytes);
      if (status !== 200) throw new Error(`a write answered ${status}: ${body}`);
      took(run, stream, bytes.length);
      expectEnd(run, stream, String((JSON.parse(body.toString()) as { position: number }).position));
    });
    await ask(run.port, 'DELETE', `/handles/${id}`);
    await finish(run, stream);
  },

  /** One whose connection breaks in the middle of its body, again and again: it asks how much has come, and goes on. */
  async cut(run, stream) {
    const path = run.pathOf(stream);
    while (!run.writing.signal.aborted) {
      const socket = connect({ host: '127.0.0.1', port: run.port });
      await once(socket, 'connect');
      socket.on('error', () => undefined).resume();
      // That it goes on shows that the server has taken the connection: one that still waits for that when it is reset
      // may be read at any time later, and it could not be said how much of it will come.
      const head = 'Host: localhost\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue';
      socket.write(`PUT /api/v1/files?path=${path} HTTP/1.1\r\n${head}\r\n\r\n`);
      await once(socket, 'data');
      let sent = run.written[stream]!;
      for (let n = run.between(1, 8); n > 0 && !run.writing.signal.aborted; n--) {
        const length = run.between(1, LONGEST / 4);
        socket.write(`${length.toString(16)}\r\n`);
        // The last one is announced longer than it is.
        const part = n === 1 ? Math.ceil(length / 2) : length;
        socket.write(content(stream, sent, part));
        if (n > 1) socket.write('\r\n');
        sent += part;
        await pause((part / run.rateOf(stream)) * 1000, run.writing.signal);
      }
      // What has gone before a FIN is answered for before the server closes; a reset throws away what was not yet read.
      if (run.random() < 0.5) socket.end();
      else socket.resetAndDestroy();
      if (!socket.closed) await once(socket, 'close');
      run.counts.cuts++;
      const now = await settledLength(run, path);
      if (now > sent || now < run.written[stream]!) throw new Error(`${now} bytes have come, of ${sent} sent`);
      took(run, stream, now - run.written[stream]!);
    }
    await ask(run.port, 'PUT', `/files?path=${path}`, '');
    await finish(run, stream);
  },

  /** Through the proxy that cuts: what it could not see acknowledged it sends again, and no byte comes twice. */
  async exact(run, stream, { cutter }) {
    const client = new StreamFSClient({ url: `http://127.0.0.1:${cutter}`, fetch: createNodeFetch() });
    const { endOffset, written } = await client.write(run.pathOf(stream), handedOver(run, stream), {
      end: true,
      reconnect: { initial: 20, max: 500 },
      // On a machine with much else to do an attempt may take seconds; what is held to here is bytes, not time.
      retryFor: 300_000,
      onRetry: () => {
        run.counts.retries++;
      },
    });
    if (written !== run.written[stream]) throw new Error(`${run.written[stream]} handed over, ${written} written`);
    expectEnd(run, stream, String(endOffset));
  },

  async 'command line'(run, stream, { main }) {
    const env = { STREAMFS_URL: `http://127.0.0.1:${run.port}` };
    const writer = new Process(process.execPath, [main, 'write', '--stream', '--end', run.pathOf(stream)], { env });
    await paced(run, stream, async (bytes) => {
      took(run, stream, bytes.length);
      await writer.write(bytes);
    });
    writer.stdin.end();
    const { code, stderr } = await writer.result();
    if (code !== 0) throw new Error(`left with ${code}: ${stderr}`);
  },
};

/**
 * How long a stream is when nothing more comes from a connection that was reset: the same twice, a moment apart. Asked by an
 * append of nothing: what is shown of a stream that is kept on disk is what has been written there.
 */
async function settledLength(run: Run, path: string): Promise<number> {
  let last = -1;
  for (;;) {
    const { headers, status } = await ask(run.port, 'PUT', `/files?path=${path}`, '');
    if (status !== 200) throw new Error(`an append of nothing answered ${status}`);
    const now = Number(headers.get('x-stream-end-offset'));
    if (now === last) return now;
    last = now;
    await pause(30);
  }
}

/** Settles when a request has room again, or is over. */
function roomIn(writing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      writing.off('drain', done).off('close', done);
      resolve();
    };
    writing.on('drain', done).on('close', done);
  });
}
