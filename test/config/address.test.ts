import { describe, expect, it } from 'vitest';
import { formatAddress, isLoopback, parseAddress, refuseExposure } from '../../src/config/index.ts';

describe('parseAddress', () => {
  it.each([
    [':8080', '127.0.0.1', 8080],
    ['8080', '127.0.0.1', 8080],
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['[::1]:8080', '::1', 8080],
    ['localhost:0', 'localhost', 0],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['[::]:65535', '::', 65_535],
    [' streams.example.org:9000 ', 'streams.example.org', 9000],
  ])('reads %j', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
  });

  it('contract 79: a port alone is loopback', () => {
    expect(isLoopback(parseAddress(':8080').host)).toBe(true);
    expect(isLoopback(parseAddress('8080').host)).toBe(true);
  });

  it.each([
    '',
    '65536',
    ':',
    'localhost',
    'localhost:',
    ':65536',
    ':99999',
    ':-1',
    ':80x',
    ':0x50',
    '::1',
    '::1:8080',
    '[::1]',
    '[::g]:80',
    '[127.0.0.1]:80',
    '1.2.3:80',
    '1.2.3.400:80',
    '*:80',
    'http://localhost:80',
    'a b:80',
    '-a:80',
    'user@host:80',
    '\u0661:80',
  ])('refuses %j and says what would be right', (text) => {
    expect(() => parseAddress(text)).toThrowError(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^invalid address: ".*" \(.+\)$/),
      }),
    );
  });

  it('is written back as it is read', () => {
    for (const text of ['127.0.0.1:8080', '[::1]:8080', 'localhost:1']) {
      expect(formatAddress(parseAddress(text))).toBe(text);
    }
  });
});

describe('an address that others can reach', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])('is not %s', (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(() => refuseExposure({ host, port: 1 }, false)).not.toThrow();
  });

  it.each([
    '0.0.0.0',
    '::',
    '192.168.1.2',
    '::ffff:10.0.0.1',
    'example.org',
    '127.example.org',
    'localhost.example.org',
  ])('contract 79: is %s, and is refused unless no authentication is said to be meant', (host) => {
    expect(isLoopback(host)).toBe(false);
    expect(() => refuseExposure({ host, port: 8080 }, false)).toThrowError(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('--no-auth') }),
    );
    expect(() => refuseExposure({ host, port: 8080 }, true)).not.toThrow();
  });
});
