import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { curl } from './harness/curl.ts';
import { MB } from './harness/memory.ts';
import { pattern } from './harness/pattern.ts';
import { distModule, type ServerProcess, startServer } from './harness/server.ts';

let at: ServerProcess;

beforeAll(async () => {
  at = await startServer({ server: { max_request_body_bytes: '1MB' } });
});

afterAll(() => at.stop());

/** Routes that tests have requested, as named in the route table. */
const asked = new Set<string>();

/** Requests a route of the table: its method and pattern, the values of its pattern and its query. */
function ask(route: string, query: string, ...args: readonly string[]) {
  return askFor(route, {}, query, args);
}

function askFor(
  route: string,
  params: Record<string, string | number>,
  query: string,
  args: readonly string[] = [],
  input?: string | Uint8Array,
) {
  asked.add(route);
  const [method = '', template = ''] = route.split(' ');
  const path = template.replace(/:(\w+)/g, (_, name: string) => String(params[name]));
  return curl(['-X', method, ...args, `${at.url}${path}${query}`], input);
}

const json = (value: unknown) => ['-H', 'Content-Type: application/json', '-d', JSON.stringify(value)];

/** The parts of a response that a caller sees: status and JSON. */
async function seen(response: ReturnType<typeof ask>): Promise<[number, Record<string, unknown>]> {
  const { status, json, headers } = await response;
  expect(headers['content-type']).toBe('application/json');
  return [status, json];
}

const FILES_GET = 'GET /api/v1/files';
const FILES_PUT = 'PUT /api/v1/files';

describe('curl: files and streams', () => {
  it('contract 31, 66: creates a stream once', async () => {
    expect(await seen(ask('POST /api/v1/files', '?path=/streamfs/new'))).toEqual([201, { message: 'file created' }]);
    const [status, body] = await seen(ask('POST /api/v1/files', '?path=/streamfs/new'));
    expect([status, body.error]).toEqual([409, 'stream already exists: /new']);
  });

  it('contract 66, 71: writes with --data-binary, whose type is that of a form', async () => {
    const written = await askFor(FILES_PUT, {}, '?path=/streamfs/form', ['--data-binary', '@-'], 'a=1&b=%20\n\0');
    expect([written.status, written.json]).toEqual([200, { message: 'Written 11 bytes' }]);
    expect(written.headers['x-stream-end-offset']).toBe('11');
    const read = await ask(FILES_GET, '?path=/streamfs/form&snapshot=true');
    expect(read.text).toBe('a=1&b=%20\n\0');
    expect(read.headers).toMatchObject({ 'x-stream-offset': '0', 'content-length': '11' });
    expect(read.headers['x-stream-generation']).toBe(written.headers['x-stream-generation']);
  });

  it('contract 70: uploads with -T - of unknown length, and with -T of a known one, after 100 Continue', async () => {
    const body = pattern(0, 8 * MB);
    const chunked = await curl(['-T', '-', at.api('/files?path=/streamfs/chunked&end=true')], body);
    expect([chunked.status, chunked.json]).toEqual([200, { message: `Written ${8 * MB} bytes` }]);
    const file = join(import.meta.dirname, '../../package.json');
    const known = await curl(['-T', file, at.api('/files?path=/streamfs/known')]);
    expect(known.json.message).toMatch(/^Written \d+ bytes$/);
    const large = await curl(
      ['-H', 'Expect: 100-continue', '--data-binary', '@-', '-X', 'PUT', at.api('/files?path=/streamfs/large')],
      body,
    );
    expect([large.before, large.status, large.json]).toEqual([[100], 200, { message: `Written ${8 * MB} bytes` }]);
    const ring = await ask(FILES_GET, '?path=/streamfs/large&snapshot=true');
    expect(ring.body.equals(body.subarray(-6 * MB))).toBe(true);
  });

  it('contract 70: refuses a body that is too large for a file, whether it says so or not', async () => {
    const body = Buffer.alloc(MB + 1);
    const refused = [413, 'request body exceeds maximum size of 1048576 bytes'];
    for (const args of [
      ['-H', 'Expect: 100-continue'],
      ['-H', 'Expect:'],
      ['-H', 'Transfer-Encoding: chunked'],
    ]) {
      const response = await curl(
        ['-X', 'PUT', ...args, '--data-binary', '@-', at.api('/files?path=/memfs/large')],
        body,
      );
      expect([response.status, response.json.error]).toEqual(refused);
    }
    const exact = await curl(
      ['-X', 'PUT', '--data-binary', '@-', at.api('/files?path=/memfs/large')],
      body.subarray(1),
    );
    expect(exact.json).toEqual({ message: `Written ${MB} bytes` });
  });

  it('contract 34, 68: reads a stream with stream=true only', async () => {
    await curl(['-X', 'PUT', '-d', 'history', at.api('/files?path=/streamfs/read&end=true')]);
    const [status, body] = await seen(ask(FILES_GET, '?path=/streamfs/read'));
    expect([status, body.error]).toEqual([400, 'use stream mode for reading stream files']);
    const read = await ask(FILES_GET, '?path=/streamfs/read&stream=true', '-N');
    expect([read.status, read.text]).toEqual([200, 'history']);
    expect(read.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'transfer-encoding': 'chunked',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-stream-offset': '0',
    });
  });

  it('contract 25: reads from the requested offset, or gets the earliest offset if that is no longer retained', async () => {
    await curl(['-T', '-', at.api('/files?path=/streamfs/where&end=true')], `${'x'.repeat(7 * MB)}one\ntwo\nthree\n`);
    const part = async (parameters: string) => {
      const response = await ask(FILES_GET, `?path=/streamfs/where&stream=true&${parameters}`);
      return [response.status, response.text.length > 100 ? response.text.length : response.text];
    };
    expect(await part('last_lines=2')).toEqual([200, 'two\nthree\n']);
    expect(await part('last=6')).toEqual([200, 'three\n']);
    expect(await part(`offset=${7 * MB}`)).toEqual([200, 'one\ntwo\nthree\n']);
    expect(await part('from=live')).toEqual([200, '']);
    expect(await part('from=earliest')).toEqual([200, 6 * MB]);
    expect(await part('offset=0&on_expired=skip')).toEqual([200, 6 * MB]);
    const gone = await ask(FILES_GET, '?path=/streamfs/where&stream=true&offset=0');
    const earliest = MB + 14;
    expect([gone.status, gone.json]).toEqual([
      410,
      { error: `offset 0 is no longer retained: the earliest is ${earliest}`, code: 'OFFSET_GONE', earliest },
    ]);
  });

  it('contract 66: POST /write takes raw bytes, and text where the type is JSON', async () => {
    expect(await seen(ask('POST /api/v1/write', '?path=/streamfs/w', '-d', '{"data":"raw"}'))).toEqual([
      200,
      { message: 'Written 14 bytes' },
    ]);
    expect(await seen(ask('POST /api/v1/write', '?path=/streamfs/w', ...json({ data: 'text ü' })))).toEqual([
      200,
      { message: 'Written 7 bytes' },
    ]);
    const read = await ask(FILES_GET, '?path=/streamfs/w&snapshot=true');
    expect(read.text).toBe('{"data":"raw"}text ü');
  });

  it('contract 3, 29: ends a stream, after which it takes nothing', async () => {
    await curl(['-X', 'PUT', '-d', 'all', at.api('/files?path=/streamfs/ended')]);
    expect(await seen(ask('POST /api/v1/end', '?path=/streamfs/ended'))).toEqual([200, { message: 'ended' }]);
    const [status, body] = await seen(ask(FILES_PUT, '?path=/streamfs/ended', '-d', 'more'));
    expect([status, body.error]).toEqual([409, 'stream is closed']);
    expect((await ask(FILES_GET, '?path=/streamfs/ended&stream=true')).text).toBe('all');
  });

  it('contract 33, 66: removes a stream once, under both names', async () => {
    await curl(['-X', 'PUT', '-d', 'x', at.api('/files?path=/streamfs/gone')]);
    expect(await seen(ask('DELETE /api/v1/files', '?path=/streamfs/gone'))).toEqual([200, { message: 'deleted' }]);
    const [status, body] = await seen(ask('DELETE /api/v1/files', '?path=/streamfs/gone&recursive=true'));
    expect([status, body.error]).toEqual([404, 'stream not found: /gone']);
    await curl(['-X', 'POST', at.api('/directories?path=/memfs/d')]);
    expect(await seen(ask('DELETE /api/v1/directories', '?path=/memfs/d'))).toEqual([200, { message: 'deleted' }]);
  });

  it('contract 39, 40, 67: states the facts of a stream and of its mount', async () => {
    await curl(['-X', 'PUT', '-d', '12345', at.api('/files?path=/streamfs/facts')]);
    const [, stream] = await seen(ask('GET /api/v1/stat', '?path=//streamfs//facts/'));
    expect(stream).toMatchObject({
      name: 'facts',
      size: 5,
      mode: 420,
      isDir: false,
      meta: { Name: 'streamfs', Type: 'stream', Content: { active_readers: '0', total_written: '5' } },
    });
    expect(stream.modTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)$/);
    const [, mount] = await seen(ask('GET /api/v1/stat', '?path=/streamfs'));
    expect(mount).toMatchObject({
      name: 'streamfs',
      mode: 493,
      isDir: true,
      meta: { Name: 'streamfs', Type: '', Content: null },
    });
  });

  it('contract 45, 46: truncates and touches', async () => {
    expect(await seen(ask('POST /api/v1/touch', '?path=/streamfs/touched'))).toEqual([200, { message: 'touched' }]);
    expect(await seen(ask('POST /api/v1/truncate', '?path=/streamfs/touched&size=0'))).toEqual([
      200,
      { message: 'truncated' },
    ]);
    expect((await ask('POST /api/v1/truncate', '?path=/streamfs/absent&size=0')).status).toBe(404);
  });

  it('contract 32: does not rename, chmod, link or make directories in a mount of streams', async () => {
    await curl(['-X', 'PUT', '-d', 'x', at.api('/files?path=/streamfs/fixed')]);
    const refused = async (response: ReturnType<typeof ask>) => {
      const [status, body] = await seen(response);
      return [status, body.error];
    };
    const path = '?path=/streamfs/fixed';
    expect(await refused(ask('POST /api/v1/rename', path, ...json({ newPath: '/streamfs/other' })))).toEqual([
      501,
      'streamfs does not support rename',
    ]);
    expect(await refused(ask('POST /api/v1/chmod', path, ...json({ mode: 0o600 })))).toEqual([
      501,
      'streamfs does not support chmod',
    ]);
    for (const route of ['POST /api/v1/directories', 'POST /api/v1/mkdir']) {
      expect(await refused(ask(route, '?path=/streamfs/d&mode=755'))).toEqual([
        501,
        'streamfs does not support directories',
      ]);
    }
    expect((await refused(ask('POST /api/v1/symlink', path, ...json({ target: '/x' }))))[0]).toBe(501);
    expect((await refused(ask('GET /api/v1/readlink', path)))[0]).toBe(501);
  });

  it('contract 37, 38, 66: lists directories, under both names', async () => {
    await curl(['-X', 'PUT', '-d', 'x', at.api('/files?path=/streamfs/list/a/b')]);
    for (const route of ['GET /api/v1/directories', 'GET /api/v1/list']) {
      const names = async (path: string) =>
        ((await ask(route, `?path=${path}`)).json.files as { name: string }[]).map(({ name }) => name);
      expect(await names('/')).toEqual(['dev', 'memfs', 'streamfs']);
      expect((await names('/streamfs'))[0]).toBe('README');
      expect(await names('/streamfs')).toContain('list');
      expect(await names('/streamfs/list')).toEqual(['a']);
      expect(await names('/streamfs/list/a')).toEqual(['b']);
      const refused = await ask(route, '?path=/streamfs/list/a/b');
      expect([refused.status, refused.json.error]).toEqual([400, 'not a directory: /list/a/b']);
    }
  });

  it('contract 47: digests and searches files, not streams', async () => {
    await curl(['-X', 'PUT', '-d', 'red\ngreen\nblue', at.api('/files?path=/memfs/colours')]);
    await curl(['-X', 'PUT', '-d', 'green', at.api('/files?path=/streamfs/colours')]);
    const md5 = createHash('md5').update('red\ngreen\nblue').digest('hex');
    expect(await seen(ask('POST /api/v1/digest', '', ...json({ algorithm: 'md5', path: '/memfs/colours' })))).toEqual([
      200,
      { algorithm: 'md5', path: '/memfs/colours', digest: md5 },
    ]);
    const stream = await ask('POST /api/v1/digest', '', ...json({ algorithm: 'md5', path: '/streamfs/colours' }));
    expect([stream.status, stream.json.error]).toEqual([
      400,
      'failed to calculate digest: use stream mode for reading stream files',
    ]);
    const search = { path: '/memfs/colours', pattern: 'e{2}' };
    expect(await seen(ask('POST /api/v1/grep', '', ...json(search)))).toEqual([
      200,
      { matches: [{ file: '/memfs/colours', line: 2, content: 'green' }], count: 1 },
    ]);
    const lines = (await ask('POST /api/v1/grep', '', ...json({ ...search, stream: true }))).text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { file: '/memfs/colours', line: 2, content: 'green' },
      { type: 'summary', count: 1 },
    ]);
    const refused = await ask('POST /api/v1/grep', '', ...json({ ...search, path: '/streamfs/colours' }));
    expect([refused.status, refused.json.error]).toEqual([
      400,
      'grep failed: use stream mode for reading stream files',
    ]);
  });
});

describe('curl: handles', () => {
  const open = async (query: string) => (await ask('POST /api/v1/handles/open', query)).json;

  it('contract 48, 60, 63, 64: opens, shows, renews, lists and closes', async () => {
    const handle = await open('?path=/streamfs/h&flags=2&lease=30');
    expect(handle).toMatchObject({ path: '/streamfs/h', flags: 2, lease: 30 });
    const id = Number(handle.handle_id);
    expect(handle.id).toBe(id);
    expect(Date.parse(String(handle.expires_at))).toBeGreaterThan(Date.now());
    const params = { id };
    expect((await askFor('GET /api/v1/handles/:id', params, '')).json).toMatchObject({ handle_id: id, id });
    const renewed = await askFor('POST /api/v1/handles/:id/renew', params, '?lease=9999');
    expect([renewed.status, renewed.json.lease]).toEqual([200, 300]);
    const listed = await ask('GET /api/v1/handles', '');
    expect(listed.status).toBe(200);
    expect(listed.json).toMatchObject({ handles: [expect.objectContaining({ handle_id: id })] });
    expect(listed.json.max).toBeGreaterThan(0);
    const close = () => seen(askFor('DELETE /api/v1/handles/:id', params, ''));
    expect(await close()).toEqual([200, { message: 'handle closed' }]);
    const [status, body] = await close();
    expect([status, body.error]).toEqual([404, 'not found']);
  });

  it('contract 52, 53, 56, 58, 62: reads, writes, seeks, syncs, states and truncates', async () => {
    const params = { id: Number((await open('?path=/streamfs/io&flags=2')).handle_id) };
    const write = await askFor('PUT /api/v1/handles/:id/write', params, '?offset=77', ['-d', '0123456789']);
    expect(write.json).toEqual({ bytes_written: 10, position: 10 });
    const read = (query: string) => askFor('GET /api/v1/handles/:id/read', params, query);
    const first = await read('?size=4');
    expect([first.text, first.headers['x-bytes-read'], first.headers['x-eof']]).toEqual(['0123', '4', 'false']);
    expect((await read('?size=3&offset=7')).text).toBe('789');
    expect((await read('?size=-1')).text).toBe('456789');
    const empty = await read('?timeout=50ms');
    expect([empty.text, empty.headers['x-bytes-read'], empty.headers['x-eof']]).toEqual(['', '0', 'false']);
    const seek = (query: string) => seen(askFor('POST /api/v1/handles/:id/seek', params, query));
    expect(await seek('?offset=2&whence=0')).toEqual([200, { position: 2, offset: 2 }]);
    expect((await seek('?offset=-3&whence=0'))[1].error).toBe('negative offset');
    expect((await seek('?offset=0&whence=3'))[1].error).toBe('invalid whence parameter (must be 0, 1, or 2)');
    expect(await seen(askFor('POST /api/v1/handles/:id/sync', params, ''))).toEqual([200, { message: 'synced' }]);
    const stat = await askFor('GET /api/v1/handles/:id/stat', params, '');
    expect(stat.json).toMatchObject({ name: 'io', size: 10, isDir: false });
    expect(await seen(askFor('POST /api/v1/handles/:id/truncate', params, '?size=0'))).toEqual([
      200,
      { message: 'truncated' },
    ]);
    await curl(['-X', 'POST', at.api('/end?path=/streamfs/io')]);
    const stream = await askFor('GET /api/v1/handles/:id/stream', params, '', ['-N']);
    expect([stream.status, stream.text]).toEqual([200, '23456789']);
    expect((await read('')).headers['x-eof']).toBe('true');
  });

  it('contract 59: refuses what is not a number', async () => {
    const params = { id: Number((await open('?path=/streamfs/n')).handle_id) };
    for (const query of ['?size=x', '?size=-2', '?offset=-1', '?size=1e3', '?size=99999999999', '?offset=9e99']) {
      expect([query, (await askFor('GET /api/v1/handles/:id/read', params, query)).status]).toEqual([query, 400]);
    }
    const bad = await askFor('GET /api/v1/handles/:id', { id: 'first' }, '');
    expect([bad.status, bad.json.error]).toEqual([400, 'invalid handle ID: must be a number']);
  });
});

describe('curl: the server', () => {
  it('contract 74: mounts and unmounts', async () => {
    const mount = (value: unknown) => seen(ask('POST /api/v1/mount', '', ...json(value)));
    const other = { fstype: 'streamfs', path: '/other', config: { ring_buffer_size: '1MB' } };
    expect(await mount(other)).toEqual([200, { message: 'plugin mounted' }]);
    expect((await mount(other))[1].error).toBe('mount already exists: /other');
    expect((await mount({ ...other, path: '/x', fstype: 'nofs' }))[1].error).toBe(
      'unknown filesystem type: nofs (known are: devfs, memfs, streamfs)',
    );
    const [status, invalid] = await mount({ ...other, path: '/x', config: { ring_buffer_size: 'abc' } });
    expect(status).toBe(400);
    expect(invalid.error).toBe(
      'failed to validate plugin: invalid ring_buffer_size: invalid size format: ABC (expected format: number with optional unit B/KB/MB/GB/TB)',
    );
    await curl(['-X', 'PUT', '-d', 'x', at.api('/files?path=/other/apart')]);
    expect((await ask('GET /api/v1/stat', '?path=/streamfs/apart')).status).toBe(404);
    const mounts = (await ask('GET /api/v1/mounts', '')).json.mounts as { path: string; pluginName: string }[];
    expect(mounts.map(({ path }) => path)).toContain('/other');
    const unmount = () => seen(ask('POST /api/v1/unmount', '', ...json({ path: '/other' })));
    expect(await unmount()).toEqual([200, { message: 'plugin unmounted' }]);
    const [gone, body] = await unmount();
    expect([gone, body.error]).toEqual([404, 'no mount at path: /other']);
  });

  it('contract 79, 80: lists plugins, and loads none', async () => {
    const plugins = (await ask('GET /api/v1/plugins', '')).json.plugins as {
      name: string;
      config_params: { name: string }[];
    }[];
    const streams = plugins.find(({ name }) => name === 'streamfs');
    expect(streams?.config_params.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['channel_buffer_size', 'ring_buffer_size']),
    );
    for (const route of ['POST /api/v1/plugins/load', 'POST /api/v1/plugins/unload']) {
      expect((await ask(route, '', ...json({ library_path: 'http://127.0.0.1/evil.so' }))).status).toBe(501);
    }
  });

  it('contract 76, 77: says how it is and what it can do', async () => {
    expect((await ask('GET /', '')).json).toMatchObject({ status: 'running' });
    for (const route of ['GET /api/v1/health', 'GET /api/v1/ready']) {
      expect(await seen(ask(route, ''))).toEqual([
        200,
        {
          status: 'healthy',
          version: expect.any(String),
          gitCommit: expect.any(String),
          buildTime: expect.any(String),
          ready: true,
          degraded: false,
          mounts: { total: 3, pending: 0, mounted: 3, failed: 0 },
        },
      ]);
    }
    expect((await ask('GET /api/v1/version', '')).json).toMatchObject({ version: expect.any(String) });
    expect((await ask('GET /api/v1/stats', '')).json).toMatchObject({
      memory: { limit: expect.any(Number), used: expect.any(Number) },
      limits: { connections: 0, stall_timeout: 0 },
    });
    const all = (await ask('GET /api/v1/capabilities', '')).json;
    expect(all.features).toEqual(expect.arrayContaining(['handlefs', 'grep', 'digest', 'stream', 'touch']));
    expect((await ask('GET /api/v1/capabilities', '?path=/streamfs/any')).json).toMatchObject({
      isAppendOnly: true,
      isBroadcast: true,
      supportsStreamRead: true,
      supportsFileHandle: true,
    });
  });

  it('contract 79: makes no links where no token is asked for', async () => {
    const [status, body] = await seen(ask('POST /api/v1/links', '', ...json({ path: '/streamfs/any' })));
    expect([status, body.code]).toEqual([409, 'NO_LINKS']);
    expect((await ask('POST /api/v1/links', '', ...json({}))).json.error).toBe('path is required');
  });

  it('lists readers, and disconnects one, which gets an error', async () => {
    await curl(['-X', 'PUT', '-d', 'history', at.api('/files?path=/streamfs/watched')]);
    const reading = ask(FILES_GET, '?path=/streamfs/watched&stream=true', '-N');
    await at.untilReaders('/streamfs/watched', 1);
    const list = async () => {
      const { status, json } = await ask('GET /api/v1/readers', '?path=/streamfs/watched');
      return { status, count: json.count, readers: json.readers as Record<string, unknown>[] };
    };
    const { status, count, readers } = await list();
    expect([status, count]).toEqual([200, 1]);
    expect(readers[0]).toMatchObject({
      path: '/streamfs/watched',
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      kind: 'raw',
      policy: 'drop-oldest',
    });
    const params = { id: Number(readers[0]!.id) };
    const other = await askFor('DELETE /api/v1/readers/:id', params, '?node=b');
    expect([other.status, other.json.code]).toEqual([409, 'NODE_DIFFERS']);
    const kick = () => seen(askFor('DELETE /api/v1/readers/:id', params, ''));
    expect(await kick()).toEqual([200, { message: 'reader kicked' }]);
    const read = await reading;
    expect([read.status, read.text]).toEqual([200, 'history']);
    expect((await list()).count).toBe(0);
    const [gone, body] = await kick();
    expect([gone, body.code]).toEqual([404, 'READER_NOT_FOUND']);
    expect((await askFor('DELETE /api/v1/readers/:id', { id: 'first' }, '')).json.code).toBe('INVALID_PARAMETER');
  });

  it('gives metrics in the form that Prometheus reads, at the root and below the base', async () => {
    for (const route of ['GET /metrics', 'GET /api/v1/metrics']) {
      const { status, headers, text } = await ask(route, '');
      expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
      expect(text).toMatch(/^# HELP streamfs_\w+ .+\n# TYPE streamfs_\w+ (gauge|counter|histogram)\n/);
      const lines = text.trimEnd().split('\n');
      const wrong = lines.filter((line) => !/^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{.*\})? [\d.e+-]+|.* \+Inf)$/.test(line));
      expect(wrong).toEqual([]);
    }
  });

  it('contract 66, 78: tells wrong methods, routes and missing paths apart', async () => {
    const missing = await curl([at.api('/files')]);
    expect([missing.status, missing.json.error]).toEqual([400, 'path parameter is required']);
    const method = await curl(['-X', 'PATCH', at.api('/files?path=/x')]);
    expect([method.status, method.json.error]).toEqual([405, 'method not allowed']);
    expect(method.headers.allow).toContain('PUT');
    const route = await curl([at.api('/nowhere')]);
    expect([route.status, route.headers['content-type']]).toEqual([404, 'application/json']);
    expect((await curl([at.api('/handles')])).status).toBe(200);
  });

  it('contract 44, 66: every route that takes a path insists on one', async () => {
    const { ROUTES } = (await import(distModule('server/index.js'))) as {
      ROUTES: { method: string; pattern: string; parameters: { name: string; in: string; required: boolean }[] }[];
    };
    const needing = ROUTES.filter(({ parameters }) =>
      parameters.some(({ name, in: where, required }) => name === 'path' && where === 'query' && required),
    );
    expect(needing.length).toBeGreaterThan(10);
    for (const { method, pattern: path } of needing) {
      for (const query of ['', '?path=']) {
        const response = await curl(['-X', method, `${at.url}${path}${query}`]);
        expect([method, path, response.status, response.json.error]).toEqual([
          method,
          path,
          400,
          'path parameter is required',
        ]);
      }
    }
  });

  it('contract 78: answers HEAD and OPTIONS', async () => {
    await curl(['-X', 'PUT', '-d', '12345', at.api('/files?path=/memfs/head')]);
    const head = await curl(['-I', at.api('/files?path=/memfs/head')]);
    expect([head.status, head.headers['content-length']]).toEqual([200, '5']);
    await curl(['-X', 'PUT', '-d', '12345', at.api('/files?path=/streamfs/head')]);
    const stream = await curl(['-I', at.api('/files?path=/streamfs/head&stream=true')]);
    expect([stream.status, stream.headers['content-type']]).toEqual([200, 'application/octet-stream']);
    expect((await at.facts('/streamfs/head'))?.readers).toBe(0);
    const options = await curl(['-X', 'OPTIONS', at.api('/files')]);
    expect(options.status).toBe(204);
    expect(options.headers.allow!.split(', ').sort()).toEqual(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
    // CORS is off unless it is configured.
    expect(Object.keys(options.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect((await curl(['-X', 'OPTIONS', '--request-target', '*', at.url])).status).toBe(204);
  });

  it('contract 68: speaks HTTP/1.0 with who speaks it, where the end is the end of the connection', async () => {
    const put = await curl(['-0', '-X', 'PUT', '-d', 'old times', at.api('/files?path=/streamfs/old&end=true')]);
    expect(put.json).toEqual({ message: 'Written 9 bytes' });
    const read = await curl(['-0', '-N', at.api('/files?path=/streamfs/old&stream=true')]);
    expect([read.status, read.text, read.headers['transfer-encoding']]).toEqual([200, 'old times', undefined]);
  });

  it('contract 42, 43: serves README in parts, as a stream, and refuses every change to it', async () => {
    const whole = await curl([at.api('/files?path=/streamfs/README')]);
    const { text } = whole;
    expect(text).toContain('ring_buffer_size');
    const part = async (query: string) => (await curl([at.api(`/files?path=/streamfs/README${query}`)])).text;
    expect(await part('&offset=5&size=10')).toBe(text.slice(5, 15));
    expect(await part('&offset=-5&size=-1')).toBe(text);
    expect(await part('&offset=1000000')).toBe('');
    expect(await part('&stream=true')).toBe(text);
    for (const method of ['PUT', 'POST']) {
      const body = method === 'PUT' ? ['-d', 'x'] : [];
      expect((await curl(['-X', method, ...body, at.api('/files?path=/streamfs/README')])).status).toBe(403);
    }
    const removed = await curl(['-X', 'DELETE', at.api('/files?path=/streamfs/README')]);
    expect([removed.status, removed.json.error]).toEqual([404, 'stream not found: /README']);
    const written = await curl(['-X', 'PUT', '-d', 'x', at.api('/files?path=/streamfs')]);
    expect(written.status).toBe(400);
  });

  it('contract 101, 104: says that an address speaks WebSocket, and describes all of them', async () => {
    const plain = await ask('GET /api/v1/ws', '?path=/streamfs/a');
    expect([plain.status, plain.json.code, plain.headers.upgrade]).toEqual([426, 'UPGRADE_REQUIRED', 'websocket']);
    const described = await ask('GET /api/v1/openapi.json', '');
    expect([described.status, described.json.openapi]).toEqual([200, expect.stringMatching(/^3\.1/)]);
  });

  it('contract 26: sees curl leave', async () => {
    const first = await curl([
      '-N',
      '--max-time',
      '60',
      at.api('/files?path=/streamfs/brief&stream=true&timeout=200ms'),
    ]);
    expect([first.status, first.text]).toEqual([200, '']);
    await waitFor('the reader to be gone', async () => (await at.facts('/streamfs/brief')) === undefined);
  });

  it('contract 66: has no route that curl has not asked for', async () => {
    const { ROUTES } = (await import(distModule('server/index.js'))) as {
      ROUTES: { method: string; pattern: string }[];
    };
    const all = ROUTES.map(({ method, pattern: path }) => `${method} ${path}`);
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter((route) => !asked.has(route))).toEqual([]);
  });
});
