import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configOf, parseConfig } from '../../src/config/index.ts';

function refusal(text: string, file = '/etc/streamfs/c.yaml'): string {
  try {
    parseConfig(text, file);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
}

describe('server.tls', () => {
  it('names files as they are seen from the configuration, or from the working directory where there is no file', () => {
    const { server } = parseConfig(
      'server:\n  tls: {certificate: tls/server.pem, key: /keys/server.key}',
      '/etc/streamfs/c.yaml',
    );
    expect(server.tls).toEqual({ certificate: '/etc/streamfs/tls/server.pem', key: '/keys/server.key' });
    const toml = parseConfig('[server.tls]\ncertificate = "../a.pem"\nkey = "a.key"', '/etc/streamfs/c.toml');
    expect(toml.server.tls).toEqual({ certificate: '/etc/a.pem', key: '/etc/streamfs/a.key' });
    expect(configOf({ server: { tls: { certificate: 'a', key: 'b' } } }).server.tls).toEqual({
      certificate: resolve('a'),
      key: resolve('b'),
    });
    expect('tls' in configOf({}).server).toBe(false);
  });

  it.each([
    ['server:\n  tls: {certificate: a.pem}', 'c.yaml:2: server.tls.key: is missing'],
    ['server:\n  tls: {key: a.key}', 'c.yaml:2: server.tls.certificate: is missing'],
    ['server:\n  tls:', 'c.yaml:2: server.tls: must be a mapping, not null'],
    ['server:\n  tls: {cert: a.pem, key: a.key}', 'server.tls.cert: unknown key (known are: certificate, key)'],
  ])('%j is refused: both files or neither', (text, expected) => {
    expect(refusal(text)).toContain(expected);
  });
});

describe('server.cors.origins', () => {
  it('are origins as browsers send them; there are none by default', () => {
    const origins = ['https://app.example', 'http://localhost:5173', 'http://[::1]:8080'];
    expect(configOf({ server: { cors: { origins } } }).server.corsOrigins).toEqual(origins);
    expect(configOf({}).server.corsOrigins).toEqual([]);
    expect(parseConfig('server:\n  cors:', 'c.yaml').server.corsOrigins).toEqual([]);
  });

  it.each([
    ['*', 'patterns are not allowed: they would match origins that were not meant; name each origin'],
    ['https://app.example/', 'expected https://app.example'],
    ['https://app.example/page', 'expected https://app.example'],
    ['https://App.Example:443', 'expected https://app.example'],
    ['https://user@app.example', 'expected https://app.example'],
    ['https://*.example', 'patterns are not allowed'],
    ['app.example', 'expected scheme, host and port'],
    ['null', 'expected scheme, host and port'],
    ['', 'expected scheme, host and port'],
    ['file:///tmp', 'expected scheme, host and port'],
  ])('%j is refused', (origin, expected) => {
    const text = refusal(`server:\n  cors:\n    origins: [${JSON.stringify(origin)}]`);
    expect(text).toContain(`c.yaml:3: server.cors.origins[0]: invalid origin: ${JSON.stringify(origin)} (${expected}`);
  });
});
