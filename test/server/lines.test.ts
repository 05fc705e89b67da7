/** Lines of several writers over HTTP (contract 88). */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { connectTo } from '../harness/wire.ts';
import { type Running, start } from './harness.ts';

const STREAMS = { mounted: { '/s': { fstype: 'streamfs', config: { line_timeout: '50ms' } }, '/mem': 'memfs' } };
const TARGET = '/files?path=/s/a&atomic=lines';

const content = async (at: Running) => (await at.call('GET', '/files?path=/s/a&snapshot=true')).text;

/** Begins a chunked body. */
async function begin(at: Running, target: string, headers: string, body: string) {
  const wire = await connectTo(at.port);
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  const head = `Host: 127.0.0.1\r\n${headers}Transfer-Encoding: chunked`;
  wire.send(`PUT /api/v1${target} HTTP/1.1\r\n${head}\r\n\r\n${chunk}`);
  return wire;
}

const PRODUCER = 'Producer-Id: p\r\nProducer-Epoch: 0\r\nProducer-Seq: 0\r\n';

describe('contract 88: atomic=lines', () => {
  it('a body that ends in the middle of a line is never joined with the next', async () => {
    const at = await start(STREAMS);
    const first = await at.call('PUT', TARGET, { body: '{"torn":' });
    expect([first.json().message, first.headers['x-stream-end-offset']]).toEqual(['Written 8 bytes', '9']);
    await at.call('PUT', TARGET, { body: '{"b":1}\n' });
    await at.call('POST', '/write?path=/s/a&atomic=lines', { body: 'raw' });
    await at.post('/write?path=/s/a&atomic=lines', { data: 'json' });
    await at.call('PUT', TARGET, { body: 'last\n' });
    expect(await content(at)).toBe('{"torn":\n{"b":1}\nraw\njson\nlast\n');
  });

  it.each([
    ['', 'FIN'],
    ['', 'RST'],
    [PRODUCER, 'FIN'],
    [PRODUCER, 'RST'],
  ])('a writer that is gone in the middle of a line (%j, %s) has it completed', async (headers, how) => {
    const at = await start(STREAMS);
    const { socket } = await begin(at, TARGET, headers, 'whole\nunfin');
    await waitFor(async () => (await content(at)) === 'whole\n');
    if (how === 'FIN') socket.destroy();
    else socket.resetAndDestroy();
    await at.call('PUT', TARGET, { body: 'other\n' });
    await waitFor(async () => (await content(at)).length === 'whole\nunfin\nother\n'.length);
    expect((await content(at)).split('\n').sort()).toEqual(['', 'other', 'unfin', 'whole']);
  });

  it('a body that breaks off says that all of it is written', async () => {
    const at = await start(STREAMS);
    const wire = await connectTo(at.port);
    wire.send(`PUT /api/v1${TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nwhole\nunfin`);
    await waitFor(async () => (await content(at)) === 'whole\n');
    wire.socket.end();
    expect(await wire.until('BODY_BROKE_OFF')).toContain('"written":11');
    expect(await content(at)).toBe('whole\nunfin\n');
  });

  it('holds over the writes to a handle that was opened with it; a body that breaks off there is completed', async () => {
    const at = await start(STREAMS);
    const open = async () =>
      Number((await at.call('POST', '/handles/open?path=/s/a&flags=1&atomic=lines')).json().handle_id);
    const [one, other] = [await open(), await open()];
    await at.call('PUT', `/handles/${one}/write`, { body: 'one ' });
    await at.call('PUT', `/handles/${other}/write`, { body: 'other\n' });
    await at.call('PUT', `/handles/${one}/write`, { body: 'line\n' });
    const broken = await begin(at, `/handles/${one}/write`, '', 'broken');
    broken.socket.end();
    await broken.closed();
    await waitFor(async () => (await content(at)).includes('broken\n'));
    await at.call('PUT', `/handles/${one}/write`, { body: 'unfinished' });
    await at.call('DELETE', `/handles/${one}`);
    expect(await content(at)).toBe('other\none line\nbroken\nunfinished\n');
  });

  it('another word is refused, and an ordinary file stays as it was written', async () => {
    const at = await start(STREAMS);
    for (const target of ['/files?path=/s/a&atomic=words', '/handles/open?path=/s/a&flags=1&atomic=words']) {
      const refused = await at.call(target.startsWith('/files') ? 'PUT' : 'POST', target);
      expect([refused.status, refused.json().code]).toEqual([400, 'INVALID_PARAMETER']);
    }
    await at.call('PUT', '/files?path=/mem/f&atomic=lines', { body: 'no newline' });
    expect((await at.call('GET', '/files?path=/mem/f')).text).toBe('no newline');
  });
});
