/** The same streams on several servers, over an in-memory log (contract 106). */
import { describe, expect, it, vi } from 'vitest';
import { Wire } from '../../src/logs/index.ts';
import { WholeLinesWriter } from '../../src/plugins/streamfs/whole-lines.ts';
import { FakeClock } from '../fs/fake-clock.ts';
import { waitFor } from '../harness/wait.ts';
import { follow, type Running, start } from '../server/harness.ts';
import { cluster, type Node, sharedPlugin } from './shared-streams.ts';

const put = ({ call }: Running, body: string, query = '', headers: Record<string, string> = {}) =>
  call('PUT', `/files?path=/s/a${query}`, { body, headers });
const snapshot = async ({ call }: Running, path = '/s/a') =>
  (await call('GET', `/files?path=${path}&snapshot=true`)).text;
const live = ({ port }: Running, query = '') => follow(port, `/files?path=/s/a&stream=true${query}`);

const letter = (n: number) => String.fromCharCode(65 + n);

interface ListedFacts {
  name: string;
  meta: { Content: Record<string, string> };
}

interface Facts {
  size: number;
  meta: { Content: Record<string, string> };
}

async function facts({ call }: Running): Promise<Facts> {
  return (await call('GET', '/stat?path=/s/a')).json() as unknown as Facts;
}

describe('contract 106: nodes that share a log', () => {
  it('have the same bytes, offsets, chunks and generation of what each of them writes', async () => {
    const { nodes } = await cluster(3);
    const texts = Array.from({ length: 60 }, (_, n) => `<${n}:${'x'.repeat(n)}>`);
    const responses = await Promise.all(texts.map((text, n) => put(nodes[n % 3]!, text)));
    const [first, ...others] = await Promise.all(nodes.map((node) => snapshot(node)));
    for (const other of others) expect(other).toBe(first);
    expect(first).toHaveLength(texts.join('').length);
    responses.forEach(({ headers, status }, n) => {
      const end = Number(headers['x-stream-end-offset']);
      expect([status, first!.slice(end - texts[n]!.length, end)]).toEqual([200, texts[n]]);
    });
    expect(new Set(responses.map(({ headers }) => headers['x-stream-generation'])).size).toBe(1);
    for (const node of nodes) {
      const { size, meta } = await facts(node);
      expect([size, meta.Content.total_chunks]).toEqual([first!.length, '60']);
    }
  });

  it('one whose log cannot be reached when it starts says so in its log, and continues when it can', async () => {
    const wire = new Wire();
    wire.cut();
    const node = await start({ streamfs: sharedPlugin({ wire }), mounted: { '/s': 'streamfs' } });
    expect(node.log.filter(({ message }) => message === 'log cannot be reached')).toHaveLength(1);
    wire.restore();
    expect((await put(node, 'one;')).status).toBe(200);
  });

  it('a reader at one gets what is written at another, as it arrives, and its end with status', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'one;');
    const reader = await live(b);
    expect(await reader.until(4)).toBe('one;');
    await put(a, 'two;');
    expect(await reader.until(8)).toBe('one;two;');
    await put(a, 'three', '&end=true&end_status=exit%203');
    expect(await reader.end()).toBe('one;two;three');
    expect(reader.res.trailers).toMatchObject({ 'x-stream-end': 'ended', 'x-stream-end-offset': '13' });
    expect((await put(b, 'more')).json().code).toBe('STREAM_CLOSED');
    expect(await snapshot(b)).toBe('one;two;three');
  });

  it('a body as long as many batches arrives whole, in pieces no other writer comes between', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    const body = Buffer.alloc(5 * 1024 * 1024, 'abcdefg').toString();
    const reader = await live(b, '&create=true');
    const written = await put(a, body);
    expect([written.status, written.headers['x-stream-end-offset']]).toEqual([200, String(body.length)]);
    expect((await reader.until(body.length)) === body).toBe(true);
    reader.cut();
  });

  it('lines of writers at different nodes are never torn', async () => {
    const { nodes } = await cluster(2);
    const lines = (letter: string) => Array.from({ length: 400 }, (_, n) => `${letter.repeat(n * 3 + 1)}\n`).join('');
    await Promise.all(nodes.map((node, n) => put(node, lines('ab'[n]!), '&atomic=lines')));
    const found = (await snapshot(nodes[0]!)).split('\n');
    expect(found.filter((line) => /^(a+|b+|)$/.test(line))).toHaveLength(801);
  });

  it('a node that was away meets one exact gap, and what came after', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'x'.repeat(10), '&ring_buffer_size=100&channel_buffer_size=100');
    const reader = await live(b, '&format=frames');
    await reader.until(20);
    b.wire.cut();
    for (let n = 0; n < 30; n++) await put(a, letter(n).repeat(10));
    b.wire.restore();
    const frames = await waitFor('the frames behind the gap', async () => {
      const text = await reader.until(1);
      return text.includes(letter(29).repeat(10)) ? text : undefined;
    });
    reader.cut();
    const gaps = (await b.call('GET', '/metrics')).text;
    expect(gaps).toMatch(/streamfs_log_gaps_total\{mount="\/s",node="n1"\} 1\n/);
    expect(gaps).toMatch(/streamfs_log_gap_bytes_total\{mount="\/s",node="n1"\} 200\n/);
    expect([19, 20].map((n) => frames.includes(letter(n).repeat(10)))).toEqual([false, true]);
    expect(await snapshot(b)).toBe(await snapshot(a));
    expect((await facts(b)).meta.Content.skipped_bytes).toBe('200');
  });

  it('a stream that is removed and created again at one node has another generation at the other, whose readers receive it', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    const old = (await put(a, 'old')).headers['x-stream-generation'];
    const reader = await live(b);
    await reader.until(3);
    expect((await a.call('DELETE', '/files?path=/s/a')).status).toBe(200);
    await reader.end();
    expect(reader.res.trailers['x-stream-end']).toBe('removed');
    const made = await put(b, 'new');
    expect(made.headers['x-stream-generation']).not.toBe(old);
    expect([await snapshot(a), await snapshot(b)]).toEqual(['new', 'new']);
    const refused = await b.call('GET', `/files?path=/s/a&stream=true&generation=${old}`);
    expect([refused.status, refused.json().code]).toEqual([409, 'STREAM_RECREATED']);
    await a.call('DELETE', '/files?path=/s/a');
    await waitFor(async () => (await b.call('GET', '/stat?path=/s/a')).status === 404);
  });

  it('a writer of the old generation that has not received the removal yet writes to the new one', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(b, 'old');
    b.wire.hold();
    await a.call('DELETE', '/files?path=/s/a');
    const made = await put(a, 'new');
    const appender = b.mounts.tryAppend('/s/a')!;
    const writing = appender.append(Buffer.from('er'));
    b.wire.release();
    await writing;
    expect([appender.generation, appender.endOffset]).toEqual([made.headers['x-stream-generation'], 5]);
    expect(await snapshot(a)).toBe('newer');
  });

  it('a producer continues at another node, and is applied once', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    const as = (seq: number) => ({ 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': String(seq) });
    expect((await put(a, 'one', '', as(0))).status).toBe(200);
    expect((await put(b, 'two', '', as(1))).status).toBe(200);
    const again = await put(a, 'two', '', as(1));
    expect([again.status, again.headers['producer-seq'], again.headers['x-stream-end-offset']]).toEqual([
      204,
      '1',
      '6',
    ]);
    expect((await put(b, 'x', '', as(3))).json()).toMatchObject({ code: 'PRODUCER_GAP', expected_seq: 2 });
    expect(await snapshot(b)).toBe('onetwo');
  });

  it('shows the settings a stream was made with at each node, also where the mounts there have others', async () => {
    const { join } = await cluster(0);
    const plain = await join('plain', {});
    const own = { ring_buffer_size: '100KB', channel_buffer_size: '50KB', on_lag: 'disconnect', type: 'text/plain' };
    const other = await join('other', { ...own, idle_timeout: '1h', atomic: 'lines' });
    await put(other, 'x');
    const settingsAt = async ({ call }: Running) => {
      const listing = (await call('GET', '/directories?path=/s')).json() as unknown as { files: ListedFacts[] };
      const { Content } = (await facts({ call } as Running)).meta;
      const listed = listing.files.find(({ name }) => name === 'a')!.meta.Content;
      const names = [...Object.keys(own), 'atomic', 'ttl'];
      return [Content, listed].map((each) => names.map((name) => each[name]));
    };
    const made = ['102400', '51200', 'disconnect', 'text/plain', 'lines', '1h'];
    expect(await settingsAt(other)).toEqual([made, made]);
    expect(await settingsAt(plain)).toEqual([made, made]);
    // They take effect as well: the retained bytes match the settings.
    for (let n = 0; n < 3; n++) await put(plain, 'y'.repeat(60_000));
    for (const node of [plain, other]) expect((await snapshot(node)).length).toBe(102_400);
    // The same settings do not differ.
    expect((await put(plain, 'z', '&ring_buffer_size=100KB&ttl=1h')).status).toBe(200);
    expect((await put(other, 'z', '&ring_buffer_size=6MB')).status).toBe(409);
  });

  it('a stream that readers had opened first gets the settings of its first writer, at whichever node', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    const reader = await live(a);
    await put(b, '{"n":1}\n', '&type=application/json');
    expect(await reader.until(8)).toBe('{"n":1}\n');
    expect((await facts(a)).meta.Content.type).toBe('application/json');
    expect((await put(a, '{"n":')).json().code).toBe('JSON_LINES_ONLY');
    reader.cut();
  });

  it('a reader keeps a stream with a short time to live, though its node has opened others before', async () => {
    const clock = new FakeClock();
    const { engine, nodes } = await cluster(1, { clock });
    const [a] = nodes as [Node];
    await a.call('PUT', '/files?path=/s/other', { body: 'x' });
    await put(a, 'x', '&ttl=4s');
    const reader = await live(a);
    const renewals = vi.spyOn(engine, 'update');
    clock.advance(1000);
    await waitFor(() => renewals.mock.calls.length > 0);
    expect(renewals.mock.calls[0]![0]).toBe('/a');
    reader.cut();
  });

  it('a line that is too long does not count as waiting, nor do the lines before it, which are written', async () => {
    const { nodes } = await cluster(1);
    const [a] = nodes as [Node];
    const lines = Buffer.from('123456789012345678901234567890\n'.repeat(2400));
    const body = Buffer.concat([lines, Buffer.alloc(2 * 1024 * 1024, 'x'), Buffer.from('\n')]);
    for (let n = 1; n <= 3; n++) {
      const refused = await a.mounts.write('/s/a', body, { atomic: 'lines' }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'APPEND_TOO_LARGE' });
      expect((await facts(a)).size).toBe(n * lines.length);
      expect((await a.call('GET', '/metrics')).text).toMatch(/streamfs_log_waiting_bytes\{[^}]*\} 0\n/);
    }
  });

  it('readers who open a stream at once on a node without it begin where they ask, although it is being read', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'old;');
    const opening: ReturnType<typeof b.mounts.openStream>[] = [];
    for (let n = 0; n < 20; n++) {
      opening.push(b.mounts.openStream('/s/a', { start: { from: 'live' } }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const source of await Promise.all(opening)) {
      if (source.kind !== 'live') throw new Error('not a live stream');
      expect(source.reader.cursor).toBe(4);
      source.reader.close();
    }
  });

  it('a write that cannot be undone either fails with the error of the write', async () => {
    const { nodes } = await cluster(1);
    const [a] = nodes as [Node];
    const { fileSystem } = a.mounts.resolve('/s/a');
    const abort = vi.spyOn(WholeLinesWriter.prototype, 'abort').mockRejectedValue(new Error('abort failed'));
    const tooLong = fileSystem.write('/a', Buffer.alloc(1024 * 1024 + 1, 'x'), { create: true, atomic: 'lines' });
    await expect(tooLong).rejects.toMatchObject({ code: 'APPEND_TOO_LARGE' });
    expect(abort).toHaveBeenCalledOnce();
    abort.mockRestore();
  });

  it('a handle writes again after the log was away', async () => {
    const { nodes } = await cluster(1, { deadline: 200 });
    const [a] = nodes as [Node];
    const opened = await a.call('POST', '/handles/open?path=/s/a&flags=1&create=true');
    const id = String(opened.json().handle_id);
    const write = async (body: string) => (await a.call('PUT', `/handles/${id}/write`, { body })).status;
    expect(await write('one;')).toBe(200);
    a.wire.cut();
    expect(await write('two;')).toBe(503);
    a.wire.restore();
    expect(await write('three;')).toBe(200);
    expect(await snapshot(a)).toMatch(/^one;(two;)?three;$/);
  });

  describe('contract 88: the unfinished line of a handle', () => {
    /** A handle with `atomic=lines`, on a node whose log fails quickly. */
    async function handleOn({ call }: Node) {
      const opened = await call('POST', '/handles/open?path=/s/a&flags=1&create=true&atomic=lines');
      const target = `/handles/${opened.json().handle_id}`;
      return {
        write: async (body: string) => (await call('PUT', `${target}/write`, { body })).status,
        close: async () => {
          const { status, json } = await call('DELETE', target);
          return [status, json().code];
        },
      };
    }

    it('is kept when its end is refused, so that the repetition makes the same line', async () => {
      const { nodes } = await cluster(1, { deadline: 100 });
      const [a] = nodes as [Node];
      const { close, write } = await handleOn(a);
      expect([await write('first\none '), await write('li')]).toEqual([200, 200]);
      a.wire.cut();
      expect([await write('ne\ntwo '), await write('ne\ntwo ')]).toEqual([503, 503]);
      a.wire.restore();
      expect(await write('ne\ntwo ')).toBe(200);
      expect(await close()).toEqual([200, undefined]);
      expect(await snapshot(a)).toBe('first\none line\ntwo \n');
    });

    it('is reported as not written when the handle is closed and the log does not take it', async () => {
      const { nodes } = await cluster(1, { deadline: 100 });
      const [a] = nodes as [Node];
      const { close, write } = await handleOn(a);
      expect(await write('half')).toBe(200);
      a.wire.cut();
      expect(await close()).toEqual([503, 'LOG_UNAVAILABLE']);
    });

    it('is completed before this node ends the stream, and so is that of a body', async () => {
      const { nodes } = await cluster(2);
      const [a, b] = nodes as [Node, Node];
      const { close, write } = await handleOn(a);
      expect(await write('one\nof a handle')).toBe(200);
      const body = await a.mounts.openWrite('/s/a', { atomic: 'lines' });
      await body.write(Buffer.from('two\nof a body'));
      expect((await a.call('POST', '/end?path=/s/a')).status).toBe(200);
      expect((await snapshot(b)).split('\n').sort()).toEqual(['', 'of a body', 'of a handle', 'one', 'two']);
      expect(await close()).toEqual([200, undefined]);
      await body.abort();
    });

    it('is not begun on a stream that has ended', async () => {
      const { nodes } = await cluster(2);
      const [a, b] = nodes as [Node, Node];
      const { write } = await handleOn(a);
      const reader = await live(a);
      await b.call('POST', '/end?path=/s/a');
      await reader.end();
      expect(await write('half')).toBe(409);
    });

    it('is completed when a write to it is cut short, as soon as the log takes it', async () => {
      const { nodes } = await cluster(1, { deadline: 100 });
      const [a] = nodes as [Node];
      const handle = await a.mounts.openHandle('/s/a', { flags: 1, mode: 0, create: true, atomic: 'lines' });
      await handle.write(Buffer.from('cut'));
      a.wire.cut();
      await handle.completeLine?.();
      await expect(handle.write(Buffer.from('next\n'))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
      a.wire.restore();
      await handle.write(Buffer.from('next\n'));
      await handle.close();
      expect(await snapshot(a)).toBe('cut\nnext\n');
    });

    it('may be followed by many writes at once, which are applied in order', async () => {
      const { nodes } = await cluster(1);
      const [a] = nodes as [Node];
      const handle = await a.mounts.openHandle('/s/a', { flags: 1, mode: 0, create: true, atomic: 'lines' });
      const memory = Buffer.alloc(4);
      const writes = Array.from({ length: 50 }, (_, n) => {
        memory.write(`${String(n).padStart(2, '0')}${n % 2 === 0 ? ';;' : ';\n'}`);
        return handle.write(memory);
      });
      await Promise.all(writes);
      await handle.close();
      const expected = Array.from(
        { length: 25 },
        (_, n) => `${String(2 * n).padStart(2, '0')};;${String(2 * n + 1).padStart(2, '0')};\n`,
      );
      expect(await snapshot(a)).toBe(expected.join(''));
    });
  });

  it('a touch sets the time by the clock of the log, not by that of the node', async () => {
    const { nodes } = await cluster(2, { clock: new FakeClock() });
    const [a, b] = nodes as [Node, Node];
    await put(a, 'x');
    await waitFor(async () => (await b.call('POST', '/touch?path=/s/a')).status === 200);
    const { modTime } = await a.mounts.stat('/s/a');
    expect(Math.abs(modTime.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('listings show the streams of all nodes, in pages', async () => {
    const { nodes } = await cluster(2);
    for (let n = 0; n < 10; n++) await nodes[n % 2]!.call('PUT', `/files?path=/s/dir/${n}`, { body: 'x' });
    const list = async (query: string) => {
      const response = (await nodes[0]!.call('GET', `/directories?path=/s/dir${query}`)).json() as {
        files?: { name: string }[];
      };
      return response.files?.map(({ name }) => name);
    };
    expect(await list('')).toEqual([...'0123456789']);
    expect(await list('&limit=3&after=4')).toEqual(['5', '6', '7']);
  });

  it('while the log is away reads go on, writes wait and are 503 then, and all of it recovers', async () => {
    const { nodes } = await cluster(2, { deadline: 300 });
    const [a, b] = nodes as [Node, Node];
    await put(a, 'one;');
    const reader = await live(b);
    await reader.until(4);
    b.wire.cut();
    expect(await snapshot(b)).toBe('one;');
    expect((await b.call('GET', '/health')).json()).toMatchObject({
      ...{ status: 'degraded', degraded: true, ready: true },
      logs: { total: 1, connected: 0 },
    });
    const refused = await put(b, 'lost');
    expect([refused.status, refused.json().code, refused.headers['retry-after'] !== undefined]).toEqual([
      503,
      'LOG_UNAVAILABLE',
      true,
    ]);
    expect((await b.call('PUT', '/files?path=/s/new', { body: 'x' })).json().code).toBe('LOG_UNAVAILABLE');
    await put(a, 'two;');
    const waiting = put(b, 'three');
    b.wire.restore();
    expect((await waiting).status).toBe(200);
    expect(await reader.until(13)).toBe('one;two;three');
    expect((await b.call('GET', '/health')).json()).toMatchObject({
      ...{ status: 'healthy', degraded: false },
      logs: { total: 1, connected: 1 },
    });
    reader.cut();
  });

  it('an unused stream is dropped after a while, but not as long as the log is away', async () => {
    const clock = new FakeClock();
    const { nodes } = await cluster(1, { clock, deadline: 300 });
    const [a] = nodes as [Node];
    const mirrors = async () => {
      const { logs } = (await a.call('GET', '/stats')).json() as unknown as { logs: { mirrors: number }[] };
      return logs[0]?.mirrors;
    };
    const pass = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 5000) clock.advance(5000);
    };
    await put(a, 'one;');
    a.wire.cut();
    pass(120_000);
    expect(await snapshot(a)).toBe('one;');
    a.wire.restore();
    expect(await mirrors()).toBe(1);
    pass(120_000);
    expect(await mirrors()).toBe(0);
    expect(await snapshot(a)).toBe('one;');
  });

  it('a server that needs its log is not ready while that is away', async () => {
    const { nodes } = await cluster(1, { isRequired: true });
    const [a] = nodes as [Node];
    expect((await a.call('GET', '/ready')).status).toBe(200);
    a.wire.cut();
    const missed = await a.call('GET', '/ready');
    expect([missed.status, missed.json().degraded]).toEqual([503, true]);
    a.wire.restore();
    expect((await a.call('GET', '/ready')).status).toBe(200);
  });

  it('a reader with block makes the writers of its node wait, and no others', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'x', '&ring_buffer_size=64KB&channel_buffer_size=64KB');
    const source = await b.mounts.openStream('/s/a', { onLag: 'block', start: { from: 'live' } });
    if (source.kind !== 'live') throw new Error('not live');
    const full = 'y'.repeat(64 * 1024);
    await put(a, full);
    expect((await facts(b)).size).toBe(full.length + 1);
    let isDone = false;
    const waiting = put(b, 'z').then((response) => {
      isDone = true;
      return response;
    });
    expect((await put(a, 'from the other node')).status).toBe(200);
    expect(isDone).toBe(false);
    await source.reader.read();
    expect((await waiting).status).toBe(200);
    source.reader.close();
  });

  it('lists, stats and metrics say which node they are of', async () => {
    const { nodes } = await cluster(2);
    const [, b] = nodes as [Node, Node];
    await put(b, 'x');
    expect((await b.call('GET', '/readers')).json()).toMatchObject({ node: 'n1', count: 0 });
    const { logs } = (await b.call('GET', '/stats')).json();
    expect(logs).toEqual([{ path: '/s', log: 'memory', node: 'n1', connected: true, mirrors: 1, waiting: 0 }]);
    const text = (await b.call('GET', '/metrics')).text;
    for (const line of [
      'streamfs_log_connected{mount="/s",node="n1"} 1',
      'streamfs_log_appended_bytes_total{mount="/s",node="n1"} 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('a reader is kicked only at the node that is named, although others have readers with the same id', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'x');
    const reader = await live(a);
    await reader.until(1);
    const { node, readers } = (await a.call('GET', '/readers')).json() as unknown as {
      node: string;
      readers: { id: number }[];
    };
    const kick = (at: Node) => at.call('DELETE', `/readers/${readers[0]!.id}?node=${node}`);
    const refused = await kick(b);
    expect([refused.status, refused.json().code]).toEqual([409, 'NODE_DIFFERS']);
    expect((await kick(a)).status).toBe(200);
    await reader.end();
    expect(reader.res.trailers['x-stream-end']).toBe('kicked');
  });

  it('a log without memory refuses appends, and nothing that was there is lost', async () => {
    const { engine, nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'kept');
    engine.isFull = true;
    const refused = await put(b, 'too much');
    expect([refused.status, refused.json().code]).toEqual([503, 'LOG_FULL']);
    expect(await snapshot(b)).toBe('kept');
    engine.isFull = false;
    expect((await put(b, '!')).status).toBe(200);
    expect(await snapshot(a)).toBe('kept!');
  });

  it('a log that has lost its newest bytes gets them back from a node, at their offsets', async () => {
    const { engine, nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    for (const text of ['one;', 'two;', 'three;']) await put(a, text);
    expect(await snapshot(b)).toBe('one;two;three;');
    engine.lose('/a', 5);
    await put(a, 'four');
    expect([await snapshot(a), await snapshot(b)]).toEqual(['one;two;three;four', 'one;two;three;four']);
    expect((await a.call('GET', '/metrics')).text).toMatch(/streamfs_log_heals_total\{mount="\/s",node="n0"\} 1\n/);
  });

  it('a restarted node has everything from before: bytes, offsets, producers, end', async () => {
    const { join, nodes } = await cluster(1);
    const as = { 'Producer-Id': 'p', 'Producer-Epoch': '0', 'Producer-Seq': '0' };
    const before = await put(nodes[0]!, 'all of it', '', as);
    await nodes[0]!.stop();
    const again = await join('n1');
    expect(await snapshot(again)).toBe('all of it');
    const repeated = await put(again, 'all of it', '', as);
    expect([repeated.status, repeated.headers['x-stream-generation']]).toEqual([
      204,
      before.headers['x-stream-generation'],
    ]);
  });

  it('readers of a node that stops are told to come back', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    await put(a, 'x');
    const reader = await live(b);
    await reader.until(1);
    await b.stop();
    await reader.end();
    expect(reader.res.trailers['x-stream-end']).toBe('shutdown');
    expect((await put(a, 'y')).status).toBe(200);
  });
});
