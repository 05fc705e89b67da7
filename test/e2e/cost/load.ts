/**
 * Load in lockstep: the next write is sent when every reader has received the one before. So its cost to the server does not
 * depend on the speed of anything.
 */
import { once } from 'node:events';
import { get } from 'node:http';
import { connect, type Socket } from 'node:net';
import WebSocket from 'ws';

const target = (stream: string) => `/api/v1/files?path=/streamfs/${stream}`;

/** Readers of one stream that count the bytes they receive. */
export class Readers {
  private readonly received: number[] = [];
  private expected = 0;
  private onAll: (() => void) | undefined;

  static async open(port: number, stream: string, count: number, isWebSocket = false): Promise<Readers> {
    const readers = new Readers();
    for (let index = 0; index < count; index++) {
      readers.received.push(0);
      if (isWebSocket) {
        const ws = new WebSocket(`ws://127.0.0.1:${port}/api/v1/ws?path=/streamfs/${stream}`, ['streamfs.v1']);
        ws.on('message', (data: Buffer, isBinary) => {
          if (isBinary) readers.took(index, data.length);
        });
        // The server is stopped while the readers are connected.
        ws.on('error', () => undefined);
        await once(ws, 'open');
        continue;
      }
      const request = get({ host: '127.0.0.1', port, path: `${target(stream)}&stream=true`, agent: false });
      const [response] = await once(request, 'response');
      response.on('data', (bytes: Uint8Array) => readers.took(index, bytes.length));
      // The server is stopped while the readers are connected.
      response.on('error', () => undefined);
    }
    return readers;
  }

  private took(index: number, bytes: number): void {
    this.received[index]! += bytes;
    if (this.received[index]! > this.expected) throw new Error('a reader got more than was written');
    if (this.received.every((received) => received === this.expected)) this.onAll?.();
  }

  /** Writes `bytes` more bytes, and waits until every reader has received them. */
  async each(bytes: number, write: () => void): Promise<void> {
    this.expected += bytes;
    const all = new Promise<void>((resolve) => {
      this.onAll = resolve;
    });
    write();
    await all;
  }
}

/** A connection that writes: one request for each message, or one for all messages. */
export class Writer {
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    // Responses are ignored: the readers show that the writes succeeded.
    socket.resume().on('error', () => undefined);
  }

  static async open(port: number): Promise<Writer> {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    await once(socket, 'connect');
    return new Writer(socket);
  }

  /** Sends `count` requests at once. */
  put(stream: string, message: Uint8Array, count = 1): void {
    const head = `PUT ${target(stream)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${message.length}\r\n\r\n`;
    const request = Buffer.concat([Buffer.from(head), message]);
    this.socket.write(Buffer.concat(new Array<Buffer>(count).fill(request)));
  }

  beginChunked(stream: string): void {
    this.socket.write(`PUT ${target(stream)} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
  }

  /** Sends `count` HTTP chunks at once. */
  chunks(message: Uint8Array, count = 1): void {
    const head = `${message.length.toString(16)}\r\n`;
    const chunk = Buffer.concat([Buffer.from(head), message, Buffer.from('\r\n')]);
    this.socket.write(Buffer.concat(new Array<Buffer>(count).fill(chunk)));
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A connected reader that has received the head of its response. It reads on only when it is resumed. */
export async function openRawReader(port: number, stream: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  socket.write(`GET ${target(stream)}&stream=true HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(socket, 'readable');
  return socket;
}
