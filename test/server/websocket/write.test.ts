import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { type Running, type StartOptions, start } from '../harness.ts';
import { connectClient, refusal } from './peer.ts';
import { binary, rawPeer } from './wire-frames.ts';

const STREAMS: StartOptions = { mounted: { '/s': 'streamfs', '/mem': 'memfs' } };

const content = async ({ call }: Running, path = '/s/a') =>
  (await call('GET', `/files?path=${path}&snapshot=true`)).text;
const state = async ({ call }: Running) => {
  const { meta } = (await call('GET', '/stat?path=/s/a')).json() as unknown as {
    meta: { Content: Record<string, string> };
  };
  return meta.Content;
};

describe('contract 101: writing over WebSocket', () => {
  it('appends each message, and acknowledges it with its end offset', async () => {
    const server = await start(STREAMS);
    const peer = await connectClient(server.port, 'path=/s/a&mode=write&type=text/plain');
    for (const text of ['one', '', 'three']) peer.ws.send(Buffer.from(text));
    await peer.record('ack', 3);
    peer.ws.send('{"type":"end","status":"exit 0"}');
    expect(await peer.closed).toEqual({ code: 1000, reason: 'ended' });
    expect(peer.records).toEqual([
      {
        ...{ type: 'open', offset: 0, seq: 0 },
        generation: (await state(server)).generation,
        content_type: 'text/plain',
      },
      { type: 'ack', seq: 0, offset: 3 },
      { type: 'ack', seq: 1, offset: 3 },
      { type: 'ack', seq: 2, offset: 8 },
      { type: 'end', reason: 'ended', offset: 8, status: 'exit 0' },
    ]);
    expect(await content(server)).toBe('onethree');
    expect(await state(server)).toMatchObject({ state: 'ended', end_status: 'exit 0', type: 'text/plain' });
  });

  it('keeps a message of several chunks in one piece, between those of others', async () => {
    const server = await start(STREAMS);
    const peers = await Promise.all(['a', 'b'].map(() => connectClient(server.port, 'path=/s/a&mode=write')));
    const length = 200_000;
    for (let n = 0; n < 4; n++) for (const [at, peer] of peers.entries()) peer.ws.send(Buffer.alloc(length, 'ab'[at]));
    for (const peer of peers) await peer.record('ack', 4);
    const text = await content(server);
    const runs = text.match(/a+|b+/g)!;
    expect(runs.every((run) => run.length % length === 0)).toBe(true);
    expect(text).toHaveLength(8 * length);
  });

  it('appends nothing of a message that breaks off', async () => {
    const server = await start(STREAMS);
    const peer = await rawPeer(server.port, '/api/v1/ws?path=/s/a&mode=write');
    const message = binary('broken off');
    peer.send(Buffer.concat([binary('whole,'), message.subarray(0, message.length - 1)]));
    await waitFor(() => peer.frames().some(({ payload }) => payload.includes('"ack"')));
    peer.socket.end();
    await waitFor(() => peer.isClosed());
    await waitFor('the writer to be gone', async () =>
      (await server.call('GET', '/metrics')).text.includes('streamfs_writers{mount="/s"} 0'),
    );
    expect(await content(server)).toBe('whole,');
    expect((await state(server)).state).toBe('open');
  });

  it.each([
    [1000, 'ended'],
    [undefined, 'ended'],
    [1001, 'open'],
    [4000, 'open'],
  ])('with end=true ends the stream where the client closes as it should: %s', async (code, expected) => {
    const server = await start(STREAMS);
    const peer = await connectClient(server.port, 'path=/s/a&mode=write&text=true&end=true&end_status=done');
    peer.ws.send('words ünd more');
    await peer.record('ack');
    if (code === undefined) peer.ws.close();
    else peer.ws.close(code);
    expect((await peer.closed).code).toBe(code ?? 1005);
    await waitFor(async () => (await state(server)).state === expected);
    expect(await content(server)).toBe(Buffer.from('words ünd more').toString());
    expect((await state(server)).end_status).toBe(expected === 'ended' ? 'done' : undefined);
  });

  it('refuses what is neither data nor a record, and says what would be right', async () => {
    const server = await start(STREAMS);
    for (const text of [
      'hello',
      '{"type":"begin"}',
      'null',
      '[]',
      '{"type":"end","status":"\\u0007"}',
      '{"type":"end","status":3}',
    ]) {
      const peer = await connectClient(server.port, 'path=/s/a&mode=write');
      peer.ws.send(Buffer.from('data '));
      peer.ws.send(text);
      peer.ws.send(Buffer.from('too late'));
      expect((await peer.closed).code).toBe(4400);
      expect(peer.records.at(-1)).toMatchObject({ type: 'error', code: 'INVALID_MESSAGE', seq: 1 });
      expect(peer.records.at(-1)!.error).toMatch(/text message must be|status must be/);
    }
    expect(await content(server)).toBe('data '.repeat(6));
    expect((await state(server)).state).toBe('open');
  });

  it('refuses a message that is too long with 1009, as a whole, and counts that', async () => {
    const server = await start({ ...STREAMS, limits: { messageSize: 1000 } });
    const peer = await connectClient(server.port, 'path=/s/a&mode=write');
    peer.ws.send(Buffer.alloc(1000, 'x'));
    peer.ws.send(Buffer.alloc(1001, 'y'));
    expect(await peer.closed).toEqual({ code: 1009, reason: 'a message has at most 1000 bytes' });
    expect(await content(server)).toBe('x'.repeat(1000));
    expect((await server.call('GET', '/stats')).json().limits).toMatchObject({ message_size: 1 });
  });

  it('completes messages with a newline where lines stay whole', async () => {
    const server = await start(STREAMS);
    const peer = await connectClient(server.port, 'path=/s/a&mode=write&atomic=lines&text=true');
    for (const text of ['one', 'two\n', 'three\nfour']) peer.ws.send(text);
    expect(await peer.record('ack', 3)).toEqual({ type: 'ack', seq: 2, offset: 19 });
    expect(await content(server)).toBe('one\ntwo\nthree\nfour\n');
  });

  it('holds messages of a JSON stream to its rule, each by itself', async () => {
    const server = await start(STREAMS);
    const peer = await connectClient(server.port, 'path=/s/a&mode=write&text=true&type=application/json');
    peer.ws.send('{"n":1}');
    peer.ws.send('{"n":2}\n{"n":3}');
    peer.ws.send('no json');
    expect((await peer.closed).code).toBe(4409);
    expect(peer.records.at(-1)).toMatchObject({ type: 'error', code: 'JSON_LINES_ONLY', seq: 2 });
    expect(await content(server)).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
  });

  it('makes a stream only as asked, in the generation that was asked for', async () => {
    const server = await start(STREAMS);
    expect(await refusal(server.port, 'path=/s/a&mode=write&create=false')).toMatchObject({ code: 'STREAM_NOT_FOUND' });
    const peer = await connectClient(server.port, 'path=/s/a&mode=write&ring_buffer_size=1MB');
    const { generation } = peer.records[0] ?? (await peer.record('open'));
    await connectClient(server.port, `path=/s/a&mode=write&generation=${generation}`);
    expect(await refusal(server.port, 'path=/s/a&mode=write&generation=0123456789abcdef0123')).toMatchObject({
      ...{ status: 409, code: 'STREAM_RECREATED' },
    });
    expect(await refusal(server.port, 'path=/s/a&mode=write&ring_buffer_size=2MB')).toMatchObject({
      ...{ status: 409, code: 'STREAM_SETTINGS_DIFFER' },
    });
    expect(await refusal(server.port, 'path=/s/README&mode=write')).toMatchObject({
      status: 403,
      code: 'NAME_RESERVED',
    });
    await server.call('POST', '/end?path=/s/a');
    expect(await refusal(server.port, 'path=/s/a&mode=write')).toMatchObject({ status: 409, code: 'STREAM_CLOSED' });
  });

  it('reads no more while the stream makes its writers wait, and loses nothing', { timeout: 60_000 }, async () => {
    const server = await start({
      mounted: {
        '/s': {
          fstype: 'streamfs',
          config: { channel_buffer_size: '64KB', ring_buffer_size: '64KB', block_timeout: '1h' },
        },
      },
    });
    const slow = await rawPeer(server.port, '/api/v1/ws?path=/s/a&on_lag=block&heartbeat=0');
    await waitFor(() => slow.frames().length >= 2);
    slow.socket.pause();
    const writer = await connectClient(server.port, 'path=/s/a&mode=write');
    const messages = 800;
    const message = Buffer.alloc(32 * 1024, 'w');
    for (let n = 0; n < messages; n++) writer.ws.send(message);
    // It may keep the kernel's buffers of both connections, and next to nothing of its own.
    await waitFor('the writer to be held up', async () => {
      const { lag } = ((await server.call('GET', '/readers')).json() as unknown as { readers: { lag: number }[] })
        .readers[0]!;
      return lag >= 64 * 1024 && writer.ws.bufferedAmount > 0;
    });
    const acknowledged = () => writer.records.filter(({ type }) => type === 'ack').length;
    expect(acknowledged()).toBeLessThan(messages);
    slow.socket.resume();
    await writer.record('ack', messages);
    expect(writer.records.filter(({ type }) => type === 'ack').map(({ seq }) => seq)).toEqual(
      Array.from({ length: messages }, (_, n) => n),
    );
    writer.ws.send('{"type":"end"}');
    await waitFor(() => slow.frames().some(({ opcode }) => opcode === 8));
    const bytes = slow.frames().reduce((sum, { opcode, payload }) => sum + (opcode === 2 ? payload.length : 0), 0);
    expect(bytes).toBe(messages * message.length);
  });
});

describe('contract 101: exactly once over WebSocket', () => {
  const query = (more: string) => `path=/s/a&mode=write&producer=p&epoch=0${more}`;

  it('a message that is sent again after a cut is acknowledged, and not appended again', async () => {
    const server = await start(STREAMS);
    const first = await connectClient(server.port, query(''));
    for (const text of ['0,', '1,', '2,']) first.ws.send(Buffer.from(text));
    await first.record('ack', 3);
    const { generation } = first.records[0]!;
    first.ws.terminate();
    // The last two acknowledgements were lost.
    const second = await connectClient(server.port, query(`&seq=1&generation=${generation}`));
    for (const text of ['1,', '2,', '3,']) second.ws.send(Buffer.from(text));
    await second.record('ack', 3);
    expect(second.records).toMatchObject([
      { type: 'open', seq: 1, generation },
      { type: 'ack', seq: 1, offset: 6, repeated: true },
      { type: 'ack', seq: 2, offset: 6, repeated: true },
      { type: 'ack', seq: 3, offset: 8 },
    ]);
    expect(await content(server)).toBe('0,1,2,3,');
    // Appends over HTTP and over WebSocket share one sequence.
    const headers = { 'producer-id': 'p', 'producer-epoch': '0', 'producer-seq': '3' };
    expect((await server.call('PUT', '/files?path=/s/a', { body: '3,', headers })).status).toBe(204);
  });

  it('also where the stream has ended since', async () => {
    const server = await start(STREAMS);
    const first = await connectClient(server.port, query(''));
    first.ws.send(Buffer.from('all'));
    await first.record('ack');
    first.ws.send('{"type":"end"}');
    await first.closed;
    const second = await connectClient(server.port, query('&seq=0'));
    second.ws.send(Buffer.from('all'));
    expect(await second.record('ack')).toMatchObject({ seq: 0, offset: 3, repeated: true });
    second.ws.send('{"type":"end"}');
    expect((await second.closed).code).toBe(1000);
    const third = await connectClient(server.port, query('&seq=1'));
    third.ws.send(Buffer.from('more'));
    expect((await third.closed).code).toBe(1000);
    expect(third.records.at(-1)).toMatchObject({ type: 'end', reason: 'ended', offset: 3 });
    expect(await content(server)).toBe('all');
  });

  it('a gap in the numbers, an older epoch and a missing stream are reported', async () => {
    const server = await start(STREAMS);
    expect(await refusal(server.port, query('&seq=5'))).toMatchObject({ status: 404, code: 'STREAM_NOT_FOUND' });
    await server.call('POST', '/files?path=/s/a');
    const gap = await connectClient(server.port, query('&seq=5'));
    gap.ws.send(Buffer.from('x'));
    expect((await gap.closed).code).toBe(4409);
    expect(gap.records.at(-1)).toMatchObject({ code: 'PRODUCER_GAP', expected_seq: 0, received_seq: 5, seq: 5 });
    const newer = await connectClient(server.port, 'path=/s/a&mode=write&producer=p&epoch=1');
    newer.ws.send(Buffer.from('new'));
    await newer.record('ack');
    const older = await connectClient(server.port, query(''));
    older.ws.send(Buffer.from('old'));
    expect((await older.closed).code).toBe(4403);
    expect(older.records.at(-1)).toMatchObject({ code: 'PRODUCER_FENCED', epoch: 1 });
    expect(await content(server)).toBe('new');
  });
});
