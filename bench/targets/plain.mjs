/**
 * The obvious server: a `res.write` for every reader and chunk. It has the same ring and handles the same requests as
 * StreamFS for raw reads and writes. It shows the gain of sharing the framed bytes.
 *
 *   node plain.mjs PORT
 */
import { createServer } from 'node:http';

const RING = 6 * 1024 * 1024;
const MAX_LAG = RING;

class Stream {
  chunks = [];
  size = 0;
  readers = new Set();

  append(chunk) {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size - this.chunks[0].length >= RING) this.size -= this.chunks.shift().length;
    // A reader that is too slow misses this chunk.
    for (const res of this.readers) if (res.writableLength <= MAX_LAG) res.write(chunk);
  }

  follow(res) {
    for (const chunk of this.chunks) res.write(chunk);
    this.readers.add(res);
    res.once('close', () => this.readers.delete(res));
  }
}

const streams = new Map();

function streamOf(path) {
  let stream = streams.get(path);
  if (stream === undefined) {
    stream = new Stream();
    streams.set(path, stream);
  }
  return stream;
}

const server = createServer({ requestTimeout: 0, noDelay: true, highWaterMark: 64 * 1024 }, (req, res) => {
  const path = new URL(req.url, 'http://localhost').searchParams.get('path') ?? '/';
  if (req.method === 'GET') {
    res.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    res.flushHeaders();
    streamOf(path).follow(res);
    return;
  }
  let written = 0;
  req.on('data', (chunk) => {
    written += chunk.length;
    streamOf(path).append(chunk);
  });
  req.on('end', () => {
    const body = JSON.stringify({ message: `Written ${written} bytes` });
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
  });
});

server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 });
