/** Streams on disk, over restarts of their file system. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { internalOf } from '../../src/core/internal.ts';
import { contentOfParts } from '../../src/fs/content.ts';
import type { Snapshot } from '../../src/fs/index.ts';
import { StreamFileSystem } from '../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { recorder } from '../app/recorder.ts';

let directory: string;
let open: StreamFileSystem[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'streamfs-kept-'));
});

afterEach(async () => {
  for (const fs of open) await fs.shutdown();
  open = [];
  await rm(directory, { recursive: true, force: true });
});

async function start(config: Record<string, unknown> = {}): Promise<StreamFileSystem> {
  const settings = parseSettings({ persist: directory, ...config });
  const fs = await StreamFileSystem.open(settings, { logger: recorder() });
  open.push(fs);
  return fs;
}

async function stop(fs: StreamFileSystem): Promise<void> {
  open = open.filter((one) => one !== fs);
  await fs.shutdown();
}

const bytes = (text: string) => Buffer.from(text);
/** The contents, from memory or from disk. */
async function textOf({ content = contentOfParts([]), parts }: Snapshot): Promise<string> {
  const all = [...parts];
  for await (const piece of content) all.push(piece);
  return Buffer.concat(all).toString();
}

async function streamAt(fs: StreamFileSystem, path: string) {
  const source = await fs.openStream(path, { create: false });
  if (source.kind !== 'live') throw new Error(`${path} is no stream`);
  source.reader.close();
  return internalOf(source.reader.stream);
}

describe('streams that are kept on disk', () => {
  it('are there after a restart: bytes, chunks, generation, offsets, times and settings', async () => {
    let fs = await start();
    await fs.create('/a', { settings: { ringBufferSize: 100_000, type: 'text/plain', onLag: 'disconnect' } });
    for (const part of ['one', 'two and more', 'three']) await fs.write('/a', bytes(part));
    await fs.write('/d/b', bytes('elsewhere'));
    const before = await streamAt(fs, '/a');
    const { createdAt, generation, modifiedAt } = before;
    await stop(fs);
    fs = await start();
    const after = await streamAt(fs, '/a');
    expect(after).toMatchObject({ createdAt, generation, modifiedAt, endOffset: 20, totalWritten: 20 });
    expect(after.withHistory.startOffset).toBe(0);
    // Nothing of it is in memory before somebody reads it.
    expect(after.stats().memory).toBe(0);
    const chunks = [];
    for await (const chunk of after.withHistory.chunks(0, 20)) chunks.push(Buffer.from(chunk).toString());
    expect(chunks).toEqual(['one', 'two and more', 'three']);
    expect(after.stats().totalChunks).toBe(3);
    expect(await textOf(await fs.snapshot('/a'))).toBe('onetwo and morethree');
    expect(await fs.streamSettings('/a')).toMatchObject({ ringBufferSize: 100_000, onLag: 'disconnect' });
    expect((await fs.readDir('/')).map(({ name }) => name)).toEqual(['README', 'a', 'd']);
    await fs.write('/a', bytes('!'));
    expect(await textOf(await fs.snapshot('/a'))).toBe('onetwo and morethree!');
  });

  it('stay ended with their last word, and stay removed', async () => {
    let fs = await start();
    await fs.write('/ended', bytes('x'));
    await fs.end('/ended', { status: 'exit 3' });
    await fs.write('/gone', bytes('y'));
    await fs.remove('/gone');
    await stop(fs);
    fs = await start();
    expect(await streamAt(fs, '/ended')).toMatchObject({ endReason: 'ended', endStatus: 'exit 3' });
    await expect(fs.write('/ended', bytes('z'))).rejects.toMatchObject({ code: 'STREAM_CLOSED' });
    await expect(fs.stat('/gone')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('know their producers again: an append is applied once', async () => {
    let fs = await start();
    const write = async (seq: number, text: string) => {
      const writer = await fs.openProducerWrite('/p', { id: 'p', epoch: 0, seq });
      await writer.write(bytes(text));
      await writer.close();
      return writer.producer;
    };
    await write(0, 'a');
    await write(1, 'b');
    await stop(fs);
    fs = await start();
    expect(await write(1, 'b')).toMatchObject({ isRepeated: true });
    expect(await write(2, 'c')).toMatchObject({ isRepeated: false });
    expect(await textOf(await fs.snapshot('/p'))).toBe('abc');
  });

  it('continue after the bytes of an append that broke off', async () => {
    let fs = await start();
    const append = { id: 'p', epoch: 0, seq: 0 };
    const broken = await fs.openProducerWrite('/p', append);
    await broken.write(bytes('half'));
    await broken.abort();
    await stop(fs);
    fs = await start();
    const again = await fs.openProducerWrite('/p', append);
    await again.write(bytes('half and the rest'));
    await again.close();
    expect(await textOf(await fs.snapshot('/p'))).toBe('half and the rest');
  });

  it('keep long appends in segments, and the appends around them', async () => {
    let fs = await start();
    const long = Buffer.alloc(300_000, 'abcdefghij');
    await fs.write('/long', bytes('short'));
    await fs.write('/long', long);
    await fs.write('/long', bytes('end'));
    await stop(fs);
    fs = await start();
    expect(await textOf(await fs.snapshot('/long'))).toBe(`short${long}end`);
    expect((await streamAt(fs, '/long')).stats().totalChunks).toBe(1 + 5 + 1);
  });

  it('remember forks, and that the source of one is gone', async () => {
    let fs = await start();
    const store = fs.streams();
    const options = { data: bytes('source'), end: false, settings: { type: 'text/plain' } };
    await store.create('/s', options);
    await store.create('/f', { ...options, data: bytes('!'), fork: { source: '/s', beyond: 0 } });
    await fs.remove('/s');
    await stop(fs);
    fs = await start();
    expect(await textOf(await fs.snapshot('/f'))).toBe('source!');
    await expect(fs.streams().find('/s')).rejects.toMatchObject({ code: 'STREAM_GONE' });
    await fs.remove('/f');
    await expect(fs.streams().find('/s')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  it('are refused to a second file system in the same directory', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({ code: 'DISK_LOCKED' });
  });

  it('contract 107: lose no byte to a reader that came before their first writer, however slow it is', async () => {
    const fs = await start({ ring_buffer_size: '64KB', channel_buffer_size: '64KB' });
    const source = await fs.openStream('/early');
    if (source.kind !== 'live') throw new Error('no stream');
    const parts = Array.from({ length: 50 }, (_, n) => Buffer.alloc(10_000, n));
    for (const part of parts) await fs.write('/early', part);
    await fs.end('/early');
    const records = [];
    const received: Buffer[] = [];
    for await (const record of source.reader) {
      records.push(record.type);
      if (record.type === 'data') received.push(Buffer.from(record.data));
    }
    expect(records).not.toContain('gap');
    expect(Buffer.concat(received).equals(Buffer.concat(parts))).toBe(true);
  });

  it('are not made where only readers have come', async () => {
    let fs = await start();
    const source = await fs.openStream('/read');
    await stop(fs);
    if (source.kind === 'live') source.reader.close();
    fs = await start();
    await expect(fs.stat('/read')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });
});
