/** How a writer handles refusals of its identity, and those of intermediaries (contract 89). */
import { describe, expect, it } from 'vitest';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient, type WriteLoss, type WriteOptions } from '../../src/client/index.ts';
import { type FakeServer, fakeServer, greeted, type Handler, refuse } from './fake-server.ts';

const RECONNECT = { initial: 1, max: 5 };

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Writes `abc` to a server that answers everything but greetings with `handler`. */
async function writing(handler: Handler, options: WriteOptions = {}, endOffset = 0) {
  const losses: WriteLoss[] = [];
  const at: FakeServer = await fakeServer((request, response, query) => {
    if (!greeted(request, response, { endOffset })) handler(request, response, query);
  });
  const client = new StreamFSClient({ url: at.url, fetch: createNodeFetch() });
  const result = client.write('/s/a', pieces('abc'), {
    ...{ reconnect: RECONNECT, onLoss: (loss) => losses.push(loss) },
    ...options,
  });
  const ids = () => [...new Set(at.requests.map(({ headers }) => headers['producer-id']))].length;
  return { at, result, losses, ids };
}

/** Answers when the body has arrived. */
const whole = (request: Parameters<Handler>[0], act: () => void) => request.resume().once('end', act);

describe('contract 89: a producer that the server has forgotten', () => {
  it('continues under another name where nothing of the append had been sent before', async () => {
    let asked = 0;
    const { result, losses, ids } = await writing((request, response) =>
      whole(request, () => {
        asked += 1;
        if (asked === 1) refuse(response, 409, 'PRODUCER_GAP', { expected_seq: 0, forgotten_to: 1000 });
        else response.end('{}');
      }),
    );
    expect((await result).written).toBe(3);
    expect([losses, ids()]).toEqual([[], 2]);
  });

  const inDoubt = (forgottenTo: number): Handler => {
    let asked = 0;
    return (request, response) => {
      asked += 1;
      if (asked === 1) request.once('data', () => request.socket.destroy());
      else if (asked === 2) {
        whole(request, () => refuse(response, 409, 'PRODUCER_GAP', { expected_seq: 0, forgotten_to: forgottenTo }));
      } else whole(request, () => response.end('{}'));
    };
  };

  it('does so too where what was forgotten had been appended before the last acknowledgement', async () => {
    const { result, losses, ids } = await writing(inDoubt(500), {}, 500);
    expect((await result).written).toBe(3);
    expect([losses, ids()]).toEqual([[], 2]);
  });

  it('fails if a part may have been applied, and says how much certainly was; with recreate it continues, and reports what is doubtful', async () => {
    const strict = await writing(inDoubt(501), {}, 500);
    await expect(strict.result).rejects.toMatchObject({ kind: 'cut', details: { written: 0 } });
    const tolerant = await writing(inDoubt(501), { recreate: true }, 500);
    expect((await tolerant.result).written).toBe(3);
    expect(tolerant.losses).toMatchObject([{ lost: 0, doubtful: 3, written: 0 }]);
  });

  it('waits for its turn where it is forgotten again and again, and gives up in time', async () => {
    const handler: Handler = (request, response) =>
      whole(request, () => refuse(response, 409, 'PRODUCER_GAP', { expected_seq: 0, forgotten_to: 0 }));
    const reports: unknown[] = [];
    const { result } = await writing(handler, { retryFor: 50, onRetry: (retry) => reports.push(retry) });
    await expect(result).rejects.toMatchObject({ kind: 'cut' });
    expect(reports).toEqual([]);
  });
});

describe('contract 89: a stream that is gone', () => {
  const gone: Handler = (request, response, query) =>
    whole(request, () => {
      if (query.get('generation') === 'g') refuse(response, 404, 'STREAM_NOT_FOUND', { server_restarted: true });
      else response.end('{}');
    });

  it('that was lost with its server is recreated only on request', async () => {
    const strict = await writing(gone);
    await expect(strict.result).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND', details: { written: 0 } });
    await expect(strict.result).rejects.toThrow(/lost with its server, which was restarted/);
    let generations = 0;
    const at = await fakeServer((request, response, query) => {
      if (request.headers['producer-seq'] === '0') generations += 1;
      if (greeted(request, response, { generation: `g${generations}` })) return;
      whole(request, () => {
        if (request.headers['producer-seq'] === '2' && query.get('generation') === 'g1') {
          refuse(response, 404, 'STREAM_NOT_FOUND', { server_restarted: true });
        } else response.end('{}');
      });
    });
    const losses: WriteLoss[] = [];
    const bytes = new Uint8Array(600_000);
    const options = { reconnect: RECONNECT, recreate: true, onLoss: (loss: WriteLoss) => losses.push(loss) };
    const result = await new StreamFSClient({ url: at.url }).write('/s/a', bytes, options);
    expect(result).toMatchObject({ written: 600_000, lost: 524_288, generation: 'g2' });
    expect(losses).toMatchObject([{ lost: 524_288, doubtful: 0, written: 524_288 }]);
  });

  it('that was requested by generation is never recreated', async () => {
    const { result } = await writing(gone, { recreate: true, generation: 'g' });
    await expect(result).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('because it was removed is an error, whatever is asked for', async () => {
    const removed: Handler = (request, response) => whole(request, () => refuse(response, 404, 'STREAM_NOT_FOUND'));
    const { result } = await writing(removed, { recreate: true });
    await expect(result).rejects.toThrow(/gone, because it was removed or has expired: 0 bytes/);
  });
});

describe('transient and permanent failures', () => {
  it('contract 28: a server that is shutting down is waited for', async () => {
    let asked = 0;
    const { result } = await writing((request, response) =>
      whole(request, () => {
        asked += 1;
        if (asked < 4) refuse(response, 503, 'STREAM_SHUT_DOWN');
        else response.end('{}');
      }),
    );
    expect((await result).written).toBe(3);
  });

  it('a mount that has failed for good is reported immediately', async () => {
    let asked = 0;
    const at = await fakeServer((_request, response) => {
      asked += 1;
      refuse(response, 503, 'MOUNT_FAILED');
    });
    const client = new StreamFSClient({ url: at.url });
    const write = client.write('/s/a', 'abc', { reconnect: RECONNECT, waitForServer: true });
    await expect(write).rejects.toMatchObject({ code: 'MOUNT_FAILED' });
    const follow = client.follow('/s/a', { waitForServer: true }).next();
    await expect(follow).rejects.toMatchObject({ code: 'MOUNT_FAILED' });
    expect(asked).toBe(2);
  });

  it('no server at first is an error at once, unless it is to be waited for, and then for retryFor', async () => {
    const at = await fakeServer(() => {});
    await at.close();
    const client = new StreamFSClient({ url: at.url });
    for (const options of [{}, { waitForServer: true, retryFor: 30 }]) {
      const tries: number[] = [];
      const onRetry = ({ attempt }: { attempt: number }) => tries.push(attempt);
      const write = client.write('/s/a', 'abc', { reconnect: RECONNECT, onRetry, ...options });
      await expect(write).rejects.toMatchObject({ kind: 'unreachable' });
      expect(tries.length > 0).toBe('retryFor' in options);
    }
    const following = client.follow('/s/a', { waitForServer: 60_000 });
    expect(await following.next()).toMatchObject({ value: { type: 'reconnecting', offset: undefined } });
    await following.return?.();
    await expect(client.follow('/s/a', { waitForServer: 1 }).next()).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it('contract 89: a 413 that is not of the server makes bytes and sources go out in shorter bodies', async () => {
    const LIMIT = 10_000;
    let written = '';
    const at = await fakeServer((request, response) => {
      if (greeted(request, response)) return;
      let body = '';
      request.on('data', (bytes: Buffer) => {
        body += bytes.toString();
        if (body.length > LIMIT && !response.writableEnded) response.writeHead(413).end('<html>too large</html>');
      });
      request.on('end', () => {
        if (response.writableEnded) return;
        written += body;
        response.end('{}');
      });
    });
    const text = Array.from({ length: 20_000 }, (_, n) => `${n}\n`).join('');
    const client = new StreamFSClient({ url: at.url, fetch: createNodeFetch() });
    for (const source of [text, pieces(text.slice(0, 70_000), text.slice(70_000))]) {
      for (const atomic of [undefined, 'lines'] as const) {
        if (atomic !== undefined && typeof source !== 'string') continue;
        written = '';
        const lines = atomic === undefined ? {} : { atomic };
        const { written: count } = await client.write('/s/a', source, { reconnect: RECONNECT, ...lines });
        expect([count, written === text]).toEqual([text.length, true]);
      }
    }
  });

  it('and where not even short ones pass, it is said what is in the way', async () => {
    const { result } = await writing((_request, response) => response.writeHead(413).end());
    await expect(result).rejects.toMatchObject({ status: 413, code: 'HTTP_413', details: { written: 0 } });
    await expect(result).rejects.toThrow(
      /a proxy .* refuses a body of 3 bytes .* 0 bytes are written; raise its limit/,
    );
  });
});
