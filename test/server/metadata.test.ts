import { describe, expect, it } from 'vitest';
import { start } from './harness.ts';

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;

describe('directories', () => {
  it('contract 66: POST /directories and /mkdir make them, 201 directory created', async () => {
    const { call } = await start();
    for (const route of ['directories', 'mkdir']) {
      const response = await call('POST', `/${route}?path=/mem/${route}`);
      expect([response.status, response.json()]).toEqual([201, { message: 'directory created' }]);
      expect((await call('POST', `/${route}?path=/mem/${route}`)).status).toBe(409);
    }
  });

  it('contract 61: their mode is taken in octal and in decimal', async () => {
    const { call } = await start();
    const modeOf = async (mode: string) => {
      await call('POST', `/mkdir?path=/mem/${mode}&mode=${mode}`);
      return (await call('GET', `/stat?path=/mem/${mode}`)).json().mode;
    };
    expect(await modeOf('750')).toBe(0o750);
    expect(await modeOf('0700')).toBe(0o700);
    expect(await modeOf('493')).toBe(0o755);
    for (const mode of ['40755', '040755', '16877', '0o40755']) expect(await modeOf(mode)).toBe(0o755);
    const wrong = await call('POST', '/mkdir?path=/mem/x&mode=rwx');
    expect([wrong.status, wrong.json().code]).toEqual([400, 'INVALID_PARAMETER']);
    expect((await call('GET', '/stat?path=/mem/x')).status).toBe(404);
  });

  it('contract 66: GET /directories and /list give the files, of the root where no path is given', async () => {
    const { call } = await start();
    await call('PUT', '/files?path=/mem/a', { body: 'xyz' });
    for (const route of ['directories', 'list']) {
      const response = await call('GET', `/${route}?path=/mem`);
      expect(response.json()).toMatchObject({ files: [{ name: 'a', size: 3, isDir: false }] });
      expect((await call('GET', `/${route}`)).json()).toMatchObject({ files: [{ name: 'mem', isDir: true }] });
    }
    expect((await call('GET', '/list?path=/mem/a')).status).toBe(400);
    expect((await call('GET', '/list?path=/mem/absent')).status).toBe(404);
  });
});

describe('facts about files', () => {
  it('contract 67: have these names, a time with a fraction and a decimal mode', async () => {
    const { call } = await start();
    await call('PUT', '/files?path=/mem/a', { body: 'xyz' });
    const info = (await call('GET', '/stat?path=/mem/a')).json();
    expect(Object.keys(info)).toEqual(['name', 'size', 'mode', 'modTime', 'isDir', 'meta']);
    expect(info).toMatchObject({ name: 'a', size: 3, mode: 420, isDir: false });
    expect(info.modTime).toMatch(RFC3339);
    expect((await call('GET', '/list?path=/mem')).json()).toEqual({ files: [info] });
  });

  it('contract 66: rename needs newPath and answers renamed', async () => {
    const { call, post } = await start();
    await call('PUT', '/files?path=/mem/a', { body: 'xyz' });
    expect((await post('/rename?path=/mem/a', {})).json().error).toBe('newPath is required');
    expect((await post('/rename?path=/mem/a', { newPath: '' })).json().error).toBe('newPath is required');
    expect((await post('/rename?path=/mem/a', { newPath: '/mem/b' })).json()).toEqual({ message: 'renamed' });
    expect((await call('GET', '/files?path=/mem/b')).text).toBe('xyz');
    expect((await post('/rename?path=/mem/a', { newPath: '/mem/c' })).status).toBe(404);
  });

  it('contract 66: chmod takes a number, text in octal or decimal, and drops the type of the file', async () => {
    const { call, post } = await start();
    await call('POST', '/files?path=/mem/a');
    const changedTo = async (mode: unknown) => {
      expect((await post('/chmod?path=/mem/a', { mode })).json()).toEqual({ message: 'permissions changed' });
      return (await call('GET', '/stat?path=/mem/a')).json().mode;
    };
    expect(await changedTo(0o600)).toBe(0o600);
    expect(await changedTo('640')).toBe(0o640);
    expect(await changedTo('420')).toBe(0o644);
    expect(await changedTo(0o100755)).toBe(0o755);
    expect(await changedTo('100644')).toBe(0o644);
    expect(await changedTo('33188')).toBe(0o644);
    expect(await changedTo(100755)).toBe(0o755);
    expect(await changedTo('0100600')).toBe(0o600);
    for (const mode of [-1, 1.5, 0o200000, 'x', true, [], {}]) {
      expect([mode, (await post('/chmod?path=/mem/a', { mode })).status]).toEqual([mode, 400]);
    }
    expect((await post('/chmod?path=/mem/a', {})).json().error).toBe('mode is required');
    expect((await post('/chmod?path=/mem/a', { mode: null })).json().error).toBe('mode is required');
  });

  it('contract 66: truncate needs a size of 0 or more and answers truncated', async () => {
    const { call } = await start();
    await call('PUT', '/files?path=/mem/a', { body: '0123456789' });
    expect((await call('POST', '/truncate?path=/mem/a&size=4')).json()).toEqual({ message: 'truncated' });
    expect((await call('GET', '/files?path=/mem/a')).text).toBe('0123');
    expect((await call('POST', '/truncate?path=/mem/a')).json().error).toBe('size parameter is required');
    expect((await call('POST', '/truncate?path=/mem/a&size=-1')).json().error).toMatch(/^invalid size parameter/);
    expect((await call('POST', '/truncate?path=/mem/absent&size=0')).status).toBe(404);
  });

  it('contract 66: touch creates, or moves the time, and answers touched', async () => {
    const { call } = await start();
    expect((await call('POST', '/touch?path=/mem/a')).json()).toEqual({ message: 'touched' });
    expect((await call('GET', '/stat?path=/mem/a')).json()).toMatchObject({ size: 0 });
    expect((await call('POST', '/touch?path=/mem/a')).status).toBe(200);
  });

  it('contract 66: links are 501, once the request makes sense', async () => {
    const { call, post } = await start();
    expect((await post('/symlink?path=/mem/l', {})).json().error).toBe('target is required');
    const link = await post('/symlink?path=/mem/l', { target: '/mem/a' });
    expect([link.status, link.json().error]).toEqual([501, 'symlink not supported by memfs']);
    const target = await call('GET', '/readlink?path=/mem/l');
    expect([target.status, target.json().error]).toEqual([501, 'readlink not supported by memfs']);
  });
});

describe('a JSON body', () => {
  it.each([
    ['', /^invalid request body: it is empty, a JSON object is expected$/],
    ['{', /^invalid request body: .*JSON/],
    ['[1]', /^invalid request body: it must be a JSON object, not an array$/],
    ['null', /^invalid request body: it must be a JSON object, not null$/],
    ['"x"', /^invalid request body: it must be a JSON object, not a string$/],
    ['{"newPath": 5}', /^invalid request body: "newPath" must be a string, not a number$/],
    ['{"newPath": ["/a"]}', /^invalid request body: "newPath" must be a string, not an array$/],
    [Buffer.from('{"newPath":"/mem/\xff"}', 'latin1'), /^invalid request body: it is not UTF-8$/],
  ])('%s is a 400 that says why', async (body, error) => {
    const { call } = await start();
    const response = await call('POST', '/rename?path=/mem/a', { body });
    expect(response.status).toBe(400);
    expect(response.json().error).toMatch(error);
  });

  it('knows only its own fields', async () => {
    const { call } = await start();
    const response = await call('POST', '/rename?path=/mem/a', { body: '{"__proto__": {"newPath": "/mem/b"}}' });
    expect(response.json().error).toBe('newPath is required');
  });
});
