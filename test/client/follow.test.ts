import { describe, expect, it } from 'vitest';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import {
  type FollowOptions,
  type FollowRecord,
  isClientError,
  StreamFSClient,
  type StreamFSClientOptions,
} from '../../src/client/index.ts';
import { beginFrames, cutAfter, fakeServer, frame, gapFrame, refuse } from './fake-server.ts';

const QUICK = { initial: 1, max: 5 };

async function collect(records: AsyncIterable<FollowRecord>): Promise<FollowRecord[]> {
  const all: FollowRecord[] = [];
  for await (const record of records) all.push(record);
  return all;
}

function bytesOf(records: readonly FollowRecord[]): string {
  return Buffer.concat(records.flatMap((r) => (r.type === 'data' ? [Buffer.from(r.data)] : []))).toString();
}

function typesOf(records: readonly FollowRecord[]): string[] {
  return records.map((record) => record.type);
}

async function failureOf(records: AsyncIterable<FollowRecord>): Promise<unknown> {
  return collect(records).then(
    () => expect.fail('following should have failed'),
    (error: unknown) => error,
  );
}

function follow(url: string, options: FollowOptions = {}, client: StreamFSClientOptions = {}) {
  return new StreamFSClient({ url, retry: QUICK, ...client }).follow('/s/live', options);
}

const fetches: [string, StreamFSClientOptions][] = [
  ["the platform's fetch", {}],
  ['the fetch of the command line', { fetch: createNodeFetch() }],
];

describe.each(fetches)('following, over %s', (_, client) => {
  it('contract 19: after a cut at any byte it continues at its offset, without losing or repeating a byte', async () => {
    const content = 'first line\nsecond\nthe third and last\n';
    const framesFrom = (offset: number) => {
      const frames: Buffer[] = [];
      for (let at = offset; at < content.length; at += 9) frames.push(frame('data', at, content.slice(at, at + 9)));
      frames.push(frame('caughtUp', content.length), frame('end', content.length, 'ended'));
      return Buffer.concat(frames);
    };
    const whole = framesFrom(0);
    let cut = 0;
    let connections = 0;
    const server = await fakeServer((_request, response, query) => {
      connections += 1;
      const offset = Number(query.get('offset') ?? 0);
      beginFrames(response, { offset, generation: 'g1' });
      if (connections === 1) cutAfter(response, whole.subarray(0, cut));
      else response.end(framesFrom(offset));
    });
    for (cut = 0; cut < whole.length; cut++) {
      connections = 0;
      const records = await collect(follow(server.url, {}, client));
      expect(bytesOf(records), `cut after ${cut} bytes`).toBe(content);
      const lost = records.find((record) => record.type === 'reconnecting');
      const resumed = server.requests.at(-1)?.query;
      expect(lost).toMatchObject({ offset: Number(resumed?.get('offset')), attempt: 1 });
      expect(resumed?.get('generation')).toBe('g1');
      expect(resumed?.get('on_expired')).toBe('skip');
      expect(records.at(-1)).toEqual({ type: 'end', offset: content.length, reason: 'ended' });
    }
  });

  it('contract 9: bytes that went while it was away show as a gap of exact size', async () => {
    let connections = 0;
    const server = await fakeServer((_request, response, query) => {
      connections += 1;
      const offset = Number(query.get('offset') ?? 0);
      if (connections === 1) {
        beginFrames(response, { offset, generation: 'g1' });
        cutAfter(response, frame('data', 0, 'abc'));
      } else {
        beginFrames(response, { offset: 10, generation: 'g1' });
        response.end(Buffer.concat([gapFrame(3, 10, 2), frame('data', 10, 'xyz'), frame('end', 13, 'ended')]));
      }
    });
    const records = await collect(follow(server.url, {}, client));
    expect(records.filter((record) => record.type === 'gap')).toEqual([{ type: 'gap', from: 3, to: 10, chunks: 2 }]);
    expect(bytesOf(records)).toBe('abcxyz');
  });

  it('contract 29: a recreated stream is reported with both generations, and read from its earliest offset', async () => {
    const server = await fakeServer((_request, response, query) => {
      if (query.get('generation') === 'old') {
        refuse(response, 409, 'STREAM_RECREATED');
      } else if (server.requests.length === 1) {
        beginFrames(response, { offset: 0, generation: 'old' });
        cutAfter(response, frame('data', 0, 'old bytes'));
      } else {
        beginFrames(response, { offset: 2, generation: 'new' });
        response.end(Buffer.concat([frame('data', 2, 'new bytes'), frame('end', 11, 'ended')]));
      }
    });
    const records = await collect(follow(server.url, {}, client));
    expect(records.find((r) => r.type === 'recreated')).toEqual({
      type: 'recreated',
      previous: 'old',
      generation: 'new',
      lastOffset: 9,
    });
    expect(bytesOf(records)).toBe('old bytesnew bytes');
    expect(server.requests.at(-1)?.query.get('from')).toBe('earliest');
    expect(server.requests.at(-1)?.query.get('offset')).toBeNull();
  });

  it('a stream that is gone after a cut is waited for', async () => {
    const server = await fakeServer((_request, response) => {
      const { length } = server.requests;
      if (length === 1) {
        beginFrames(response, { offset: 0, generation: 'old' });
        cutAfter(response, frame('data', 0, 'a'));
      } else if (length < 6) {
        refuse(response, 404, 'STREAM_NOT_FOUND');
      } else {
        beginFrames(response, { offset: 0, generation: 'new' });
        response.end(Buffer.concat([frame('data', 0, 'b'), frame('end', 1, 'ended')]));
      }
    });
    const records = await collect(follow(server.url, { create: false }, client));
    expect(typesOf(records).filter((type) => type === 'recreated')).toHaveLength(1);
    expect(bytesOf(records)).toBe('ab');
    expect(server.requests.every(({ query }) => query.get('create') === 'false')).toBe(true);
  });

  it('a shutdown is gone over like a cut, for the server may come back', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: server.requests.length === 1 ? 'old' : 'new' });
      const reason = server.requests.length === 1 ? 'shutdown' : 'ended';
      response.end(frame('end', 0, reason));
    });
    const records = await collect(follow(server.url, {}, client));
    expect(typesOf(records)).toEqual(['open', 'reconnecting', 'recreated', 'open', 'end']);
  });

  it('contract 102: asks for a boundary until it exists, and returns the header separately from the bytes', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 7, generation: 'g' });
      const isFirst = server.requests.length === 1;
      if (isFirst) cutAfter(response, Buffer.concat([frame(7, 7, 'HEAD'), frame('data', 7, 'ab')]));
      else response.end(Buffer.concat([gapFrame(9, 12, 1), frame(7, 12, 'HEAD'), frame('end', 12, 'ended')]));
    });
    const records = await collect(follow(server.url, { join: 'boundary' }, client));
    expect(
      records.flatMap((record) =>
        record.type === 'header' ? [[record.offset, Buffer.from(record.data).toString()]] : [],
      ),
    ).toEqual([
      [7, 'HEAD'],
      [12, 'HEAD'],
    ]);
    expect(bytesOf(records)).toBe('ab');
    expect(server.requests.map(({ query }) => query.get('join'))).toEqual(['boundary', null]);
  });

  it('waits as long as a server names that shuts down or refuses, and up to twice that by chance', async () => {
    const server = await fakeServer((_request, response) => {
      const { length } = server.requests;
      if (length === 2) {
        response.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '1' });
        response.end(JSON.stringify({ error: 'too many readers', code: 'READER_LIMIT' }));
        return;
      }
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(length === 1 ? frame('end', 0, 'shutdown retry-after-ms=120') : frame('end', 0, 'ended'));
    });
    const patient = { retry: { initial: 1, jitter: 0.5 }, ...client };
    const delays = (await collect(follow(server.url, {}, patient))).flatMap((record) =>
      record.type === 'reconnecting' ? [record.delay] : [],
    );
    expect(delays).toHaveLength(2);
    expect(delays[0]).toBeGreaterThanOrEqual(120);
    expect(delays[0]).toBeLessThanOrEqual(240);
    expect(delays[1]).toBeGreaterThanOrEqual(1000);
    expect(delays[1]).toBeLessThanOrEqual(2000);
  });

  it('waits no longer than it was told to, whatever a server names', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      const isFirst = server.requests.length === 1;
      response.end(frame('end', 0, isFirst ? 'shutdown retry-after-ms=99999999' : 'ended'));
    });
    const records = await collect(follow(server.url, {}, client));
    expect(records.find(({ type }) => type === 'reconnecting')).toMatchObject({ delay: QUICK.max });
  });

  it('without reconnecting, a shutdown is an end and a cut is an error that says where', async () => {
    let bytes = frame('end', 0, 'shutdown');
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      cutAfter(response, bytes);
    });
    const records = await collect(follow(server.url, { reconnect: false }, client));
    expect(records.at(-1)).toEqual({ type: 'end', offset: 0, reason: 'shutdown' });
    bytes = frame('data', 0, 'abc');
    const error = await failureOf(follow(server.url, { reconnect: false }, client));
    expect(error).toMatchObject({ kind: 'cut', code: 'CUT', details: { offset: 3, generation: 'g' } });
  });

  it.each(['ended', 'removed', 'timeout'] as const)('the end with reason %s finishes', async (reason) => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 4, generation: 'g' });
      response.end(Buffer.concat([frame('data', 4, 'tail'), frame('end', 8, reason)]));
    });
    const records = await collect(follow(server.url, {}, client));
    expect(records.at(-1)).toEqual({ type: 'end', offset: 8, reason });
    expect(server.requests).toHaveLength(1);
  });

  it('a reader that was disconnected for being slow gets the error READER_TOO_SLOW', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(frame('end', 0, 'too-slow'));
    });
    const error = await failureOf(follow(server.url, { onLag: 'disconnect' }, client));
    expect(isClientError(error, 'READER_TOO_SLOW')).toBe(true);
    expect(server.requests[0]?.query.get('on_lag')).toBe('disconnect');
  });

  it('contract 20: with on_lag=disconnect a cut leads to no gap, but to the error that it could not be gone over', async () => {
    let connections = 0;
    const server = await fakeServer((_request, response, query) => {
      connections += 1;
      if (connections === 1) {
        beginFrames(response, { offset: 0, generation: 'g1' });
        cutAfter(response, frame('data', 0, 'abc'));
      } else if (query.get('on_expired') === 'error') refuse(response, 410, 'OFFSET_GONE', { earliest: 77 });
      else response.end(gapFrame(3, 77, 1));
    });
    const error = await failureOf(follow(server.url, { onLag: 'disconnect' }, client));
    expect(error).toMatchObject({ code: 'OFFSET_GONE', details: { earliest: 77 } });
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    ['leaves a hole', frame('data', 5, 'x')],
    ['overlaps', frame('data', 1, 'x')],
    ['ends before what was sent', frame('end', 1, 'ended')],
    ['ends beyond what was sent', frame('end', 9, 'ended')],
    ['counts a gap from elsewhere', gapFrame(7, 9, 1)],
  ])('a frame that %s is a protocol error, never silent', async (_name, wrong) => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(Buffer.concat([frame('data', 0, 'abc'), wrong]));
    });
    const error = await failureOf(follow(server.url, {}, client));
    expect(error).toMatchObject({ kind: 'protocol' });
    expect(server.requests).toHaveLength(1);
  });

  it('an offset no longer retained is an error that names the earliest', async () => {
    const server = await fakeServer((_request, response) => {
      refuse(response, 410, 'OFFSET_GONE', { earliest: 77 });
    });
    const error = await failureOf(follow(server.url, { offset: 3 }, client));
    expect(error).toMatchObject({ kind: 'http', status: 410, code: 'OFFSET_GONE', details: { earliest: 77 } });
  });

  it('no server at first is an error at once', async () => {
    const server = await fakeServer(() => {});
    await server.close();
    const error = await failureOf(follow(server.url, {}, client));
    expect(error).toMatchObject({ kind: 'unreachable', code: 'UNREACHABLE' });
    expect(String(error)).toContain('connection refused');
  });

  it('no server at first is waited for on request, until the attempts are used up', async () => {
    const server = await fakeServer(() => {});
    await server.close();
    const records: FollowRecord[] = [];
    const waiting = follow(server.url, { waitForServer: true, reconnect: { ...QUICK, attempts: 3 } }, client);
    const error = await (async () => {
      for await (const record of waiting) records.push(record);
    })().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'unreachable' });
    expect(typesOf(records)).toEqual(['reconnecting', 'reconnecting', 'reconnecting']);
  });

  it('a server that has gone silent, without its heartbeats, counts as cut', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      if (server.requests.length > 1) response.end(frame('end', 0, 'ended'));
    });
    const records = await collect(follow(server.url, { heartbeat: 20 }, client));
    expect(typesOf(records)).toEqual(['open', 'reconnecting', 'open', 'end']);
    expect(server.requests[0]?.query.get('heartbeat')).toBe('20ms');
  });

  it('the timeout continues counting while the server is away', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.write(frame('data', 0, 'abc'), () => {
        response.socket?.destroy();
        void server.close();
      });
    });
    const records = await collect(follow(server.url, { timeout: 60 }, client));
    expect(records.at(-1)).toEqual({ type: 'end', offset: 3, reason: 'timeout' });
  });

  it('leaving the loop on an idle stream closes the connection at once', async () => {
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const server = await fakeServer((_request, response) => {
      response.on('close', closed);
      beginFrames(response, { offset: 0, generation: 'g' });
    });
    const records = follow(server.url, {}, client);
    expect(await records.next()).toMatchObject({ value: { type: 'open' } });
    const waiting = records.next();
    await records.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await gone;
  });

  it('an abort ends the waiting with its own reason', async () => {
    const server = await fakeServer((_request, response) => beginFrames(response, { offset: 0, generation: 'g' }));
    const abort = new AbortController();
    const records = follow(server.url, { signal: abort.signal }, client);
    await records.next();
    const waiting = records.next().catch((error: unknown) => error);
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await waiting).toBe(reason);
  });

  it('a file that is not a stream is given with its offsets, and ends', async () => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
      response.end('a readme');
    });
    const records = await collect(follow(server.url, {}, client));
    expect(typesOf(records)).toEqual(['open', 'data', 'end']);
    expect(bytesOf(records)).toBe('a readme');
  });

  it('it says when it has caught up', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(
        Buffer.concat([frame('data', 0, 'a'), frame('caughtUp', 1), frame('heartbeat', 1), frame('end', 1, 'ended')]),
      );
    });
    expect(typesOf(await collect(follow(server.url, {}, client)))).toEqual(['open', 'data', 'caught-up', 'end']);
  });

  it('it gives heartbeats to who asks for them', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(Buffer.concat([frame('data', 0, 'a'), frame('heartbeat', 1), frame('end', 1, 'ended')]));
    });
    const records = await collect(follow(server.url, { heartbeats: true }, client));
    expect(typesOf(records)).toEqual(['open', 'data', 'heartbeat', 'end']);
    expect(records[2]).toEqual({ type: 'heartbeat', offset: 1 });
  });
});

describe('following', () => {
  it('requests the start that it was given', async () => {
    const server = await fakeServer((_request, response) => refuse(response, 404, 'STREAM_NOT_FOUND'));
    const starts: [FollowOptions, Record<string, string>][] = [
      [{ from: 'live' }, { from: 'live' }],
      [{ last: 4096 }, { last: '4096' }],
      [
        { lastLines: 10, timeout: 5000 },
        { last_lines: '10', timeout: '5000ms' },
      ],
      [
        { offset: 5, onExpired: 'skip', generation: 'g' },
        { offset: '5', on_expired: 'skip', generation: 'g' },
      ],
    ];
    for (const [options, expected] of starts) {
      await failureOf(follow(server.url, options));
      expect(Object.fromEntries(server.requests.at(-1)?.query ?? [])).toMatchObject(expected);
    }
  });

  it.each<[string, FollowOptions]>([
    ['two starts', { from: 'live', last: 10 }],
    ['a negative offset', { offset: -1 }],
    ['a fraction', { last: 1.5 }],
    ['no lines', { lastLines: 0 }],
    ['a time below 0', { timeout: -1 }],
  ])('refuses %s before anything is sent', (_name, options) => {
    expect(() => follow('http://127.0.0.1:1', options)).toThrow(TypeError);
  });

  it('does not continue after a cut where the server names no generation: it could be another stream', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0 });
      cutAfter(response, frame('data', 0, 'abc'));
    });
    expect(await failureOf(follow(server.url))).toMatchObject({ kind: 'cut', details: { offset: 3 } });
  });

  it('a server that contradicts itself about the generation is not asked for ever', async () => {
    const server = await fakeServer((_request, response, query) => {
      if (query.get('generation') === 'g') {
        refuse(response, 409, 'STREAM_RECREATED');
      } else {
        beginFrames(response, { offset: 0, generation: 'g' });
        cutAfter(response, frame('data', 0, 'abc'));
      }
    });
    expect(await failureOf(follow(server.url))).toMatchObject({ kind: 'protocol' });
    expect(server.requests.length).toBeLessThan(10);
  });
});
