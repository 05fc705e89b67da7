import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { beginFrames, fakeServer, frame, refuse } from '../client/fake-server.ts';
import { type CliOptions, cli, realServer } from './harness.ts';

/** The standard error of a command, and its exit code. */
async function failureOf(argv: string[], options: CliOptions): Promise<[message: string, code: number]> {
  const run = cli(argv, { input: 'x', ...options });
  const code = await run.code;
  expect(run.out()).toBe('');
  return [run.err.text.replace(/^streamfs: /, '').trimEnd(), code];
}

const TOKEN = 'a-token-that-is-long-enough';

describe('errors in the words of the command line', () => {
  it('contract 85, 34: a stream that is read as a file asks for --stream', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'x' }).code;
    const expected = 'use stream mode for reading stream files: add --stream';
    expect(await failureOf(['cat', '/streamfs/x'], { url })).toEqual([expected, EXIT.failed.code]);
  });

  it('contract 79: a token that is missing, or not known, is asked for by the names it has here', async () => {
    const tokens = [{ name: 'tests', token: TOKEN, rights: ['read' as const], paths: ['/**'] }];
    const { url } = await realServer({ server: { tokens } });
    const missing = 'unauthorized: this server requires a token: set STREAMFS_TOKEN or --token-file';
    expect(await failureOf(['ls', '/'], { url })).toEqual([missing, EXIT.refused.code]);
    expect(await failureOf(['write', '--stream', '/streamfs/x'], { url })).toEqual([missing, EXIT.refused.code]);
    const wrong = 'unauthorized: this server does not know the token: check STREAMFS_TOKEN';
    expect(await failureOf(['ls', '/'], { url, env: { STREAMFS_TOKEN: 'another' } })).toEqual([
      wrong,
      EXIT.refused.code,
    ]);
    const inUrl = await failureOf(['ls', '/'], { url: url.replace('//', `//x:${TOKEN}@`) });
    expect(inUrl).toEqual([expect.stringContaining('set STREAMFS_TOKEN or --token-file'), EXIT.usage.code]);
  });

  it('an ordinary file is written as it is, and with --stream it says what is wrong without a word of headers', async () => {
    const { url } = await realServer();
    expect(await failureOf(['write', '/memfs/f'], { url, input: 'abc' })).toEqual(['', EXIT.ok.code]);
    const refused = await failureOf(['write', '--stream', '/memfs/f'], { url });
    const hint = 'this is not a stream: leave out --stream, --ring and the like, or use a path on a streamfs mount';
    expect(refused).toEqual([hint, EXIT.failed.code]);
    expect(await failureOf(['exec', '/memfs/f', '--', 'true'], { url })).toEqual([hint, EXIT.failed.code]);
    expect(Buffer.from(await new StreamFSClient({ url }).read('/memfs/f')).toString()).toBe('abc');
  });

  it.each([
    ['write', 'hello'],
    ['write', '--stream', 'hello'],
    ['cat', '/hello'],
    ['cat', '--stream', '/hello'],
    ['stat', '/hello'],
    ['rm', '/hello'],
    ['unmount', '/hello'],
  ])('a path outside every mount names the mounts: %s %s', async (...argv) => {
    const { url } = await realServer();
    const [message, code] = await failureOf(argv, { url });
    expect(message).toMatch(/\/hello.*: the mounts are \/dev, \/memfs, \/streamfs$/);
    expect(code).toBe(EXIT.notFound.code);
  });

  it('a path outside every mount is reported as such even if the mounts may not be listed', async () => {
    const server = await fakeServer((_request, response, query) => {
      if (query.has('path')) refuse(response, 404, 'NOTHING_MOUNTED');
      else refuse(response, 403, 'FORBIDDEN');
    });
    const [message] = await failureOf(['stat', '/hello'], { url: server.url });
    expect(message).toMatch(/: see streamfs mounts$/);
  });

  it('a device without an end names an option that exists', async () => {
    const { url } = await realServer();
    const [message] = await failureOf(['cat', '/dev/urandom'], { url });
    expect(message).toContain('add --stream');
    const reader = cli(['cat', '--stream', '/dev/urandom'], { url });
    await expect.poll(() => reader.outBytes().length).toBeGreaterThan(0);
    reader.interrupt('SIGTERM');
  });

  it('an ordinary file that is too long names the limit, and what has none', async () => {
    const { url } = await realServer({ server: { max_request_body_bytes: 1000 } });
    const [message] = await failureOf(['write', '/memfs/f'], { url, input: 'x'.repeat(1001) });
    expect(message).toMatch(/1000 bytes are allowed \(server\.max_request_body_bytes\); a stream has no such limit$/);
  });

  it('contract 25: an offset that has gone names the option for the earliest', async () => {
    const { url } = await realServer();
    await cli(['mount', 'streamfs', '/s', 'ring_buffer_size=4B'], { url }).code;
    await cli(['write', '--stream', '/s/x'], { url, input: '0123456789' }).code;
    const [message, code] = await failureOf(['cat', '--stream', '--offset', '1', '/s/x'], { url });
    expect(message).toMatch(/the earliest is 6: begin with --offset 6, or without --offset$/);
    expect(code).toBe(EXIT.refused.code);
  });

  it('an offset beyond the end of a stream that has ended says that no bytes will follow, and which options read the retained bytes', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: '0123456789' }).code;
    await cli(['end', '/streamfs/x'], { url }).code;
    const [message, code] = await failureOf(['cat', '--stream', '--offset', '11', '/streamfs/x'], { url });
    expect(message).toBe(
      'offset 11 is beyond the end: the stream has ended at 10: ' +
        'no more bytes will follow; omit --offset to read the retained bytes, or use at most --offset 10',
    );
    expect(code).toBe(EXIT.refused.code);
  });

  it('mounting with several wrong parameters reports each on a separate line', async () => {
    const { url } = await realServer();
    const [message, code] = await failureOf(['mount', 'streamfs', '/x', 'ring_buffer_size=0', 'on_lag=never'], { url });
    expect(message.split('\n')).toEqual([
      expect.stringMatching(/^failed to validate plugin: invalid ring_buffer_size/),
      expect.stringMatching(/^streamfs: failed to validate plugin: on_lag must be one of/),
    ]);
    expect(code).toBe(EXIT.usage.code);
  });

  it('mounting with wrong arguments exits with 2, and names what there is', async () => {
    const { url } = await realServer();
    for (const [argv, text] of [
      [['nofs', '/x'], 'unknown filesystem type: nofs (known are: devfs, memfs, streamfs)'],
      [['memfs', '/x', 'foo=1'], "unknown configuration parameter(s) 'foo'"],
      [['streamfs', '/x', 'ring_buffer_size=0'], 'invalid ring_buffer_size'],
      [['streamfs', '/x/../y'], '".."'],
    ] as const) {
      const [message, code] = await failureOf(['mount', ...argv], { url });
      expect(message).toContain(text);
      expect(code).toBe(EXIT.usage.code);
    }
    // An existing mount forbids it: the arguments are valid.
    expect(await failureOf(['mount', 'streamfs', '/streamfs'], { url })).toEqual([
      expect.any(String),
      EXIT.refused.code,
    ]);
  });

  it('an address where there is something else says so', async () => {
    const { url } = await realServer();
    const [below] = await failureOf(['ls'], { url: `${url}/elsewhere` });
    expect(below).toBe(`there is no StreamFS at ${url}/elsewhere/api/v1: check --url or STREAMFS_URL`);
  });

  it('contract 20: a reader that was disconnected for being too slow gets a message with the command to continue', async () => {
    const { url } = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(Buffer.concat([frame('data', 0, 'abc'), frame('end', 3, 'too-slow')]));
    });
    const reader = cli(['cat', '--stream', '--on-lag', 'disconnect', '/s/x'], { url });
    expect(await reader.code).toBe(EXIT.refused.code);
    expect(reader.err.text).toMatch(
      /^streamfs: too slow: .* at offset 3; continue with --offset 3, or .*--on-lag drop-oldest\n$/,
    );
  });
});
