/**
 * Readers of every kind. Readers that stay must reach the end of their stream, with every byte received or accounted
 * for.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { FrameDecoder } from '../../src/client/frames.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { Process } from '../../test/e2e/harness/process.ts';
import { ask, type LiveEvents, readLive } from './http.ts';
import { type Means, pause, type Run } from './run.ts';
import { Cursor, RawCursor } from './verify.ts';

/** Reconnects quickly, even if the first connection was cut. */
const FOLLOWING = { reconnect: { initial: 20, max: 500 }, waitForServer: true };

export type ReaderKind =
  | 'raw'
  | 'framed'
  | 'slow'
  | 'stalled'
  | 'coming and going'
  | 'resuming'
  | 'kicked'
  | 'handle'
  | 'command line';
const KINDS: readonly ReaderKind[] = [
  'raw',
  'framed',
  'slow',
  'raw',
  'stalled',
  'coming and going',
  'resuming',
  'kicked',
  'handle',
  'raw',
  'framed',
];

/** All kinds in turn, in a different order for the next readers of the same stream. */
export function readerKind(run: Run, reader: number): ReaderKind {
  return reader < run.options.processes
    ? 'command line'
    : KINDS[(reader + 3 * Math.floor(reader / run.options.streams)) % KINDS.length]!;
}

/** Reads a stream to its end. */
export async function read(run: Run, reader: number, means: Means): Promise<void> {
  const kind = readerKind(run, reader);
  const stream = reader % run.options.streams;
  await run.guard(`reader ${reader} (${kind}) of stream ${stream}`, () => READ[kind](run, stream, means));
}

const query = (run: Run, stream: number, more: string) => `/files?path=${run.pathOf(stream)}&stream=true${more}`;

/** The stream was read from its beginning, or from an offset, to its end. */
function expectAll(run: Run, stream: number, from: number, end: number, received: number, skipped: number): void {
  if (end !== run.written[stream]) throw new Error(`lost at ${end}, of ${run.written[stream]} written`);
  if (from + received + skipped !== end) throw new Error(`${received} received and ${skipped} lost of ${end - from}`);
  run.counts.skipped += skipped;
}

/** How a framed reader consumes the data. */
type Pace = (socket: Socket, bytes: number) => void;

/** Reads frames until the end, or until it leaves. Returns whether it reached the end. */
async function framed(
  run: Run,
  stream: number,
  more: string,
  pace: Pace,
  leaving?: AbortSignal,
  leave: (socket: Socket) => void = (socket) => (run.random() < 0.5 ? socket.destroy() : socket.resetAndDestroy()),
): Promise<boolean> {
  const decoder = new FrameDecoder();
  let cursor: Cursor | undefined;
  let end: string | undefined;
  let failure: unknown;
  await new Promise<void>((resolve) => {
    const events: LiveEvents = {
      head({ status, headers }) {
        if (status !== 200) failure = new Error(`answered ${status}`);
        cursor = new Cursor(stream, Number(headers.get('x-stream-offset')));
      },
      data(bytes) {
        run.counts.bytesOut += bytes.length;
        pace(socket, bytes.length);
        try {
          for (const frame of decoder.push(bytes)) {
            if (frame.type === 'data') cursor!.data(frame.offset, frame.data);
            else if (frame.type === 'gap') {
              run.counts.gaps++;
              cursor!.gap(frame.offset, frame.to);
            } else if (frame.type === 'end') {
              cursor!.end(frame.offset);
              end = frame.reason;
            }
          }
        } catch (error) {
          failure = error;
          socket.destroy();
        }
      },
      end: () => undefined,
      close: resolve,
    };
    const socket = readLive(run.port, query(run, stream, `&format=frames${more}`), events);
    leaving?.addEventListener('abort', () => leave(socket), { once: true });
  });
  if (failure !== undefined) throw failure;
  if (leaving?.aborted && (end === undefined || end === 'kicked')) return false;
  if (end !== 'ended') throw new Error(`lost: the connection closed at ${cursor?.offset} with ${end ?? 'no end'}`);
  const from = cursor!.offset - cursor!.received - cursor!.skipped;
  expectAll(run, stream, from, cursor!.offset, cursor!.received, cursor!.skipped);
  return true;
}

/** Pauses reading for a while after each such number of bytes, until writers stop. */
function pausing(run: Run, bytes: number, milliseconds: () => number): Pace {
  let taken = 0;
  return (socket, length) => {
    taken += length;
    if (taken < bytes || run.writing.signal.aborted) return;
    taken = 0;
    socket.pause();
    void pause(milliseconds(), run.writing.signal).then(() => socket.resume());
  };
}

const READ: Record<ReaderKind, (run: Run, stream: number, means: Means) => Promise<void>> = {
  async raw(run, stream) {
    let cursor: RawCursor | undefined;
    let from = 0;
    let trailers: Map<string, string> | undefined;
    let failure: unknown;
    await new Promise<void>((resolve) => {
      const socket = readLive(run.port, query(run, stream, ''), {
        head({ status, headers }) {
          if (status !== 200) failure = new Error(`answered ${status}`);
          from = Number(headers.get('x-stream-offset'));
          cursor = new RawCursor(stream, from);
        },
        data(bytes) {
          run.counts.bytesOut += bytes.length;
          try {
            cursor!.data(bytes);
          } catch (error) {
            failure = error;
            socket.destroy();
          }
        },
        end(found) {
          trailers = found;
        },
        close: resolve,
      });
    });
    if (failure !== undefined) throw failure;
    if (trailers?.get('x-stream-end') !== 'ended') throw new Error('lost: the connection closed without an end');
    const end = Number(trailers.get('x-stream-end-offset'));
    const skipped = Number(trailers.get('x-stream-skipped'));
    cursor!.end(end, skipped);
    expectAll(run, stream, from, end, cursor!.received, skipped);
  },

  async framed(run, stream) {
    await framed(run, stream, '', () => undefined);
  },

  /** Much slower than its writer. */
  async slow(run, stream) {
    await framed(
      run,
      stream,
      '',
      pausing(run, 4096, () => run.between(50, 400)),
    );
  },

  /** Does not read for seconds at a time. */
  async stalled(run, stream) {
    const policy = run.random() < 0.5 ? '&on_lag=drop-newest' : '';
    await framed(
      run,
      stream,
      policy,
      pausing(run, 100_000, () => run.between(2000, 15_000)),
    );
  },

  async 'coming and going'(run, stream) {
    const { signal } = run.joining;
    while (!signal.aborted) {
      const leaving = new AbortController();
      const written = run.written[stream]!;
      const starts = [
        '',
        '&from=live',
        '&last=10000',
        '&last_lines=3',
        `&offset=${run.between(0, written)}&on_expired=skip`,
      ];
      run.counts.joins++;
      const stay = pause(run.between(10, 2000), signal).then(() => leaving.abort());
      if (await framed(run, stream, starts[run.between(0, starts.length - 1)]!, () => undefined, leaving.signal))
        return;
      await stay;
      run.counts.leaves++;
    }
  },

  /** Through a proxy that cuts it: it resumes at its offset, and gets a gap for bytes that are no longer retained. */
  async resuming(run, stream, { cutter }) {
    const fetch = createNodeFetch();
    const client = new StreamFSClient({ url: `http://127.0.0.1:${cutter}`, fetch });
    let cursor: Cursor | undefined;
    for await (const record of client.follow(run.pathOf(stream), FOLLOWING)) {
      if (record.type === 'open') cursor ??= new Cursor(stream, record.offset ?? 0);
      else if (record.type === 'reconnecting') run.counts.resumes++;
      else if (record.type === 'recreated') throw new Error('another generation of the stream');
      else if (record.type === 'data') {
        run.counts.bytesOut += record.data.length;
        cursor!.data(record.offset, record.data);
      } else if (record.type === 'gap') {
        run.counts.gaps++;
        cursor!.gap(record.from, record.to);
      } else if (record.type === 'end') {
        cursor!.end(record.offset);
        const from = cursor!.offset - cursor!.received - cursor!.skipped;
        expectAll(run, stream, from, record.offset, cursor!.received, cursor!.skipped);
        return;
      }
    }
    throw new Error('lost: following was over without an end');
  },

  /** Disconnected by an administrator, repeatedly, at any position; all bytes it received before are correct. */
  async kicked(run, stream) {
    const { signal } = run.joining;
    while (!signal.aborted) {
      const leaving = new AbortController();
      const stay = pause(run.between(50, 3000), signal).then(() => leaving.abort());
      const kick = (socket: Socket) =>
        void run.guard(`kicking a reader of stream ${stream}`, () => kickOut(run, stream, socket));
      if (await framed(run, stream, '', () => undefined, leaving.signal, kick)) return;
      await stay;
    }
  },

  async handle(run, stream) {
    const opened = await ask(run.port, 'POST', `/handles/open?path=${run.pathOf(stream)}&flags=0&lease=60`);
    const { handle_id: id } = JSON.parse(opened.body.toString()) as { handle_id: number };
    let cursor: Cursor | undefined;
    for (;;) {
      const response = await ask(run.port, 'GET', `/handles/${id}/read?size=${run.between(1, 65_536)}&timeout=500ms`);
      if (response.status !== 200) throw new Error(`a read answered ${response.status}: ${response.body}`);
      run.counts.handleReads++;
      run.counts.bytesOut += response.body.length;
      const offset = Number(response.headers.get('x-stream-offset'));
      const skipped = Number(response.headers.get('x-stream-skipped'));
      cursor ??= new Cursor(stream, offset - skipped);
      if (skipped > 0) cursor.gap(offset - skipped, offset);
      if (response.body.length > 0) cursor.data(offset, response.body);
      if (response.headers.get('x-eof') === 'true') break;
    }
    await ask(run.port, 'DELETE', `/handles/${id}`);
    const from = cursor.offset - cursor.received - cursor.skipped;
    expectAll(run, stream, from, cursor.offset, cursor.received, cursor.skipped);
  },

  async 'command line'(run, stream, { main }) {
    const env = { STREAMFS_URL: `http://127.0.0.1:${run.port}` };
    const reader = new Process(process.execPath, [main, 'cat', '--stream', run.pathOf(stream)], { env, keep: false });
    // Bytes from before the process connected may no longer be retained.
    const cursor = new RawCursor(stream, undefined);
    reader.stdout.onPiece = (piece) => {
      run.counts.bytesOut += piece.length;
      cursor.data(piece);
    };
    const { code } = await reader.exited;
    const stderr = reader.stderr.text;
    const losses = [...stderr.matchAll(/lost (\d+) bytes, offsets (\d+) to/g)].map((match) => ({
      bytes: Number(match[1]),
      from: Number(match[2]),
    }));
    if (code !== (losses.length > 0 ? 8 : 0)) throw new Error(`left with ${code}: ${stderr}`);
    const skipped = losses.reduce((sum, { bytes }) => sum + bytes, 0);
    const from = run.written[stream]! - cursor.received - skipped;
    cursor.end(run.written[stream]!, skipped, losses[0]?.from === from ? losses[0].bytes : 0);
    expectAll(run, stream, from, run.written[stream]!, cursor.received, skipped);
  },
};

/** Finds the reader of a connection among those of its stream, and disconnects it. */
async function kickOut(run: Run, stream: number, socket: Socket): Promise<void> {
  const address = `127.0.0.1:${socket.localPort}`;
  while (!socket.destroyed) {
    const { body } = await ask(run.port, 'GET', `/readers?path=${run.pathOf(stream)}`);
    // Without readers while the stream does not exist: then the response is 404.
    const { readers = [] } = JSON.parse(body.toString()) as { readers?: { id: number; address: string }[] };
    const found = readers.find((reader) => reader.address === address);
    if (found === undefined) {
      await pause(10);
      continue;
    }
    const { status } = await ask(run.port, 'DELETE', `/readers/${found.id}`);
    // It may have reached its end by itself.
    if (status !== 200 && status !== 404) throw new Error(`answered ${status}`);
    if (status === 200) run.counts.kicks++;
    return;
  }
}

/** Short-lived streams: created, written, read, listed and removed, repeatedly. */
export async function shortLives(run: Run, name: string): Promise<void> {
  await run.guard('streams that live for a moment', async () => {
    for (let n = 0; !run.writing.signal.aborted; n++) {
      const path = `/streamfs/short/${name}/${n}`;
      const bytes = Buffer.alloc(run.between(1, 100_000), n);
      // It starts reading before there is data, so that it does not create the stream again.
      const { socket, begun } = openLive(run.port, `/files?path=${path}&stream=true`);
      const closed = once(socket, 'close');
      await begun;
      await ask(run.port, 'PUT', `/files?path=${path}`, bytes);
      const opened = await ask(run.port, 'POST', `/handles/open?path=${path}&flags=2&lease=1`);
      if (opened.status !== 200) throw new Error(`opening a handle answered ${opened.status}`);
      const { body } = await ask(run.port, 'GET', `/files?path=${path}&snapshot=true`);
      if (!body.equals(bytes)) throw new Error(`${path} holds other bytes than were written`);
      await ask(run.port, 'DELETE', `/files?path=${path}`);
      await closed;
      run.counts.shortLivedStreams++;
      await pause(run.between(0, 40), run.writing.signal);
    }
  });
}

/** A live read whose bytes are ignored; `begun` settles when its head has arrived. */
function openLive(port: number, path: string): { socket: Socket; begun: Promise<void> } {
  const nothing = () => undefined;
  let socket: Socket | undefined;
  const begun = new Promise<void>((resolve) => {
    socket = readLive(port, path, { head: () => resolve(), data: nothing, end: nothing, close: resolve });
  });
  return { socket: socket!, begun };
}
