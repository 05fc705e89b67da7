/** How node:http parses bytes: the reference for our parser. */
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

interface NodeRequest {
  method: string;
  target: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
  isComplete: boolean;
}

export interface NodeReading {
  requests: NodeRequest[];
  /** From some byte on, the input was not HTTP. */
  isBroken: boolean;
}

/** A connection without a network: pushed bytes count as received from a client. */
class Pipe extends Duplex {
  override _read(): void {}
  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** Parses bytes as the server does, to their end. */
export async function readByNode(bytes: Uint8Array): Promise<NodeReading> {
  const reading: NodeReading = { requests: [], isBroken: false };
  const server = createServer({ requireHostHeader: false }, (req, res) => {
    const pieces: Buffer[] = [];
    const request = { method: req.method!, target: req.url!, headers: req.headers, body: Buffer.alloc(0) };
    const seen: NodeRequest = { ...request, isComplete: false };
    reading.requests.push(seen);
    req.on('data', (piece: Buffer) => {
      pieces.push(piece);
      seen.body = Buffer.concat(pieces);
    });
    req.on('end', () => {
      seen.isComplete = true;
      res.end();
    });
    req.on('error', () => undefined);
  });
  server.on('checkContinue', (req, res) => server.emit('request', req, res));
  server.on('clientError', () => {
    reading.isBroken = true;
  });
  const pipe = new Pipe();
  server.emit('connection', pipe);
  pipe.push(bytes);
  // The parser is fed within the next turn, and reports on these bytes at once.
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  pipe.destroy();
  return reading;
}
