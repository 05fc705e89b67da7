import { describe, expect, it } from 'vitest';
import { bodyWithAbsolutePath } from './absolute-path.ts';

describe('a path in an error', () => {
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
