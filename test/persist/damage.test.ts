/** Damage in files of a log, detected when they are read. */
import { describe, expect, it } from 'vitest';
import { type CursorReader, RingStream, StreamRules } from '../../src/core/internal.ts';
import { DiskStore } from '../../src/persist/disk-store.ts';
import { SHUTDOWN_SNAPSHOT_FILE, segmentPath } from '../../src/persist/layout.ts';
import { recorder } from '../app/recorder.ts';
import { SimulatedDisk } from './simulated-disk.ts';

/** So small that startup reads no bytes of the recovered streams for it. */
const rules = new StreamRules({ retention: 1, maxLag: 1_000_000 });
const OWNER = { facts: () => '{}', producers: () => undefined };
/** A separate block each, since each is written separately. */
const BLOCK = 65_536;
const BLOCKS = 6;
const PIECE = 100;
const PIECES = 5;

async function open(disk: SimulatedDisk) {
  const logger = recorder();
  const store = await DiskStore.open({
    ...{ disk, sync: { name: 'always', interval: 0 }, boot: 'one', logger, retention: 1e9, maxCache: 0 },
    ...{ maxStreamBacklog: 400_000, maxBacklog: 400_000, maxJournal: 1e8, maxSegment: 10_000_000, maxFiles: 16 },
  });
  return { store, damages: () => logger.lines.filter(({ message }) => message === 'the log is damaged') };
}

/** A stream of some blocks in a segment, and after them some short appends in a journal; then a clean shutdown. */
async function closedLog() {
  const disk = new SimulatedDisk();
  const { store } = await open(disk);
  const stream = new RingStream({ name: '/a' }, new StreamRules({ retention: 1_000_000, maxLag: 1_000_000 }));
  const log = store.attach(stream, '/a', OWNER);
  for (let n = 0; n < BLOCKS; n++) {
    stream.append(Buffer.alloc(BLOCK, String(n)));
    await log.whenSaved();
  }
  for (let n = 0; n < PIECES; n++) {
    stream.append(Buffer.alloc(PIECE, 'abcde'[n]));
    await log.whenSaved();
  }
  const { segments, tail } = log.known;
  await store.close();
  const killed = disk.kill();
  expect(killed.files.has(SHUTDOWN_SNAPSHOT_FILE)).toBe(true);
  const file = segmentPath(log.known.id, 0);
  return { disk: killed, tail, file, segment: segments[0]!, bytes: killed.files.get(file)!.bytes };
}

/** A reader of everything on disk, and its results. */
async function readAll(store: DiskStore, stream?: RingStream) {
  let of = stream;
  if (of === undefined) {
    const [known] = store.found;
    of = new RingStream({ name: '/a' }, rules);
    of.skipTo(known!.reach.offset, known!.reach.chunks);
    store.adopt(known!, of, OWNER);
    of.end();
  }
  const reader: CursorReader = of.openReader({ reachBack: true });
  const gaps: number[][] = [];
  const parts: Buffer[] = [];
  for await (const record of reader) {
    // Adjacent holes may be reported as one gap if they are already known.
    if (record.type === 'gap' && gaps.at(-1)?.[1] === record.from) gaps.at(-1)![1] = record.to;
    else if (record.type === 'gap') gaps.push([record.from, record.to]);
    if (record.type === 'data') parts.push(Buffer.from(record.data));
  }
  return { stream: of, gaps, received: Buffer.concat(parts), receivedChunks: reader.receivedChunks };
}

/** Reads everything twice. */
async function readTwice(disk: SimulatedDisk) {
  const { store, damages } = await open(disk);
  expect(store.stats.damages).toBe(0);
  const first = await readAll(store);
  const found = damages();
  const again = await readAll(store, first.stream);
  expect(again.gaps).toEqual(first.gaps);
  expect(damages()).toEqual(found);
  expect(store.stats.damages).toBe(found.length);
  await store.close();
  return { ...first, damages: found.map(({ facts }) => String(facts.damage)) };
}

const total = BLOCKS * BLOCK + PIECES * PIECE;

describe('contract 109: damage that came to a log after a clean stop', () => {
  it('in a segment is reported once, with file and place, and is a gap of the one block', async () => {
    const { bytes, disk, file } = await closedLog();
    const place = bytes.indexOf('2222');
    bytes[place + 5000]! ^= 1;
    const { damages, gaps, received } = await readTwice(disk);
    expect(gaps).toEqual([[2 * BLOCK, 3 * BLOCK]]);
    expect(received.length).toBe(total - BLOCK);
    const [, from, to] = /bytes (\d+) to (\d+): damaged/.exec(damages[0]!)!;
    expect(damages).toHaveLength(1);
    expect(damages[0]).toContain(file);
    expect(damages[0]).toContain(`: from offset ${2 * BLOCK} on, of stream 1 (/a)`);
    expect([Number(from) < place + 5000, Number(to) > place + 5000]).toEqual([true, true]);
    expect(Number(to) - Number(from)).toBeLessThan(BLOCK + 100);
  });

  it('in a journal is reported once, with file and place, and is a gap of the one append', async () => {
    const { disk, tail } = await closedLog();
    const { journal, position } = tail[2]!;
    const file = `journal/${String(journal).padStart(10, '0')}.log`;
    disk.files.get(file)!.bytes[position + 60]! ^= 1;
    const { damages, gaps, received } = await readTwice(disk);
    const from = BLOCKS * BLOCK + 2 * PIECE;
    expect(gaps).toEqual([[from, from + PIECE]]);
    expect(received.length).toBe(total - PIECE);
    const place = `bytes ${position} to ${position + tail[2]!.length}`;
    expect(damages).toEqual([`${file}: ${place}: damaged: offsets ${from} to ${from + PIECE}, of stream 1 (/a)`]);
  });

  it.each([
    ['the beginning of its header', (header: Buffer) => header.fill(0, 0, 4)],
    ['its length, which says too little', (header: Buffer) => header.writeUInt32LE(40_000, 8)],
    ['its length, which says too much', (header: Buffer) => header.writeUInt32LE(100_000, 8)],
    ['its length, which reaches beyond the file', (header: Buffer) => header.writeUInt32LE(100_000_000, 8)],
    ['the offset that it begins at, which is too low', (header: Buffer) => header.fill(1, 29, 32)],
    ['the offset that it begins at, which is too high', (header: Buffer) => header.fill(0x7f, 31, 32)],
    ['all of its header', (header: Buffer) => header.fill(0xff)],
  ])('in a block costs that block, where what is damaged is %s', async (_what, damage) => {
    const { bytes, disk, file } = await closedLog();
    const at = bytes.lastIndexOf('SFL1', bytes.indexOf('3333'));
    damage(bytes.subarray(at, at + 40));
    const { damages, gaps, receivedChunks } = await readTwice(disk);
    expect(gaps).toEqual([[3 * BLOCK, 4 * BLOCK]]);
    expect(receivedChunks).toBe(BLOCKS - 1 + PIECES);
    expect(damages).toEqual([expect.stringContaining(`${file}: bytes ${at} to `)]);
    expect(damages).toEqual([expect.stringContaining(`damaged: from offset ${3 * BLOCK} on, of stream 1 (/a)`)]);
  });

  it('is found in each of several places, at both ends too', async () => {
    const { bytes, disk } = await closedLog();
    for (const digit of ['0000', '2222', '3333', '5555']) bytes[bytes.indexOf(digit) + 100]! ^= 1;
    const { damages, gaps } = await readTwice(disk);
    expect(gaps).toEqual([
      [0, BLOCK],
      [2 * BLOCK, 4 * BLOCK],
      [5 * BLOCK, 6 * BLOCK],
    ]);
    expect(damages).toHaveLength(4);
  });

  it('is reported for a file that is missing or has become shorter', async () => {
    const shorter = await closedLog();
    const inode = shorter.disk.files.get(shorter.file)!;
    inode.bytes = Buffer.from(inode.bytes.subarray(0, inode.bytes.length - 10));
    const cut = await readTwice(shorter.disk);
    expect(cut.gaps).toEqual([[5 * BLOCK, 6 * BLOCK]]);
    expect(cut.damages).toEqual([expect.stringMatching(/missing: the file has become shorter/)]);
    const absent = await closedLog();
    await absent.disk.remove(absent.file);
    const { damages, gaps } = await readTwice(absent.disk);
    expect(gaps).toEqual([[0, 6 * BLOCK]]);
    expect(damages).toEqual([expect.stringContaining(`${absent.file}: the whole file is missing`)]);
  });

  it('is not reported for a file that was removed with its stream', async () => {
    const { disk } = await closedLog();
    const { store, damages } = await open(disk);
    const [known] = store.found;
    const stream = new RingStream({ name: '/a' }, rules);
    stream.skipTo(known!.reach.offset, known!.reach.chunks);
    const log = store.adopt(known!, stream, OWNER);
    log.remove();
    await log.whenSaved();
    await store.sync();
    expect(await store.reader.at(known!, 0)).toMatchObject({ kind: 'hole' });
    expect(damages()).toEqual([]);
    await store.close();
  });
});
