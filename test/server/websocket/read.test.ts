import { describe, expect, it } from 'vitest';
import { type StartOptions, start } from '../harness.ts';
import { connectTo, refusal } from './peer.ts';

const STREAMS: StartOptions = { mounted: { '/s': 'streamfs', '/mem': 'memfs', '/dev': 'devfs' } };

describe('contract 101: reading over WebSocket', () => {
  it('gives an open record, the bytes as binary messages, the news of having caught up, and the end', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/s/a&type=text/csv', { body: 'one,' });
    const peer = await connectTo(server.port, 'path=/s/a');
    expect(peer.ws.protocol).toBe('streamfs.v1');
    await peer.record('caught-up');
    await server.call('PUT', '/files?path=/s/a&end=true&end_status=exit%203', { body: 'two' });
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    const { generation } = peer.records[0]!;
    expect(generation).toMatch(/^[\da-f]{20}$/);
    expect(peer.messages).toEqual([
      { type: 'open', offset: 0, generation, content_type: 'text/csv' },
      'one,',
      { type: 'caught-up', offset: 4 },
      'two',
      { type: 'end', reason: 'ended', offset: 7, skipped: 0, status: 'exit 3' },
    ]);
  });

  it('refuses before the upgrade with the usual JSON', async () => {
    const server = await start(STREAMS);
    expect(await refusal(server.port, 'path=/s/none&create=false')).toMatchObject({
      status: 404,
      code: 'STREAM_NOT_FOUND',
    });
  });

  it('sends a file that is no stream to its end', async () => {
    const server = await start(STREAMS);
    await server.call('PUT', '/files?path=/mem/a', { body: 'all of it' });
    const peer = await connectTo(server.port, 'path=/mem/a');
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    expect(peer.messages).toEqual([
      { type: 'open', offset: 0, content_type: 'application/octet-stream' },
      'all of it',
      { type: 'caught-up', offset: 9 },
      { type: 'end', reason: 'ended', offset: 9, skipped: 0 },
    ]);
  });
});

describe('contract 101: writing over WebSocket', () => {
  it('appends each message, and acknowledges it with its end offset', async () => {
    const server = await start(STREAMS);
    const peer = await connectTo(server.port, 'path=/s/a&mode=write');
    for (const text of ['one', '', 'three']) peer.ws.send(Buffer.from(text));
    await peer.record('ack', 3);
    peer.ws.send('{"type":"end","status":"exit 0"}');
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    expect(peer.records.slice(1)).toEqual([
      { type: 'ack', seq: 0, offset: 3 },
      { type: 'ack', seq: 1, offset: 3 },
      { type: 'ack', seq: 2, offset: 8 },
      { type: 'end', reason: 'ended', offset: 8, status: 'exit 0' },
    ]);
    expect((await server.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe('onethree');
  });
});
