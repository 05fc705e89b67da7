import { describe, expect, it } from 'vitest';
import { withAbsolutePath } from '../../src/protocol/index.ts';

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
    ['not a directory: /log', '/streamfs/log/below', 'not a directory: /streamfs/log'],
    ['not a directory: /a/b', '/s/a/b/c/d', 'not a directory: /s/a/b'],
    ['permission denied: /it is "$&" is reserved', '/s/it is "$&"', 'permission denied: /s/it is "$&" is reserved'],
  ])('becomes absolute: %s', (text, path, expected) => {
    expect(withAbsolutePath(text, path)).toBe(expected);
  });

  it.each([
    ['stream not found: /streamfs/live', '/streamfs/live'],
    ['the log in /var/live-2 is full', '/streamfs/live'],
    ['the log in /var/live is full', '/streamfs/live'],
    ['the log in /var is full', '/streamfs/var/live'],
    ['stream is closed', '/streamfs/live'],
    ['no mount at path: /', '/streamfs/'],
  ])('is unchanged if it is absolute, or another path: %s', (text, path) => {
    expect(withAbsolutePath(text, path)).toBe(text);
  });
});
