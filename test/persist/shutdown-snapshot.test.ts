/** What startup reads after a clean shutdown, and that it checks it before using it. */
import { describe, expect, it } from 'vitest';
import { RingStream, StreamRules } from '../../src/core/internal.ts';
import { DiskStore } from '../../src/persist/disk-store.ts';
import { journalPath, SHUTDOWN_SNAPSHOT_FILE } from '../../src/persist/layout.ts';
import { recorder } from '../app/recorder.ts';
import { SimulatedDisk } from './simulated-disk.ts';

const rules = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000 });

async function open(disk: SimulatedDisk) {
  const logger = recorder();
  const store = await DiskStore.open({
    ...{ disk, sync: { name: 'always', interval: 0 }, boot: 'one', logger, retention: 1e9, maxCache: 1_000_000 },
    ...{ maxStreamBacklog: 400_000, maxBacklog: 400_000, maxJournal: 1e8, maxSegment: 1_000_000, maxFiles: 16 },
  });
  return { store, logger };
}

/** Two streams, one of them with many short parts in journals, and a clean shutdown. */
async function closedLog(parts = 10): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const { store } = await open(disk);
  for (const path of ['/a', '/b']) {
    const stream = new RingStream({ name: path }, rules);
    const log = store.attach(stream, path, { facts: () => '{}', producers: () => undefined });
    stream.append(Buffer.alloc(100_000, path));
    for (let n = 0; n < (path === '/a' ? parts : 10); n++) {
      stream.append(Buffer.from(`${n};`));
      await log.whenSaved();
    }
  }
  await store.close();
  return disk.kill();
}

/** Everything known about the recovered streams, with their bytes. */
async function contentOf(store: DiskStore) {
  const content = [];
  for (const known of store.found) {
    const parts: Buffer[] = [];
    for (let at = known.floor.offset; at < known.reach.offset; ) {
      const found = await store.reader.at(known, at);
      if (found.kind === 'chunks') parts.push(found.data);
      at = found.to.offset;
    }
    content.push({ ...known.snapshot, id: known.id, bytes: Buffer.concat(parts).toString() });
  }
  return content;
}

async function contentAt(disk: SimulatedDisk) {
  const { store, logger } = await open(disk);
  const content = await contentOf(store);
  await store.close();
  return { content, logger };
}

const bytesOf = (disk: SimulatedDisk, path: string) => disk.files.get(path)!.bytes;

describe('a log that was closed cleanly', () => {
  it('is opened from one file, and is what its journals say', async () => {
    const disk = await closedLog(2100);
    const other = disk.kill();
    await other.remove(SHUTDOWN_SNAPSHOT_FILE);
    const fromJournals = await contentAt(other);
    // Startup no longer depends on the contents of the journals.
    const journal = bytesOf(disk, journalPath(1));
    const { store } = await open(disk);
    const { reads } = disk;
    expect(reads).toBeLessThan(4);
    expect(await contentOf(store)).toEqual(fromJournals.content);
    expect(store.stats).toMatchObject({ recoveredStreams: 2, damages: 0, state: 'ok' });
    expect(store.stats.journalBytes).toBeGreaterThan(journal.length);
    await store.close();
  });

  it.each([
    ['is damaged', (disk: SimulatedDisk) => bytesOf(disk, SHUTDOWN_SNAPSHOT_FILE).fill(0, 300, 301)],
    ['is empty', (disk: SimulatedDisk) => (disk.files.get(SHUTDOWN_SNAPSHOT_FILE)!.bytes = Buffer.alloc(0))],
    [
      'is of another time',
      (disk: SimulatedDisk) => {
        const file = disk.files.get(journalPath(1))!;
        file.bytes = Buffer.concat([file.bytes, Buffer.from('torn')]);
      },
    ],
  ])('is read from its journals where that file %s', async (_how, damage) => {
    const whole = await contentAt(await closedLog());
    const disk = await closedLog();
    const generations = new Map(whole.content.map(({ id, identity }) => [id, identity]));
    damage(disk);
    const { content } = await contentAt(disk);
    expect(
      content.map((one) => ({ ...one, identity: generations.get(one.id), modifiedAt: 0, extents: [], segments: [] })),
    ).toEqual(whole.content.map((one) => ({ ...one, modifiedAt: 0, extents: [], segments: [] })));
  });

  it('is read from its journals after the next process was killed', async () => {
    const disk = await closedLog();
    const { store } = await open(disk);
    const stream = new RingStream({ name: '/later' }, rules);
    const log = store.attach(stream, '/later', { facts: () => '{}', producers: () => undefined });
    stream.append(Buffer.from('later'));
    await log.whenSaved();
    expect(disk.files.has(SHUTDOWN_SNAPSHOT_FILE)).toBe(false);
    const { content } = await contentAt(disk.kill());
    expect(content.map(({ identity }) => identity!.path)).toEqual(['/a', '/b', '/later']);
    await store.close();
  });

  it('tells of damage again at each start', async () => {
    const disk = await closedLog();
    await disk.remove(SHUTDOWN_SNAPSHOT_FILE);
    bytesOf(disk, journalPath(1)).fill(0, 400, 410);
    for (let start = 0; start < 2; start++) {
      const { logger } = await contentAt(disk);
      expect(logger.lines.filter(({ message }) => message === 'the log is damaged')).toHaveLength(1);
    }
  });
});
