/** A minimal HTTP client that reads a response as it arrives, and sends small requests. */
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Head {
  status: number;
  headers: Map<string, string>;
}

export interface LiveEvents {
  head?(head: Head): void;
  data(bytes: Uint8Array): void;
  /** The last chunk and its trailers have arrived. */
  end(trailers: Map<string, string>): void;
  /** The connection is closed; after `end`, or without it. */
  close(): void;
}

/** Starts a live read and passes on its body as it arrives, without the chunked encoding. */
export function readLive(port: number, path: string, events: LiveEvents): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  let rest: Buffer = Buffer.alloc(0);
  let state: 'head' | 'size' | 'data' | 'line' | 'trailers' | 'over' = 'head';
  let missing = 0;
  const take = () => {
    for (;;) {
      if (state === 'data') {
        if (rest.length === 0) return;
        const part = rest.subarray(0, missing);
        rest = rest.subarray(part.length);
        missing -= part.length;
        if (missing === 0) state = 'line';
        events.data(part);
        continue;
      }
      const end = rest.indexOf(state === 'head' || (state === 'trailers' && rest[0] !== 13) ? '\r\n\r\n' : '\r\n');
      if (state === 'over' || end < 0) return;
      const text = rest.toString('latin1', 0, end);
      rest = rest.subarray(end + (state === 'head' || (state === 'trailers' && rest[0] !== 13) ? 4 : 2));
      if (state === 'head') {
        const [first = '', ...lines] = text.split('\r\n');
        const status = Number(first.split(' ')[1]);
        events.head?.({ status, headers: fields(lines) });
        if (status !== 200) {
          socket.destroy();
          return;
        }
        state = 'size';
      } else if (state === 'size') {
        missing = Number.parseInt(text, 16);
        state = missing === 0 ? 'trailers' : 'data';
      } else if (state === 'line') state = 'size';
      else {
        state = 'over';
        events.end(fields(text.split('\r\n')));
      }
    }
  };
  socket.on('data', (piece: Buffer) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    take();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => events.close());
  socket.write(`GET /api/v1${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
}

function fields(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** One small request, over kept-alive connections. */
export function ask(
  port: number,
  method: string,
  path: string,
  body?: Uint8Array | string,
): Promise<{ status: number; headers: Map<string, string>; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const asked = request({ host: '127.0.0.1', port, method, path: `/api/v1${path}`, agent, headers }, (res) => {
      const pieces: Buffer[] = [];
      res.on('data', (piece: Buffer) => pieces.push(piece));
      res.on('error', reject);
      res.on('end', () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: new Map(Object.entries(res.headers).map(([name, value]) => [name, String(value)])),
          body: Buffer.concat(pieces),
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Closes the kept-alive connections. */
export const closeKept = () => agent.destroy();
