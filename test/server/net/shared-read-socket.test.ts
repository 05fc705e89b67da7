import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { SharedReadSocket, setConsumer, shareReads } from '../../../src/server/net/shared-read-socket.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo } from '../../harness/wire.ts';
import { start } from '../harness.ts';

const KB = 1024;
const OPTIONS = { highWaterMark: 64 * KB, tcpKeepAlive: 0 };

describe('a socket that shares the memory it is read into', () => {
  it('gives each of many connections its own bytes, however they come in turns', async () => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    const COUNT = 20;
    const writers = await Promise.all(Array.from({ length: COUNT }, () => connectTo(server.port)));
    const bodies = writers.map((_, n) =>
      Array.from({ length: 30 }, (__, m) => `${n}:${m};`.repeat(1 + ((n * m) % 400))),
    );
    const bytes = bodies.map((mine, n) =>
      mine
        .map(
          (body) =>
            `PUT /api/v1/files?path=/s/${n} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        )
        .join(''),
    );
    const sent = new Array(COUNT).fill(0);
    for (let size = 1; bytes.some((mine, n) => sent[n] < mine.length); size = (size * 13 + 7) % 3001) {
      for (const [n, writer] of writers.entries()) {
        writer.send(bytes[n]!.slice(sent[n], sent[n] + size + n));
        sent[n] += size + n;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const total = bodies.flat().join('').length;
    await waitFor(() => server.mounts.totals()[0]?.totals.receivedBytes === total);
    for (const [n, mine] of bodies.entries()) {
      expect((await server.call('GET', `/files?path=/s/${n}&snapshot=true`)).text).toBe(mine.join(''));
    }
    for (const { socket } of writers) socket.destroy();
  });

  it('is a stream like any other for code that takes the connection from node:http', async () => {
    const server = await start();
    server.server.http.on('upgrade', (_, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.on('data', (bytes) => socket.write(bytes)).on('end', () => socket.end());
    });
    const one = await connectTo(server.port);
    one.send('GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    await one.until('101 Switching Protocols');
    const noise = await connectTo(server.port);
    let all = '';
    for (let n = 0; n < 50; n++) {
      const text = `<${n}>`.repeat(5 * KB);
      one.send(text);
      all += text;
      noise.send('PUT /api/v1/files?path=/x HTTP/1.1\r\n'.slice(0, 1 + (n % 30)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await one.until(all);
    one.socket.destroy();
    noise.socket.destroy();
  });

  it('is made of what a server accepts: half-closed, paused and closed like any other', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const made = new Promise<Socket>((resolve) => shareReads(server, OPTIONS, resolve));
    const client = new Socket().connect(port, '127.0.0.1');
    const socket = await made;
    expect(socket).toBeInstanceOf(SharedReadSocket);
    expect(socket.writableHighWaterMark).toBe(OPTIONS.highWaterMark);
    expect(socket.remotePort).toBe(client.localPort);
    let got = '';
    setConsumer(socket, (bytes) => {
      got += bytes.toString();
    });
    const ended = once(socket, 'end');
    client.write('one');
    await waitFor(() => got === 'one');
    socket.pause();
    client.write('two');
    await new Promise((resolve) => client.write('!', resolve));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(got).toBe('one');
    socket.resume();
    await waitFor(() => got === 'onetwo!');
    client.end();
    await ended;
    socket.end('back');
    const [back] = (await once(client, 'data')) as [Buffer];
    expect(back.toString()).toBe('back');
    if (!socket.destroyed) await once(socket, 'close');
    server.close();
    await once(server, 'close');
  });

  it('is not made where a server does not listen, or in a way that is not known; the server accepts as it did', async () => {
    const server = createServer();
    const taken: Socket[] = [];
    const take = (socket: Socket) => void taken.push(socket);
    shareReads(server, OPTIONS, take);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { _handle: listening } = server as unknown as { _handle: { onconnection?: unknown } };
    const { onconnection } = listening;
    listening.onconnection = undefined;
    shareReads(server, OPTIONS, take);
    listening.onconnection = onconnection;
    const { port } = server.address() as { port: number };
    const accepted = once(server, 'connection');
    const client = new Socket().connect(port, '127.0.0.1');
    const [socket] = (await accepted) as [Socket];
    expect(socket).not.toBeInstanceOf(SharedReadSocket);
    expect(taken).toEqual([]);
    client.destroy();
    socket.destroy();
    server.close();
    await once(server, 'close');
  });
});
