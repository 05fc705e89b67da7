/** A connection on which the test chooses every byte sent, and parses every byte received. */
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { settled } from './wait.ts';

/** A parsed response. */
export interface WireResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The body without chunked framing. */
  body: Buffer;
  /** The sizes of the chunks, if the response is chunked. */
  chunks: number[];
  /** Names in lower case; present once the last chunk has arrived. */
  trailers: Record<string, string> | undefined;
  /** Whether the response is complete. */
  complete: boolean;
  /** The bytes after it. */
  rest: Buffer;
}

export class Wire {
  readonly socket: Socket;
  /** The other side has closed or reset the connection. */
  isOver = false;
  /** It has reset the connection. */
  isReset = false;
  received = 0;
  private readonly pieces: Buffer[] = [];
  private readonly wakers = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => {
      this.received += piece.length;
      this.pieces.push(piece);
      this.wake();
    });
    const over = () => {
      this.isOver = true;
      this.wake();
    };
    socket.on('end', over);
    socket.on('close', over);
    socket.on('error', () => {
      this.isReset = true;
      over();
    });
  }

  get bytes(): Buffer {
    const whole = Buffer.concat(this.pieces);
    this.pieces.splice(0, this.pieces.length, whole);
    return whole;
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Waits until the text has arrived, and returns everything so far. */
  async until(text: string): Promise<string> {
    await this.wait(`${JSON.stringify(text)} on the wire`, () => this.text.includes(text) || this.isOver);
    if (!this.text.includes(text))
      throw new Error(`the connection ended without ${JSON.stringify(text)}: ${this.text}`);
    return this.text;
  }

  /** Waits until the other side has closed, closes this one, and returns everything received. */
  async closed(): Promise<string> {
    await this.wait('the server to close the connection', () => this.isOver);
    this.socket.end();
    return this.text;
  }

  /** The same, with the received bytes parsed as a response. */
  async lastResponse(): Promise<WireResponse> {
    const text = await this.closed();
    const response = parseResponse(this.bytes, true);
    if (response === undefined) throw new Error(`no response came: ${text.slice(0, 500)}`);
    return response;
  }

  /** Waits for a complete response. */
  async response(): Promise<WireResponse> {
    return await this.wait('a complete response', () => {
      const response = parseResponse(this.bytes, this.isOver);
      if (this.isOver && !response?.complete) throw new Error(`the response broke off: ${this.text.slice(0, 500)}`);
      return response?.complete ? response : undefined;
    });
  }

  /** Waits for the head of a response. */
  async head(): Promise<WireResponse> {
    return await this.wait('the head of a response', () => parseResponse(this.bytes, this.isOver));
  }

  /** Checks the condition again whenever data arrives. */
  private async wait<T>(what: string, condition: () => T): Promise<NonNullable<T>> {
    for (;;) {
      const found = condition();
      if (found) return found;
      if (this.isOver) throw new Error(`the connection ended without ${what}: ${this.text.slice(0, 500)}`);
      let wake = () => {};
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      this.wakers.add(wake);
      await settled(what, woken).finally(() => this.wakers.delete(wake));
    }
  }

  private wake(): void {
    for (const wake of this.wakers) wake();
  }
}

/** Connects; the connection is closed with the test. */
export async function connectTo(port: number): Promise<Wire> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.setNoDelay(true);
  const wire = new Wire(socket);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return wire;
}

/** Connects and requests a path below /api/v1. */
export async function get(port: number, path: string): Promise<Wire> {
  const wire = await connectTo(port);
  wire.send(`GET /api/v1${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return wire;
}

/** The first response in `bytes`, as far as it has arrived; undefined without a complete head. A response to HEAD has no body. */
export function parseResponse(bytes: Buffer, isOver = false, isToHead = false): WireResponse | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not a response: ${JSON.stringify(first.slice(0, 200))}`);
  const headers = fieldsOf(lines);
  const content = bytes.subarray(headEnd + 4);
  const response = { status, headers, chunks: [], trailers: undefined };
  if (isToHead || status === 204 || status < 200)
    return { ...response, body: Buffer.alloc(0), complete: true, rest: content };
  if (headers['transfer-encoding'] === 'chunked') return { ...response, ...parseChunks(content) };
  const { 'content-length': length } = headers;
  if (length === undefined) return { ...response, body: content, complete: isOver, rest: Buffer.alloc(0) };
  const size = Number(length);
  const complete = content.length >= size;
  return { ...response, body: content.subarray(0, size), complete, rest: content.subarray(size) };
}

function fieldsOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** Parses a chunked body, and throws if it is malformed. */
function parseChunks(content: Buffer): Pick<WireResponse, 'body' | 'chunks' | 'trailers' | 'complete' | 'rest'> {
  const chunks: number[] = [];
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const unfinished = () => ({
      body: Buffer.concat(parts),
      chunks,
      trailers: undefined,
      complete: false,
      rest: Buffer.alloc(0),
    });
    const lineEnd = content.indexOf('\r\n', at);
    if (lineEnd < 0) return unfinished();
    const line = content.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`not the size of a chunk: ${JSON.stringify(line.slice(0, 50))}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const end = content.indexOf('\r\n\r\n', at - 2);
      if (end < 0) return unfinished();
      const fields = content
        .toString('latin1', at, Math.max(at, end))
        .split('\r\n')
        .filter((field) => field !== '');
      const rest = content.subarray(end + 4);
      return { body: Buffer.concat(parts), chunks, trailers: fieldsOf(fields), complete: true, rest };
    }
    parts.push(content.subarray(at, at + size));
    chunks.push(size);
    if (content.length < at + size + 2) return unfinished();
    if (content.toString('latin1', at + size, at + size + 2) !== '\r\n')
      throw new Error('a chunk without its line end');
    at += size + 2;
  }
}
