/** Writers of every kind, one per stream, each at its share of the rate. */
import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { connect } from 'node:net';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { Process } from '../../test/e2e/harness/process.ts';
import { content } from './content.ts';
import { ask } from './http.ts';
import { type Means, pause, type Run } from './run.ts';

/** Maximum size of a message, in bytes: one chunk. */
const LONGEST = 64 * 1024;

export type WriterKind = 'put' | 'chunked' | 'handle' | 'cut' | 'exact' | 'command line';
const KINDS: readonly WriterKind[] = ['put', 'chunked', 'exact', 'put', 'handle', 'cut'];

/** The kind of writer of a stream: the first few streams are written by command line processes. */
export function writerKind(run: Run, stream: number): WriterKind {
  return stream < run.options.processes ? 'command line' : KINDS[stream % KINDS.length]!;
}

/** Writes a stream until told to stop, and ends it. */
export async function write(run: Run, stream: number, means: Means): Promise<void> {
  const kind = writerKind(run, stream);
  await run.guard(`writer (${kind}) of stream ${stream}`, () => WRITE[kind](run, stream, means));
}

/** Messages at the rate of the stream, until it is time to stop; each continues the content of the previous one. */
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

/** Yielded bytes count as written: none of them may be lost. */
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
    // Handled when it is awaited, at the end.
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
    const [response] = await answered;
    response.resume();
    expectEnd(run, stream, response.headers['x-stream-end-offset']);
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

  /**
   * A writer whose connection breaks in the middle of its body, repeatedly: it asks for the stream's length, and
   * continues.
   */
  async cut(run, stream) {
    const path = run.pathOf(stream);
    while (!run.writing.signal.aborted) {
      const socket = connect({ host: '127.0.0.1', port: run.port });
      await once(socket, 'connect');
      socket.on('error', () => undefined).resume();
      // The response 100 shows that the server has accepted the connection. A connection that is reset while it waits
      // for acceptance may be read at any later time, so the number of bytes that arrive would be unknown.
      const head = 'Host: localhost\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue';
      socket.write(`PUT /api/v1/files?path=${path} HTTP/1.1\r\n${head}\r\n\r\n`);
      await once(socket, 'data');
      let sent = run.written[stream]!;
      for (let n = run.between(1, 8); n > 0 && !run.writing.signal.aborted; n--) {
        const length = run.between(1, LONGEST / 4);
        socket.write(`${length.toString(16)}\r\n`);
        // The last request announces more bytes than it sends.
        const part = n === 1 ? Math.ceil(length / 2) : length;
        socket.write(content(stream, sent, part));
        if (n > 1) socket.write('\r\n');
        sent += part;
        await pause((part / run.rateOf(stream)) * 1000, run.writing.signal);
      }
      // Bytes sent before a FIN are processed before the server closes; a reset discards the bytes not read yet.
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

  /** Through the proxy that cuts: bytes without an acknowledgement are sent again, and no byte arrives twice. */
  async exact(run, stream, { cutter }) {
    const client = new StreamFSClient({ url: `http://127.0.0.1:${cutter}`, fetch: createNodeFetch() });
    const { endOffset, written } = await client.write(run.pathOf(stream), handedOver(run, stream), {
      end: true,
      reconnect: { initial: 20, max: 500 },
      // On a busy machine an attempt may take seconds; the test checks bytes, not time.
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
 * The final length of a stream after its connection was reset. A piece of the connection may still wait for room in the
 * log of the stream: an empty write through a handle waits in the same queue, behind it. The next piece may follow, so
 * the length is final when it is the same after two such writes. It is read by an empty append, because the length shown
 * for a persisted stream counts only the bytes already written to disk.
 */
async function settledLength(run: Run, path: string): Promise<number> {
  const opened = await ask(run.port, 'POST', `/handles/open?path=${path}&flags=1&lease=60`);
  const { handle_id: id } = JSON.parse(opened.body.toString()) as { handle_id: number };
  const length = await lengthBehind(run, path, id);
  await ask(run.port, 'DELETE', `/handles/${id}`);
  return length;
}

async function lengthBehind(run: Run, path: string, handle: number): Promise<number> {
  let last = -1;
  for (;;) {
    const waited = await ask(run.port, 'PUT', `/handles/${handle}/write`, '');
    if (waited.status !== 200) throw new Error(`a write of nothing answered ${waited.status}: ${waited.body}`);
    const { headers, status } = await ask(run.port, 'PUT', `/files?path=${path}`, '');
    if (status !== 200) throw new Error(`an append of nothing answered ${status}`);
    const now = Number(headers.get('x-stream-end-offset'));
    if (now === last) return now;
    last = now;
    await pause(30);
  }
}

/** Settles when a request can take more data, or is closed. */
function roomIn(writing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      writing.off('drain', done).off('close', done);
      resolve();
    };
    writing.on('drain', done).on('close', done);
  });
}
