/** Settings of a stream over HTTP (contract 98, 99). */
import { describe, expect, it } from 'vitest';
import { follow, type Running, start } from './harness.ts';

const STREAMS = {
  mounted: { '/s': { fstype: 'streamfs', config: { max_ring_buffer_size: '16MB' } }, '/mem': 'memfs' },
};
const ALL =
  'ring_buffer_size=2MB&channel_buffer_size=1MB&on_lag=disconnect&reader_block=always&atomic=lines&type=audio/ogg&ttl=90s';
const FACTS = {
  ring_buffer_size: String(2 * 1024 * 1024),
  channel_buffer_size: String(1024 * 1024),
  on_lag: 'disconnect',
  reader_block: 'always',
  atomic: 'lines',
  type: 'audio/ogg',
  ttl: '90s',
};

interface Stat {
  meta: { Content: Record<string, string> };
}

async function factsOf(at: Running, path: string): Promise<Record<string, string>> {
  return ((await at.call('GET', `/stat?path=${path}`)).json() as unknown as Stat).meta.Content;
}

describe('contract 98: settings of a stream', () => {
  it.each([
    ['POST', '/files?path=/s/a', 201],
    ['PUT', '/files?path=/s/a', 200],
    ['POST', '/write?path=/s/a', 200],
  ])('are query parameters of what makes it, and its facts show them: %s %s', async (method, target, status) => {
    const at = await start(STREAMS);
    const made = await at.call(method, `${target}&${ALL}`, method === 'PUT' ? { body: 'x\n' } : {});
    expect(made.status).toBe(status);
    expect(await factsOf(at, '/s/a')).toMatchObject(FACTS);
    // A writer that reconnects after a restart repeats the settings.
    expect((await at.call('PUT', `/files?path=/s/a&${ALL}`, { body: 'y\n' })).status).toBe(200);
    expect((await at.call('PUT', '/files?path=/s/a', { body: 'z' })).status).toBe(200);
  });

  it('hold also for the first append of a numbered writer, and for JSON', async () => {
    const at = await start(STREAMS);
    const headers = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    await at.call('PUT', `/files?path=/s/a&${ALL}`, { body: 'x\n', headers });
    await at.post(`/write?path=/s/b&${ALL}`, { data: 'x\n' });
    expect(await factsOf(at, '/s/a')).toMatchObject(FACTS);
    expect(await factsOf(at, '/s/b')).toMatchObject(FACTS);
  });

  it('that differ from those of a stream that exists are 409, and the response names each with both values', async () => {
    const at = await start(STREAMS);
    await at.call('PUT', '/files?path=/s/a&ring_buffer_size=2MB', { body: 'x' });
    for (const [method, target] of [
      ['PUT', '/files'],
      ['POST', '/files'],
      ['POST', '/write'],
    ] as const) {
      const refused = await at.call(method, `${target}?path=/s/a&ring_buffer_size=1MB&ttl=1h&on_lag=drop-oldest`);
      expect(refused.status).toBe(409);
      expect(refused.json()).toEqual({
        code: 'STREAM_SETTINGS_DIFFER',
        error: 'stream /a exists with other settings: ring_buffer_size is 2097152, not 1048576; ttl is 0s, not 1h',
        differences: [
          { setting: 'ring_buffer_size', value: '2097152', asked: '1048576' },
          { setting: 'ttl', value: '0s', asked: '1h' },
        ],
      });
    }
    expect((await at.call('POST', '/files?path=/s/a&ring_buffer_size=2MB')).json().code).toBe('STREAM_EXISTS');
    expect((await at.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe('x');
  });

  it('of one that only readers have opened are those of its first writer', async () => {
    const at = await start(STREAMS);
    const first = await follow(at.port, '/files?path=/s/a&stream=true');
    const created = await follow(at.port, '/files?path=/s/b&stream=true');
    expect((await at.call('PUT', `/files?path=/s/a&${ALL}`, { body: 'x\n' })).status).toBe(200);
    expect((await at.call('POST', `/files?path=/s/b&${ALL}`)).status).toBe(201);
    for (const path of ['/s/a', '/s/b'])
      expect(await factsOf(at, path)).toMatchObject({ ...FACTS, active_readers: '1' });
    const { readers } = (await at.call('GET', '/readers')).json() as unknown as { readers: { policy: string }[] };
    expect(readers.map(({ policy }) => policy)).toEqual(['disconnect', 'disconnect']);
    first.cut();
    created.cut();
  });

  it('atomic: lines of those who say nothing are kept whole too, however short and long their bodies are', async () => {
    const at = await start(STREAMS);
    await at.call('POST', '/files?path=/s/a&atomic=lines');
    await at.call('PUT', '/files?path=/s/a', { body: 'one' });
    await at.call('PUT', '/files?path=/s/a', { body: 'two' });
    const long = `${'x'.repeat(100_000)}`;
    await at.call('PUT', '/files?path=/s/a', { body: long });
    expect((await at.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe(`one\ntwo\n${long}\n`);
    const refused = await at.call('PUT', '/files?path=/s/a&atomic=none', { body: 'x' });
    expect([refused.status, refused.json().code]).toEqual([409, 'STREAM_SETTINGS_DIFFER']);
    // On a stream without the setting, a writer may keep its own lines.
    await at.call('PUT', '/files?path=/s/b', { body: 'one' });
    expect((await at.call('PUT', '/files?path=/s/b&atomic=lines', { body: 'two' })).status).toBe(200);
    expect((await at.call('GET', '/files?path=/s/b&snapshot=true')).text).toBe('onetwo\n');
  });

  it.each([
    ['ring_buffer_size=17MB', 'ring_buffer_size', 'must be at most 16.0MB here (max_ring_buffer_size of the mount)'],
    ['ring_buffer_size=big', 'ring_buffer_size', 'invalid size format: BIG'],
    ['ring_buffer_size=0', 'ring_buffer_size', 'must be a whole number of bytes from 1, got 0'],
    ['channel_buffer_size=2GB', 'channel_buffer_size', 'must be at most 1.0GB here'],
    ['on_lag=wait', 'on_lag', 'must be one of drop-oldest, drop-newest, disconnect, block; got wait'],
    ['reader_block=maybe', 'reader_block', 'must be one of always, writers, never'],
    ['atomic=words', 'atomic', 'must be one of none, lines'],
    ['ttl=soon', 'ttl', 'invalid duration format: soon'],
    ['ttl=-1', 'ttl', 'expected a duration from 0 to 576h'],
    ['type=text/html', 'type', 'must be one of a fixed list: plain text'],
    ['type=image/svg%2Bxml', 'type', 'Got image/svg+xml'],
    ['type=', 'type', 'is empty'],
    ['type=audio/ogg&type=audio/wav', 'type', 'given more than once'],
    ['on_lag=block&reader_block=never', 'on_lag', 'contradicts itself'],
  ])('that make no sense are 400 and make nothing: %s', async (settings, name, reason) => {
    const at = await start(STREAMS);
    for (const [method, target] of [
      ['PUT', '/files'],
      ['POST', '/files'],
      ['POST', '/write'],
    ] as const) {
      const refused = await at.call(method, `${target}?path=/s/a&${settings}`);
      expect([refused.status, refused.json().code]).toEqual([400, 'INVALID_PARAMETER']);
      expect(refused.json().error).toContain(`invalid ${name} parameter: `);
      expect(refused.json().error).toContain(reason);
    }
    expect((await at.call('GET', '/stat?path=/s/a')).status).toBe(404);
  });

  it('mean nothing to an ordinary file, which says so', async () => {
    const at = await start(STREAMS);
    for (const [method, target] of [
      ['PUT', '/files?path=/mem/a&ttl=1h'],
      ['POST', '/files?path=/mem/a&type=text/plain'],
    ] as const) {
      const refused = await at.call(method, target);
      expect([refused.status, refused.json().code]).toEqual([501, 'SETTINGS_NOT_SUPPORTED']);
    }
  });
});

describe('contract 99: the content type of a stream', () => {
  const MEDIA = "default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'";

  it('is sent with live reads, snapshots and handle streams, with headers under which nothing runs', async () => {
    const at = await start(STREAMS);
    await at.call('PUT', '/files?path=/s/a&type=Video/WebM;codecs=vp8', { body: 'x' });
    const { handle_id: id } = (await at.call('POST', '/handles/open?path=/s/a')).json();
    await at.call('POST', '/end?path=/s/a');
    for (const target of [
      '/files?path=/s/a&stream=true',
      '/files?path=/s/a&stream=true&from=earliest&format=raw',
      '/files?path=/s/a&snapshot=true',
      `/handles/${id}/stream`,
    ]) {
      for (const method of ['GET', 'HEAD']) {
        const { headers } = await at.call(method, target);
        expect(headers).toMatchObject({
          'content-type': 'video/webm; codecs=vp8',
          'x-content-type-options': 'nosniff',
          'content-security-policy': MEDIA,
          'cross-origin-resource-policy': 'same-origin',
        });
      }
    }
    // Another encoding has its own content type.
    const framed = await at.call('GET', '/files?path=/s/a&stream=true&format=frames');
    expect(framed.headers['content-type']).toBe('application/vnd.streamfs.frames');
  });

  it('is sent to a connection that was kept open, and to HTTP/1.0', async () => {
    const at = await start(STREAMS);
    await at.call('PUT', '/files?path=/s/a&type=text/csv', { body: 'x' });
    const live = await follow(at.port, '/files?path=/s/a&stream=true');
    expect(live.res.headers).toMatchObject({
      'content-type': 'text/csv',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
    live.cut();
  });

  it('is bytes where none was declared, whatever the type of a body', async () => {
    const at = await start(STREAMS);
    await at.call('PUT', '/files?path=/s/a', { body: '<script>', headers: { 'Content-Type': 'text/html' } });
    expect(await factsOf(at, '/s/a')).toMatchObject({ type: 'application/octet-stream' });
    const { headers } = await at.call('GET', '/files?path=/s/a&snapshot=true');
    expect(headers['content-type']).toBe('application/octet-stream');
  });

  it('that is not listed, and was given in another way, is sent as bytes here', async () => {
    const at = await start(STREAMS);
    await at.mounts.create('/s/a', { settings: { type: 'text/html' } });
    await at.call('PUT', '/files?path=/s/a', { body: '<script>' });
    await at.call('POST', '/end?path=/s/a');
    for (const target of ['/files?path=/s/a&stream=true', '/files?path=/s/a&snapshot=true']) {
      const { headers } = await at.call('GET', target);
      expect(headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      });
    }
    expect(await factsOf(at, '/s/a')).toMatchObject({ type: 'text/html' });
  });

  it("is the mount's otherwise", async () => {
    const at = await start({ mounted: { '/s': { fstype: 'streamfs', config: { type: 'audio/mpeg' } } } });
    await at.call('PUT', '/files?path=/s/a', { body: 'x' });
    const { headers } = await at.call('GET', '/files?path=/s/a&snapshot=true');
    expect(headers['content-type']).toBe('audio/mpeg');
  });
});
