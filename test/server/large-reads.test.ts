import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../src/core/index.ts';
import { waitFor } from '../harness/wait.ts';
import { follow, start } from './harness.ts';

const MB = 1024 * 1024;
const MOUNTED = { '/mem': 'memfs', '/dev': 'devfs', '/s': 'streamfs' };

/** A server whose files, bodies and responses may take five eighths of 16 MB. */
async function tight() {
  const memory = new MemoryBudget(16 * MB);
  const server = await start({ mounted: MOUNTED, memory, maxRequestBodyBytes: 64 * MB });
  const put = async (path: string, size: number) => {
    const writer = await server.mounts.openWrite(path);
    await writer.write(new Uint8Array(size).fill(120));
    await writer.close();
  };
  return { ...server, memory, put };
}

const times = <T>(count: number, act: () => Promise<T>) => Promise.all(Array.from({ length: count }, act));

describe('reads of more than there is memory for', () => {
  it.each(['zero', 'random'])('contract 95: /dev/%s is made as it is sent, for many at once', async (device) => {
    const { call, memory } = await tight();
    const responses = await times(8, () => call('GET', `/files?path=/dev/${device}&size=${8 * MB}`));
    for (const { status, body, headers } of responses) {
      expect([status, body.length, headers['content-length']]).toEqual([200, 8 * MB, String(8 * MB)]);
    }
    expect(memory.peak).toBeLessThan(2 * MB);
  });

  it('contract 95: a file of memfs is sent from its own memory, whole and in part, however many read it', async () => {
    const { call, memory, put } = await tight();
    await put('/mem/f', 6 * MB);
    const used = memory.fixed;
    const responses = await times(8, () => call('GET', '/files?path=/mem/f'));
    expect(responses.map(({ status, body }) => [status, body.length])).toEqual(Array(8).fill([200, 6 * MB]));
    const part = await call('GET', `/files?path=/mem/f&offset=${MB}&size=${3 * MB}`);
    expect([part.status, part.body.length, part.headers['content-length']]).toEqual([200, 3 * MB, String(3 * MB)]);
    for (const query of ['snapshot=true', 'stream=true']) {
      expect((await call('GET', `/files?path=/mem/f&${query}`)).body.length).toBe(6 * MB);
    }
    expect(memory.peak).toBeLessThan(used + MB);
    expect((await call('POST', '/digest', { body: '{"algorithm":"md5","path":"/mem/f"}' })).status).toBe(200);
  });

  it('contract 95: a client that has stopped reading a removed file keeps its memory charged, until the client has gone', async () => {
    const { call, memory, port, put } = await tight();
    await put('/mem/f', 6 * MB);
    const reader = await follow(port, '/files?path=/mem/f');
    reader.res.pause();
    expect((await call('DELETE', '/files?path=/mem/f')).status).toBe(200);
    expect(memory.fixed).toBeGreaterThan(6 * MB);
    await expect(put('/mem/g', 6 * MB)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    reader.cut();
    await waitFor(() => memory.fixed < MB);
    await put('/mem/g', 6 * MB);
  });

  it('contract 95: a file that is written to while it is read is sent as it was', async () => {
    const { call, port, put, mounts } = await tight();
    await put('/mem/f', 4 * MB);
    const reader = await follow(port, '/files?path=/mem/f');
    reader.res.pause();
    await mounts.write('/mem/f', Buffer.from('new'), { offset: 3 * MB });
    reader.res.resume();
    expect(await reader.end()).toBe('x'.repeat(4 * MB));
    expect((await call('GET', `/files?path=/mem/f&offset=${3 * MB}&size=4`)).text).toBe('newx');
  });

  it("contract 95: a snapshot is sent from the stream's memory, and charged once however many read it", async () => {
    const { call, memory, put } = await tight();
    await put('/s/a', 6 * MB);
    const responses = await times(12, () => call('GET', '/files?path=/s/a&snapshot=true'));
    const length = responses[0]!.body.length;
    expect(length).toBeGreaterThan(5 * MB);
    expect(responses.map(({ status, body }) => [status, body.length])).toEqual(Array(12).fill([200, length]));
    expect(memory.peak).toBeLessThanOrEqual(16 * MB);
    await waitFor(() => memory.fixed < MB);
  });

  it('contract 95: a snapshot is as it was when it was asked for, whatever is written meanwhile', async () => {
    const { port, mounts } = await tight();
    await mounts.write('/s/a', Buffer.alloc(5 * MB, 'a'));
    const reader = await follow(port, '/files?path=/s/a&snapshot=true');
    reader.res.pause();
    for (let n = 0; n < 12; n++) await mounts.write('/s/a', Buffer.alloc(MB, 'b'));
    reader.res.resume();
    expect(await reader.end()).toBe('a'.repeat(5 * MB));
  });

  it('contract 95: a read of a handle takes no more than a piece of a device, and none for a file', async () => {
    const { call, memory, put } = await tight();
    await put('/mem/f', 6 * MB);
    const handle = async (path: string) => (await call('POST', `/handles/open?path=${path}`)).json().id;
    const [device, file] = [await handle('/dev/zero'), await handle('/mem/f')];
    const used = memory.fixed;
    const zeros = await call('GET', `/handles/${device}/read?size=${64 * MB}`);
    expect([zeros.status, zeros.body.length, zeros.headers['x-eof']]).toEqual([200, MB, 'false']);
    const whole = await call('GET', `/handles/${file}/read?size=${64 * MB}`);
    expect([whole.status, whole.body.length, whole.headers['x-eof']]).toEqual([200, 6 * MB, 'true']);
    expect(memory.peak).toBeLessThan(used + 2 * MB);
  });

  it('contract 95: matches of a search are charged for as they are found', async () => {
    const { call, memory, mounts } = await tight();
    await mounts.write('/mem/f', Buffer.from(`${'x'.repeat(999)}\n`.repeat(3000)));
    const search = () => call('POST', '/grep', { body: '{"path":"/mem/f","pattern":"x"}' });
    const before = memory.peak;
    const { status, json } = await search();
    expect([status, json().count, (json().matches as unknown[]).length]).toEqual([200, 3000, 3000]);
    expect(memory.peak).toBeGreaterThan(before + 2 * MB);
    await mounts.write('/mem/g', new Uint8Array(4.5 * MB));
    const refused = await search();
    expect([refused.status, refused.json().error]).toEqual([
      503,
      expect.stringContaining('grep failed: server has no memory'),
    ]);
  });
});

describe('HEAD of an ordinary file', () => {
  it.each([
    '/files?path=/dev/zero&size=1000',
    '/files?path=/dev/null',
    '/files?path=/mem/f',
    '/files?path=/mem/f&offset=10&size=20',
    '/files?path=/mem/f&offset=5000',
    '/files?path=/s/README&size=7',
    '/files?path=/mem/f&snapshot=true&offset=10',
    '/files?path=/s/a&snapshot=true&last=3',
    '/files?path=/dev/zero',
    '/files?path=/mem/absent',
    '/files?path=/mem',
    '/files?path=/s/a&snapshot=true&generation=other',
  ])('%s has the status and headers of GET', async (target) => {
    const { call, put } = await tight();
    await put('/mem/f', 1000);
    await put('/s/a', 10);
    const [get, head] = [await call('GET', target), await call('HEAD', target)];
    const compared = ({ status, headers: { date: _, 'x-request-id': __, ...headers } }: typeof get) => [
      status,
      headers,
    ];
    expect(compared(head)).toEqual(compared(get));
    expect(head.body.length).toBe(0);
  });
});
