import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { fakeServer, refuse } from '../client/fake-server.ts';
import { cli } from './harness.ts';

describe('arguments', () => {
  it.each([
    [[], /Usage: streamfs/],
    [['nonsense'], /unknown command 'nonsense'/],
    [['catt', '/a'], /Did you mean cat\?/],
    [['help', 'catt'], /^streamfs: unknown command 'catt'\n.*Did you mean cat\?/],
    [['cat'], /missing required argument 'path'/],
    [['cat', '/a', '/b'], /too many arguments/],
    [['cat', '--streem', '/a'], /unknown option '--streem'/],
    [['cat', '--stream', '--last', '5x', '/a'], /invalid size format: 5X/],
    [['cat', '--stream', '--last', '0', '/a'], /expected a size from 1B/],
    [['cat', '--stream', '--last-lines', '0', '/a'], /whole number from 1 to 9007199254740991/],
    [['cat', '--stream', '--offset', '-1', '/a'], /whole number from 0|argument missing/],
    [['cat', '--stream', '--offset', '1e3', '/a'], /whole number from 0 to 9007199254740991/],
    [['cat', '--stream', '--timeout', '-1', '/a'], /-1/],
    [['cat', '--stream', '--from', 'middle', '/a'], /Allowed choices are earliest, live/],
    [['cat', '--stream', '--on-lag', 'panic', '/a'], /Allowed choices are drop-oldest/],
    [['cat', '--stream', '--from', 'live', '--last', '1KB', '/a'], /--from and --last exclude each other/],
    [['cat', '--from', 'live', '/a'], /--from needs --stream/],
    [['cat', '--no-create', '/a'], /--no-create needs --stream/],
    [['write', '--end', '/a'], /--end needs --stream/],
    [['write', '--stream', '--atomic', 'words', '/a'], /Allowed choices are none, lines/],
    [['mount', 'memfs', '/m', 'novalue'], /it should look like ring_buffer_size=1MB/],
    [['mount', 'memfs', '/m', 'a=1', 'a=2'], /a is given twice/],
    [['mkdir', '-m', 'rwx', '/d'], /permission bits in octal/],
    [['cat', '--stream', '--offset', '9007199254740992', '/a'], /whole number from 0 to 9007199254740991/],
    [['tail', '-99999999999999999', '/a'], /too large/],
    [['stat', ''], /argument 'path' is empty/],
    [['ls', ''], /argument 'path' is empty/],
    [['rm', '-r', '/a', ''], /argument 'path' is empty/],
    [['tail', '-f', '', '/a'], /argument 'path' is empty/],
    [['exec', '/a', '--', ''], /argument 'command' is empty/],
    [['kick', ''], /argument 'id' is empty/],
    [['mount', '', '/m'], /argument 'fstype' is empty/],
    [['mount', 'memfs', '/m', ''], /argument 'config' is empty/],
    [['log', 'check', ''], /argument 'dir' is empty/],
    [['log', 'dump', '/nonexistent', ''], /argument 'stream' is empty/],
    [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
    [['ls', '--url', 'localhost:8080'], /it should begin with http/],
    [['ls', '--url', 'http://127.0.0.1:8080/?path=/streamfs'], /without a query or fragment/],
    [['ls', '--url', 'http://127.0.0.1:8080/#a'], /without a query or fragment/],
    [
      ['ls', '--token-file', '/nonexistent/token'],
      /--token-file: cannot read \/nonexistent\/token: the file does not exist/,
    ],
  ])('%j is a usage error that says why', async (argv, message) => {
    const run = cli(argv, { input: '' });
    expect(await run.code).toBe(EXIT.usage.code);
    expect(run.err.text).toMatch(message);
    expect(run.out()).toBe('');
  });

  it.each([['--version'], ['-V'], ['-version'], ['serve', '--version'], ['serve', '-version']])(
    'contract 84: %s %s prints the version',
    async (...argv) => {
      const run = cli(argv.filter(Boolean));
      expect(await run.code).toBe(0);
      expect(run.out()).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
      expect(run.err.text).toBe('');
    },
  );

  it('help goes to standard output and lists every exit code', async () => {
    const run = cli(['--help']);
    expect(await run.code).toBe(0);
    for (const { code, meaning } of Object.values(EXIT)) expect(run.out()).toContain(`${code}  ${meaning}`);
    const codes = Object.values(EXIT).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it.each([[['help']], [['help', 'help']]])('%j prints the help', async (argv) => {
    const run = cli(argv);
    expect(await run.code).toBe(0);
    expect(run.out()).toMatch(/^Usage: streamfs/);
  });

  it('errors of several lines are as many messages, with nothing in them that a terminal would obey', async () => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(500);
      response.end(JSON.stringify({ error: 'two\nlines \u001b[31mand a colour' }));
    });
    const run = cli(['stat', '/a'], { url: server.url });
    expect(await run.code).toBe(EXIT.failed.code);
    expect(run.err.text).toBe('streamfs: two\nstreamfs: lines \uFFFD[31mand a colour\n');
  });

  it.each([
    [400, 'BAD_REQUEST', EXIT.failed],
    [400, 'INVALID_PATH', EXIT.usage],
    [400, 'PLUGIN_INVALID', EXIT.usage],
    [401, 'UNAUTHORIZED', EXIT.refused],
    [403, 'PERMISSION_DENIED', EXIT.refused],
    [404, 'STREAM_NOT_FOUND', EXIT.notFound],
    [409, 'STREAM_CLOSED', EXIT.refused],
    [410, 'OFFSET_GONE', EXIT.refused],
    [416, 'OFFSET_BEYOND_END', EXIT.refused],
    [400, 'PATH_REQUIRED', EXIT.usage],
    [400, 'PARAMETER_REQUIRED', EXIT.usage],
    [501, 'NOT_SUPPORTED', EXIT.failed],
  ])('the status %d, %s, has its exit code', async (status, code, exit) => {
    const server = await fakeServer((_request, response) => refuse(response, status, code));
    const run = cli(['stat', '/a'], { url: server.url });
    expect(await run.code).toBe(exit.code);
    expect(run.err.text).toMatch(/^streamfs: .+\n$/);
  });

  it('no server has its own exit code', async () => {
    const server = await fakeServer(() => {});
    await server.close();
    for (const argv of [
      ['ls'],
      ['cat', '/a'],
      ['cat', '--stream', '--no-reconnect', '/a'],
      ['write', '/a'],
      ['write', '--stream', '--no-retry', '/a'],
    ]) {
      const run = cli(argv, { url: server.url, input: 'x' });
      expect(await run.code, argv.join(' ')).toBe(EXIT.unreachable.code);
      expect(run.err.text).toMatch(/^streamfs: cannot reach .*: connection refused\n$/);
    }
  });

  it.each([['write'], ['cat']])(
    'contract 89: no server is waited for by %s --stream, which says so, for --retry-for',
    async (command) => {
      const server = await fakeServer(() => {});
      await server.close();
      const run = cli([command, '--stream', '--retry-for', '200ms', '/a'], { url: server.url, input: 'x' });
      expect(await run.code).toBe(EXIT.unreachable.code);
      const lines = run.err.text.split('\n');
      expect(lines[0]).toMatch(/^streamfs: .*cannot reach .*: connection refused; trying again for 0.2 s$/);
      expect(lines[1]).toMatch(/^streamfs: cannot reach .*: connection refused/);
      expect(lines.length).toBe(3);
    },
  );

  it('the token comes from the environment or a file, the file before the environment', async () => {
    const server = await fakeServer((_request, response) => response.end('{"files":[]}'));
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-cli-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'token');
    await writeFile(file, 'from-file\n');
    const env = { STREAMFS_TOKEN: 'from-environment' };
    await cli(['ls'], { url: server.url, env }).code;
    await cli(['ls', '--token-file', file], { url: server.url, env }).code;
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer from-environment',
      'Bearer from-file',
    ]);
  });

  it('--url wins over the environment, before and after the command', async () => {
    const server = await fakeServer((_request, response) => response.end('{"files":[]}'));
    const env = { STREAMFS_URL: 'http://127.0.0.1:1' };
    expect(await cli(['--url', server.url, 'ls'], { env }).code).toBe(0);
    expect(await cli(['ls', '--url', server.url], { env }).code).toBe(0);
  });
});
