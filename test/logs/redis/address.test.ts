import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRedisUrl } from '../../../src/logs/redis/address.ts';

const parse = (url: string, env = {}) => parseRedisUrl(new URL(url), env);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streamfs-address-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('the address of Redis', () => {
  it('is one server where nothing else is said', () => {
    expect(parse('redis://example.test')).toEqual({
      name: 'redis://example.test:6379',
      mode: 'server',
      nodes: [{ host: 'example.test', port: 6379 }],
      master: '',
      credentials: { username: undefined, password: undefined },
      sentinelCredentials: { username: undefined, password: undefined },
      database: 0,
      tls: undefined,
    });
    expect(parse('redis://[::1]:7000/3')).toMatchObject({
      name: 'redis://[::1]:7000/3',
      nodes: [{ host: '::1', port: 7000 }],
      database: 3,
    });
  });

  it('names Sentinels and the master they know, or nodes of a cluster', () => {
    expect(parse('redis://a.test?sentinel=main&node=b.test&node=[::1]:5')).toMatchObject({
      name: 'redis://a.test:26379,b.test:26379,[::1]:5 (Sentinel, main)',
      mode: 'sentinel',
      master: 'main',
      nodes: [
        { host: 'a.test', port: 26379 },
        { host: 'b.test', port: 26379 },
        { host: '::1', port: 5 },
      ],
    });
    expect(parse('redis://a.test?cluster=true&node=b.test:7001')).toMatchObject({
      name: 'redis://a.test:6379,b.test:7001 (Cluster)',
      mode: 'cluster',
    });
  });

  it('takes credentials from the address, a file or a variable, and has them in no name', async () => {
    const file = join(directory, 'password');
    await writeFile(file, 'from file\n');
    expect(parse('redis://me:p%40ss@a.test').credentials).toEqual({ username: 'me', password: 'p@ss' });
    expect(parse(`redis://me@a.test?password_file=${file}`).credentials.password).toBe('from file');
    const address = parse('redis://a.test?sentinel=m&password_env=P&sentinel_password_env=S', { P: 'one', S: 'two' });
    expect([address.credentials.password, address.sentinelCredentials.password]).toEqual(['one', 'two']);
    expect(parse('redis://me:secret@a.test').name).not.toMatch(/me|secret/);
  });

  it('reads certificates for TLS from files', async () => {
    const file = join(directory, 'ca.pem');
    const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    await writeFile(file, pem);
    expect(parse(`rediss://a.test?ca=${file}&servername=x.test`).tls).toEqual({
      ca: pem,
      cert: undefined,
      key: undefined,
      servername: 'x.test',
    });
  });

  it.each([
    ['ca', 'certificate'],
    ['cert', 'certificate'],
    ['key', 'private key'],
  ])('refuses a file for %s= that has no %s, which TLS would ignore', async (name, content) => {
    const file = join(directory, 'other.pem');
    const other = content === 'certificate' ? 'PRIVATE KEY' : 'CERTIFICATE';
    await writeFile(file, `-----BEGIN ${other}-----\nMIIB\n-----END ${other}-----\n`);
    expect(() => parse(`rediss://a.test?${name}=${file}`)).toThrow(`${name}= names a file without a ${content}`);
  });

  it.each([
    ['redis://a.test?sentinal=m', /unknown parameter sentinal .*sentinel/],
    ['redis://a.test?sentinel=', /needs the name of the master/],
    ['redis://a.test?sentinel=m&cluster=true', /exclude each other/],
    ['redis://a.test?cluster=yes', /true or false/],
    ['redis://a.test?node=b.test', /node= is for/],
    ['redis://a.test?cluster=true&node=u:secret@b.test', /HOST:PORT/],
    ['redis://a.test?cluster=true&node=b.test:70000', /HOST:PORT/],
    ['redis://a.test/zero', /number of a database/],
    ['redis://a.test/1?cluster=true', /no databases/],
    ['redis://a.test?ca=/x', /ca= is for rediss/],
    ['rediss://a.test?ca=/does/not/exist', /cannot be read: \/does\/not\/exist \(ENOENT\)/],
    ['redis://:secret@a.test?password_env=P', /given more than once/],
    ['redis://:secret@a.test?password_env=P&x=y', /unknown parameter x/],
    ['redis://a.test?password_env=NOT_SET', /not set: NOT_SET/],
    ['redis://me:12/secret@a.test', /in a user name or a password, \/ \? # @ and % are %2F/],
    ['redis://me:12#secret@a.test', /in a user name or a password/],
    ['redis://me:12?secret@a.test', /in a user name or a password/],
    ['redis://me:secret%zz@a.test', /in a user name or a password/],
    ['http://:secret@a.test', /use redis:\/\/ or rediss:\/\//],
  ])('refuses %s and says what would be right, without credentials', (url, reason) => {
    const refused = () => parse(url);
    expect(refused).toThrow(reason);
    expect(refused).not.toThrow(/secret/);
  });
});
