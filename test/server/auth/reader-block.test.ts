/** Which readers may make writers wait (contract 97). */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Right, Tokens } from '../../../src/server/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { type Running, start } from '../harness.ts';

const token = (name: string, rights: Right[], ...paths: string[]) => ({
  name,
  sha256: createHash('sha256').update(`secret-of-${name}`).digest('hex'),
  rights,
  paths,
});

const TOKENS = [
  token('reader', ['read'], '/s/**'),
  token('both', ['read', 'write'], '/s/**'),
  token('owner', ['read', 'write', 'admin'], '/**'),
];

async function running(config: Record<string, unknown> = {}, areAsked = true): Promise<Running> {
  const tokens = areAsked ? { tokens: new Tokens(TOKENS) } : {};
  return start({ mounted: { '/s': { fstype: 'streamfs', config } }, ...tokens });
}

const READ = '/files?path=/s/a&stream=true&timeout=1ms';

/** The status and code of a live read with `on_lag=block`. */
async function ask({ call }: Running, name: string | undefined, target = `${READ}&on_lag=block`) {
  const headers = name === undefined ? {} : { authorization: `Bearer secret-of-${name}` };
  const response = await call('GET', target, { headers });
  return response.status === 200 ? 200 : `${response.status} ${response.json().code}`;
}

const REFUSED = '403 BLOCK_REFUSED';

describe('contract 97: a reader asks for on_lag=block', () => {
  it('only who may also write there may, unless the mount is configured otherwise', async () => {
    const at = await running();
    expect(await ask(at, 'reader')).toBe(REFUSED);
    expect(await ask(at, 'both')).toBe(200);
    expect(await ask(at, 'owner')).toBe(200);
    const refusal = await at.call('GET', `${READ}&on_lag=block`, {
      headers: { authorization: 'Bearer secret-of-reader' },
    });
    expect(refusal.json().error).toContain('reader_block: writers');
    for (const policy of ['drop-oldest', 'drop-newest', 'disconnect']) {
      expect(await ask(at, 'reader', `${READ}&on_lag=${policy}`)).toBe(200);
    }
  });

  it('a right to write elsewhere does not count here', async () => {
    const at = await start({
      mounted: { '/s': 'streamfs' },
      tokens: new Tokens([token('reader', ['read'], '/s/**'), token('writer', ['write'], '/s/other')]),
    });
    expect(await ask(at, 'reader')).toBe(REFUSED);
  });

  it('a refused one makes no stream', async () => {
    const at = await running();
    await ask(at, 'reader');
    const stat = await at.call('GET', '/stat?path=/s/a', { headers: { authorization: 'Bearer secret-of-owner' } });
    expect(stat.status).toBe(404);
  });

  it('it is the same with node:http', async () => {
    const at = await running();
    const asked = async (name: string) => {
      const headers = { authorization: `Bearer secret-of-${name}`, range: 'bytes=0-' };
      return (await at.call('GET', `${READ}&on_lag=block&unknown=1`, { headers })).status;
    };
    expect([await asked('reader'), await asked('both')]).toEqual([403, 200]);
  });

  it('where no token is asked for every client may', async () => {
    expect(await ask(await running({}, false), undefined)).toBe(200);
  });

  it('through a signed link no client may, whatever the mount allows', async () => {
    for (const readerBlock of ['always', 'writers']) {
      const at = await running({ reader_block: readerBlock });
      const response = await at.call('POST', '/links', {
        headers: { authorization: 'Bearer secret-of-owner', 'content-type': 'application/json' },
        body: JSON.stringify({ path: '/s/a', right: 'read' }),
      });
      const { url } = response.json() as { url: string };
      expect(await ask(at, undefined, `${url}&timeout=1ms`)).toBe(200);
      expect(await ask(at, undefined, `${url}&timeout=1ms&on_lag=block`)).toBe(REFUSED);
    }
  });

  it('reader_block=always lets all readers, never none', async () => {
    expect(await ask(await running({ reader_block: 'always' }), 'reader')).toBe(200);
    const never = await running({ reader_block: 'never' });
    expect([await ask(never, 'reader'), await ask(never, 'owner')]).toEqual([REFUSED, REFUSED]);
    expect(await ask(await running({ reader_block: 'never' }, false), undefined)).toBe(REFUSED);
  });

  it('where block is the policy of the mount, asking for it changes nothing', async () => {
    expect(await ask(await running({ on_lag: 'block', reader_block: 'never' }), 'reader')).toBe(200);
  });

  it('another word for reader_block is refused, with those there are', async () => {
    await expect(running({ reader_block: 'some' })).rejects.toThrow(
      'reader_block must be one of always, writers, never',
    );
  });

  it('one with the right to read only cannot hold up a writer', async () => {
    const at = await running({ channel_buffer_size: '64KB', ring_buffer_size: '64KB', block_timeout: '1h' });
    const head = (name: string) =>
      `GET /api/v1/files?path=/s/a&stream=true&on_lag=block HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
      `Authorization: Bearer secret-of-${name}\r\n\r\n`;
    const wire = await connectTo(at.port);
    wire.send(head('reader'));
    expect((await wire.head()).status).toBe(403);
    wire.socket.pause();
    const body = Buffer.alloc(64 * 1024);
    for (let n = 0; n < 300; n++) await at.mounts.write('/s/a', body);
    wire.socket.destroy();
  });
});
