/** Disk faults, and their effect on streams, writers and readers. */
import { describe, expect, it } from 'vitest';
import { RingStream, StreamRules } from '../../src/core/internal.ts';
import { DiskStore, type DiskStoreOptions } from '../../src/persist/disk-store.ts';
import { RESERVE_FILE } from '../../src/persist/layout.ts';
import type { LoggedStream } from '../../src/persist/logged-stream.ts';
import type { SyncPolicy } from '../../src/persist/sync-policy.ts';
import { recorder } from '../app/recorder.ts';
import { waitFor } from '../harness/wait.ts';
import { SimulatedDisk } from './simulated-disk.ts';

const rules = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000 });
const always: SyncPolicy = { name: 'always', interval: 0 };

async function openStore(disk: SimulatedDisk, sizes: Partial<DiskStoreOptions> = {}) {
  const log = recorder();
  const store = await DiskStore.open({
    ...{ disk, sync: always, boot: 'one', logger: log },
    ...{ maxStreamBacklog: 200_000, maxBacklog: 400_000, maxJournal: 1_000_000, maxSegment: 1_000_000, maxFiles: 16 },
    retention: 1_000_000_000,
    maxCache: 1_000_000,
    ...sizes,
  });
  return { store, log };
}

function attach(store: DiskStore, path: string): { stream: RingStream; log: LoggedStream } {
  const stream = new RingStream({ name: path }, rules);
  return { stream, log: store.attach(stream, path, { facts: () => '{}', producers: () => undefined }) };
}

async function bytesOf(store: DiskStore, path: string): Promise<string> {
  const known = [...store.found].find(({ identity }) => identity.path === path)!;
  const parts: Buffer[] = [];
  for (let at = known.floor.offset; at < known.reach.offset; ) {
    const found = await store.reader.at(known, at);
    parts.push(found.kind === 'chunks' ? found.data : Buffer.from(`[hole to ${found.to.offset}]`));
    at = found.to.offset;
  }
  return Buffer.concat(parts).toString();
}

describe('a disk that is full', () => {
  it('refuses writers, lets readers continue, and takes all that was not refused once there is room', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('before'));
    await log.whenSaved();
    disk.faults.room = 0;
    stream.append(Buffer.from(' while'));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_FULL', status: 507 });
    expect(() => stream.append(Buffer.from('more'))).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
    expect(Buffer.from(stream.snapshot().data).toString()).toBe('before');
    expect(store.stats.state).toBe('full');
    disk.faults.room = Number.POSITIVE_INFINITY;
    await waitFor('the disk is used again', () => store.stats.state === 'ok');
    stream.append(Buffer.from(' after'));
    await log.whenSaved();
    expect(Buffer.from(stream.snapshot().data).toString()).toBe('before while after');
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe('before while after');
    await again.store.close();
  });

  it('can be started on, and read from', async () => {
    const disk = new SimulatedDisk();
    const first = await openStore(disk);
    const { stream, log } = attach(first.store, '/a');
    stream.append(Buffer.from('kept'));
    await log.whenSaved();
    await first.store.close();
    const full = disk.kill();
    full.faults.room = 0;
    const second = await openStore(full);
    expect(second.store.stats.state).toBe('full');
    expect(await bytesOf(second.store, '/a')).toBe('kept');
    expect(() => second.store.requireWritable()).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
    await second.store.close();
  });

  it('has room again when a stream is removed', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const large = attach(store, '/large');
    large.stream.append(Buffer.alloc(150_000));
    const small = attach(store, '/small');
    await small.log.whenSaved();
    disk.faults.room = 200;
    small.stream.append(Buffer.alloc(5000));
    await expect(small.log.whenSaved()).rejects.toMatchObject({ code: 'DISK_FULL' });
    large.stream.end('removed');
    large.log.remove();
    await waitFor('there is room', () => store.stats.state === 'ok');
    expect(small.stream.endOffset).toBe(5000);
    await store.close();
  });
});

describe('a disk without a byte of room', () => {
  it('lets streams be removed, also after a start on it, which makes room', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const large = attach(store, '/large');
    large.stream.append(Buffer.alloc(150_000));
    await large.log.whenSaved();
    const killed = disk.kill();
    killed.faults.room = 0;
    const again = await openStore(killed);
    expect(again.store.stats.state).toBe('full');
    const [known] = again.store.found;
    const stream = new RingStream({ name: '/large' }, rules);
    stream.skipTo(known!.reach.offset, known!.reach.chunks);
    const log = again.store.adopt(known!, stream, { facts: () => '{}', producers: () => undefined });
    stream.end('removed');
    log.remove();
    await waitFor('there is room', () => again.store.stats.state === 'ok');
    expect([...killed.files.keys()].filter((name) => name.startsWith('data/'))).toEqual([]);
    // Available for the next time.
    expect(killed.files.get(RESERVE_FILE)?.bytes.length).toBe(128 * 1024);
    await again.store.close();
    await store.close();
  });
});

describe('a stream that is to be removed while the log cannot be written', () => {
  /** A log with one stream on the disk, without a reserve for removals if `reserve` is false. */
  async function withOne({ reserve = true } = {}) {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { log, stream } = attach(store, '/a');
    stream.append(Buffer.from('kept'));
    await log.whenSaved();
    if (!reserve) await disk.remove(RESERVE_FILE);
    return { disk, store, log, stream };
  }

  async function fill(disk: SimulatedDisk, { log, stream }: { log: LoggedStream; stream: RingStream }) {
    disk.faults.room = 0;
    stream.append(Buffer.from(' more'));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_FULL' });
  }

  it('goes at once on a full disk, by the room that is kept for that', async () => {
    const { disk, log, store, stream } = await withOne();
    await fill(disk, { log, stream });
    let isTold = false;
    log.remove(() => {
      isTold = true;
    });
    expect(stream.closedBy, 'before it is written').toBeUndefined();
    await store.removeDespiteFault([log]);
    expect(isTold).toBe(true);
    const again = await openStore(disk.kill());
    expect([...again.store.found]).toEqual([]);
    await store.close();
    await again.store.close();
  });

  it('stays as it was where that cannot be written either, also once there is room', async () => {
    const { disk, log, store, stream } = await withOne({ reserve: false });
    await fill(disk, { log, stream });
    log.remove(() => expect.unreachable('it is reported as gone'));
    await expect(store.removeDespiteFault([log])).rejects.toMatchObject({ code: 'DISK_FULL' });
    log.cancelRemoval();
    disk.faults.room = Number.POSITIVE_INFINITY;
    await waitFor('the disk is used again', () => store.stats.state === 'ok');
    stream.append(Buffer.from(' again'));
    await log.whenSaved();
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe('kept more again');
    await again.store.close();
  });

  it('stays where two ask for that and one is refused first', async () => {
    const { disk, log, store, stream } = await withOne({ reserve: false });
    await fill(disk, { log, stream });
    const gone: string[] = [];
    const ask = async (who: string) => {
      log.remove(() => gone.push(who));
      await store.removeDespiteFault([log]).finally(() => log.cancelRemoval());
    };
    const both = await Promise.allSettled([ask('one'), ask('other')]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    disk.faults.room = Number.POSITIVE_INFINITY;
    await waitFor('the disk is used again', () => store.stats.state === 'ok');
    await store.close();
    const again = await openStore(disk.kill());
    expect([gone, await bytesOf(again.store, '/a')]).toEqual([[], 'kept more']);
    await again.store.close();
  });

  it('stays on a disk that has failed', async () => {
    const { disk, log, store, stream } = await withOne();
    disk.faults.sync = true;
    stream.append(Buffer.from(' bad'));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    log.remove(() => expect.unreachable('it is reported as gone'));
    await expect(store.removeDespiteFault([log])).rejects.toMatchObject({ code: 'DISK_FAILED', status: 503 });
    log.cancelRemoval();
    await store.close();
  });
});

describe('a disk that fails', () => {
  it('tries what could not be written once more in new files, and loses nothing', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    const all: string[] = [];
    for (let n = 0; n < 6; n++) {
      // The third write fails, and the fifth, one of which goes to a segment.
      disk.faults.failedWrites = n === 2 || n === 4 ? 1 : 0;
      const text = n === 4 || n === 1 ? `${n}`.repeat(70_000) : `${n};`;
      all.push(text);
      stream.append(Buffer.from(text));
      await log.whenSaved();
      expect(store.stats.state).toBe('ok');
    }
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe(all.join(''));
    expect(again.store.stats.damages).toBe(0);
    await again.store.close();
  });

  it('refuses writers where that fails too, and lets readers continue', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('before'));
    await log.whenSaved();
    disk.faults.write = true;
    stream.append(Buffer.from(' while'));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_FAILED', status: 503 });
    expect(() => stream.append(Buffer.from('more'))).toThrow(expect.objectContaining({ code: 'DISK_FAILED' }));
    expect(Buffer.from(stream.snapshot().data).toString()).toBe('before');
    expect(store.stats.state).toBe('failed');
    disk.faults.write = false;
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe('before');
    await again.store.close();
  });

  it('refuses writers for good after a sync that failed, and lets readers continue', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('good'));
    await log.whenSaved();
    disk.faults.sync = true;
    stream.append(Buffer.from(' bad'));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    disk.faults.sync = false;
    const { syncs } = disk;
    expect(() => stream.append(Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'DISK_FAILED', status: 503 }),
    );
    expect(Buffer.from(stream.snapshot().data).toString()).toBe('good');
    await store.close();
    expect(disk.syncs, 'a file of which a sync failed is never synced again').toBe(syncs);
  });

  it('takes a part of each write, and gets all of it', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    disk.faults.shortest = 7;
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('a text that is longer than what is taken at once'));
    await log.whenSaved();
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe('a text that is longer than what is taken at once');
    await again.store.close();
  });
});

describe('a disk that accepts no writes for a while', () => {
  it.each(['EROFS', 'EACCES', 'EMFILE'])(
    'refuses writers with DISK_UNAVAILABLE on %s, lets readers continue, and recovers without a restart',
    async (code) => {
      const disk = new SimulatedDisk();
      const { store, log: lines } = await openStore(disk);
      const { stream, log } = attach(store, '/a');
      stream.append(Buffer.from('before'));
      await log.whenSaved();
      disk.faults.writeCode = code;
      stream.append(Buffer.from(' while'));
      const refusal = { code: 'DISK_UNAVAILABLE', status: 503 };
      await expect(log.whenSaved()).rejects.toMatchObject(refusal);
      expect(() => stream.append(Buffer.from('more'))).toThrow(expect.objectContaining(refusal));
      expect(Buffer.from(stream.snapshot().data).toString()).toBe('before');
      expect(store.stats.state).toBe('failed');
      disk.faults.writeCode = undefined;
      await waitFor('the disk is used again', () => store.stats.state === 'ok');
      stream.append(Buffer.from(' after'));
      await log.whenSaved();
      expect(lines.lines.filter(({ message }) => message === 'the log cannot be written')).toHaveLength(1);
      await store.close();
      const again = await openStore(disk.kill());
      expect(await bytesOf(again.store, '/a')).toBe('before while after');
      expect(again.store.stats.damages).toBe(0);
      await again.store.close();
    },
  );

  it('keeps a stream that could not be removed, and can remove it afterwards', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('kept'));
    await log.whenSaved();
    disk.faults.writeCode = 'EROFS';
    stream.append(Buffer.from('!'));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_UNAVAILABLE' });
    log.remove(() => undefined);
    await expect(store.removeDespiteFault([log])).rejects.toMatchObject({ code: 'DISK_UNAVAILABLE' });
    log.cancelRemoval();
    expect(log.isGone).toBe(false);
    disk.faults.writeCode = undefined;
    log.remove(() => undefined);
    await store.removeDespiteFault([log]);
    expect(log.isGone).toBe(true);
    await store.close();
    const again = await openStore(disk.kill());
    expect([...again.store.found]).toEqual([]);
    await again.store.close();
  });

  it('syncs later the files that it cannot open to sync', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { maxFiles: 0, sync: { name: 'interval', interval: 60_000 } });
    const { stream, log } = attach(store, '/a');
    for (const text of ['a'.repeat(70_000), 'end']) {
      stream.append(Buffer.from(text));
      await log.whenSaved();
    }
    disk.faults.openCode = 'EMFILE';
    await expect(store.sync()).rejects.toMatchObject({ code: 'DISK_UNAVAILABLE' });
    await expect(store.sync()).rejects.toMatchObject({ code: 'DISK_UNAVAILABLE' });
    disk.faults.openCode = undefined;
    await waitFor('the disk is used again', () => store.stats.state === 'ok');
    const again = await openStore(disk.cutPower(() => 0.9));
    expect(await bytesOf(again.store, '/a')).toBe(`${'a'.repeat(70_000)}end`);
    await again.store.close();
    await store.close();
  });

  it('loses nothing that it was moving out of a journal', async () => {
    const disk = new SimulatedDisk();
    const { store, log: lines } = await openStore(disk, { maxFiles: 0 });
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('a'.repeat(50_000)));
    await log.whenSaved();
    // These bytes go into a segment, after those in the journal.
    disk.faults.openCode = 'EMFILE';
    stream.append(Buffer.from('b'.repeat(70_000)));
    await expect(log.whenSaved()).rejects.toMatchObject({ code: 'DISK_UNAVAILABLE' });
    disk.faults.openCode = undefined;
    await waitFor('the disk is used again', () => store.stats.state === 'ok');
    expect(store.stats.damages).toBe(0);
    expect(lines.lines.map(({ message }) => message)).not.toContain('bytes of a stream cannot be read any more');
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe('a'.repeat(50_000) + 'b'.repeat(70_000));
    await again.store.close();
  });

  it('lets readers wait while no file can be opened: they get no gap', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { maxFiles: 0 });
    const small = new StreamRules({ retention: 10_000, maxLag: 10_000 });
    const stream = new RingStream({ name: '/a' }, small);
    const log = store.attach(stream, '/a', { facts: () => '{}', producers: () => undefined });
    for (let n = 0; n < 10; n++) {
      stream.append(Buffer.alloc(5000, String(n)));
      await log.whenSaved();
    }
    const reader = stream.openReader({ reachBack: true });
    disk.faults.openCode = 'EMFILE';
    const first = reader.read();
    const { operations } = disk;
    await waitFor('a failed open', () => disk.operations > operations);
    disk.faults.openCode = undefined;
    expect(await first).toMatchObject({ type: 'data', offset: 0, data: Buffer.alloc(5000, '0') });
    expect(store.stats.damages).toBe(0);
    reader.close();
    await store.close();
  });

  it('closes files of its own when the process has too many open', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { maxFiles: 100 });
    const logs = Array.from({ length: 20 }, (_, n) => attach(store, `/${n}`));
    disk.faults.maxOpen = 10;
    for (const { stream, log } of logs) {
      stream.append(Buffer.alloc(70_000));
      await log.whenSaved();
    }
    expect(store.stats.state).toBe('ok');
    expect(disk.openFiles).toBeLessThanOrEqual(10);
    await store.close();
    expect(disk.openFiles).toBe(0);
  });
});

describe('files that somebody removes while they are written to', () => {
  it('refuses writers where a journal is gone: nothing is acknowledged that is in no file', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { log, stream } = attach(store, '/a');
    stream.append(Buffer.from('kept'));
    await log.whenSaved();
    await disk.remove('journal/0000000001.log');
    stream.append(Buffer.from(' lost'));
    await expect(log.whenSaved()).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: expect.stringContaining('removed'),
    });
    expect([...disk.files.keys()].filter((name) => name.startsWith('journal/'))).toEqual([]);
    await store.close();
  });

  it('begins another segment where that of a stream is gone, and says once which', async () => {
    const disk = new SimulatedDisk();
    const { log: lines, store } = await openStore(disk);
    const { log, stream } = attach(store, '/a');
    stream.append(Buffer.alloc(70_000, 'x'));
    await log.whenSaved();
    const [segment = ''] = [...disk.files.keys()].filter((name) => name.startsWith('data/'));
    await disk.remove(segment);
    for (const byte of ['y', 'z']) {
      stream.append(Buffer.alloc(70_000, byte));
      await log.whenSaved();
    }
    const reported = lines.lines.filter(({ level }) => level === 'error').map(({ facts }) => facts.damage);
    expect(reported).toEqual([`${segment}: the whole file is missing, of stream 1 (/a)`]);
    await store.close();
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe(`[hole to 70000]${'y'.repeat(70_000)}${'z'.repeat(70_000)}`);
    await again.store.close();
  });
});

describe('segments that are not as the journal says', () => {
  /** Two streams with a segment each, of a log that was killed before it recorded what is on the disk. */
  async function twoSegments() {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { sync: { name: 'interval', interval: 60_000 } });
    for (const path of ['/a', '/b']) {
      const { log, stream } = attach(store, path);
      stream.append(Buffer.alloc(70_000, path));
      await log.whenSaved();
    }
    const killed = disk.kill();
    const names = [...killed.files.keys()].filter((name) => name.startsWith('data/')).sort();
    return { killed, names, close: () => store.close() };
  }

  it('are damage where the kernel has lived on: they are named, and kept aside', async () => {
    const { close, killed, names } = await twoSegments();
    const [first = '', second = ''] = names;
    await killed.rename(first, 'aside');
    await killed.rename(second, first);
    await killed.rename('aside', second);
    const { log, store } = await openStore(killed);
    const reported = log.lines.filter(({ level }) => level === 'error').map(({ facts }) => facts.damage);
    expect(reported).toEqual([
      `${first}: not what the journal says: bytes of /a from offset 0 on`,
      `${second}: not what the journal says: bytes of /b from offset 0 on`,
    ]);
    const kept = [...killed.files.keys()].filter((name) => name.startsWith('data/')).sort();
    expect(kept).toEqual([`${first}.damaged`, `${second}.damaged`]);
    await store.close();
    await close();
  });

  it('are what a power cut may leave otherwise', async () => {
    const { close, killed, names } = await twoSegments();
    await killed.remove(names[0]!);
    const { log, store } = await openStore(killed, { boot: 'another' });
    expect(log.lines.filter(({ level }) => level === 'error')).toEqual([]);
    expect(await bytesOf(store, '/b')).toHaveLength(70_000);
    await store.close();
    await close();
  });
});

describe('a log that is damaged', () => {
  async function damaged(damage: (bytes: Buffer) => void) {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    const other = attach(store, '/b');
    for (const text of ['first ', 'second ', 'third']) {
      stream.append(Buffer.from(text));
      await log.whenSaved();
    }
    other.stream.append(Buffer.from('other'));
    await other.log.whenSaved();
    const journal = [...disk.files].find(([name]) => name.startsWith('journal/'))![1];
    damage(journal.bytes);
    return openStore(disk.kill());
  }

  it('loses a damaged part in the middle, reports it, and keeps everything around it', async () => {
    const { log, store } = await damaged((bytes) => {
      bytes[bytes.indexOf('second')]! ^= 1;
    });
    expect(await bytesOf(store, '/a')).toBe('first [hole to 13]third');
    expect(await bytesOf(store, '/b')).toBe('other');
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(store.stats.damages).toBe(1);
    await store.close();
  });

  it('contract 109: knows whose bytes they are, also where those that came with its name are damaged', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    for (const part of ['1st;', '2nd;', '3rd;']) {
      stream.append(Buffer.from(part));
      await log.whenSaved();
    }
    const killed = disk.kill();
    await store.close();
    const [, journal] = [...killed.files].find(([name]) => name.startsWith('journal/'))!;
    journal.bytes[journal.bytes.indexOf('1st;')]! ^= 1;
    const again = await openStore(killed);
    expect(await bytesOf(again.store, '/a')).toBe('[hole to 4]2nd;3rd;');
    await again.store.close();
  });

  it('loses its damaged tail, and nothing else', async () => {
    const { store } = await damaged((bytes) => bytes.fill(0, bytes.indexOf('other')));
    expect(await bytesOf(store, '/a')).toBe('first second third');
    expect([...store.found].find(({ identity }) => identity.path === '/b')!.reach.offset).toBe(0);
    await store.close();
  });

  it('takes nothing for a record that a writer has made up', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.from('one'));
    await log.whenSaved();
    const [, journal] = [...disk.files].find(([name]) => name.startsWith('journal/'))!;
    // Of another log, or forged: identical except for the salt.
    const record = Buffer.from(journal.bytes.subarray(0, 200));
    stream.append(Buffer.concat([Buffer.alloc(40, 'x'), record]));
    await log.whenSaved();
    const found = [...disk.files].find(([name]) => name.startsWith('journal/'))![1];
    found.bytes[found.bytes.indexOf('xxxx')]! ^= 1;
    const again = await openStore(disk.kill());
    expect([...again.store.found]).toHaveLength(1);
    expect(await bytesOf(again.store, '/a')).toMatch(/^one/);
    await again.store.close();
  });
});

describe('a directory', () => {
  it('is left untouched where a newer version has written it', async () => {
    const disk = new SimulatedDisk();
    await (await openStore(disk)).store.close();
    disk.files.get('FORMAT')!.bytes = Buffer.from('streamfs-log 2\nwhatever\n');
    const before = [...disk.files].map(([name, { bytes }]) => [name, bytes.toString('hex')]);
    const operations = disk.operations;
    await expect(openStore(disk)).rejects.toMatchObject({ code: 'DISK_FORMAT' });
    expect([...disk.files].map(([name, { bytes }]) => [name, bytes.toString('hex')])).toEqual(before);
    expect(disk.operations).toBe(operations + 1);
  });

  it('is left untouched where its file FORMAT is damaged: with another salt nothing in it would be good', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    attach(store, '/a').stream.append(Buffer.from('kept'));
    await store.close();
    const format = disk.files.get('FORMAT')!.bytes;
    const digit = format.indexOf('salt ') + 5;
    const before = format[digit]!;
    format[digit] = before === 0x30 ? 0x31 : 0x30;
    await expect(openStore(disk.kill())).rejects.toMatchObject({ code: 'DISK_FORMAT' });
    format[digit] = before;
    for (const bytes of [format.subarray(0, -3), Buffer.concat([format, Buffer.alloc(9)])]) {
      disk.files.get('FORMAT')!.bytes = bytes;
      await expect(openStore(disk.kill())).rejects.toThrow('its file FORMAT is damaged');
    }
    disk.files.get('FORMAT')!.bytes = format;
    const again = await openStore(disk.kill());
    expect(await bytesOf(again.store, '/a')).toBe('kept');
    await again.store.close();
  });

  it('is refused if a journal is missing: no new log is created', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { maxJournal: 1000 });
    const { stream, log } = attach(store, '/a');
    for (let n = 0; n < 40; n++) {
      stream.append(Buffer.alloc(100, 'x'));
      await log.whenSaved();
    }
    await waitFor('the state is written', () => disk.files.has('state'));
    await store.close();
    const next = disk.kill();
    for (const name of [...next.files.keys()]) if (name.startsWith('journal/')) await next.remove(name);
    await expect(openStore(next)).rejects.toThrow(/journal\/\d+\.log: the whole file is missing/);
  });

  it('is refused without its first journal where there was something in it, and nothing is removed', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.alloc(70_000));
    await log.whenSaved();
    const killed = disk.kill();
    await store.close();
    const closed = disk.kill();
    for (const each of [killed, closed]) {
      await each.remove('journal/0000000001.log');
      const before = [...each.files.keys()];
      await expect(openStore(each)).rejects.toThrow('journal/0000000001.log: the whole file is missing');
      expect([...each.files.keys()]).toEqual(before);
    }
  });

  it('keeps the segments of streams whose records are all lost, and reports the loss', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.alloc(70_000, 'a'));
    await log.whenSaved();
    const killed = disk.kill();
    await store.close();
    const [segment] = [...killed.files].filter(([name]) => name.startsWith('data/'));
    const { bytes } = segment![1];
    [...killed.files].find(([name]) => name.startsWith('journal/'))![1].bytes = Buffer.alloc(0);
    const again = await openStore(killed);
    expect(again.store.stats.damages).toBe(1);
    const other = attach(again.store, '/b');
    other.stream.append(Buffer.alloc(80_000, 'b'));
    await other.log.whenSaved();
    expect(killed.files.get(segment![0])?.bytes.equals(bytes)).toBe(true);
    await again.store.close();
  });

  it('is refused as a log without FORMAT where it has other files of one', async () => {
    const disk = new SimulatedDisk();
    await (await openStore(disk)).store.close();
    await disk.remove('FORMAT');
    await expect(openStore(disk)).rejects.toThrow('its file FORMAT is missing');
  });

  it('keeps few files open, however many streams have segments', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { maxFiles: 8 });
    const logs = Array.from({ length: 50 }, (_, n) => attach(store, `/${n}`));
    for (const { stream, log } of logs) {
      stream.append(Buffer.alloc(70_000));
      await log.whenSaved();
    }
    expect([...disk.files.keys()].filter((name) => name.startsWith('data/'))).toHaveLength(50);
    expect(disk.openFiles).toBeLessThanOrEqual(8);
    await store.close();
    expect(disk.openFiles).toBe(0);
  });

  it('keeps no file open that is removed, though it is read between its stream’s removal and its own', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream, log } = attach(store, '/a');
    stream.append(Buffer.alloc(70_000));
    await log.whenSaved();
    const { known } = log;
    log.remove();
    await log.whenSaved();
    await store.reader.at(known, 0);
    await store.sync();
    expect([...disk.files.keys()].filter((name) => name.startsWith('data/'))).toEqual([]);
    expect(disk.openFiles).toBe([...disk.files.keys()].filter((name) => name.startsWith('journal/')).length);
    await store.close();
  });
});

describe('the retention of a stream', () => {
  it('is as much as asked for and at most a segment more; older segments go', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk, { retention: 600_000 });
    const { stream, log } = attach(store, '/a');
    for (let n = 0; n < 30; n++) {
      stream.append(Buffer.alloc(100_000, String(n % 10)));
      await log.whenSaved();
    }
    const { floor, reach } = log.known;
    expect(reach).toEqual({ offset: 3_000_000, chunks: 60 });
    expect(reach.offset - floor.offset).toBeGreaterThanOrEqual(600_000);
    expect(reach.offset - floor.offset).toBeLessThanOrEqual(600_000 + 200_000);
    await store.close();
    const left = [...disk.files].filter(([name]) => name.startsWith('data/'));
    expect(left.reduce((sum, [, { bytes }]) => sum + bytes.length, 0)).toBeLessThan(900_000);
    const again = await openStore(disk.kill());
    const [known] = again.store.found;
    expect(known).toMatchObject({ floor, reach });
    expect((await bytesOf(again.store, '/a')).length).toBe(reach.offset - floor.offset);
    await again.store.close();
  });
});

describe('retention by age', () => {
  const HOUR = 3_600_000;

  /** A clock that the test advances. */
  function clock() {
    let now = 1_800_000_000_000;
    return {
      now: () => now,
      pass: (milliseconds: number) => {
        now += milliseconds;
      },
    };
  }

  function attachAt(store: DiskStore, path: string, now: () => number) {
    const timed = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000, now });
    const stream = new RingStream({ name: path }, timed);
    return { stream, log: store.attach(stream, path, { facts: () => '{}', producers: () => undefined }) };
  }

  it('goes when it is too old, from disk and from memory, and readers there get a gap', async () => {
    const disk = new SimulatedDisk();
    const { now, pass } = clock();
    const { store } = await openStore(disk, { maxAge: 8 * HOUR, now });
    const { stream, log } = attachAt(store, '/a', now);
    const reader = stream.openReader({ reachBack: true });
    for (let n = 0; n < 12; n++) {
      stream.append(Buffer.alloc(n % 2 === 0 ? 100_000 : 100, String(n % 10)));
      await log.whenSaved();
      pass(2 * HOUR);
      store.dropExpired();
    }
    stream.append(Buffer.from('new'));
    await log.whenSaved();
    // Those of the last eight hours are there, and those of up to an hour before them.
    const { floor, reach } = log.known;
    const ofEightHours = 2 * 100_100 + 3;
    expect(reach.offset - floor.offset).toBeGreaterThanOrEqual(ofEightHours);
    expect(reach.offset - floor.offset).toBeLessThanOrEqual(ofEightHours + 100_100);
    expect(stream.startOffset).toBe(floor.offset);
    expect(await reader.read()).toMatchObject({ type: 'gap', from: 0, to: floor.offset });
    pass(9 * HOUR);
    store.dropExpired();
    await waitFor('all of it is too old', () => log.known.floor.offset === reach.offset);
    expect(stream.startOffset).toBe(stream.endOffset);
    await store.sync();
    expect([...disk.files.keys()].filter((name) => name.startsWith('data/'))).toEqual([]);
    stream.append(Buffer.from('again'));
    await log.whenSaved();
    await store.close();
    const again = await openStore(disk.kill(), { maxAge: 8 * HOUR, now });
    expect(await bytesOf(again.store, '/a')).toBe('again');
    await again.store.close();
  });

  it('keeps its age over a restart, in segments and in journals', async () => {
    const disk = new SimulatedDisk();
    const { now, pass } = clock();
    const { store } = await openStore(disk, { maxAge: 8 * HOUR, now });
    const long = attachAt(store, '/long', now);
    const short = attachAt(store, '/short', now);
    for (const { stream } of [long, short]) stream.append(Buffer.alloc(stream === long.stream ? 100_000 : 100));
    await short.log.whenSaved();
    await store.close();
    pass(9 * HOUR);
    const again = await openStore(disk.kill(), { maxAge: 8 * HOUR, now });
    const logs = [...again.store.found].map((known) => {
      const timed = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000, now });
      const stream = new RingStream({ name: known.identity.path }, timed);
      stream.skipTo(known.reach.offset, known.reach.chunks);
      stream.modifiedAt = known.modifiedAt;
      return again.store.adopt(known, stream, { facts: () => '{}', producers: () => undefined });
    });
    again.store.dropExpired();
    await waitFor('both are empty', () => logs.every(({ known }) => known.floor.offset === known.reach.offset));
    await again.store.close();
  });

  describe('while the system clock is set', () => {
    const DAY = 24 * HOUR;

    /** Appends to a stream in segments and one in journals. */
    async function appendTo(streams: readonly ReturnType<typeof attachAt>[], bytes: string) {
      for (const [n, { log, stream }] of streams.entries()) {
        stream.append(Buffer.alloc(n === 0 ? 100_000 : 100, bytes));
        await log.whenSaved();
      }
    }

    it('removes bytes written while it was ahead once they are too old by the corrected clock', async () => {
      const { now, pass } = clock();
      const { store } = await openStore(new SimulatedDisk(), { maxAge: 8 * HOUR, now });
      const streams = [attachAt(store, '/long', now), attachAt(store, '/short', now)];
      store.dropExpired();
      pass(365 * DAY);
      await appendTo(streams, 'a');
      store.dropExpired();
      pass(-365 * DAY);
      await appendTo(streams, 'b');
      store.dropExpired();
      pass(7 * HOUR);
      store.dropExpired();
      for (const { log } of streams) {
        await log.whenSaved();
        expect(log.known.floor.offset).toBe(0);
      }
      pass(2 * HOUR);
      store.dropExpired();
      for (const { log } of streams)
        await waitFor('all of it is too old', () => log.known.floor.offset === log.known.reach.offset);
      await store.close();
    });

    it('removes bytes written while it was ahead after a restart with the corrected clock', async () => {
      const disk = new SimulatedDisk();
      const { now, pass } = clock();
      const { store } = await openStore(disk, { maxAge: 8 * HOUR, now });
      pass(365 * DAY);
      await appendTo([attachAt(store, '/long', now), attachAt(store, '/short', now)], 'a');
      await store.close();
      pass(-365 * DAY);
      const again = await openStore(disk.kill(), { maxAge: 8 * HOUR, now });
      const logs = [...again.store.found].map((known) => {
        const timed = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000, now });
        const stream = new RingStream({ name: known.identity.path }, timed);
        stream.skipTo(known.reach.offset, known.reach.chunks);
        stream.modifiedAt = known.modifiedAt;
        return again.store.adopt(known, stream, { facts: () => '{}', producers: () => undefined });
      });
      again.store.dropExpired();
      pass(9 * HOUR);
      again.store.dropExpired();
      for (const { known } of logs)
        await waitFor('all of it is too old', () => known.floor.offset === known.reach.offset);
      await again.store.close();
    });

    it('does not add to a segment that began while it was ahead', async () => {
      const { now, pass } = clock();
      const { store } = await openStore(new SimulatedDisk(), { maxAge: 8 * HOUR, now });
      const stream = attachAt(store, '/long', now);
      pass(365 * DAY);
      await appendTo([stream], 'a');
      expect(stream.log.known.segments).toHaveLength(1);
      pass(-365 * DAY);
      await appendTo([stream], 'b');
      expect(stream.log.known.segments).toHaveLength(2);
      await store.close();
    });
  });
});

describe('the total size of all streams', () => {
  it('is bounded: the oldest segments go, whosever they are, and the newest stay', async () => {
    const disk = new SimulatedDisk();
    let time = 1;
    const now = () => time++;
    const { store } = await openStore(disk, { maxTotal: 3_000_000, maxSegment: 200_000, now });
    const streams = Array.from({ length: 4 }, (_, n) => {
      const timed = new StreamRules({ retention: 1_000_000, maxLag: 1_000_000, now });
      const stream = new RingStream({ name: `/${n}` }, timed);
      return { stream, log: store.attach(stream, `/${n}`, { facts: () => '{}', producers: () => undefined }) };
    });
    for (let n = 0; n < 80; n++) {
      // The first stream has no bytes left after a while.
      const { stream, log } = streams[n < 20 ? n % 4 : 1 + (n % 3)]!;
      stream.append(Buffer.alloc(100_000, String(n % 10)));
      await log.whenSaved();
    }
    await waitFor('the oldest has gone', () => store.stats.segmentBytes + store.stats.journalBytes <= 3_000_000);
    await store.sync();
    const inFiles = [...disk.files].filter(([name]) => name.startsWith('data/'));
    expect(inFiles.reduce((sum, [, { bytes }]) => sum + bytes.length, 0)).toBe(store.stats.segmentBytes);
    expect(store.stats.segmentBytes).toBeGreaterThan(2_000_000);
    expect(streams[0]!.log.known).toMatchObject({ segments: [], floor: streams[0]!.log.known.reach });
    for (const { log } of streams.slice(1)) {
      expect(log.known.floor.offset).toBeLessThan(log.known.reach.offset);
    }
    await store.close();
  });
});

describe('pending writes', () => {
  it('is bounded: a writer that can wait does, and one that cannot is refused', async () => {
    const disk = new SimulatedDisk();
    const { store } = await openStore(disk);
    const { stream } = attach(store, '/a');
    stream.append(Buffer.alloc(150_000));
    expect(() => stream.append(Buffer.alloc(100_000))).toThrow(expect.objectContaining({ code: 'DISK_BEHIND' }));
    let most = 0;
    const writing = stream.write(Buffer.alloc(3_000_000));
    expect(writing).toBeInstanceOf(Promise);
    const watch = setInterval(() => {
      most = Math.max(most, store.backlog);
    }, 1);
    await writing;
    clearInterval(watch);
    expect(most).toBeLessThan(200_000 + 256 * 1024 + 1);
    expect(stream.writtenEnd).toBe(3_150_000);
    await store.close();
    expect(stream.endOffset).toBe(3_150_000);
  });
});
