import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { fakeServer } from '../client/fake-server.ts';

const fetch = createNodeFetch();
afterAll(() => fetch.close());

const MIB = 1024 * 1024;

/** As many round trips to the same server as take long enough for an unthrottled transfer of tens of MiB. */
async function manyRoundTrips(url: string): Promise<void> {
  for (let i = 0; i < 200; i++) await (await fetch(`${url}/ping`, { method: 'GET', headers: {} })).text();
}

async function sendSlowly(response: ServerResponse, total: number, onSent: (sent: number) => void): Promise<void> {
  const piece = Buffer.alloc(64 * 1024, 7);
  for (let sent = 0; sent < total; sent += piece.length) {
    if (!response.write(piece)) await once(response, 'drain');
    onSent(sent + piece.length);
  }
  response.end();
}

describe('fetch over node:http', () => {
  it('gives status, headers in any case, and the body', async () => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(404, { 'X-Some-Header': 'value' });
      response.end('näh');
    });
    const response = await fetch(server.url, { method: 'GET', headers: { 'X-Asked': 'yes' } });
    expect([response.ok, response.status]).toEqual([false, 404]);
    expect(response.headers.get('x-some-header')).toBe('value');
    expect(response.headers.get('X-Some-Header')).toBe('value');
    expect(response.headers.get('absent')).toBeNull();
    expect(await response.text()).toBe('näh');
    expect(server.requests[0]?.headers['x-asked']).toBe('yes');
  });

  it('answers with the head while the body is still to come', async () => {
    let finish: () => void = () => {};
    const server = await fakeServer((_request, response) => {
      response.flushHeaders();
      finish = () => response.end('late');
    });
    const response = await fetch(server.url, { method: 'GET', headers: {} });
    expect(response.status).toBe(200);
    finish();
    expect(await response.text()).toBe('late');
  });

  it('a body that is not taken stops at the sender: nothing piles up here', async () => {
    let sent = 0;
    const server = await fakeServer((request, response) => {
      if (request.url === '/ping') response.end();
      else void sendSlowly(response, 64 * MIB, (bytes) => (sent = bytes)).catch(() => {});
    });
    const response = await fetch(server.url, { method: 'GET', headers: {} });
    await manyRoundTrips(server.url);
    expect(sent).toBeLessThan(32 * MIB);
    expect((await response.arrayBuffer()).byteLength).toBe(64 * MIB);
  });

  it('a body that the server does not read stops at its source', async () => {
    let received = 0;
    let goOn: () => void = () => {};
    const server = await fakeServer((request, response) => {
      if (request.url === '/ping') {
        response.end();
        return;
      }
      goOn = () => request.resume();
      request.on('data', (piece: Buffer) => {
        received += piece.length;
      });
      request.pause();
      request.on('end', () => response.end());
    });
    let pulled = 0;
    const body = (async function* () {
      const piece = Buffer.alloc(64 * 1024);
      for (; pulled < 64 * MIB; pulled += piece.length) yield piece;
    })();
    const response = fetch(server.url, { method: 'PUT', headers: {}, body });
    await manyRoundTrips(server.url);
    expect(pulled).toBeLessThan(32 * MIB);
    goOn();
    expect((await response).status).toBe(200);
    expect(received).toBe(64 * MIB);
  });

  it('sends the head before the first byte of a body that streams', async () => {
    let release: () => void = () => {};
    const later = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = await fakeServer((request, response) => {
      release();
      request.resume().on('end', () => response.end(request.headers['transfer-encoding']));
    });
    const body = (async function* () {
      await later;
      yield Buffer.from('x');
    })();
    const response = await fetch(server.url, { method: 'PUT', headers: {}, body });
    expect(await response.text()).toBe('chunked');
  });

  it('a refusal while the body is still going closes its source, and can be read', async () => {
    const server = await fakeServer((request, response) => {
      request.once('data', () => {
        response.statusCode = 409;
        response.end('no more');
      });
    });
    let closed: () => void = () => {};
    const stopped = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]() {
        let given = false;
        return {
          async next() {
            // After its first piece this source sends nothing, and would wait for ever.
            if (given) await stopped;
            given = true;
            return { done: false, value: Buffer.from('piece') };
          },
          async return() {
            closed();
            return { done: true, value: undefined };
          },
        };
      },
    };
    const response = await fetch(server.url, { method: 'PUT', headers: {}, body });
    expect(response.status).toBe(409);
    await stopped;
    expect(await response.text()).toBe('no more');
  });

  it('a connection is used again, and one that had just been closed costs nothing but another', async () => {
    const sockets = new Set<unknown>();
    let closeNext = false;
    const server = await fakeServer((request, response) => {
      sockets.add(request.socket);
      if (closeNext) {
        closeNext = false;
        request.socket.destroy();
      } else {
        response.end('ok');
      }
    });
    const get = async () => (await fetch(server.url, { method: 'GET', headers: {} })).text();
    await get();
    await get();
    expect(sockets.size).toBe(1);
    closeNext = true;
    expect(await get()).toBe('ok');
    expect(sockets.size).toBe(2);
  });

  it('a request that changes something is not sent twice', async () => {
    const server = await fakeServer((request, response) => {
      if (request.method === 'PUT') request.socket.destroy();
      else response.end('ok');
    });
    await (await fetch(server.url, { method: 'GET', headers: {} })).text();
    await expect(fetch(server.url, { method: 'PUT', headers: {}, body: 'x' })).rejects.toThrow();
    expect(server.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  it('an abort breaks off a request, and a body, with its reason', async () => {
    const server = await fakeServer((request, response) => {
      if (request.url === '/body') response.write('part');
    });
    const reason = new Error('enough');
    const before = new AbortController();
    const waiting = fetch(server.url, { method: 'GET', headers: {}, signal: before.signal }).catch((e: unknown) => e);
    before.abort(reason);
    expect(await waiting).toBe(reason);

    const during = new AbortController();
    const response = await fetch(`${server.url}/body`, { method: 'GET', headers: {}, signal: during.signal });
    const whole = response.text().catch((error: unknown) => error);
    during.abort(reason);
    expect(await whole).toBe(reason);
    await expect(fetch(server.url, { method: 'GET', headers: {}, signal: during.signal })).rejects.toBe(reason);
  });

  it('leaving a body closes its connection', async () => {
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const server = await fakeServer((_request, response) => {
      response.on('close', closed);
      response.write('part');
    });
    const response = await fetch(server.url, { method: 'GET', headers: {} });
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      expect(Buffer.from(piece).toString()).toBe('part');
      break;
    }
    await gone;
  });
});
