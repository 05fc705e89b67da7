/** The clients of Durable Streams, unchanged, against the built server (contract 105). */
import { DurableStream, IdempotentProducer, stream as readStream } from '@durable-streams/client';
import { type ChangeEvent, MaterializedState } from '@durable-streams/state';
import { expect, it } from 'vitest';
import { server as startedServer } from './harness/server.ts';

async function server(streamfs: Record<string, string> = {}) {
  const running = await startedServer({ streamfs, server: { durable_streams: { long_poll_timeout: '500ms' } } });
  return (name: string) => `${running.url}/v1/stream/${name}`;
}

/** All items until the stream is closed. */
async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

it('contract 105: the client creates, appends, reads, closes and removes', async () => {
  const at = await server();
  const text = await DurableStream.create({ url: at('text'), contentType: 'text/plain' });
  await text.append('hello');
  await text.append(' world');
  expect(await (await text.stream({ live: false })).text()).toBe('hello world');
  await text.close({ body: '!' });
  expect(await text.head()).toMatchObject({ streamClosed: true });
  await text.delete();
  await expect(text.stream({ live: false })).rejects.toThrow();
});

it('contract 105: the client’s live readers get every message of its producer, once and in order', async () => {
  const at = await server();
  const messages = await DurableStream.create({ url: at('json'), contentType: 'application/json' });
  const read = async (live: 'sse' | 'long-poll') =>
    all((await readStream<{ n: number }>({ url: at('json'), offset: '-1', live })).jsonStream());
  const readers = [read('sse'), read('long-poll')];
  const producer = new IdempotentProducer(messages, 'producer', { autoClaim: true, lingerMs: 2 });
  for (let n = 0; n < 500; n++) producer.append(JSON.stringify({ n }));
  await producer.flush();
  await producer.close(JSON.stringify({ n: 500 }));
  const sent = Array.from({ length: 501 }, (_, n) => ({ n }));
  for (const items of await Promise.all(readers)) expect(items).toEqual(sent);
});

it('contract 105: bytes and text arrive over server-sent events as they were appended', async () => {
  const at = await server();
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256));
  for (const [name, contentType] of [
    ['octets', 'application/octet-stream'],
    ['latin', 'text/plain; charset=iso-8859-1'],
  ] as const) {
    const octets = await DurableStream.create({ url: at(name), contentType });
    await octets.append(bytes);
    await octets.close();
    const received = await all((await readStream({ url: at(name), offset: '-1', live: 'sse' })).bodyStream());
    expect([name, Buffer.concat(received).equals(bytes)]).toEqual([name, true]);
  }
  const text = await DurableStream.create({ url: at('tokens'), contentType: 'text/plain' });
  const live = readStream({ url: at('tokens'), offset: '-1', live: 'sse' }).then((response) =>
    all(response.textStream()),
  );
  const euro = Buffer.from('€');
  for (const piece of ['Hello', ' world', ' and', '\n', ' é', euro.subarray(0, 2), euro.subarray(2)])
    await text.append(piece);
  await text.close();
  expect((await live).join('')).toBe('Hello world and\n é€');
});

it('contract 105: clients that decide by what they have read append one after the other, and lose nothing', async () => {
  const at = await server();
  const url = at('counter');
  await DurableStream.create({ url, contentType: 'application/json' });
  /** Appends the number of messages: reads, decides, and appends only if nothing was appended meanwhile. */
  const count = async () => {
    for (;;) {
      const response = await readStream<number>({ url, offset: '-1', live: false });
      const known = await response.json();
      const { status } = await fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Stream-Expected-Offset': response.offset },
        body: String(known.length),
      });
      if (status === 204) return;
      expect(status).toBe(409);
    }
  };
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let n = 0; n < 10; n++) await count();
    }),
  );
  const numbers = await (await readStream<number>({ url, offset: '-1', live: false })).json();
  expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n));
});

it('contract 105: an offset that has left the ring is an error of the client in every mode, and -1 works', async () => {
  const at = await server({ ring_buffer_size: '1KB' });
  const text = await DurableStream.create({ url: at('t'), contentType: 'text/plain' });
  await text.append('first');
  const head = await text.head();
  const offset = 'offset' in head ? head.offset : undefined;
  for (let n = 0; n < 3; n++) await text.append('x'.repeat(1000));
  for (const live of [false, 'long-poll', 'sse'] as const) {
    const reading = readStream({ url: at('t'), offset: offset!, live }).then((response) => response.text());
    await expect(reading).rejects.toMatchObject({ status: 410 });
  }
  expect((await (await readStream({ url: at('t'), offset: '-1', live: false })).text()).length).toBe(1024);
});

it('contract 105: changes become state', async () => {
  const at = await server();
  const changes = await DurableStream.create({ url: at('state'), contentType: 'application/json' });
  const state = new MaterializedState();
  const reading = readStream<ChangeEvent>({ url: at('state'), offset: '-1', live: 'sse' }).then(async (response) => {
    for (const event of await all(response.jsonStream())) state.apply(event);
  });
  const change = (operation: string, key: string, value?: unknown) =>
    changes.append(JSON.stringify({ type: 'user', key, value, headers: { operation } }));
  await change('insert', '1', { name: 'a' });
  await change('insert', '2', { name: 'b' });
  await change('update', '1', { name: 'c' });
  await change('delete', '2');
  await changes.close();
  await reading;
  expect([...state.getType('user')]).toEqual([['1', { name: 'c' }]]);
});
