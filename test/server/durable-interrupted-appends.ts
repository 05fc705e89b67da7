/** Appends of Durable Streams whose connection is cut during the request (contract 105). */
import { expect } from 'vitest';
import { connectTo } from '../harness/wire.ts';
import { type Running, start } from './harness.ts';

const BODY = '{"text":"é"}';
const TYPE = 'application/json';
const PRODUCER = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
/** How many are in flight at once: each waits for its connection to be closed. */
const AT_ONCE = 8;

/** The request of an append: node:http serves it with a producer, the fast path without. */
function requestOf(name: string, headers: Record<string, string>): Buffer {
  const lines = Object.entries(headers).map(([field, value]) => `${field}: ${value}\r\n`);
  return Buffer.from(
    `POST /v1/stream/${name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(BODY)}\r\n${lines.join('')}\r\n${BODY}`,
  );
}

/** Cuts appends after every `step`th byte, and the last two, in both ways that a client can disconnect. */
export async function cutAppends(step: number): Promise<void> {
  const running = await start({
    mounted: { '/s': 'streamfs' },
    durableStreams: { mount: '/s', prefixes: ['/v1/stream', '/api/v1x'], longPollTimeout: 50 },
  });
  for (const headers of [PRODUCER, {}]) {
    for (const how of ['end', 'destroy'] as const) {
      const { length } = requestOf(`${how}000`, headers);
      const cuts = Array.from({ length: length + 1 }, (_, at) => at).filter(
        (at) => at % step === 0 || at >= length - 1,
      );
      for (let at = 0; at < cuts.length; at += AT_ONCE) {
        await Promise.all(cuts.slice(at, at + AT_ONCE).map((cut) => cutOne(running, cut, how, headers)));
      }
    }
  }
}

async function cutOne(
  { call, port }: Running,
  cut: number,
  how: 'end' | 'destroy',
  headers: Record<string, string>,
): Promise<void> {
  const name = `${how}${String(cut).padStart(3, '0')}`;
  const type = { 'Content-Type': TYPE };
  await call('PUT', `/api/v1x/${name}`, { headers: type });
  const bytes = requestOf(name, headers);
  const connection = await connectTo(port);
  connection.send(bytes.subarray(0, cut));
  if (how === 'end') {
    connection.socket.end();
    await connection.closed();
  } else {
    await new Promise<void>((resolve) => connection.socket.write('', () => resolve()));
    connection.socket.destroy();
  }
  const whole = JSON.stringify([JSON.parse(BODY)]);
  const { text } = await call('GET', `/api/v1x/${name}`);
  // An incomplete append leaves no part of itself; a complete one may still be in flight.
  expect([name, text]).toEqual([name, cut < bytes.length || text === '[]' ? '[]' : whole]);
  if (headers === PRODUCER) {
    const again = await call('POST', `/api/v1x/${name}`, { body: BODY, headers: { ...type, ...headers } });
    expect([200, 204]).toContain(again.status);
    if (text !== '[]') expect(again.status).toBe(204);
    expect((await call('GET', `/api/v1x/${name}`)).text).toBe(whole);
  }
  await call('DELETE', `/api/v1x/${name}`);
}
