import { describe, expect, it } from 'vitest';
import { bodyWithAbsolutePath, withAbsolutePath } from './absolute-path.ts';

describe('a path in an error', () => {
  it.each([
    ['stream not found: /live', '/streamfs/live', 'stream not found: /streamfs/live'],
    ['stream /a/b exists with other settings: ttl', '/s/a/b', 'stream /s/a/b exists with other settings: ttl'],
    [
      'no stream can be created at /a: it is a directory',
      '/deep/mount/a',
      'no stream can be created at /deep/mount/a: it is a directory',
    ],
    ['stream already exists: /a/a', '/a/a/a', 'stream already exists: /a/a/a'],
    ['permission denied: /it is "$&" is reserved', '/s/it is "$&"', 'permission denied: /s/it is "$&" is reserved'],
  ])('becomes absolute: %s', (text, path, expected) => {
    expect(withAbsolutePath(text, path)).toBe(expected);
  });

  it.each([
    ['stream not found: /streamfs/live', '/streamfs/live'],
    ['the log in /var/live-2 is full', '/streamfs/live'],
    ['the log in /var/live is full', '/streamfs/live'],
    ['stream is closed', '/streamfs/live'],
    ['no mount at path: /', '/streamfs/'],
  ])('is unchanged if it is absolute, or another path: %s', (text, path) => {
    expect(withAbsolutePath(text, path)).toBe(text);
  });

  it('is replaced in errors of the server, and nowhere else', () => {
    const address = 'http://h/api/v1/files?path=%2Fstreamfs%2Fa';
    const response = { error: 'stream already exists: /a', code: 'STREAM_EXISTS' };
    expect(JSON.parse(bodyWithAbsolutePath(JSON.stringify(response), address))).toEqual({
      ...response,
      error: 'stream already exists: /streamfs/a',
    });
    for (const other of ['<h1>502</h1>', '[1]', 'null', '{"error":7}']) {
      expect(bodyWithAbsolutePath(other, address)).toBe(other);
    }
    expect(bodyWithAbsolutePath('{"error":"x: /a"}', 'http://h/api/v1/links')).toBe('{"error":"x: /a"}');
  });
});
