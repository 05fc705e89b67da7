/** Joining audio and video (contract 102): what a player receives that joins late, or has lost something. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFrames } from '../e2e/harness/frames.ts';
import { facts, parseEventStream } from './event-source.ts';
import { follow, type Running, start } from './harness.ts';
import { connectClient } from './websocket/peer.ts';

const fixture = (name: string) => readFileSync(join(import.meta.dirname, '../media/fixtures', name));
const WEBM = fixture('vp8-opus.webm');
const CLUSTER = Buffer.from('1f43b675', 'hex');
const HEADER = WEBM.subarray(0, WEBM.indexOf(CLUSTER));

const READ = (more = '') => `/files?path=/s/tv&stream=true${more}`;

/** A server whose stream has lost its beginning. */
async function late(type = 'video/webm', bytes = WEBM, ring = 8000, container = 'auto'): Promise<Running> {
  const at = await start({
    mounted: { '/s': { fstype: 'streamfs', config: { ring_buffer_size: ring, channel_buffer_size: ring } } },
  });
  await at.call('POST', `/files?path=/s/tv&type=${encodeURIComponent(type)}&container=${container}`);
  for (let from = 0; from < bytes.length; from += 777)
    await at.call('PUT', '/files?path=/s/tv', { body: bytes.subarray(from, from + 777) });
  return at;
}

const end = (at: Running) => at.call('POST', '/end?path=/s/tv');

describe('a late reader of a container', () => {
  // A header that the fast path does not know makes node:http response.
  it.each([
    ['read off the socket', {}],
    ['served by node:http', { 'X-Other': '1' }],
  ])('contract 102: gets the header, then the stream from a boundary on: %s', async (_way, headers) => {
    const at = await late();
    await end(at);
    for (const more of ['', '&from=live', '&last=4000', '&last_lines=1', '&join=boundary']) {
      const response = await at.call('GET', READ(more), { headers });
      const offset = Number(response.headers['x-stream-offset']);
      expect(response.headers['x-stream-header']).toBe(String(HEADER.length));
      expect(response.body.subarray(0, HEADER.length)).toEqual(HEADER);
      expect(response.body.subarray(HEADER.length)).toEqual(WEBM.subarray(offset));
      expect(WEBM.subarray(offset, offset + 4)).toEqual(CLUSTER);
      expect(response.trailers['x-stream-end-offset']).toBe(String(WEBM.length));
    }
    const head = await at.call('HEAD', READ(), { headers });
    expect(head.headers['x-stream-header']).toBe(String(HEADER.length));
  });

  it('contract 19, 102: an offset is gone on at to the byte, and join=any wants no header', async () => {
    const at = await late();
    await end(at);
    const resumed = await at.call('GET', READ(`&offset=${WEBM.length - 100}`));
    expect([resumed.headers['x-stream-header'], resumed.body]).toEqual([undefined, WEBM.subarray(-100)]);
    const any = await at.call('GET', READ('&join=any'));
    expect([any.headers['x-stream-header'], any.body]).toEqual([undefined, WEBM.subarray(-8000)]);
    const joined = await at.call('GET', READ(`&offset=${WEBM.length - 5000}&join=boundary`));
    expect(joined.body.subarray(HEADER.length, HEADER.length + 4)).toEqual(CLUSTER);
    const gone = await at.call('GET', READ('&offset=1&on_expired=skip&join=boundary'));
    const offset = Number(gone.headers['x-stream-offset']);
    expect(offset).toBeGreaterThanOrEqual(WEBM.length - 8000);
    const refused = await at.call('GET', READ('&join=here'));
    expect([refused.status, refused.json().error]).toEqual([
      400,
      'invalid join parameter: must be one of boundary, any; got here',
    ]);
  });

  it('contract 102: with frames and events the header is a separate record', async () => {
    const at = await late();
    await end(at);
    const framed = parseFrames((await at.call('GET', READ('&format=frames&join=boundary'))).body);
    const header = framed.find(({ type }) => type === 'header');
    expect(header?.payload).toEqual(HEADER);
    const data = framed.find(({ type }) => type === 'data');
    expect([header?.offset, WEBM.subarray(data!.offset, data!.offset + 4)]).toEqual([data!.offset, CLUSTER]);
    const events = facts(parseEventStream((await at.call('GET', READ('&format=sse&join=boundary'))).body));
    expect(Buffer.from(String(events.find(([type]) => type === 'header')?.[1].base64), 'base64')).toEqual(HEADER);
    // Programs that use offsets get every byte, unless they ask otherwise.
    const plain = parseFrames((await at.call('GET', READ('&format=frames'))).body);
    expect(plain.some(({ type }) => type === 'header')).toBe(false);
  });

  it('gets no header twice: one that begins with the stream has it where it is', async () => {
    const at = await late('video/webm', WEBM, 100_000);
    await end(at);
    const whole = await at.call('GET', READ());
    expect([whole.headers['x-stream-header'], whole.headers['x-stream-offset'], whole.body]).toEqual([
      undefined,
      '0',
      WEBM,
    ]);
  });

  it('contract 68: of a stream without a type of sound or video nothing is looked at', async () => {
    const at = await late('application/octet-stream');
    await end(at);
    const response = await at.call('GET', READ());
    expect([response.headers['x-stream-header'], response.body]).toEqual([undefined, WEBM.subarray(-8000)]);
  });

  it('contract 102: one that lost bytes continues at the next boundary', async () => {
    const at = await late('video/webm', WEBM, 8000);
    // It reads nothing while the ring moves on, and the kernel buffers little for it.
    const live = await follow(at.port, READ('&format=frames&join=boundary'));
    live.res.pause();
    live.res.socket.pause();
    const more = Buffer.concat(Array.from({ length: 400 }, () => WEBM.subarray(HEADER.length)));
    await at.call('PUT', '/files?path=/s/tv&end=true', { body: more });
    live.res.resume();
    live.res.socket.resume();
    const all = Buffer.concat([WEBM, more]);
    const frames = parseFrames(Buffer.from(await live.end(), 'latin1'));
    const ends = frames.filter(({ type }) => type === 'gap').map(({ payload }) => Number(payload.readBigUInt64BE(0)));
    expect(ends.length).toBeGreaterThan(1);
    for (const to of ends) expect([to, all.subarray(to, to + 4)]).toEqual([to, CLUSTER]);
    for (const { type, offset, payload } of frames) {
      if (type === 'data') expect(all.subarray(offset, offset + payload.length).equals(payload)).toBe(true);
    }
  });
});

describe('a stream whose type does not say what it is made of', () => {
  it('contract 98, 102: says it by its container, which is a setting like any other', async () => {
    const at = await late('application/octet-stream', WEBM, 8000, 'webm');
    expect((await at.call('GET', '/stat?path=/s/tv')).text).toContain('"container":"webm"');
    const other = await at.call('PUT', '/files?path=/s/tv&container=mp4', { body: 'x' });
    expect([other.status, other.json().code]).toEqual([409, 'STREAM_SETTINGS_DIFFER']);
    const none = await at.call('POST', '/files?path=/s/other&container=avi');
    expect([none.status, none.json().error]).toEqual([400, expect.stringContaining('webm, mp4, ogg')]);
    await end(at);
    const response = await at.call('GET', READ());
    expect(response.headers['x-stream-header']).toBe(String(HEADER.length));
    expect(response.body.subarray(HEADER.length, HEADER.length + 4)).toEqual(CLUSTER);
  });

  it('contract 102: lines: begins and continues with a whole line', async () => {
    const text = Array.from({ length: 2000 }, (_, n) => `line ${n}\n`).join('');
    const at = await late('text/plain', Buffer.from(text), 5000, 'lines');
    await end(at);
    const whole = await at.call('GET', READ());
    expect(whole.body.toString()).toMatch(/^line \d+\n/);
    expect(text.endsWith(`\n${whole.body}`)).toBe(true);
    expect((await at.call('GET', READ('&last=100'))).body.toString()).toMatch(/^(?:line \d+\n)+$/);
    expect((await at.call('GET', READ('&last=100&join=any'))).body).toEqual(Buffer.from(text.slice(-100)));
  });

  it('contract 102: MJPEG: begins with a part', async () => {
    const pictures = fixture('pictures.mpjpeg');
    const at = await late('application/octet-stream', pictures, 50_000, 'mjpeg');
    await end(at);
    expect((await at.call('GET', READ())).body.subarray(0, 8).toString()).toBe('--ffmpeg');
  });
});

describe('over WebSocket', () => {
  it('contract 101, 102: join=boundary: the header is a record, announced by the first one, then the bytes', async () => {
    const at = await late();
    const peer = await connectClient(at.port, 'path=/s/tv&join=boundary');
    await peer.record('caught-up');
    expect(peer.records[0]).toMatchObject({ type: 'open', header: HEADER.length });
    const { base64, offset, type } = peer.records[1] as Record<string, unknown>;
    expect(type).toBe('header');
    expect(Buffer.from(String(base64), 'base64')).toEqual(HEADER);
    expect(peer.bytes()).toEqual(WEBM.subarray(Number(offset)));
    expect(peer.bytes().subarray(0, 4)).toEqual(CLUSTER);
  });

  it('contract 101: without it every byte comes, and no header', async () => {
    const at = await late();
    const peer = await connectClient(at.port, 'path=/s/tv');
    await peer.record('caught-up');
    expect(peer.records[0]).not.toHaveProperty('header');
    expect(peer.bytes()).toEqual(WEBM.subarray(-8000));
  });
});
