import { describe, expect, it } from 'vitest';
import { start } from './harness.ts';

const MOUNTED = { '/s': { fstype: 'streamfs', config: { ring_buffer_size: '8B', channel_buffer_size: '8B' } } };

/** A stream that has ended at 20 with 8 bytes retained, and one that continues. */
async function streams() {
  const server = await start({ mounted: MOUNTED });
  for (const path of ['/s/ended', '/s/live']) await server.mounts.write(path, Buffer.alloc(20, 'x'));
  await server.mounts.end('/s/ended');
  return server;
}

describe('an offset beyond the end of a stream that has ended', () => {
  it('contract 25: is an error that names the end, in every way to read; at the end there is nothing', async () => {
    const { call } = await streams();
    const { id } = (await call('POST', '/handles/open?path=/s/ended')).json();
    for (const [method, target] of [
      ['GET', '/files?path=/s/ended&stream=true&offset=OFFSET'],
      ['GET', '/files?path=/s/ended&stream=true&format=frames&offset=OFFSET'],
      ['GET', '/files?path=/s/ended&snapshot=true&offset=OFFSET'],
      ['GET', `/handles/${id}/read?offset=OFFSET`],
      ['POST', `/handles/${id}/seek?offset=OFFSET`],
    ] as const) {
      const beyond = await call(method, target.replace('OFFSET', '21'));
      expect([target, beyond.status, beyond.json()]).toMatchObject([
        target,
        416,
        { code: 'OFFSET_BEYOND_END', end: 20, error: 'offset 21 is beyond the end: the stream has ended at 20' },
      ]);
      expect([target, (await call(method, target.replace('OFFSET', '20'))).status]).toEqual([target, 200]);
    }
  });
});

describe('HEAD of a live read', () => {
  it.each([
    '/files?path=/s/live&stream=true&timeout=0',
    '/files?path=/s/live&stream=true&timeout=0&format=frames&offset=3&on_expired=skip',
    '/files?path=/s/ended&stream=true&last=3',
    '/files?path=/s/ended&stream=true&offset=3',
    '/files?path=/s/ended&stream=true&offset=21',
    '/files?path=/s/live&stream=true&generation=other',
    '/files?path=/s/live&stream=true&create=false&offset=1&last=2',
    '/files?path=/s/README&stream=true',
    '/files?path=/s&stream=true',
    '/files?path=/s/absent&stream=true&create=false',
  ])('%s has the status and headers of GET, and leaves nothing', async (target) => {
    const { call } = await streams();
    const [head, get] = [await call('HEAD', target), await call('GET', target)];
    const compared = ({ status, headers }: typeof get) => {
      const { date: _, 'x-request-id': __, connection: ___, 'keep-alive': ____, ...rest } = headers;
      return [status, rest];
    };
    expect(compared(head)).toEqual(compared(get));
    expect((await call('GET', '/stat?path=/s/live')).json()).toMatchObject({
      meta: { Content: { active_readers: '0' } },
    });
    expect((await call('HEAD', '/files?path=/s/new&stream=true')).status).toBe(404);
    expect((await call('GET', '/stat?path=/s/new')).status).toBe(404);
  });
});
