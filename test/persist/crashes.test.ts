/**
 * Crashes at any point, compared with a model. After each crash the log must hold what was acknowledged, and nothing that was not
 * appended; chunks end where they ended, producers agree with their bytes, and no offset that a reader received has other bytes
 * than before.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ProducerRecord, Producers, RingStream, StreamRules } from '../../src/core/internal.ts';
import { isStreamFSError } from '../../src/errors/index.ts';
import { DiskStore } from '../../src/persist/disk-store.ts';
import type { KnownStream } from '../../src/persist/known-stream.ts';
import type { LoggedStream } from '../../src/persist/logged-stream.ts';
import type { SyncPolicy } from '../../src/persist/sync-policy.ts';
import { SimulatedDisk } from './simulated-disk.ts';

const RULES = { retention: 300_000, maxLag: 300_000 };

/** What an observer knows about a stream. */
interface Model {
  path: string;
  generation: string;
  chunks: Buffer[];
  /** The position of each producer when the stream ended at an offset. */
  producers: Map<number, Map<string, ProducerRecord>>;
  /** The minimum end offset after a crash. */
  acknowledged: number;
  /** The highest offset that a reader has received. */
  seen: number;
  isEnded: boolean;
  isEndAcknowledged: boolean;
  isRemoved: boolean;
  isRemovalAcknowledged: boolean;
}

interface Live {
  model: Model;
  stream: RingStream;
  log: LoggedStream;
  producers: Producers;
  seqs: Map<string, number>;
}

const endOf = (model: Model) => model.chunks.reduce((sum, { length }) => sum + length, 0);

class Machine {
  readonly models: Model[] = [];
  liveStreams: Live[] = [];
  disk: SimulatedDisk;
  store!: DiskStore;
  readonly policy: SyncPolicy;
  private next = 0;
  readonly pending: Promise<unknown>[] = [];
  /** Whether acknowledged bytes may be lost, because durability is not promised. */
  private readonly isLossy: boolean;
  /** The last process has closed the log cleanly. */
  private isInOrder = false;

  constructor(policy: SyncPolicy, how: 'kill' | 'power', disk: SimulatedDisk) {
    this.policy = policy;
    this.disk = disk;
    this.isLossy = policy.name === 'none' || (policy.name === 'interval' && how === 'power');
  }

  async open(boot: string): Promise<void> {
    this.store = await DiskStore.open({
      disk: this.disk,
      sync: this.policy,
      boot,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      ...{ maxStreamBacklog: 400_000, maxBacklog: 800_000, maxJournal: 6000, maxSegment: 150_000, maxFiles: 3 },
      retention: Number.POSITIVE_INFINITY,
      maxCache: 1_000_000,
    });
    this.liveStreams = [];
    for (const known of [...this.store.found]) await this.check(known);
    // Streams that are missing must have been allowed to be removed.
    for (const model of this.models) {
      if (this.liveStreams.some((live) => live.model === model)) continue;
      if (!this.mayLose) expect(model.acknowledged === 0 || model.isRemoved, `${model.path} is gone`).toBe(true);
      if (!this.mayLose) expect(model.isRemoved || model.seen === 0).toBe(true);
    }
    this.models.splice(0, this.models.length, ...this.liveStreams.map(({ model }) => model));
    this.isInOrder = false;
  }

  private get mayLose(): boolean {
    return this.isLossy && !this.isInOrder;
  }

  /** Compares a recovered stream with its model, which continues from there. */
  private async check(known: KnownStream): Promise<void> {
    const model = this.models.find(({ path }) => path === known.identity.path);
    if (model === undefined) throw new Error(`${known.identity.path} was never made`);
    if (!this.mayLose) expect(model.isRemovalAcknowledged, `${model.path} is back`).toBe(false);
    const { offset: reach, chunks: count } = known.reach;
    if (!this.mayLose) expect(reach).toBeGreaterThanOrEqual(model.acknowledged);
    if (this.isInOrder) expect(known.identity.generation).toBe(model.generation);
    if (known.identity.generation === model.generation) expect(reach).toBeGreaterThanOrEqual(model.seen);
    if (!this.mayLose) expect(known.end !== undefined || !model.isEndAcknowledged).toBe(true);
    expect(known.end === undefined || model.isEnded).toBe(true);
    // The chunks up to there, and no others.
    const kept: Buffer[] = [];
    let end = 0;
    for (const chunk of model.chunks) {
      if (end >= reach) break;
      kept.push(chunk);
      end += chunk.length;
    }
    expect(end, 'a chunk is cut').toBe(reach);
    expect(count).toBe(kept.length);
    const stream = new RingStream({ name: model.path, generation: known.identity.generation }, new StreamRules(RULES));
    for (let at = 0; at < reach; ) {
      const found = await this.store.reader.at(known, at);
      if (found.kind === 'hole') throw new Error(`${model.path} has a hole from ${at} to ${found.to.offset}`);
      expect(found.from.chunks).toBe(kept.findIndex((_, i) => lengthOf(kept.slice(0, i)) === found.from.offset));
      let from = 0;
      for (const length of found.lengths) {
        const chunk = found.data.subarray(from, from + length);
        expect(chunk.equals(kept[stream.stats().totalChunks]!), `chunk ${stream.stats().totalChunks}`).toBe(true);
        stream.restoreChunk(chunk);
        from += length;
      }
      at = found.to.offset;
    }
    const expected = model.producers.get(reach) ?? new Map();
    expect([...known.producers].sort(byId)).toEqual([...expected.values()].sort(byId));
    model.chunks = kept;
    model.generation = known.identity.generation;
    model.acknowledged = reach;
    model.seen = reach;
    model.isEnded = known.end !== undefined;
    model.isEndAcknowledged = model.isEnded;
    model.isRemoved = false;
    for (const offset of [...model.producers.keys()]) if (offset > reach) model.producers.delete(offset);
    if (known.end !== undefined) stream.end(known.end.reason);
    const live = this.live(model, stream, (owner) => this.store.adopt(known, stream, owner));
    live.producers.restore([...known.producers], known.forgottenTo);
    for (const { id, expected: seq } of known.producers) live.seqs.set(id, seq);
  }

  private live(
    model: Model,
    stream: RingStream,
    attach: (owner: { facts(): string; producers(): Producers }) => LoggedStream,
  ): Live {
    const producers = new Producers({ max: 10, ttl: 0, onChange: () => live.log.touch() });
    const live = { model, stream, producers, seqs: new Map() } as unknown as Live;
    live.log = attach({ facts: () => '{}', producers: () => producers });
    this.liveStreams.push(live);
    return live;
  }

  private pick(index: number): Live | undefined {
    const alive = this.liveStreams.filter(({ model }) => !model.isRemoved);
    return alive[index % alive.length];
  }

  create(): void {
    const path = `/${this.next++}`;
    const stream = new RingStream({ name: path }, new StreamRules(RULES));
    const model: Model = {
      ...{
        path,
        generation: stream.generation,
        chunks: [],
        producers: new Map([[0, new Map()]]),
        acknowledged: 0,
        seen: 0,
      },
      ...{ isEnded: false, isEndAcknowledged: false, isRemoved: false, isRemovalAcknowledged: false },
    };
    this.models.push(model);
    this.live(model, stream, (owner) => this.store.attach(stream, path, owner));
  }

  append(index: number, length: number, producer: string | undefined): void {
    const live = this.pick(index);
    if (live === undefined || live.model.isEnded) return;
    const { log, model, producers, seqs, stream } = live;
    if (!log.acceptsNow(length)) return;
    const data = Buffer.alloc(length, `${model.path}:${endOf(model)};`);
    const states = new Map(model.producers.get(endOf(model)));
    try {
      if (producer === undefined) stream.append(data);
      else {
        const seq = seqs.get(producer) ?? 0;
        const attempt = producers.begin({ id: producer, epoch: 0, seq }, () => undefined);
        stream.append(data);
        attempt.recordApplied(length, stream.writtenEnd);
        attempt.complete();
        seqs.set(producer, seq + 1);
        const endOffset = stream.writtenEnd;
        states.set(producer, { id: producer, epoch: 0, expected: seq + 1, applied: 0, endOffset });
      }
    } catch (error) {
      if (!isStreamFSError(error, 'DISK_FAILED', 'DISK_FULL')) throw error;
      return;
    }
    for (let at = 0; at < length; at += 65536) model.chunks.push(data.subarray(at, at + 65536));
    const end = endOf(model);
    model.producers.set(end, states);
    this.acknowledge(live, () => {
      model.acknowledged = Math.max(model.acknowledged, end);
    });
  }

  end(index: number): void {
    const live = this.pick(index);
    if (live === undefined || live.model.isEnded) return;
    live.stream.end();
    live.model.isEnded = true;
    this.acknowledge(live, () => {
      live.model.isEndAcknowledged = true;
    });
  }

  remove(index: number): void {
    const live = this.pick(index);
    if (live === undefined) return;
    live.model.isRemoved = true;
    live.stream.end('removed');
    live.log.remove();
    this.acknowledge(live, () => {
      live.model.isRemovalAcknowledged = true;
    });
  }

  private acknowledge(live: Live, done: () => void): void {
    if (this.policy.name === 'none') return;
    const saved = live.log.whenSaved();
    if (saved === undefined) return;
    this.pending.push(saved.then(done, () => undefined));
  }

  /** The log was closed cleanly: everything exists. */
  allIsKept(): void {
    for (const { model } of this.liveStreams) {
      model.acknowledged = endOf(model);
      if (!model.isRemoved) model.seen = model.acknowledged;
      model.isEndAcknowledged = model.isEnded;
      model.isRemovalAcknowledged = model.isRemoved;
    }
    this.isInOrder = true;
  }

  /** What readers see now. */
  look(): void {
    for (const { model, stream } of this.liveStreams) {
      if (!model.isRemoved) model.seen = Math.max(model.seen, stream.endOffset);
    }
  }
}

const byId = (a: ProducerRecord, b: ProducerRecord) => (a.id < b.id ? -1 : 1);
const lengthOf = (chunks: Buffer[]) => chunks.reduce((sum, { length }) => sum + length, 0);
const aTurn = () => new Promise((resolve) => setImmediate(resolve));

type Operation =
  | { kind: 'create' | 'sync' | 'turns' }
  | { kind: 'append'; stream: number; length: number; producer: string | undefined }
  | { kind: 'end' | 'remove'; stream: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: 'create' as const }) },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      stream: fc.nat(9),
      length: fc.oneof(
        { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
        { weight: 2, arbitrary: fc.integer({ min: 1000, max: 5000 }) },
        { weight: 2, arbitrary: fc.integer({ min: 60_000, max: 140_000 }) },
      ),
      producer: fc.option(fc.constantFrom('p', 'q'), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'remove' as const), stream: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'turns' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'sync' as const }) },
);

const serverRun = fc.record({
  operations: fc.array(operation, { minLength: 5, maxLength: 60 }),
  /** Operations of the disk after which everything stops. */
  until: fc.integer({ min: 1, max: 150 }),
  turns: fc.integer({ min: 1, max: 6 }),
  /** It is closed cleanly before the process or the power is gone. */
  isClosed: fc.boolean(),
});

type ServerRun = typeof serverRun extends fc.Arbitrary<infer T> ? T : never;

async function run(policy: SyncPolicy, how: 'kill' | 'power', serverRuns: ServerRun[], seed: number) {
  let state = seed;
  const chance = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const machine = new Machine(policy, how, new SimulatedDisk());
  for (const [index, { isClosed, operations, turns, until }] of serverRuns.entries()) {
    await machine.open(how === 'kill' ? 'one' : `boot ${index}`);
    if (!isClosed) machine.disk.left = until;
    machine.create();
    for (const one of operations) {
      if (one.kind === 'create') machine.create();
      else if (one.kind === 'append') machine.append(one.stream, one.length, one.producer);
      else if (one.kind === 'end') machine.end(one.stream);
      else if (one.kind === 'remove') machine.remove(one.stream);
      else if (one.kind === 'sync') void machine.store.sync().catch(() => undefined);
      else for (let turn = 0; turn < turns * 4; turn++) await aTurn();
      machine.look();
    }
    // As far as it gets.
    for (let turn = 0; turn < turns * 10; turn++) await aTurn();
    machine.look();
    const { disk } = machine;
    if (isClosed) {
      await machine.store.close();
      machine.look();
      machine.allIsKept();
    }
    disk.left = 0;
    machine.disk = how === 'kill' ? disk.kill() : disk.cutPower(chance);
    await machine.store.close();
    // Acknowledgements before the crash count; later ones do not.
    await Promise.all(machine.pending.splice(0));
  }
  machine.disk.left = Number.POSITIVE_INFINITY;
  await machine.open('last');
  await machine.store.close();
}

const RUNS = Number(process.env.STREAMFS_CRASHES ?? 20);
const interval: SyncPolicy = { name: 'interval', interval: 60_000 };

describe('a log, when its process or the power fails', () => {
  it.each([
    ['always', 'kill', { name: 'always', interval: 0 }],
    ['always', 'power', { name: 'always', interval: 0 }],
    ['a time', 'kill', interval],
    ['a time', 'power', interval],
    ['none', 'kill', { name: 'none', interval: 0 }],
    ['none', 'power', { name: 'none', interval: 0 }],
  ] as const)(
    'holds what was promised, and nothing else: %s, %s',
    async (_name, how, policy) => {
      await fc.assert(
        fc.asyncProperty(fc.array(serverRun, { minLength: 1, maxLength: 4 }), fc.nat(), async (serverRuns, seed) => {
          await run(policy, how, serverRuns, seed);
        }),
        { numRuns: RUNS, endOnFailure: process.env.STREAMFS_CRASHES !== undefined },
      );
    },
    120_000,
  );
});
