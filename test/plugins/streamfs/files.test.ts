import { describe, expect, it } from 'vitest';
import { streamfsPlugin } from '../../../src/plugins/index.ts';
import { bytes, failure, mount, openReader, recorder, text } from './setup.ts';

describe('writing', () => {
  it('contract 1: offset and flags of a write mean nothing, it appends', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('one,'), { offset: 0, truncate: true });
    await fs.write('/a', bytes('two,'), { offset: 1, exclusive: true });
    await fs.write('/a', bytes('three'), { offset: 9999, append: true });
    expect(text(Buffer.concat((await fs.snapshot('/a')).parts))).toBe('one,two,three');
  });

  it('contract 3, 29: writing to an ended stream fails, and what was there stays', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('kept'));
    await fs.end('/a');
    await fs.end('/a');
    expect(await failure(fs.write('/a', bytes('more')))).toBe('STREAM_CLOSED 409 stream is closed');
    expect(await failure(fs.openWrite('/a'))).toBe('STREAM_CLOSED 409 stream is closed');
    expect(text(Buffer.concat((await fs.snapshot('/a')).parts))).toBe('kept');
    expect((await fs.stat('/a')).meta.Content?.state).toBe('ended');
    const reader = await openReader(fs, '/a');
    expect((await reader.read()).type).toBe('data');
    expect(await reader.read()).toMatchObject({ type: 'end', reason: 'ended', offset: 4 });
  });

  it('contract 14: a write of no bytes creates the stream and stores nothing', async () => {
    const { fs } = await mount();
    const reader = await openReader(fs, '/b');
    expect(await reader.read()).toMatchObject({ type: 'caught-up' });
    await fs.write('/b', bytes(''));
    await fs.write('/a', bytes(''));
    await expect(reader.read({ timeout: 0 })).rejects.toMatchObject({ code: 'READ_TIMEOUT' });
    expect((await fs.stat('/a')).size).toBe(0);
    reader.close();
    expect((await fs.stat('/b')).size).toBe(0);
  });

  it('contract 35: a write creates what is absent; stat, read and remove do not', async () => {
    const { fs } = await mount();
    for (const action of [fs.stat('/x'), fs.read('/x', 0, -1), fs.remove('/x'), fs.removeAll('/x')]) {
      expect(await failure(action)).toBe('STREAM_NOT_FOUND 404 stream not found: /x');
    }
    expect(await fs.write('/x', bytes('12'))).toBe(2);
    expect((await fs.stat('/x')).size).toBe(2);
  });

  it('contract 36: creation can be turned off for the mount and for one request, and turned on for one', async () => {
    const { fs } = await mount({ auto_create: false });
    const absent = 'STREAM_NOT_FOUND 404 stream not found: /x';
    expect(await failure(fs.write('/x', bytes('1')))).toBe(absent);
    expect(await failure(fs.openWrite('/x'))).toBe(absent);
    expect(await failure(fs.openStream('/x'))).toBe(absent);
    expect(await failure(fs.openHandle('/x', { flags: 2, mode: 0o644 }))).toBe(absent);
    await fs.write('/x', bytes('1'), { create: true });
    const open = (await mount()).fs;
    expect(await failure(open.openStream('/x', { create: false }))).toBe(absent);
    expect(await failure(open.openWrite('/x', { create: false }))).toBe(absent);
  });

  it('contract 36: a stream made by a reader and never written to is gone with its last reader', async () => {
    const { fs } = await mount();
    const readers = [await openReader(fs, '/x'), await openReader(fs, '/x')];
    readers[0]!.close();
    expect((await fs.stat('/x')).meta.Content?.active_readers).toBe('1');
    readers[1]!.close();
    expect(await failure(fs.stat('/x'))).toContain('STREAM_NOT_FOUND');

    const handle = await fs.openHandle('/y', { flags: 0, mode: 0o644 });
    (await openReader(fs, '/y')).close();
    await fs.stat('/y');
    await handle.close();
    expect(await failure(fs.stat('/y'))).toContain('STREAM_NOT_FOUND');

    const reader = await openReader(fs, '/z');
    await fs.write('/z', bytes('now it is somebody’s'));
    reader.close();
    expect((await fs.stat('/z')).size).toBeGreaterThan(0);
    await fs.create('/made');
    (await openReader(fs, '/made')).close();
    expect((await fs.stat('/made')).size).toBe(0);
  });

  it('contract 72: a body that breaks off keeps what has come', async () => {
    const { fs } = await mount();
    const writer = await fs.openWrite('/a');
    await writer.write(bytes('half'));
    await writer.abort();
    expect(writer).toMatchObject({ written: 4, endOffset: 4 });
    expect(text(Buffer.concat((await fs.snapshot('/a')).parts))).toBe('half');
    expect((await fs.stat('/a')).meta.Content?.state).toBe('open');
  });

  it('contract 29: a writer can end the stream with its last byte; a recreated one has another generation', async () => {
    const { fs } = await mount();
    const writer = await fs.openWrite('/a');
    await writer.write(bytes('all'));
    await writer.close({ end: true });
    expect(await failure(fs.write('/a', bytes('x')))).toContain('STREAM_CLOSED');
    await fs.remove('/a');
    await fs.write('/a', bytes('new'));
    expect((await fs.stat('/a')).meta.Content?.generation).not.toBe(writer.generation);
    const refused = fs.openStream('/a', { generation: writer.generation! });
    expect(await failure(refused)).toContain('STREAM_RECREATED 409');
  });
});

describe('names and directories', () => {
  it('contract 31: create makes an empty stream, once', async () => {
    const { fs } = await mount();
    await fs.create('/a');
    expect((await fs.stat('/a')).size).toBe(0);
    expect(await failure(fs.create('/a'))).toBe('STREAM_EXISTS 409 stream already exists: /a');
  });

  it('contract 32: mkdir, rename and chmod are not supported, whether the path exists or not', async () => {
    const { fs } = await mount();
    await fs.create('/a');
    for (const path of ['/a', '/absent']) {
      expect(await failure(fs.mkdir(path, 0o755))).toBe(
        'STREAM_NO_DIRECTORIES 501 streamfs does not support directories',
      );
      expect(await failure(fs.rename(path, '/b'))).toBe('STREAM_NO_RENAME 501 streamfs does not support rename');
      expect(await failure(fs.chmod(path, 0o600))).toBe('STREAM_NO_CHMOD 501 streamfs does not support chmod');
    }
  });

  it('contract 23, 33: remove ends the stream for its readers, then forgets it', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('owed'));
    const reader = await openReader(fs, '/a');
    await fs.removeAll('/a');
    expect(text(((await reader.read()) as { data: Uint8Array }).data)).toBe('owed');
    expect(await reader.read()).toMatchObject({ type: 'end', reason: 'removed' });
    expect(await failure(fs.remove('/a'))).toBe('STREAM_NOT_FOUND 404 stream not found: /a');
  });

  it('contract 34: reading or opening a stream as a file fails; a snapshot gives what the ring holds', async () => {
    const { fs } = await mount({ ring_buffer_size: 4, channel_buffer_size: 4 });
    await fs.write('/a', bytes('0123456789'));
    const refused = 'USE_STREAM_MODE 400 use stream mode for reading stream files';
    expect(await failure(fs.read('/a', 0, -1))).toBe(refused);
    expect(await failure(fs.open('/a'))).toBe(refused);
    expect(await fs.snapshot('/a')).toMatchObject({ offset: 6, parts: [Buffer.from('6789')] });
    expect(await fs.snapshot('/a', { start: { lastBytes: 2 } })).toMatchObject({
      offset: 8,
      parts: [Buffer.from('89')],
    });
    expect(await failure(fs.snapshot('/a', { start: { offset: 5 } }))).toBe(
      'OFFSET_GONE 410 offset 5 is no longer retained: the earliest is 6',
    );
  });

  it('contract 37: a listing has README first, then the streams by name; a stream is not a directory', async () => {
    const { fs } = await mount();
    for (const path of ['/b', '/a', '/Z', '/a/../c'.replace('/a/..', '')]) await fs.create(path);
    expect((await fs.readDir('/')).map(({ name }) => name)).toEqual(['README', 'Z', 'a', 'b', 'c']);
    expect(await failure(fs.readDir('/a'))).toBe('NOT_A_DIRECTORY 400 not a directory: /a');
    expect(await failure(fs.readDir('/README'))).toBe('NOT_A_DIRECTORY 400 not a directory: /README');
    expect(await failure(fs.readDir('/none'))).toBe('STREAM_NOT_FOUND 404 stream not found: /none');
  });

  it('contract 38: names with slashes make directories, which go with their last stream', async () => {
    const { fs } = await mount();
    await fs.write('/a/b/c', bytes('1'));
    await fs.create('/a/d');
    expect((await fs.readDir('/')).map(({ name, isDir }) => [name, isDir])).toEqual([
      ['README', false],
      ['a', true],
    ]);
    expect((await fs.readDir('/a')).map(({ name, isDir }) => [name, isDir])).toEqual([
      ['b', true],
      ['d', false],
    ]);
    expect((await fs.readDir('/a/b'))[0]).toMatchObject({ name: 'c', size: 1, isDir: false });
    expect(await fs.stat('/a/b')).toMatchObject({ name: 'b', isDir: true, mode: 0o755 });
    expect(await failure(fs.write('/a/b', bytes('x')))).toBe('IS_A_DIRECTORY 400 is a directory: /a/b');
    expect(await failure(fs.openStream('/a'))).toBe('IS_A_DIRECTORY 400 is a directory: /a');
    expect(await failure(fs.create('/a/d/e'))).toBe('NOT_A_DIRECTORY 400 not a directory: /a/d');
    expect(await failure(fs.remove('/a'))).toBe('DIRECTORY_NOT_EMPTY 409 directory not empty: /a');
    await fs.remove('/a/b/c');
    expect(await failure(fs.stat('/a/b'))).toContain('STREAM_NOT_FOUND');
    await fs.removeAll('/a');
    expect((await fs.readDir('/')).map(({ name }) => name)).toEqual(['README']);
  });

  it('contract 44: the mount itself cannot be written, created or ended', async () => {
    const { fs } = await mount();
    for (const action of [fs.write('/', bytes('x')), fs.create('/'), fs.touch('/'), fs.openWrite('/')]) {
      expect(await failure(action)).toBe('IS_A_DIRECTORY 400 is a directory: /');
    }
    expect(await failure(fs.remove('/'))).toBe('STREAM_NOT_FOUND 404 stream not found: /');
  });

  it('contract 45, 46: truncate does nothing and wants a stream; touch creates, or moves the time', async () => {
    const { fs } = await mount();
    expect(await failure(fs.truncate('/a', 0))).toBe('STREAM_NOT_FOUND 404 stream not found: /a');
    await fs.touch('/a');
    await fs.write('/a', bytes('1234'));
    await fs.truncate('/a', 0);
    expect((await fs.stat('/a')).size).toBe(4);
    const before = (await fs.stat('/a')).modTime.getTime();
    while (Date.now() <= before);
    await fs.touch('/a');
    expect((await fs.stat('/a')).modTime.getTime()).toBeGreaterThan(before);
    expect((await fs.stat('/a')).size).toBe(4);
  });
});

describe('facts', () => {
  it('contract 5, 6, 40: stat says what was written, who reads, and when it was last written to', async () => {
    const { fs } = await mount({ ring_buffer_size: 4, channel_buffer_size: 4 });
    await fs.write('/dir/live', bytes('0123456789'));
    const reader = await openReader(fs, '/dir/live');
    const written = (await fs.stat('/dir/live')).modTime;
    await reader.read();
    const info = await fs.stat('/dir/live');
    expect(info).toMatchObject({ name: 'live', size: 10, mode: 420, isDir: false, modTime: written });
    expect(info.meta).toMatchObject({ Name: 'streamfs', Type: 'stream' });
    expect(info.meta.Content).toMatchObject({
      active_readers: '1',
      total_written: '10',
      delivered_bytes: '4',
      start_offset: '6',
    });
    expect(Object.values(info.meta.Content!).every((value) => typeof value === 'string')).toBe(true);
    expect((await fs.readDir('/dir'))[0]).toEqual(info);
  });

  it('contract 42: README is a file: fixed, first, readable in parts', async () => {
    const { fs } = await mount();
    const info = await fs.stat('/README');
    expect(info).toMatchObject({ name: 'README', mode: 292, isDir: false });
    expect(info.meta).toMatchObject({ Type: 'doc' });
    const all = await fs.read('/README', 0, -1);
    expect(all.length).toBe(info.size);
    expect(text(all)).toBe(streamfsPlugin.readme);
    expect(await fs.read('/README', -5, 4)).toEqual(all.subarray(0, 4));
    expect(await fs.read('/README', 10, 7)).toEqual(all.subarray(10, 17));
    expect((await fs.read('/README', all.length + 1, -1)).length).toBe(0);
    expect(await failure(fs.remove('/README'))).toBe('STREAM_NOT_FOUND 404 stream not found: /README');
  });

  it('contract 43: the name README is reserved, and its time fixed', async () => {
    const { fs } = await mount();
    const before = await fs.stat('/README');
    const reserved = 'NAME_RESERVED 403 permission denied: /README is reserved';
    const actions = [
      fs.write('/README', bytes('x')),
      fs.openWrite('/README'),
      fs.create('/README'),
      fs.end('/README'),
      fs.touch('/README'),
      fs.truncate('/README', 0),
    ];
    for (const action of actions) expect(await failure(action)).toBe(reserved);
    expect(await fs.stat('/README')).toEqual(before);
    const source = await fs.openStream('/README');
    if (source.kind !== 'content') throw new Error('README is not live');
    const parts: string[] = [];
    for await (const part of source.content) parts.push(text(part));
    expect(parts.join('')).toBe(streamfsPlugin.readme);
  });

  it('contract 77: capabilities tell a stream from README and from a directory', async () => {
    const { fs } = await mount();
    expect(await fs.capabilities('/live')).toMatchObject({
      isAppendOnly: true,
      isBroadcast: true,
      supportsRename: false,
      supportsSync: true,
      isReadDestructive: false,
      isObjectStore: false,
    });
    expect(await fs.capabilities('/README')).toMatchObject({
      isReadOnly: true,
      isAppendOnly: false,
      supportsSync: true,
    });
    expect(await fs.capabilities('/')).toMatchObject({ supportsStreamRead: false, supportsSync: false });
  });
});

describe('losses', () => {
  it('contract 8: losses are counted in stat, and logged at most once a second', async () => {
    const { lines, logger } = recorder();
    const { fs } = await mount({ ring_buffer_size: 10, channel_buffer_size: 10 }, logger);
    const reader = await openReader(fs, '/a');
    await reader.read();
    for (let i = 0; i < 50; i++) {
      await fs.write('/a', bytes('0123456789abcdef'));
      expect(await reader.read()).toMatchObject({ type: 'gap' });
      await reader.read();
      await reader.read();
    }
    const content = (await fs.stat('/a')).meta.Content!;
    expect(content).toMatchObject({ skipped_bytes: '300', skipped_chunks: '50' });
    const warnings = lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.facts).toMatchObject({ stream: '/streamfs/a', skippedBytes: 6, skippedChunks: 1 });
  });
});

describe('shutdown', () => {
  it('contract 28: readers get the end and its reason; nothing can be made afterwards', async () => {
    const { fs, instance } = await mount();
    const reader = await openReader(fs, '/a');
    await reader.read();
    const waiting = reader.read();
    await instance.shutdown();
    expect(await waiting).toMatchObject({ type: 'end', reason: 'shutdown' });
    expect(await failure(fs.create('/b'))).toBe('SHUTTING_DOWN 503 server is shutting down');
    await instance.shutdown();
  });
});
