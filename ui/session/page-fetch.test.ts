import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Connections } from './connections.ts';
import { createPageFetch } from './page-fetch.ts';

const TIMEOUT_MS = 15_000;
const GIVEN_UP = 'no response for 15 s';

/** A server that never answers `/silent`, answers `/half` with half a body, and all else at once. */
function answer(url: string, { signal }: { signal: AbortSignal }): Promise<Response> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  aborted.catch(() => {});
  if (url.endsWith('/silent')) return aborted;
  if (!url.endsWith('/half')) return Promise.resolve(new Response('okay'));
  const half = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('ha'));
      aborted.catch((error: unknown) => controller.error(error));
    },
  });
  return Promise.resolve(new Response(half));
}

function pageFetch(onFailure: (error: unknown) => void = () => {}) {
  return createPageFetch({
    connections: new Connections(1),
    token: () => undefined,
    link: () => undefined,
    onResponse: () => {},
    onFailure,
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', answer);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it('gives up a read without a response, reports it, and frees its connection', async () => {
  const failures: string[] = [];
  const fetch = pageFetch((error) => failures.push(String(error)));
  const silent = expect(fetch('http://x/silent', { method: 'GET', headers: {} })).rejects.toThrow(GIVEN_UP);
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
  await silent;
  const half = await fetch('http://x/half', { method: 'GET', headers: {} });
  const text = expect(half.text()).rejects.toThrow(GIVEN_UP);
  await vi.advanceTimersByTimeAsync(TIMEOUT_MS);
  await text;
  expect(failures).toEqual(Array(2).fill(`Error: ${GIVEN_UP}`));
  const whole = await fetch('http://x/', { method: 'GET', headers: {} });
  expect(await whole.text()).toBe('okay');
  expect(vi.getTimerCount()).toBe(0);
});

it.each([
  ['the response to a write', 'PUT', 'silent'],
  ['a body that is read in pieces', 'GET', 'half'],
])('waits for %s for as long as it takes', async (_what, method, path) => {
  const controller = new AbortController();
  const read = async () => {
    const { body } = await pageFetch()(`http://x/${path}`, { method, headers: {}, signal: controller.signal });
    for await (const _piece of body!);
  };
  let isOver = false;
  const reading = read().catch(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(10 * TIMEOUT_MS);
  expect(isOver).toBe(false);
  controller.abort();
  await reading;
  expect(isOver).toBe(true);
});
