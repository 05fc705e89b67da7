import { describe, expect, it } from 'vitest';
import { RingStream } from '../../../src/core/internal.ts';
import type { FileHandle, HandleRead } from '../../../src/fs/index.ts';
import { StreamHandle } from '../../../src/plugins/streamfs/stream-handle.ts';
import { bytes, failure, mount, openReader, text } from './setup.ts';

const READ = { flags: 0, mode: 0o644 };
const WRITE = { flags: 1, mode: 0o644 };
const BOTH = { flags: 2, mode: 0o644 };

/** Reads, and reports the delivery. */
async function take(handle: FileHandle, size = 100, timeout = 0): Promise<string> {
  const read = await handle.read({ size, timeout });
  read.commit();
  return text(read.data);
}

const settledYet = async (read: Promise<HandleRead>) => {
  let settled = false;
  void read.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
};

describe('handles', () => {
  it('contract 49: bit 0 decides: clear reads, set does not; 2 does both; other bits are accepted', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('history'));
    for (const flags of [0, 2, 8, 64, 16 | 2, 512]) {
      const handle = await fs.openHandle('/a', { flags, mode: 0o644 });
      expect(await take(handle)).toBe('history');
      await handle.close();
    }
    for (const flags of [1, 3, 1 | 64]) {
      const handle = await fs.openHandle('/a', { flags, mode: 0o644 });
      expect(await take(handle)).toBe('');
      expect(await handle.write(bytes(''))).toMatchObject({ written: 0 });
      await handle.close();
    }
    expect((await fs.stat('/a')).size).toBe(7);
  });

  it('contract 51, 62: a handle for reading refuses writes; a write says where the stream ends then', async () => {
    const { fs } = await mount();
    const reading = await fs.openHandle('/a', READ);
    expect(await failure(reading.write(bytes('x')))).toBe('HANDLE_READ_ONLY 403 handle is not open for writing');
    const writing = await fs.openHandle('/a', WRITE);
    expect(await writing.write(bytes('12345'), 0)).toEqual({ written: 5, position: 5 });
    expect(await writing.write(bytes('67'), 1)).toEqual({ written: 2, position: 7 });
    expect(await take(reading)).toBe('1234567');
  });

  it('contract 50: README reads, seeks and ends, and cannot be written', async () => {
    const { fs } = await mount();
    const handle = await fs.openHandle('/README', BOTH);
    const { size } = await fs.stat('/README');
    expect((await take(handle, 8)).length).toBe(8);
    expect(await handle.seek(-4, 2)).toBe(size - 4);
    const last = await handle.read({ size: 100, timeout: 0 });
    expect(last).toMatchObject({ eof: true, offset: size - 4 });
    expect(last.data.length).toBe(4);
    expect(await failure(handle.write(bytes('x')))).toBe('STREAM_NOT_INITIALIZED 403 stream not initialized');
    // A seek decides the position, even over a read that is delivered after it.
    await handle.seek(0, 0);
    const late = await handle.read({ size: 8, timeout: 0 });
    await handle.seek(3, 0);
    late.commit();
    expect(await handle.seek(0, 1)).toBe(3);
    await handle.close();
    await handle.close();
  });

  it('contract 52, 53: a read gives what there is, waits where there is nothing, and tells the end from a timeout', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('abcdef'));
    const handle = await fs.openHandle('/a', READ);
    expect(await take(handle, 4)).toBe('abcd');
    expect(await take(handle, 100)).toBe('ef');
    expect(await handle.read({ size: 10, timeout: 0 })).toMatchObject({ eof: false, offset: 6 });
    expect(await handle.read({ size: 10, timeout: 5 })).toMatchObject({ eof: false, offset: 6 });
    const waiting = handle.read({ size: 10, timeout: 60_000 });
    expect(await settledYet(waiting)).toBe(false);
    await fs.write('/a', bytes('g'));
    const read = await waiting;
    expect(text(read.data)).toBe('g');
    read.commit();
    await fs.end('/a');
    expect(await handle.read({ size: 10, timeout: 60_000 })).toMatchObject({ eof: true, offset: 7 });
  });

  it('contract 54: undelivered bytes are read again, by the next read and not before', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('abcdef'));
    const handle = await fs.openHandle('/a', READ);
    const lost = await handle.read({ size: 3, timeout: 0 });
    const next = handle.read({ size: 100, timeout: 60_000 });
    expect(await settledYet(next)).toBe(false);
    lost.commit(false);
    const again = await next;
    expect(text(again.data)).toBe('abcdef');
    again.commit();
    again.commit(false);
    expect(await handle.seek(0, 1)).toBe(6);

    const stop = new AbortController();
    const given = handle.read({ size: 10, timeout: 60_000, signal: stop.signal });
    stop.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    await fs.write('/a', bytes('x'));
    expect(await take(handle)).toBe('x');
  });

  it('contract 55: a waiting read delays neither seek, write, stat nor close', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('abc'));
    const handle = await fs.openHandle('/a', BOTH);
    await take(handle);
    const waiting = handle.read({ size: 10, timeout: 60_000 });
    const far = handle.read({ size: 10, offset: 1000, timeout: 60_000 });
    expect(await settledYet(waiting)).toBe(false);
    await handle.stat();
    await handle.sync();
    expect(await handle.seek(1, 0)).toBe(1);
    const read = await waiting;
    expect(text(read.data)).toBe('bc');
    read.commit();
    await handle.write(bytes('d'));
    expect(await take(handle)).toBe('d');
    expect(await settledYet(far)).toBe(false);
    await handle.close();
    expect(await failure(far)).toBe('HANDLE_NOT_FOUND 404 not found');
    expect(await failure(handle.read({ size: 1, timeout: 0 }))).toBe('HANDLE_NOT_FOUND 404 not found');
  });

  it('contract 56: positions are the stream’s offsets, the same for every handle', async () => {
    const { fs } = await mount({ ring_buffer_size: 10, channel_buffer_size: 10 });
    await fs.write('/a', bytes('0123456789abcdef'));
    const handle = await fs.openHandle('/a', READ);
    expect(await handle.seek(0, 1)).toBe(6);
    expect(text((await handle.read({ size: 2, offset: 12, timeout: 0 })).data)).toBe('cd');
    expect(await take(handle, 2)).toBe('67');
    expect(await failure(handle.seek(2, 0))).toBe('OFFSET_GONE 410 offset 2 is no longer retained: the earliest is 6');
    expect(await failure(handle.read({ size: 1, offset: 5, timeout: 0 }))).toContain('OFFSET_GONE 410');
    expect(await handle.seek(-1, 2)).toBe(15);
    expect(await take(handle)).toBe('f');
    expect(await handle.seek(20, 0)).toBe(20);
    const beyond = handle.read({ size: 10, timeout: 60_000 });
    await fs.write('/a', bytes('ghij'));
    expect(await settledYet(beyond)).toBe(false);
    await fs.write('/a', bytes('k'));
    const read = await beyond;
    expect({ text: text(read.data), offset: read.offset }).toEqual({ text: 'k', offset: 20 });
    read.commit();
    const other = await fs.openHandle('/a', READ);
    expect(text((await other.read({ size: 1, offset: 20, timeout: 0 })).data)).toBe('k');
  });

  it('contract 9, 56: a handle that fell behind continues with the retained bytes and learns how much it lost', async () => {
    const { fs } = await mount({ ring_buffer_size: 10, channel_buffer_size: 10 });
    const handle = await fs.openHandle('/a', READ);
    await fs.write('/a', bytes('0123456789abcdef'));
    const read = await handle.read({ size: 100, timeout: 0 });
    expect({ text: text(read.data), offset: read.offset, skipped: read.skipped }).toEqual({
      text: '6789abcdef',
      offset: 6,
      skipped: 6,
    });
    read.commit(false);
    const again = await handle.read({ size: 4, timeout: 0 });
    expect({ text: text(again.data), skipped: again.skipped }).toEqual({ text: '6789', skipped: 6 });
    again.commit();
    const rest = await handle.read({ size: 100, timeout: 0 });
    expect({ text: text(rest.data), skipped: rest.skipped }).toEqual({ text: 'abcdef', skipped: 0 });
  });

  it('contract 9, 56: a loss that is found by a read without bytes is reported once, with the next bytes', async () => {
    const stream = new RingStream({ retention: 100, maxLag: 100 });
    const access = { reads: true, writes: false };
    const stat = () => Promise.reject(new Error('not asked for'));
    const handle = new StreamHandle({ path: '/a', stream, type: () => '', access, stat, onClose: () => undefined });
    stream.append(bytes('gone'));
    stream.forgetBelow(4);
    const none = await handle.read({ size: 100, timeout: 0 });
    expect({ text: text(none.data), offset: none.offset, skipped: none.skipped }).toEqual({
      text: '',
      offset: 0,
      skipped: 0,
    });
    none.commit();
    stream.append(bytes('next'));
    const next = await handle.read({ size: 100, timeout: 0 });
    expect({ text: text(next.data), offset: next.offset, skipped: next.skipped }).toEqual({
      text: 'next',
      offset: 4,
      skipped: 4,
    });
  });

  it('contract 58: seek refuses negative offsets and unknown whence', async () => {
    const { fs } = await mount();
    const handle = await fs.openHandle('/a', READ);
    expect(await failure(handle.seek(-1, 0))).toBe('NEGATIVE_OFFSET 400 negative offset');
    expect(await failure(handle.seek(0, 3))).toBe('INVALID_WHENCE 400 invalid whence parameter (must be 0, 1, or 2)');
  });

  it('contract 65: one live read at a time; when it is over the position is where it stopped', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('abcdef'));
    const handle = await fs.openHandle('/a', READ);
    await take(handle, 2);
    const source = await handle.stream();
    if (source.kind !== 'live') throw new Error('not live');
    const busy = 'HANDLE_BUSY 409 handle is already being streamed';
    expect(await failure(handle.stream())).toBe(busy);
    expect(await failure(handle.read({ size: 1, timeout: 0 }))).toBe(busy);
    expect(text(((await source.reader.read()) as { data: Uint8Array }).data)).toBe('cdef');
    source.reader.close();
    expect(await handle.seek(0, 1)).toBe(6);
    await fs.write('/a', bytes('g'));
    expect(await take(handle)).toBe('g');
    expect((await fs.stat('/a')).meta.Content?.active_readers).toBe('1');
    const second = await handle.stream();
    await handle.close();
    expect(second.kind === 'live' && second.reader.isClosed).toBe(true);
    expect((await fs.stat('/a')).meta.Content?.active_readers).toBe('0');
  });

  it('contract 26, 35: a handle makes the stream, and counts as a reader when it reads', async () => {
    const { fs } = await mount();
    const reading = await fs.openHandle('/a', READ);
    const writing = await fs.openHandle('/a', WRITE);
    const other = await openReader(fs, '/a');
    expect((await fs.stat('/a')).meta.Content?.active_readers).toBe('2');
    other.close();
    await reading.close();
    await writing.close();
    expect(await failure(fs.stat('/a'))).toContain('STREAM_NOT_FOUND');
  });

  it('contract 23: when the stream is removed, its handles read the remaining bytes, then the end', async () => {
    const { fs } = await mount();
    await fs.write('/a', bytes('left'));
    const handle = await fs.openHandle('/a', READ);
    await fs.remove('/a');
    expect(await take(handle)).toBe('left');
    expect(await handle.read({ size: 1, timeout: 60_000 })).toMatchObject({ eof: true });
    expect(await failure(handle.stat())).toBe('STREAM_NOT_FOUND 404 stream not found: /a');
  });
});
