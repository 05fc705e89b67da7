import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HostCheck, Tokens } from '../../../src/server/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { start } from '../harness.ts';

const TOKEN = 'a-token-for-the-tests';
const tokens = () =>
  new Tokens([
    {
      name: 'a',
      sha256: createHash('sha256').update(TOKEN).digest('hex'),
      rights: ['read'],
      paths: ['/**'],
    },
  ]);

/** The status of a request on each path: one served by node:http, and one served without it. */
async function statuses(host: string, allowed: string[] = [], asked?: Tokens) {
  const hosts = new HostCheck(allowed);
  const { call } = await start({
    mounted: { '/s': 'streamfs' },
    hosts,
    ...(asked === undefined ? {} : { tokens: asked }),
  });
  const health = await call('GET', '/health', { headers: { host } });
  const write = await call('PUT', '/files?path=/s/a', { body: 'x', headers: { host } });
  return { health: health.status, write: write.status, code: health.json().code, error: health.json().error };
}

const LOOPBACK = [
  ...['127.0.0.1:8080', '127.0.0.1', '127.1.2.3', '127.0.0.1:', '[::1]:80', '[::1]'],
  ...['localhost', 'LOCALHOST:1', 'localhost:8080', 'app.localhost', 'a.b.localhost:80'],
];

/** Names that browsers do not treat as loopback, though the system resolves them to this machine. */
const UNTRUSTED = [
  ...['0.0.0.0', '0.0.0.0:8080', '[::]:8080', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]:80', '[0:0:0:0:0:ffff:127.0.0.1]'],
  ...['devbox', 'DEVBOX:8080', 'devbox.local', '10.1.2.3', '192.168.1.2:80', '[fe80::1]'],
];

const MISSPELT = [
  ...['2130706433', '0x7f000001', '0x7f.1', '127.1', '127.1:8080', '0177.0.0.1', '127.0.0.01', '127.0.0.256'],
  ...['localhost.', 'localhost.:8080', 'app.localhost.', '127.0.0.1.', '[::1', '::1', '[::1]x', '[[::1]]', '[]'],
  ...['localhost:80:80', 'localhost:x', '127.0.0.1:80@evil.example', 'evil.example:80@127.0.0.1', 'me@localhost'],
  ...['notlocalhost', 'localhost.stranger.example', 'localhost,stranger.example', '127.0.0.1, localhost', '.localhost'],
];

const STRANGERS = ['stranger.example', 'stranger.example:8080', '127.0.0.1.stranger.example'];

describe('contract 94: on loopback, where no token is asked for', () => {
  it.each(LOOPBACK)('%s is answered', async (host) => {
    expect(await statuses(host)).toMatchObject({ health: 200, write: 200 });
  });

  it.each([...UNTRUSTED, ...MISSPELT, ...STRANGERS])('%s is not', async (host) => {
    expect(await statuses(host)).toMatchObject({ health: 403, write: 403, code: 'HOST_REFUSED' });
  });

  it.each(['devbox', 'devbox.local:8080', '10.1.2.3', '0.0.0.0:1', 'stranger.example', 'Proxy.Example:443'])(
    '%s is, once it is configured',
    async (host) => {
      const name = host.replace(/:\d+$/, '');
      expect(await statuses(host, ['other.example', name])).toMatchObject({ health: 200, write: 200 });
      expect(await statuses(`x${host}`, [name])).toMatchObject({ health: 403, write: 403 });
    },
  );

  it('a refusal says which name it was, and which would do', async () => {
    expect((await statuses('devbox:80')).error).toBe(
      'this server does not answer to the name "devbox:80": use 127.0.0.1, [::1] or localhost, or add the name to server.allowed_hosts',
    );
  });

  it('a target that names a host is one more place for it', async () => {
    const { port } = await start({ hosts: new HostCheck([]) });
    const status = async (target: string) => {
      const one = await connectTo(port);
      one.send(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
      return (await one.closed()).slice(9, 12);
    };
    expect(await status('http://127.0.0.1:80/api/v1/health')).toBe('200');
    expect(await status('http://0.0.0.0:80/api/v1/health')).toBe('403');
    expect(await status('HTTP://stranger.example')).toBe('403');
  });

  it('without a Host header HTTP/1.0 is answered, since no browser leaves it out, and HTTP/1.1 is no HTTP', async () => {
    const { port } = await start({ hosts: new HostCheck([]) });
    const status = async (version: string, host = '') => {
      const one = await connectTo(port);
      one.send(`GET /api/v1/health HTTP/${version}\r\n${host}Connection: close\r\n\r\n`);
      return (await one.closed()).slice(9, 12);
    };
    expect([await status('1.0'), await status('1.1')]).toEqual(['200', '400']);
    expect([await status('1.0', 'Host: 0.0.0.0\r\n'), await status('1.0', 'Host: localhost\r\n')]).toEqual([
      '403',
      '200',
    ]);
    expect([await status('1.1', 'Host:\r\n'), await status('1.0', 'Host:\r\n')]).toEqual(['403', '403']);
  });
});

describe('on loopback, where tokens are asked for', () => {
  it('addresses and names without a dot are answered too, names of strangers are not', async () => {
    for (const host of [...LOOPBACK, ...UNTRUSTED.filter((name) => name !== 'devbox.local')]) {
      expect([host, (await statuses(host, [], tokens())).health]).toEqual([host, 200]);
    }
    for (const host of [...STRANGERS, 'devbox.local', 'localhost.', '127.1', '[]', 'a:b']) {
      expect([host, (await statuses(host, [], tokens())).health]).toEqual([host, 403]);
    }
  });

  it('tokens that go, by reading the configuration again, take that with them', async () => {
    const asked = tokens();
    const { call } = await start({ hosts: new HostCheck([]), tokens: asked });
    const headers = { host: 'devbox', authorization: `Bearer ${TOKEN}` };
    expect((await call('GET', '/health', { headers })).status).toBe(200);
    asked.replace([]);
    expect((await call('GET', '/health', { headers })).status).toBe(403);
  });
});
