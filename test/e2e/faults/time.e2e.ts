/** Clock faults: the clock is set, or the process is blocked for seconds. */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { get, parseResponse } from '../../harness/wire.ts';
import { parseFrames } from '../harness/frames.ts';
import { isPattern, pattern } from '../harness/pattern.ts';
import { type ProbedServer, probed } from '../harness/probed.ts';

const PATH = '/streamfs/live';
const HOUR = 3_600_000;

const modTime = async (at: ProbedServer, path = PATH) =>
  Date.parse(String((await at.json('GET', `/stat?path=${path}`)).modTime));

/** A handle, as reported by `GET /handles/ID`. */
const handle = async (at: ProbedServer, id: number) => {
  const facts = await at.json('GET', `/handles/${id}`);
  return { status: facts.status, left: Date.parse(String(facts.expires_at)) - Date.parse(String(facts.last_access)) };
};

describe('a clock that is set', () => {
  it.each([
    ['back by an hour', -HOUR],
    ['forward by an hour', HOUR],
  ])('%s expires nothing, keeps nothing alive for longer, and disconnects no one', async (_name, shift) => {
    const at = await probed({ server: { limits: { handle_idle_timeout: '1s' } } });
    await at.put(PATH, pattern(0, 8000));
    const open = async (lease: number) =>
      Number((await at.json('POST', `/handles/open?path=${PATH}&flags=2&lease=${lease}`)).handle_id);
    const [long, short] = [await open(60), await open(1)];
    const timed = await get(at.port, `/files?path=${PATH}&stream=true&timeout=1s`);
    const framed = await get(at.port, `/files?path=${PATH}&stream=true&format=frames&heartbeat=100ms`);
    await waitFor('both to have history', () => timed.received > 8000 && framed.received > 8000);
    const written = await modTime(at);
    await at.shiftClock(shift);

    // A lease with an hour left keeps it; an idle handle is closed when it was due.
    expect(await handle(at, long)).toEqual({ status: 200, left: 60_000 });
    await waitFor('the idle handle to be closed', async () => (await handle(at, short)).status === 404);
    expect(await handle(at, long)).toMatchObject({ status: 200 });
    // A read that ends after a second of silence still does, neither at once nor never.
    expect(await timed.lastResponse()).toMatchObject({
      complete: true,
      trailers: { 'x-stream-end': 'timeout', 'x-stream-end-offset': '8000' },
    });
    const beats = () =>
      parseFrames(parseResponse(framed.bytes)!.body).filter(({ type }) => type === 'heartbeat').length;
    const before = beats();
    await waitFor('heartbeats to continue', () => beats() > before + 2);

    // Earlier writes keep their time; new writes get the time of the clock.
    expect(await modTime(at)).toBe(written);
    await at.put(PATH, pattern(8000, 8000));
    expect((await modTime(at)) - written - shift).toBeGreaterThanOrEqual(0);
    expect((await modTime(at)) - written - shift).toBeLessThan(HOUR / 2);
    await waitFor('the reader to have it', () => framed.received > 16_000);
    // The framed read, and the remaining handle.
    expect(await at.facts(PATH)).toMatchObject({ written: 16_000, readers: 2, state: 'open' });
    expect(await at.json('GET', `/handles/${long}/stat`)).toMatchObject({ status: 200, size: 16_000 });
    await at.json('POST', `/handles/${long}/seek?offset=8000`);
    const { bytes } = await at.ask('GET', `/handles/${long}/read?size=8000`);
    expect([bytes.length > 0, isPattern(bytes, 8000)]).toEqual([true, true]);
    // A new stream gets the time of the clock, and works like any other.
    await at.put('/streamfs/new', 'x');
    expect((await modTime(at, '/streamfs/new')) - written - shift).toBeLessThan(HOUR / 2);
    framed.socket.destroy();
    await at.untilReaders(PATH, 1);
    await at.isSound();
  });
});

const STREAM = '/v1/stream';

/** A request of Durable Streams. */
async function durable(at: ProbedServer, method: string, name: string, headers: Record<string, string> = {}) {
  const { pathname, search } = new URL(name, 'http://stream');
  const response = await fetch(`${at.url}${STREAM}${pathname}${search}`, { method, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('contract 105: a time to live of Durable Streams, where the clock is set', () => {
  const TTL_MS = 2000;
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

  it.each([
    ['back by an hour', -HOUR],
    ['forward by an hour', HOUR],
  ])('%s: relative times follow a monotonic clock, absolute times the system clock', async (_name, shift) => {
    const at = await probed({ server: { durable_streams: { long_poll_timeout: '200ms' } } });
    const status = async (name: string) => (await durable(at, 'HEAD', name)).status;
    const times: Record<string, Record<string, string>> = {
      '/read': { 'Stream-TTL': '2' },
      '/polled': { 'Stream-TTL': '2' },
      '/written': { 'Stream-TTL': '2' },
      '/hour': { 'Stream-TTL': '3600' },
      '/soon': { 'Stream-Expires-At': inMinutes(30) },
      '/later': { 'Stream-Expires-At': inMinutes(90) },
    };
    for (const [name, headers] of Object.entries(times)) {
      expect((await durable(at, 'PUT', name, { 'Content-Type': 'text/plain', ...headers })).status).toBe(201);
    }
    const forked = await durable(at, 'PUT', '/fork', { 'Stream-Forked-From': `${STREAM}/soon` });
    expect(forked.status).toBe(201);
    const cursorOf = (response: Awaited<ReturnType<typeof durable>>) => Number(response.headers.get('stream-cursor'));
    const before = cursorOf(await durable(at, 'GET', '/hour?offset=now&live=long-poll'));
    await at.shiftClock(shift);

    // Streams with an absolute time expire by the clock, and a fork has the time of its source.
    const over = shift > 0 ? 404 : 200;
    // A fork that has not been accessed since keeps the name of its source in use for another minute at most.
    expect([await status('/fork'), await status('/soon'), await status('/later')]).toEqual([over, over, 200]);
    // The header has the configured ttl, not the remaining one.
    const expiresAt = (await durable(at, 'HEAD', '/later')).headers.get('stream-expires-at');
    expect(Date.parse(String(expiresAt))).toBe(Date.parse(times['/later']!['Stream-Expires-At']!));
    // The cursor for caches is always larger than the one before, whatever the clock says.
    const after = await durable(at, 'GET', `/hour?offset=now&live=long-poll&cursor=${before}`);
    expect([after.status, cursorOf(after) > before]).toEqual([204, true]);

    // Reads and writes renew a relative ttl for as long as they continue, beyond the ttl itself.
    const began = performance.now();
    let renewed = began;
    while (performance.now() - began < 2 * TTL_MS) {
      renewed = performance.now();
      const responses = [
        await durable(at, 'GET', '/read?offset=-1'),
        await durable(at, 'GET', '/polled?offset=now&live=long-poll'),
        await durable(at, 'POST', '/written', { 'Stream-Closed': 'true' }),
      ];
      expect(responses.map((response) => response.status)).toEqual([200, 204, 204]);
    }
    // Then it expires after its ttl, not at once and not an hour later. HEAD renews nothing.
    for (const name of ['/read', '/polled', '/written']) {
      await waitFor(`${name} to be over`, async () => (await status(name)) === 404);
      expect(performance.now() - renewed).toBeGreaterThanOrEqual(TTL_MS);
    }
    expect(await status('/hour')).toBe(200);

    // The clock is set right again: nothing expired returns, and nothing else expires.
    await at.shiftClock(0);
    expect(await Promise.all(['/soon', '/later', '/hour', '/read'].map(status))).toEqual([over, 200, 200, 404]);
    await at.isSound();
  });
});

describe('an event loop that stands still for seconds', () => {
  it('loses no byte, no reader and no request that came meanwhile, and leaves nothing behind', async () => {
    const at = await probed();
    await at.leavesNothing(async () => {
      const readers = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          get(at.port, `/files?path=${PATH}&stream=true&format=${n % 2 ? 'raw' : 'frames'}&heartbeat=200ms`),
        ),
      );
      await at.untilReaders(PATH, 50);
      const opened = await at.json('POST', `/handles/open?path=${PATH}&flags=0&lease=60`);
      const reading = at.ask('GET', `/handles/${opened.handle_id}/read?size=8000`);
      const blocked = at.block(2000);
      // All of these requests arrive while the process is blocked.
      const responses = await Promise.all([
        blocked,
        at.put(PATH, pattern(0, 8000)),
        ...Array.from({ length: 50 }, async () => {
          const { status } = await at.ask('GET', '/health');
          return status;
        }),
      ]);
      expect(responses.slice(2).every((status) => status === 200)).toBe(true);
      expect((await reading).bytes.equals(pattern(0, 8000))).toBe(true);
      for (const wire of readers) await waitFor('every reader to have it', () => wire.received >= 8000);
      await at.json('DELETE', `/handles/${opened.handle_id}`);
      await at.json('POST', `/end?path=${PATH}`);
      for (const [n, wire] of readers.entries()) {
        const response = await wire.lastResponse();
        expect(response.trailers).toMatchObject({ 'x-stream-end': 'ended', 'x-stream-end-offset': '8000' });
        const data = parseFrames(n % 2 ? Buffer.alloc(0) : response.body).filter(({ type }) => type === 'data');
        const body = n % 2 ? response.body : Buffer.concat(data.map(({ payload }) => payload));
        expect(body.length).toBe(8000);
        expect(isPattern(body, 0)).toBe(true);
      }
      await at.json('DELETE', `/files?path=${PATH}`);
    }, 1);
  });
});
