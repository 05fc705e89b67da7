import { describe, expect, it } from 'vitest';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient, type StreamFSClientOptions } from '../../src/client/index.ts';
import { fakeServer, refuse } from './fake-server.ts';

/** A source that yields on command, and records whether it was closed. */
class ManualSource implements AsyncIterable<Uint8Array> {
  closed = false;
  readonly #given: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;

  give(text: string): void {
    this.#given.push(Buffer.from(text));
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        while (true) {
          const piece = this.#given.shift();
          if (piece !== undefined) return { done: false, value: piece };
          if (this.#error !== undefined) throw this.#error;
          if (this.#ended || this.closed) return { done: true, value: undefined };
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      },
      return: async () => {
        this.closed = true;
        this.#wake?.();
        return { done: true, value: undefined };
      },
    };
  }
}

const fetches: [string, StreamFSClientOptions][] = [
  ["the platform's fetch", {}],
  ['the fetch of the command line', { fetch: createNodeFetch() }],
];

describe.each(fetches)('writing, over %s', (_, options) => {
  it('bytes and text are one sized body, with what the server says of it', async () => {
    let body = Buffer.alloc(0);
    const server = await fakeServer((request, response) => {
      request.on('data', (piece) => {
        body = Buffer.concat([body, piece]);
      });
      request.on('end', () => {
        response.setHeader('X-Stream-End-Offset', '1003');
        response.setHeader('X-Stream-Generation', 'g');
        response.end('{"message":"Written 3 bytes"}');
      });
    });
    const client = new StreamFSClient({ url: server.url, ...options });
    const all = { end: true, create: false, atomic: 'lines', generation: 'g' } as const;
    const result = await client.write('/s/a', new Uint8Array([0, 10, 255]), all);
    expect(result).toEqual({ written: 3, endOffset: 1003, generation: 'g' });
    expect(body).toEqual(Buffer.from([0, 10, 255]));
    expect(server.requests[0]?.headers['content-length']).toBe('3');
    expect(server.requests[0]?.query.toString()).toBe('path=%2Fs%2Fa&end=true&create=false&atomic=lines&generation=g');
    expect((await client.write('/s/a', 'häß')).written).toBe(5);
  });

  it('contract 70: a body that streams is sent piece by piece, as the pieces come', async () => {
    const source = new ManualSource();
    let received = '';
    const server = await fakeServer((request, response) => {
      request.on('data', (piece) => {
        received += piece;
        // Each piece is triggered by the one before: if they were held back, this would never finish.
        if (received === 'one') source.give('two');
        if (received === 'onetwo') source.end();
      });
      request.on('end', () => response.end('{}'));
    });
    const client = new StreamFSClient({ url: server.url, ...options });
    source.give('one');
    const progress: number[] = [];
    const result = await client.write('/s/a', source, { onProgress: (sent) => progress.push(sent) });
    expect(result.written).toBe(6);
    expect(progress).toEqual([3, 6]);
  });

  it('a ReadableStream is a source too', async () => {
    let received = '';
    const server = await fakeServer((request, response) => {
      request.on('data', (piece) => {
        received += piece;
      });
      request.on('end', () => response.end('{}'));
    });
    const client = new StreamFSClient({ url: server.url, ...options });
    const stream = new Blob(['abc', 'def']).stream() as ReadableStream<Uint8Array>;
    expect((await client.write('/s/a', stream)).written).toBe(6);
    expect(received).toBe('abcdef');
  });

  it('a refusal in the middle of an endless source is reported immediately, and the source is closed', async () => {
    const source = new ManualSource();
    const server = await fakeServer((request, response) => {
      request.once('data', () => refuse(response, 409, 'STREAM_CLOSED'));
    });
    source.give('the first piece');
    const client = new StreamFSClient({ url: server.url, ...options });
    await expect(client.write('/s/a', source)).rejects.toMatchObject({ kind: 'http', code: 'STREAM_CLOSED' });
    await expect.poll(() => source.closed).toBe(true);
  });

  it('a cut says how much had been sent, and that what was accepted is not known', async () => {
    const source = new ManualSource();
    const server = await fakeServer((request) => {
      request.once('data', () => request.socket.destroy());
    });
    source.give('seven b');
    const client = new StreamFSClient({ url: server.url, ...options });
    const error = await client.write('/s/a', source).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'cut', details: { sent: 7 } });
    expect(String(error)).toContain('7 bytes had been sent, how many of them were accepted is not known');
  });

  it('without a server, nothing is known to be sent: it is unreachable', async () => {
    const server = await fakeServer(() => {});
    await server.close();
    const client = new StreamFSClient({ url: server.url, ...options });
    await expect(client.write('/s/a', 'abc')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it("an error of the source is the caller's own, and breaks the request off", async () => {
    const source = new ManualSource();
    const own = new Error('the disk is on fire');
    let aborted: () => void = () => {};
    const broken = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const server = await fakeServer((request) => {
      request.once('data', () => source.end(own));
      request.on('aborted', aborted);
    });
    source.give('piece');
    const client = new StreamFSClient({ url: server.url, ...options });
    await expect(client.write('/s/a', source)).rejects.toBe(own);
    await broken;
  });

  it('an abort breaks off a write that waits for its source', async () => {
    const source = new ManualSource();
    const abort = new AbortController();
    const reason = new Error('enough');
    const server = await fakeServer((request) => {
      request.once('data', () => abort.abort(reason));
    });
    source.give('piece');
    const client = new StreamFSClient({ url: server.url, ...options });
    await expect(client.write('/s/a', source, { signal: abort.signal })).rejects.toBe(reason);
    await expect.poll(() => source.closed).toBe(true);
  });
});
