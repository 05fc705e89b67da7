/**
 * The clients of AGFS, according to their sources (contract, section G): the requests of each, and how it interprets
 * the responses.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settled, waitFor } from '../harness/wait.ts';
import { goSdk, pythonSdk, type Sdk, type SdkResponse } from './harness/sdk.ts';
import { type ServerProcess, startServer } from './harness/server.ts';

let at: ServerProcess;

beforeAll(async () => {
  at = await startServer();
});

afterAll(() => at.stop());

interface Info {
  name: string;
  size: number;
  mode: number;
  modTime: string;
  isDir: boolean;
  meta: { Name: string; Type: string; Content: Record<string, string> | null };
}

/** RFC 3339 with a fraction, as Go's time.RFC3339Nano parses it. */
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/** Reads a streaming response until the text has arrived. */
async function readUntil(res: AsyncIterable<unknown>, text: string): Promise<string> {
  let all = '';
  const reading = (async () => {
    for await (const piece of res) {
      all += String(piece);
      if (all.includes(text)) return;
    }
  })();
  await settled(`${JSON.stringify(text)} in the response`, reading);
  return all;
}

describe('pyagfs', () => {
  /** Raises for a status of 400 or more, with the server's error text; 501 has its own type. */
  const refusalOf = (response: SdkResponse): string => {
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.json.error).not.toBe('');
    return `${response.status === 501 ? 'AGFSNotSupportedError' : 'AGFSClientError'}: ${response.json.error}`;
  };
  const ok = (response: SdkResponse): Record<string, unknown> => {
    expect(response.status, response.text).toBeLessThan(400);
    return response.json;
  };
  const path = (value: string) => ({ path: value });

  it('contract 66, 76, 77: asks for health and capabilities', async () => {
    const sdk = pythonSdk(at.url);
    expect(ok(await sdk.call('GET', '/health'))).toMatchObject({ status: 'healthy' });
    const { version, features } = ok(await sdk.call('GET', '/capabilities'));
    expect(typeof version).toBe('string');
    expect(features).toContain('handlefs');
  });

  it('contract 66, 75: finds its own test data: memfs mounted twice, /dev in the root, files there and back', async () => {
    const sdk = pythonSdk(at.url);
    const mount = { json: { fstype: 'memfs', path: '/memfs_e2e', config: {} } };
    expect(ok(await sdk.call('POST', '/mount', {}, mount))).toEqual({ message: 'plugin mounted' });
    // The SDK's fixtures interpret this error as a mount left by an earlier run.
    const again = await sdk.call('POST', '/mount', {}, mount);
    expect([again.status, refusalOf(again)]).toEqual([409, 'AGFSClientError: mount already exists: /memfs_e2e']);
    const root = ok(await sdk.call('GET', '/directories', path('/'))).files as Info[];
    expect(root.map(({ name }) => name)).toEqual(expect.arrayContaining(['dev', 'memfs', 'memfs_e2e', 'streamfs']));
    expect(root.every(({ isDir }) => isDir)).toBe(true);

    const file = '/memfs_e2e/test.txt';
    const data = Buffer.from('Hello from pyagfs: ünïcödé\0\n');
    expect(ok(await sdk.call('PUT', '/files', path(file), data)).message).toBe(`Written ${data.length} bytes`);
    expect((await sdk.call('GET', '/files', path(file))).body.equals(data)).toBe(true);
    expect((await sdk.call('GET', '/files', { path: file, offset: '6', size: '4' })).text).toBe('from');
    const info = ok(await sdk.call('GET', '/stat', path(file))) as unknown as Info;
    expect(info).toMatchObject({ name: 'test.txt', size: data.length, isDir: false });
    expect(ok(await sdk.call('POST', '/directories', { path: '/memfs_e2e/d', mode: '755' }))).toHaveProperty('message');
    ok(await sdk.call('POST', '/rename', path(file), { json: { newPath: '/memfs_e2e/d/moved.txt' } }));
    ok(await sdk.call('POST', '/chmod', path('/memfs_e2e/d/moved.txt'), { json: { mode: 0o600 } }));
    ok(await sdk.call('POST', '/truncate', { path: '/memfs_e2e/d/moved.txt', size: '5' }));
    const moved = ok(await sdk.call('GET', '/stat', path('/memfs_e2e/d/moved.txt'))) as unknown as Info;
    expect(moved).toMatchObject({ size: 5, mode: 0o600 });
    ok(await sdk.call('POST', '/touch', path('/memfs_e2e/touched')));
    const found = ok(
      await sdk.call(
        'POST',
        '/grep',
        {},
        {
          json: { path: '/memfs_e2e', pattern: 'hel+o', recursive: true, case_insensitive: true, stream: false },
        },
      ),
    );
    expect(found).toEqual({ matches: [{ file: '/memfs_e2e/d/moved.txt', line: 1, content: 'Hello' }], count: 1 });
    expect(
      ok(await sdk.call('POST', '/digest', {}, { json: { algorithm: 'xxh3', path: '/memfs_e2e/d/moved.txt' } })).digest,
    ).toMatch(/^[0-9a-f]{16}$/);
    expect(ok(await sdk.call('DELETE', '/files', { path: '/memfs_e2e/d', recursive: 'true' }))).toEqual({
      message: 'deleted',
    });
    expect(refusalOf(await sdk.call('GET', '/files', path(file)))).toContain('not found');
    expect(ok(await sdk.call('POST', '/unmount', {}, { json: { path: '/memfs_e2e' } }))).toHaveProperty('message');
  });

  it('contract 66: finds the words it looks for in errors', async () => {
    const sdk = pythonSdk(at.url);
    const absent = await sdk.call('GET', '/stat', path('/streamfs/absent'));
    expect([absent.status, refusalOf(absent)]).toEqual([404, 'AGFSClientError: stream not found: /absent']);
    const nowhere = await sdk.call('GET', '/files', path('/nowhere/x'));
    expect([nowhere.status, refusalOf(nowhere)]).toEqual([404, expect.stringContaining('not found')]);
    ok(await sdk.call('POST', '/files', path('/streamfs/words')));
    expect(refusalOf(await sdk.call('POST', '/files', path('/streamfs/words')))).toContain('already exists');
    expect(refusalOf(await sdk.call('GET', '/directories', path('/streamfs/words')))).toContain('not a directory');
    for (const response of [
      await sdk.call('POST', '/directories', { path: '/streamfs/dir', mode: '755' }),
      await sdk.call('POST', '/rename', path('/streamfs/words'), { json: { newPath: '/streamfs/other' } }),
      await sdk.call('POST', '/chmod', path('/streamfs/words'), { json: { mode: 420 } }),
      await sdk.call('POST', '/symlink', path('/streamfs/link'), { json: { target: '/streamfs/words' } }),
      await sdk.call('GET', '/readlink', path('/streamfs/words')),
      await sdk.call('POST', '/plugins/load', {}, { json: { library_path: './plugin.so' } }),
    ]) {
      expect(refusalOf(response)).toMatch(/^AGFSNotSupportedError: ./);
    }
  });

  it('contract 68, 70: writes bytes and pieces of unknown number, and reads them live', async () => {
    const sdk = pythonSdk(at.url);
    const live = path('/streamfs/py live');
    expect(ok(await sdk.call('PUT', '/files', live, Buffer.from('bytes,'))).message).toBe('Written 6 bytes');
    const reading = await sdk.open('GET', '/files', { ...live, stream: 'true' });
    expect(reading.statusCode).toBe(200);
    const pieces = { pieces: ['from ', 'an ', 'iterator'] };
    expect(ok(await sdk.call('PUT', '/files', live, pieces)).message).toBe('Written 16 bytes');
    expect(await readUntil(reading, 'iterator')).toBe('bytes,from an iterator');
    reading.destroy();
  });

  it('contract 74, 79: lists mounts and plugins', async () => {
    const sdk = pythonSdk(at.url);
    const mounts = ok(await sdk.call('GET', '/mounts')).mounts as { path: string; pluginName: string }[];
    expect(mounts).toContainEqual(expect.objectContaining({ path: '/streamfs', pluginName: 'streamfs' }));
    const { plugins } = ok(await sdk.call('GET', '/plugins')) as { plugins: Record<string, unknown>[] };
    expect(plugins.filter(({ is_external: external }) => external === true)).toEqual([]);
    const streams = plugins.find(({ name }) => name === 'streamfs')!;
    expect(streams.mounted_paths).toContainEqual(expect.objectContaining({ path: '/streamfs' }));
    expect((streams.config_params as Record<string, unknown>[])[0]).toMatchObject({
      name: expect.any(String),
      type: 'string',
      required: false,
      default: expect.any(String),
      description: expect.any(String),
    });
  });

  it('contract 48-64: works with a handle through all of its methods', async () => {
    const sdk = pythonSdk(at.url);
    const file = '/streamfs/py handle';
    const opened = ok(await sdk.call('POST', '/handles/open', { path: file, flags: '2', mode: '420', lease: '60' }));
    expect(opened).toMatchObject({ path: file, flags: 2, lease: 60 });
    const id = opened.handle_id as number;
    const on = (method: string, rest: string, query: Record<string, string> = {}, body?: Uint8Array) =>
      sdk.call(method, `/handles/${id}${rest}`, query, body);

    expect(ok(await on('PUT', '/write', {}, Buffer.from('Hello ')))).toEqual({ bytes_written: 6, position: 6 });
    expect(ok(await on('PUT', '/write', { offset: '0' }, Buffer.from('World')))).toEqual({
      bytes_written: 5,
      position: 11,
    });
    expect((await on('GET', '/read', { size: '-1' })).text).toBe('Hello World');
    expect((await on('GET', '/read', { size: '5', offset: '6' })).text).toBe('World');
    expect(ok(await on('POST', '/seek', { offset: '6', whence: '0' }))).toMatchObject({ position: 6 });
    expect(ok(await on('POST', '/seek', { offset: '0', whence: '1' })).position).toBe(6);
    expect((await on('GET', '/read', { size: '100' })).text).toBe('World');
    expect(ok(await on('POST', '/seek', { offset: '-5', whence: '2' })).position).toBe(6);
    expect(ok(await on('POST', '/sync'))).toEqual({ message: 'synced' });
    expect(ok(await on('GET', '/stat'))).toMatchObject({ name: 'py handle', size: 11 });
    expect(ok(await on('GET', ''))).toMatchObject({ handle_id: id, path: file, lease: 60 });
    expect(ok(await on('POST', '/renew', { lease: '120' }))).toMatchObject({
      lease: 120,
      expires_at: expect.stringMatching(RFC3339),
    });
    expect(ok(await on('POST', '/truncate', { size: '0' }))).toEqual({ message: 'truncated' });
    const handles = ok(await sdk.call('GET', '/handles')).handles as Record<string, unknown>[];
    const listed = handles.find(({ handle_id: one }) => one === id)!;
    expect(Object.keys(listed)).toEqual(
      expect.arrayContaining(['handle_id', 'path', 'flags', 'lease', 'expires_at', 'created_at', 'last_access']),
    );
    expect(ok(await on('DELETE', ''))).toEqual({ message: 'handle closed' });
    expect(refusalOf(await on('GET', '/read', { size: '1' }))).toBe('AGFSClientError: not found');
  });

  it('contract 49: may send its bits for append, create, exclusive and truncate, and none of them counts', async () => {
    const sdk = pythonSdk(at.url);
    const stream = { path: '/streamfs/py flags', mode: '420', lease: '60' };
    ok(await sdk.call('PUT', '/files', path(stream.path), Buffer.from('kept')));
    for (const flags of [2 | 8, 2 | 16, 2 | 16 | 32, 2 | 64]) {
      const { handle_id: id } = ok(await sdk.call('POST', '/handles/open', { ...stream, flags: String(flags) }));
      expect([flags, (await sdk.call('GET', `/handles/${id}/read`, { size: '4' })).text]).toEqual([flags, 'kept']);
      ok(await sdk.call('DELETE', `/handles/${id}`));
    }
  });

  it('contract 91: appends to an ordinary file, and is refused an exclusive create of one that is there', async () => {
    const sdk = pythonSdk(at.url);
    const file = '/memfs/py append';
    const open = (flags: number) =>
      sdk.call('POST', '/handles/open', { path: file, flags: String(flags), mode: '420', lease: '60' });
    expect(refusalOf(await open(2))).toContain('not found');
    const { handle_id: first } = ok(await open(1 | 16 | 32));
    ok(await sdk.call('PUT', `/handles/${first}/write`, {}, Buffer.from('one,')));
    ok(await sdk.call('DELETE', `/handles/${first}`));
    const { handle_id: second } = ok(await open(1 | 8));
    ok(await sdk.call('PUT', `/handles/${second}/write`, {}, Buffer.from('two,')));
    expect((await sdk.call('GET', '/files', path(file))).text).toBe('one,two,');
    const again = await open(1 | 16 | 32);
    expect([again.status, refusalOf(again)]).toEqual([409, expect.stringContaining('already exists')]);
  });

  it('contract 48: works with a handle of an ordinary file', async () => {
    const sdk = pythonSdk(at.url);
    ok(await sdk.call('PUT', '/files', path('/memfs/py'), Buffer.from('0123456789')));
    const { handle_id: id } = ok(
      await sdk.call('POST', '/handles/open', { path: '/memfs/py', flags: '2', mode: '420', lease: '60' }),
    );
    const on = (method: string, rest: string, query: Record<string, string> = {}, body?: Uint8Array) =>
      sdk.call(method, `/handles/${id}/${rest}`, query, body);
    expect((await on('GET', 'read', { size: '4' })).text).toBe('0123');
    expect(ok(await on('PUT', 'write', { offset: '2' }, Buffer.from('xy')))).toMatchObject({ bytes_written: 2 });
    expect(ok(await on('POST', 'seek', { offset: '0', whence: '0' })).position).toBe(0);
    expect((await on('GET', 'read', { size: '-1' })).text).toBe('01xy456789');
    ok(await on('POST', 'truncate', { size: '3' }));
    expect(ok(await on('GET', 'stat'))).toMatchObject({ size: 3 });
    ok(await sdk.call('DELETE', `/handles/${id}`));
  });
});

describe('the Go SDK', () => {
  /** How the SDK interprets a response: an error with the status and the server's error text; 501 is ErrNotSupported. */
  const failure = (response: SdkResponse): string | undefined => {
    if (response.status >= 200 && response.status < 300) return undefined;
    if (response.status === 501) return 'ErrNotSupported';
    return `HTTP ${response.status}: ${response.json.error}`;
  };

  it('contract 67: reads facts and listings: RFC 3339 times, modes as numbers, capital keys', async () => {
    const sdk = goSdk(at.url);
    await sdk.call('PUT', '/files', { path: '/streamfs/go' }, Buffer.from('{"not": "json to us"}'));
    const stat = (await sdk.call('GET', '/stat', { path: '/streamfs/go' })).json as unknown as Info;
    const { files } = (await sdk.call('GET', '/directories', { path: '/streamfs' })).json as unknown as {
      files: Info[];
    };
    expect(files[0]).toMatchObject({ name: 'README', mode: 0o444, meta: { Name: 'streamfs', Type: 'doc' } });
    for (const info of [stat, ...files]) {
      expect(info.modTime).toMatch(RFC3339);
      expect(Number.isNaN(Date.parse(info.modTime))).toBe(false);
      expect(Number.isInteger(info.mode) && Number.isInteger(info.size)).toBe(true);
      expect(Object.keys(info.meta).sort()).toEqual(['Content', 'Name', 'Type']);
      // `Content`, if present, maps strings to strings.
      expect(Object.values(info.meta.Content ?? {}).every((value) => typeof value === 'string')).toBe(true);
    }
    expect(stat).toMatchObject({ name: 'go', size: 21, mode: 0o644, isDir: false });
    expect(stat.meta.Content).toMatchObject({ active_readers: '0', total_written: '21' });
  });

  it('contract 71: writes raw bytes that it says are JSON', async () => {
    const sdk = goSdk(at.url);
    for (const file of ['/streamfs/go raw', '/memfs/go raw']) {
      const data = Buffer.from('{"data":"this is not for you to read"}');
      const written = await sdk.call('PUT', '/files', { path: file }, data);
      expect([written.status, written.json.message]).toEqual([200, `Written ${data.length} bytes`]);
      const read = await sdk.call(
        'GET',
        '/files',
        file.startsWith('/mem') ? { path: file } : { path: file, snapshot: 'true' },
      );
      expect(read.body.equals(data)).toBe(true);
    }
  });

  it('contract 32, 61, 73: gets the statuses it tells apart', async () => {
    const sdk = goSdk(at.url);
    const none = { path: '/streamfs/go/none' };
    expect((await sdk.call('POST', '/files', { path: '/streamfs/go new' })).status).toBe(201);
    expect(failure(await sdk.call('POST', '/files', { path: '/streamfs/go new' }))).toBe(
      'HTTP 409: stream already exists: /go new',
    );
    expect(failure(await sdk.call('POST', '/directories', { path: '/streamfs/d', mode: '755' }))).toBe(
      'ErrNotSupported',
    );
    expect(
      failure(await sdk.call('POST', '/rename', { path: '/streamfs/go new' }, { json: { newPath: '/streamfs/n' } })),
    ).toBe('ErrNotSupported');
    // FUSE passes on the mode from the kernel, which includes the file type bits.
    expect(failure(await sdk.call('POST', '/chmod', { path: '/streamfs/go new' }, { json: { mode: 0o100644 } }))).toBe(
      'ErrNotSupported',
    );
    expect(failure(await sdk.call('POST', '/symlink', { path: '/streamfs/l' }, { json: { target: 'x' } }))).toBe(
      'ErrNotSupported',
    );
    expect(failure(await sdk.call('GET', '/readlink', { path: '/streamfs/go new' }))).toBe('ErrNotSupported');
    expect(failure(await sdk.call('GET', '/files', { path: '/streamfs/go new', size: '10' }))).toBe(
      'HTTP 400: use stream mode for reading stream files',
    );
    expect(
      failure(await sdk.call('DELETE', '/files', { path: '/streamfs/go new', recursive: 'false' })),
    ).toBeUndefined();
    expect(failure(await sdk.call('GET', '/stat', none))).toBe('HTTP 404: stream not found: /go/none');
    expect(failure(await sdk.call('POST', '/directories', { path: '/memfs/go dir', mode: '750' }))).toBeUndefined();
    const made = (await sdk.call('GET', '/stat', { path: '/memfs/go dir' })).json as unknown as Info;
    expect(made).toMatchObject({ isDir: true, mode: 0o750 });
    expect(
      failure(await sdk.call('POST', '/chmod', { path: '/memfs/go dir' }, { json: { mode: 0o40700 } })),
    ).toBeUndefined();
    expect(((await sdk.call('GET', '/stat', { path: '/memfs/go dir' })).json as unknown as Info).mode).toBe(0o700);
  });

  it('contract 48-64: works with a handle: mode in octal, `offset` after a seek', async () => {
    const sdk = goSdk(at.url);
    const query = { path: '/streamfs/go handle', flags: '2', mode: '644' };
    const opened = await sdk.call('POST', '/handles/open', query);
    expect(opened.status).toBe(200);
    const id = opened.json.handle_id as number;
    const octets = 'application/octet-stream';
    const written = await sdk.call('PUT', `/handles/${id}/write`, { offset: '0' }, Buffer.from('hello'), octets);
    expect([written.status, written.json.bytes_written]).toEqual([200, 5]);
    const read = await sdk.call('GET', `/handles/${id}/read`, { offset: '1', size: '3' });
    expect([read.status, read.text]).toEqual([200, 'ell']);
    const sought = await sdk.call('POST', `/handles/${id}/seek`, { offset: '-2', whence: '2' });
    expect(sought.json.offset).toBe(3);
    expect((await sdk.call('POST', `/handles/${id}/sync`)).status).toBe(200);
    expect((await sdk.call('GET', `/handles/${id}/stat`)).json).toMatchObject({ name: 'go handle', size: 5 });
    expect((await sdk.call('GET', `/handles/${id}`)).json).toMatchObject({ id, path: '/streamfs/go handle' });
    expect((await sdk.call('DELETE', `/handles/${id}`)).status).toBe(200);
  });

  it('contract 68: follows a stream', async () => {
    const sdk = goSdk(at.url);
    const reading = await sdk.open('GET', '/files', { path: '/streamfs/go live', stream: 'true' });
    expect(reading.statusCode).toBe(200);
    await sdk.call('PUT', '/files', { path: '/streamfs/go live' }, Buffer.from('hello'));
    expect(await readUntil(reading, 'hello')).toBe('hello');
    reading.destroy();
  });
});

describe('agfs-fuse', () => {
  /** The kernel's requests when a program opens a path for reading: a handle, then its stream. */
  async function openToRead(sdk: Sdk, path: string) {
    const { handle_id: id } = (await sdk.call('POST', '/handles/open', { path, flags: '0', mode: '644' })).json;
    const stream = await settled('the headers of an idle stream', sdk.open('GET', `/handles/${id}/stream`));
    expect(stream.statusCode).toBe(200);
    return { id, stream };
  }

  it('contract 69: gets headers at once though the stream is idle, then bytes as they arrive', async () => {
    const sdk = goSdk(at.url);
    const { id, stream } = await openToRead(sdk, '/streamfs/fuse idle');
    await sdk.call('PUT', '/files', { path: '/streamfs/fuse idle' }, Buffer.from('now'));
    expect(await readUntil(stream, 'now')).toBe('now');
    stream.destroy();
    expect((await sdk.call('DELETE', `/handles/${id}`)).status).toBe(200);
  });

  it('contract 55: closes a handle at once though its stream is waiting, in either order', async () => {
    const sdk = goSdk(at.url);
    const path = '/streamfs/fuse close';
    for (const streamFirst of [true, false]) {
      const { id, stream } = await openToRead(sdk, path);
      // It may report the end, or the connection that the test itself has closed.
      stream.on('error', () => undefined).resume();
      const over = new Promise<void>((resolve) => stream.once('close', () => resolve()));
      if (streamFirst) stream.destroy();
      const closed = await settled('the handle to close', sdk.call('DELETE', `/handles/${id}`), 5000);
      expect([closed.status, closed.json.message]).toEqual([200, 'handle closed']);
      await settled('its stream to end', over, 5000);
    }
    await waitFor('the readers to be gone', async () => ((await at.facts(path))?.readers ?? 0) === 0);
  });

  it('contract 1, 45, 62: writes with echo > and echo >>: creates, truncates, writes at its offset, syncs', async () => {
    const sdk = goSdk(at.url);
    const path = '/streamfs/fuse echo';
    expect((await sdk.call('GET', '/stat', { path })).status).toBe(404);
    expect((await sdk.call('POST', '/files', { path })).status).toBe(201);
    for (const text of ['first\n', 'second\n']) {
      expect((await sdk.call('POST', '/truncate', { path, size: '0' })).status).toBe(200);
      // O_WRONLY
      // O_CREAT
      // O_EXCL
      // O_TRUNC in the SDK's encoding; the mode is the kernel's. Each file begins at 0.
      const query = { path, flags: String(1 | 64 | 128 | 512), mode: '100644' };
      const { handle_id: id } = (await sdk.call('POST', '/handles/open', query)).json;
      const written = await sdk.call(
        'PUT',
        `/handles/${id}/write`,
        { offset: '0' },
        Buffer.from(text),
        'application/octet-stream',
      );
      expect(written.json.bytes_written).toBe(text.length);
      expect((await sdk.call('POST', `/handles/${id}/sync`)).status).toBe(200);
      expect((await sdk.call('DELETE', `/handles/${id}`)).status).toBe(200);
    }
    expect((await sdk.call('GET', '/stat', { path })).json).toMatchObject({ size: 13 });
    const { id, stream } = await openToRead(sdk, path);
    expect(await readUntil(stream, 'second\n')).toBe('first\nsecond\n');
    stream.destroy();
    await sdk.call('DELETE', `/handles/${id}`);
    expect((await sdk.call('DELETE', '/files', { path, recursive: 'false' })).status).toBe(200);
  });

  it('contract 61, 91: makes directories and files, and appends to files, with the modes and flags of the kernel', async () => {
    const sdk = goSdk(at.url);
    const info = async (path: string) => (await sdk.call('GET', '/stat', { path })).json as unknown as Info;
    expect((await sdk.call('POST', '/directories', { path: '/memfs/fuse dir', mode: '40755' })).status).toBe(201);
    expect(await info('/memfs/fuse dir')).toMatchObject({ isDir: true, mode: 0o755 });
    const path = '/memfs/fuse dir/file';
    expect((await sdk.call('POST', '/files', { path })).status).toBe(201);
    const write = async (flags: number, offset: string, text: string) => {
      const query = { path, flags: String(flags), mode: '100644' };
      const { handle_id: id } = (await sdk.call('POST', '/handles/open', query)).json;
      const octets = 'application/octet-stream';
      await sdk.call('PUT', `/handles/${id}/write`, { offset }, Buffer.from(text), octets);
      expect((await sdk.call('DELETE', `/handles/${id}`)).status).toBe(200);
    };
    await write(1 | 64 | 128, '0', 'one,');
    await write(1 | 1024, '0', 'two,');
    await write(2, '0', 'ONE');
    expect((await sdk.call('GET', '/files', { path })).text).toBe('ONE,two,');
    expect((await sdk.call('POST', '/chmod', { path }, { json: { mode: 0o100600 } })).status).toBe(200);
    expect(await info(path)).toMatchObject({ size: 8, mode: 0o600 });
  });

  it('contract 42, 50: reads README and ordinary files through the stream of a handle, to their end', async () => {
    const sdk = goSdk(at.url);
    await sdk.call('PUT', '/files', { path: '/memfs/fuse' }, Buffer.from('a file'));
    for (const [path, begins] of [
      ['/streamfs/README', 'StreamFS'],
      ['/memfs/fuse', 'a file'],
    ] as const) {
      const { id, stream } = await openToRead(sdk, path);
      let text = '';
      for await (const piece of stream) text += String(piece);
      expect(text.startsWith(begins)).toBe(true);
      const { size } = (await sdk.call('GET', `/handles/${id}/stat`)).json as unknown as Info;
      expect(Buffer.byteLength(text)).toBe(size);
      expect((await sdk.call('DELETE', `/handles/${id}`)).status).toBe(200);
    }
  });

  it('contract 65: a handle that is being followed is not followed by a second', async () => {
    const sdk = goSdk(at.url);
    const { id, stream } = await openToRead(sdk, '/streamfs/fuse busy');
    const second = await sdk.call('GET', `/handles/${id}/stream`);
    expect([second.status, second.json.code]).toEqual([409, 'HANDLE_BUSY']);
    await sdk.call('PUT', '/files', { path: '/streamfs/fuse busy' }, Buffer.from('all of it'));
    expect(await readUntil(stream, 'all of it')).toBe('all of it');
  });

  it('contract 65: two programs that read one stream, each with a handle, both get all of it', async () => {
    const sdk = goSdk(at.url);
    const path = '/streamfs/fuse two';
    const both = [await openToRead(sdk, path), await openToRead(sdk, path)];
    await sdk.call('PUT', '/files', { path }, Buffer.from('for both'));
    for (const { stream } of both) expect(await readUntil(stream, 'both')).toBe('for both');
  });
});

describe('agfs-shell', () => {
  /** `cat`: always as a stream first, and as a file if that is refused. */
  async function cat(sdk: Sdk, path: string) {
    const streamed = await sdk.open('GET', '/files', { path, stream: 'true' });
    if (streamed.statusCode === 200) return streamed;
    streamed.resume();
    return await sdk.open('GET', '/files', { path });
  }

  /** `>>`: reads the existing content as a file, treats an error as an empty file, and writes both back. */
  async function append(sdk: Sdk, path: string, text: string) {
    const existing = await sdk.call('GET', '/files', { path });
    const before = existing.status < 400 ? existing.body : Buffer.alloc(0);
    expect((await sdk.call('PUT', '/files', { path }, Buffer.concat([before, Buffer.from(text)]))).status).toBe(200);
  }

  it('contract 34: appends with >> to a stream and to a file, and writes nothing twice', async () => {
    const sdk = pythonSdk(at.url);
    for (const path of ['/streamfs/shell append', '/memfs/shell append']) {
      for (const text of ['one\n', 'two\n', 'three\n']) await append(sdk, path, text);
      expect((await sdk.call('GET', '/stat', { path })).json).toMatchObject({ size: 14 });
      const query: Record<string, string> = path.startsWith('/mem') ? { path } : { path, snapshot: 'true' };
      expect((await sdk.call('GET', '/files', query)).text).toBe('one\ntwo\nthree\n');
    }
  });

  it('contract 43, 68: cats a stream live, README and files to their end', async () => {
    const sdk = pythonSdk(at.url);
    await sdk.call('PUT', '/files', { path: '/streamfs/shell' }, Buffer.from('live'));
    const live = await cat(sdk, '/streamfs/shell');
    expect(await readUntil(live, 'live')).toBe('live');
    live.destroy();
    await sdk.call('PUT', '/files', { path: '/memfs/shell' }, Buffer.from('a file'));
    for (const [path, text] of [
      ['/streamfs/README', 'ring_buffer_size'],
      ['/memfs/shell', 'a file'],
    ] as const) {
      let all = '';
      for await (const piece of await cat(sdk, path)) all += String(piece);
      expect(all).toContain(text);
    }
  });

  it('contract 66: looks, touches, removes, lists mounts and searches', async () => {
    const sdk = pythonSdk(at.url);
    const path = '/streamfs/shell touch';
    expect((await sdk.call('POST', '/touch', { path })).status).toBe(200);
    const info = (await sdk.call('GET', '/stat', { path })).json as unknown as Info;
    expect(info).toMatchObject({ name: 'shell touch', size: 0, isDir: false });
    expect(((await sdk.call('GET', '/stat', { path: '/streamfs' })).json as unknown as Info).isDir).toBe(true);
    expect((await sdk.call('DELETE', '/files', { path })).status).toBe(200);
    const gone = await sdk.call('DELETE', '/files', { path });
    expect([gone.status, gone.json.error]).toEqual([404, expect.stringContaining('not found')]);
    expect((await sdk.call('GET', '/mounts')).json.mounts).toContainEqual(
      expect.objectContaining({ path: '/streamfs' }),
    );
  });

  it('contract 47: greps a mount of streams: finds README, and skips what has no end', async () => {
    const sdk = pythonSdk(at.url);
    await sdk.call('PUT', '/files', { path: '/streamfs/shell grep' }, Buffer.from('ring_buffer_size'));
    const search = { path: '/streamfs', pattern: 'ring_buffer_size', recursive: true, case_insensitive: false };
    const lines = (await sdk.call('POST', '/grep', {}, { json: { ...search, stream: true } })).text.trim().split('\n');
    const found = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(found.at(-1)).toMatchObject({ type: 'summary', count: lines.length - 1 });
    expect(lines.length).toBeGreaterThan(1);
    expect(new Set(found.slice(0, -1).map(({ file }) => file))).toEqual(new Set(['/streamfs/README']));
  });
});
