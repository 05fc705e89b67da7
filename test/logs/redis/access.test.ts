import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../../src/logs/log.ts';
import { createRedisLog } from '../../../src/logs/redis/index.ts';
import { loadNodeRedis } from '../../../src/logs/redis/node-redis.ts';
import { Authority } from '../../tls/certificates.ts';
import { TestMirror } from './nodes.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const PASSWORD = 'p@ss/word';
const told: unknown[] = [];
const logger = { debug: tell, info: tell, warn: tell, error: tell };
function tell(...what: unknown[]): void {
  told.push(what);
}

function logAt(url: string, deadline = 5000): Log {
  const limits = { maxStreams: 10, maxProducers: 10, producerTtl: 0 };
  return createRedisLog({ url: new URL(url), node: 'n', prefix: 'sf:', deadline, limits, logger });
}

async function works(log: Log): Promise<void> {
  await log.start();
  try {
    const terms = { retention: 100, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { stream } = await log.create({ path: '/a', ...terms });
    const append = { path: '/a', generation: stream.generation, chunks: [Buffer.from('x')], producer: undefined };
    await log.append(append);
    expect(log.state).toMatchObject({ isConnected: true, problem: undefined });
  } finally {
    await log.close();
  }
}

describe('getting into Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ args: ['--requirepass', PASSWORD] });
  });
  afterAll(() => redis.close());

  it('works with the password, which stands nowhere', async () => {
    const log = logAt(`redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${redis.port}`);
    await works(log);
    expect(log.name).toBe(`redis://127.0.0.1:${redis.port}`);
    expect(JSON.stringify([log.name, log.state, told])).not.toContain(PASSWORD);
  });

  it.each([
    ['', /requires a password/],
    [':wr0ng-secret@', /user name or password are wrong/],
    ['wr0ng-user:wr0ng-secret@', /user name or password are wrong/],
  ])('is refused at the start with %s, and the text has no credentials', async (credentials, reason) => {
    const log = logAt(`redis://${credentials}127.0.0.1:${redis.port}`);
    const error = await log.start().catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: 'LOG_REFUSED', message: expect.stringMatching(reason) });
    expect(`${(error as Error).message}${(error as Error).stack}${JSON.stringify(told)}`).not.toContain('wr0ng');
  });

  it('is refused with a password where the server asks for none', async () => {
    const open = await startRedis();
    const error = await logAt(open.url.replace('//', '//:wr0ng@'))
      .start()
      .catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: 'LOG_REFUSED', message: expect.stringContaining('it asks for no password') });
    await open.close();
  });

  it.each([
    ['', 'it requires a password, and none is given'],
    [`:${encodeURIComponent(PASSWORD)}@`, 'user name or password are wrong'],
  ])('says so when the password was changed while the node was running with %s', async (credentials, reason) => {
    const server = await startRedis({ args: credentials === '' ? [] : ['--requirepass', PASSWORD] });
    const log = logAt(server.url.replace('//', `//${credentials}`));
    await log.start();
    const terms = { retention: 1000, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { generation } = (await log.create({ path: '/a', ...terms })).stream;
    const mirror = new TestMirror(generation, 1000);
    await log.follow('/a', generation, mirror).caughtUp;
    await server.kill();
    await server.restart(['--requirepass', 'another']);
    const append = { path: '/a', generation, chunks: [Buffer.from('x')], producer: undefined };
    await expect(log.append(append)).rejects.toMatchObject({ message: expect.stringContaining(reason) });
    await expect.poll(() => log.state).toMatchObject({ isConnected: false, problem: reason });
    await server.kill();
    await server.restart();
    await expect.poll(() => log.state, { timeout: 5000 }).toMatchObject({ isConnected: true, problem: undefined });
    await log.close();
    await server.close();
  });

  it('needs no more rights than the page about several nodes names', async () => {
    const page = readFileSync(new URL('../../../docs/cluster.md', import.meta.url), 'utf8');
    const told = /The user needs these commands: ([^;]*);/.exec(page)![1]!;
    const commands = [...told.matchAll(/`([A-Z]+)`/g)].map(([, name]) => `+${name!.toLowerCase()}`);
    const names = ['~sf:index', '~sf:{*', '&sf:index', '&sf:{*'];
    const rights = ['on', 'nopass', 'resetkeys', 'resetchannels', '-@all', ...names, ...commands];
    const server = await startRedis({ args: ['--user', 'default', ...rights] });
    const log = logAt(server.url);
    await log.start();
    const terms = { retention: 100, ttl: 60_000, expiresAt: undefined, facts: '{}' };
    const { stream } = await log.create({ path: '/d/a', ...terms });
    const { generation } = stream;
    const producer = { id: 'p', epoch: 0, seq: 0, from: 0, isLast: true };
    await log.append({ path: '/d/a', generation, chunks: [Buffer.alloc(20_000)], producer });
    await log.update('/d/a', generation, { claim: { terms: { ...terms, facts: '{"a":1}' }, from: '{}' } });
    const sink = new TestMirror(generation, 100);
    await log.follow('/d/a', generation, sink).caughtUp;
    expect(sink.endOffset).toBe(20_000);
    expect((await log.list('/', undefined, 10)).map(({ name }) => name)).toEqual(['d']);
    await log.finish('/d/a', generation, { reason: 'removed', status: undefined });
    expect(await log.find('/d/a')).toBeUndefined();
    expect(log.state.isConnected).toBe(true);
    await log.close();
    await server.close();
  });

  it('starts where nothing listens yet, and says what it waits for', async () => {
    const log = logAt('redis://127.0.0.1:1', 300);
    await log.start();
    expect(log.state).toMatchObject({ isConnected: false, problem: expect.stringContaining('ECONNREFUSED') });
    await expect(log.find('/a')).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await log.close();
  });

  it('says so where the server is a replica', async () => {
    const master = await startRedis();
    const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] });
    const log = logAt(replica.url, 300);
    await log.start();
    const terms = { retention: 1000, ttl: undefined, expiresAt: undefined, facts: '{}' };
    await expect(log.create({ path: '/a', ...terms })).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
      message: expect.stringContaining('it is a replica, which refuses writes'),
    });
    // A response to one query does not make it a log.
    expect(await log.find('/a')).toBeUndefined();
    expect(log.state).toMatchObject({ isConnected: false, problem: expect.stringContaining('it is a replica') });
    await log.close();
    await replica.close();
    await master.close();
  });

  it('says so where the port speaks no TLS, and where it speaks nothing else', async () => {
    const plain = await startRedis();
    const encrypted = logAt(plain.url.replace('redis:', 'rediss:'), 300);
    await encrypted.start();
    expect(encrypted.state.problem).toContain('does it speak TLS at this port?');
    await encrypted.close();
    await plain.close();
  });

  it.each([
    ['keys', '~other:* &* +@all'],
    ['channels', '~* resetchannels +@all'],
    ['scripts', '~* &* +@all -@scripting'],
  ])('is refused at the start where the user may not use the %s', async (_, rights) => {
    const server = await startRedis({ args: ['--user', 'default', 'on', 'nopass', ...rights.split(' ')] });
    const log = logAt(server.url, 300);
    await expect(log.start()).rejects.toMatchObject({ code: 'LOG_REFUSED' });
    await server.close();
  });

  it('warns, and is not without a problem, where keys are evicted, until that is set right', async () => {
    told.length = 0;
    const server = await startRedis({ args: ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'] });
    const log = logAt(server.url);
    await log.start();
    const problem = expect.stringContaining('maxmemory-policy allkeys-lru), and with them streams: set noeviction');
    expect(log.state).toMatchObject({ isConnected: true, problem });
    expect(told).toContainEqual(['log is not safe', expect.objectContaining({ reason: problem })]);
    await log.close();
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await works(logAt(server.url));
    await server.close();
  });

  it('works where INFO is forbidden, and says that eviction could not be looked at', async () => {
    told.length = 0;
    const rights = ['on', 'nopass', '~*', '&*', '+@all', '-info', '-config'];
    const server = await startRedis({ args: ['--user', 'default', ...rights] });
    await works(logAt(server.url));
    const said = told.filter((each) => JSON.stringify(each).includes('could not be looked at'));
    expect(said).toHaveLength(1);
    await server.close();
  });

  it('says that no slots are assigned, and where there is no cluster at all', async () => {
    const empty = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    const plain = await startRedis();
    for (const [server, problem] of [
      [empty, 'redis-cli --cluster create'],
      [plain, 'leave out cluster=true'],
    ] as const) {
      const log = logAt(`${server.url}?cluster=true`, 300);
      await log.start();
      expect(log.state).toMatchObject({ isConnected: false, problem: expect.stringContaining(problem) });
      await log.close();
      await server.close();
    }
  });

  it('is not connected while a server takes no writes, though it answers, and is again when it does', async () => {
    const server = await startRedis();
    const log = logAt(server.url, 300);
    await log.start();
    const terms = { retention: 1000, ttl: undefined, expiresAt: undefined, facts: '{}' };
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1');
    const refused = { code: 'LOG_UNAVAILABLE', message: expect.stringContaining('no replica follows it') };
    await expect(log.create({ path: '/a', ...terms })).rejects.toMatchObject(refused);
    expect(await log.find('/a')).toBeUndefined();
    expect(log.state.isConnected).toBe(false);
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '0');
    await expect.poll(() => log.state.isConnected, { timeout: 5000 }).toBe(true);
    await log.close();
    await server.close();
  });

  it('says what to install where the driver is missing', async () => {
    const missing = async () => Promise.reject(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }));
    await expect(loadNodeRedis('redis://a.test:6379', missing)).rejects.toMatchObject({
      code: 'LOG_REFUSED',
      message: expect.stringContaining('npm install "@redis/client@^6.3.1"'),
    });
  });
});

describe('Redis over TLS', () => {
  let authority: Authority;
  let redis: RedisServer;
  beforeAll(async () => {
    authority = new Authority();
    const { certificateFile, keyFile } = authority.issue();
    const args = [
      '--tls-cert-file',
      certificateFile,
      '--tls-key-file',
      keyFile,
      '--tls-ca-cert-file',
      authority.caFile,
    ];
    redis = await startRedis({ args: [...args, '--tls-auth-clients', 'no'], isTls: true });
  });
  afterAll(async () => {
    await redis.close();
    authority.remove();
  });

  it('works with the authority of its certificate', () =>
    works(logAt(`rediss://127.0.0.1:${redis.port}?ca=${authority.caFile}`)));

  it('is refused where the certificate is of no authority that is known', async () => {
    const log = logAt(`rediss://127.0.0.1:${redis.port}`);
    const message = expect.stringMatching(/TLS: its certificate is not trusted \(SELF_SIGNED_CERT_IN_CHAIN\): .* ca=/);
    await expect(log.start()).rejects.toMatchObject({ code: 'LOG_REFUSED', message });
  });

  it('is refused where the certificate is for another name, unless that name is given', async () => {
    const url = `rediss://127.0.0.1:${redis.port}?ca=${authority.caFile}&servername=`;
    const message = expect.stringMatching(/TLS: its certificate is for another name \(.*\): .* servername=/);
    await expect(logAt(`${url}other.test`).start()).rejects.toMatchObject({ code: 'LOG_REFUSED', message });
    await works(logAt(`${url}localhost`));
  });
});

/** Valkey is tested if it is installed. */
const programs = ['valkey-server'].filter((program) => {
  try {
    execFileSync(program, ['--version']);
    return true;
  } catch {
    return false;
  }
});

describe.each(programs)('%s', (program) => {
  it('is used as Redis is', async () => {
    const server = await startRedis({ program });
    try {
      await works(logAt(server.url));
    } finally {
      await server.close();
    }
  });
});
