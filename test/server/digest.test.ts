import { createHash } from 'node:crypto';
import { xxhash3 } from 'hash-wasm';
import { describe, expect, it } from 'vitest';
import { start } from './harness.ts';

describe('POST /digest', () => {
  it.each([
    ['xxh3', '', '6001c324468d497f'],
    ['xxh3', 'a', 'e6c632b61e964e1f'],
    ['md5', '', 'd41d8cd98f00b204e9800998ecf8427e'],
    ['md5', 'hello', '5d41402abc4b2a76b9719d911017c592'],
  ])('contract 66: %s of %j is %s', async (algorithm, content, digest) => {
    const { call, post } = await start();
    await call('PUT', '/files?path=/mem/a', { body: content });
    const response = await post('/digest', { algorithm, path: '/mem/a' });
    expect([response.status, response.json()]).toEqual([200, { algorithm, path: '/mem/a', digest }]);
  });

  it('digests content of many pieces', async () => {
    const { call, post } = await start({ maxRequestBodyBytes: 8 * 1024 * 1024 });
    const content = Buffer.alloc(5_000_000, 'streamfs');
    await call('PUT', '/files?path=/mem/a', { body: content });
    const digestOf = async (algorithm: string) => (await post('/digest', { algorithm, path: '/mem/a' })).json().digest;
    expect(await digestOf('md5')).toBe(createHash('md5').update(content).digest('hex'));
    // For inputs over 240 bytes, the low half of the 128-bit hash is the 64-bit hash.
    expect(await digestOf('xxh3')).toBe(await xxhash3(content));
  });

  it('a path that cannot be digested is refused', async () => {
    const { post } = await start({ mounted: { '/mem': 'memfs', '/dev': 'devfs' } });
    const refused = async (json: unknown) => {
      const response = await post('/digest', json);
      return [response.status, response.json().error];
    };
    expect(await refused({ algorithm: 'sha1', path: '/mem/a' })).toEqual([
      400,
      'unsupported algorithm: sha1 (supported: xxh3, md5)',
    ]);
    expect(await refused({ algorithm: 'toString', path: '/mem/a' })).toEqual([
      400,
      expect.stringMatching(/^unsupported algorithm/),
    ]);
    expect(await refused({ algorithm: 'md5' })).toEqual([400, 'path is required']);
    expect(await refused({ algorithm: 'md5', path: '/mem/a' })).toEqual([
      404,
      'failed to calculate digest: file not found: /a',
    ]);
    expect(await refused({ algorithm: 'md5', path: '/dev/zero' })).toEqual([
      501,
      'failed to calculate digest: digest not supported by devfs',
    ]);
  });
});
