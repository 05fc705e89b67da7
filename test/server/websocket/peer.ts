/** A WebSocket client for tests that records everything it receives. */
import { onTestFinished } from 'vitest';
import WebSocket, { type ClientOptions } from 'ws';
import { waitFor } from '../../harness/wait.ts';

type Entry = Record<string, unknown> & { type: string };

export interface Peer {
  readonly ws: WebSocket;
  /** Records, without the bytes. */
  readonly records: Entry[];
  /** Everything received, in order: records, and binary messages as Latin-1. */
  readonly messages: (Entry | string)[];
  /** All binary messages joined. */
  bytes: () => Buffer;
  /** Waits for a record of this type, and returns it. */
  record: (type: string, count?: number) => Promise<Entry>;
  /** Waits for this many bytes. */
  until: (length: number) => Promise<Buffer>;
  closed: Promise<{ code: number; reason: string }>;
}

export interface PeerOptions extends ClientOptions {
  protocols?: string[];
  scheme?: 'ws' | 'wss';
}

/** Connects. Rejects if the server answers with anything but 101. */
export async function connectClient(port: number, query: string, options: PeerOptions = {}): Promise<Peer> {
  const peer = peerOf(port, query, options);
  await new Promise<void>((resolve, reject) => peer.ws.once('open', resolve).once('error', reject));
  return peer;
}

function peerOf(port: number, query: string, options: PeerOptions = {}): Peer {
  const { protocols = ['streamfs.v1'], scheme = 'ws', ...rest } = options;
  const ws = new WebSocket(`${scheme}://127.0.0.1:${port}/api/v1/ws?${query}`, protocols, rest);
  const records: Entry[] = [];
  const messages: Peer['messages'] = [];
  const parts: Buffer[] = [];
  ws.on('error', () => undefined);
  ws.on('message', (data: Buffer, isBinary) => {
    if (isBinary) {
      parts.push(data);
      messages.push(data.toString('latin1'));
      return;
    }
    const record = JSON.parse(data.toString()) as Entry;
    records.push(record);
    messages.push(record);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    ws.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  onTestFinished(() => ws.terminate());
  return {
    ws,
    records,
    messages,
    bytes: () => Buffer.concat(parts),
    record: (type, count = 1) =>
      waitFor(`record ${count} of type ${type}`, () => records.filter((each) => each.type === type)[count - 1]),
    until: async (length) => {
      await waitFor(`${length} bytes`, () => Buffer.concat(parts).length >= length);
      return Buffer.concat(parts);
    },
    closed,
  };
}

/** The response to a refused handshake. */
export function refusal(port: number, query: string, options: PeerOptions = {}): Promise<Record<string, unknown>> {
  const { ws } = peerOf(port, query, options);
  return new Promise((resolve, reject) => {
    ws.once('open', () => reject(new Error('the handshake was not refused')));
    ws.once('unexpected-response', (_req, res) => {
      let text = '';
      res.on('data', (piece) => {
        text += piece;
      });
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, ...JSON.parse(text) }));
    });
  });
}
