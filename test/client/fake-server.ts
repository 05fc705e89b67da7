/** A server that does exactly what a test says, on a real socket: cuts, refusals and frames, to the byte. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { FRAMES_MEDIA_TYPE } from '../../src/client/index.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void;

export interface FakeServer {
  url: string;
  /** Method and target of every request, in order. */
  requests: { method: string; path: string; query: URLSearchParams; headers: IncomingMessage['headers'] }[];
  close(): Promise<void>;
}

/** Starts a server whose requests `handler` answers; it is closed with the test. */
export async function fakeServer(handler: Handler): Promise<FakeServer> {
  const requests: FakeServer['requests'] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    const { method = '', headers } = request;
    requests.push({ method, path: url.pathname, query: url.searchParams, headers });
    // A disconnecting client is not an error of the test.
    response.on('error', () => {});
    request.on('error', () => {});
    handler(request, response, url.searchParams);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close };
}

const TYPES = { data: 1, gap: 2, caughtUp: 3, end: 4, heartbeat: 5 } as const;

export function frame(type: keyof typeof TYPES | number, offset: number, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload as string);
  const header = Buffer.alloc(16);
  header[0] = typeof type === 'number' ? type : TYPES[type];
  header.writeUInt32BE(body.length, 4);
  header.writeBigUInt64BE(BigInt(offset), 8);
  return Buffer.concat([header, body]);
}

export function gapFrame(from: number, to: number, chunks: number): Buffer {
  const payload = Buffer.alloc(16);
  payload.writeBigUInt64BE(BigInt(to), 0);
  payload.writeBigUInt64BE(BigInt(chunks), 8);
  return frame('gap', from, payload);
}

/** Answers with the head of a framed read. */
export function beginFrames(response: ServerResponse, facts: { offset?: number; generation?: string }): void {
  if (facts.offset !== undefined) response.setHeader('X-Stream-Offset', facts.offset);
  if (facts.generation !== undefined) response.setHeader('X-Stream-Generation', facts.generation);
  response.writeHead(200, { 'Content-Type': FRAMES_MEDIA_TYPE });
  response.flushHeaders();
}

/** Acknowledges the empty append a producer begins with; false for any other request. */
export function greeted(
  request: IncomingMessage,
  response: ServerResponse,
  { endOffset = 0, generation = 'g' } = {},
): boolean {
  if (request.headers['producer-seq'] !== '0') return false;
  request.resume();
  response.setHeader('X-Stream-End-Offset', endOffset);
  response.setHeader('X-Stream-Generation', generation);
  response.end('{}');
  return true;
}

export function refuse(response: ServerResponse, status: number, code: string, more: object = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify({ error: `refused with ${code}`, code, ...more }));
}

/** Sends `bytes`, then breaks the connection without the last chunk. */
export function cutAfter(response: ServerResponse, bytes: Uint8Array): void {
  if (bytes.length === 0) response.socket?.end();
  else response.write(bytes, () => response.socket?.destroy());
}
