/** A mirror that is fed by a log over an arbitrarily failing connection (contract 106). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CursorReader, RingStream } from '../../src/core/internal.ts';
import { MemoryEngine, MemoryLog, Wire } from '../../src/logs/index.ts';
import { newEntry } from '../../src/plugins/streamfs/entry.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { Mirror } from '../../src/plugins/streamfs/shared/mirror.ts';
import { settingsOfMount } from '../../src/plugins/streamfs/stream-settings.ts';
import { waitFor } from '../harness/wait.ts';

const PATH = '/a';
const RETENTION = 64;

type Step =
  | { do: 'append'; lengths: number[] }
  | {
      do: 'cut' | 'restore' | 'hold' | 'release' | 'reverse' | 'double' | 'lose' | 'read' | 'turn' | 'end' | 'recreate';
    };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        lengths: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        ...(['cut', 'restore', 'hold', 'release', 'reverse', 'double', 'lose', 'read', 'turn', 'turn'] as const).map(
          (name) => ({ do: name }),
        ),
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom({ do: 'end' as const }, { do: 'recreate' as const }) },
  ),
  { maxLength: 60 },
);

/** All bytes of one generation of the stream, and a mirror of it with a reader. */
interface GenerationState {
  readonly generation: string;
  readonly bytes: number[];
  /** The offset after each chunk. */
  readonly ends: number[];
  readonly mirror: Mirror;
  readonly reader: CursorReader;
  readonly got: { from: number; to: number; data: Uint8Array | undefined }[];
  /** How it ended, and what the mirror may receive instead: for a stream removed soon after, only the removal. */
  over: 'removed' | 'ended' | undefined;
  isRemoved: boolean;
  end: string | undefined;
}

class Trial {
  readonly engine = new MemoryEngine();
  readonly wire = new Wire();
  readonly log = new MemoryLog({ engine: this.engine, node: 'b', wire: this.wire });
  readonly generations: GenerationState[] = [];
  private next = 0;

  begin(): void {
    const { engine, log } = this;
    const { stream } = engine.create(
      { path: PATH, retention: RETENTION, ttl: undefined, expiresAt: undefined, facts: '' },
      LIMITS,
    );
    const { generation } = stream;
    const ring = new RingStream({ name: PATH, generation, retention: RETENTION, maxLag: RETENTION });
    const settings = settingsOfMount(parseSettings({}));
    const entry = newEntry({ path: PATH, stream: ring, settings, autoCreated: false, account: undefined });
    const owner = {
      over: () => undefined,
      lost: () => undefined,
      claimed: () => undefined,
      formatLost: () => undefined,
    };
    const mirror = new Mirror(entry, '{}', log, owner, 0);
    const reader = ring.openReader({ start: { from: 'earliest' } });
    this.generations.push({
      generation,
      bytes: [],
      ends: [],
      mirror,
      reader,
      got: [],
      over: undefined,
      isRemoved: false,
      end: undefined,
    });
  }

  get state(): GenerationState {
    return this.generations.at(-1)!;
  }

  async step(step: Step): Promise<void> {
    const { engine, state, wire } = this;
    switch (step.do) {
      case 'append':
        if (state.over === undefined) this.append(step.lengths);
        break;
      case 'cut':
        wire.cut();
        break;
      case 'restore':
        wire.restore();
        break;
      case 'hold':
        wire.hold();
        break;
      case 'release':
        wire.release();
        break;
      case 'reverse':
        wire.release((all) => all.reverse());
        break;
      case 'double':
        wire.doublePushes(2);
        break;
      case 'lose':
        wire.losePushes(1);
        break;
      case 'read':
        read(state);
        break;
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve));
        break;
      case 'end':
        if (state.over !== undefined) break;
        engine.finish(PATH, state.generation, { reason: 'ended', status: undefined });
        state.over = 'ended';
        break;
      case 'recreate':
        engine.finish(PATH, state.generation, { reason: 'removed', status: undefined });
        state.over ??= 'removed';
        state.isRemoved = true;
        this.begin();
    }
  }

  private append(lengths: number[]): void {
    const { state } = this;
    const chunks = lengths.map((length) => Uint8Array.from({ length }, () => this.next++ % 251));
    for (const chunk of chunks) {
      state.bytes.push(...chunk);
      state.ends.push(state.bytes.length);
    }
    this.engine.append('a', this.next, [{ path: PATH, generation: state.generation, chunks, producer: undefined }], 0);
  }

  /** All faults are over: each mirror catches up with the log. */
  async settle(): Promise<void> {
    this.wire.release();
    this.wire.cut();
    this.wire.restore();
    for (const state of this.generations) {
      const { bytes, mirror, over } = state;
      await waitFor('the mirror has it all', () => {
        read(state);
        return mirror.endOffset === bytes.length && (over === undefined) === (mirror.stream.endReason === undefined);
      });
      read(state);
    }
    await this.log.close();
  }
}

const LIMITS = { maxStreams: 100, maxProducers: 1, producerTtl: 0 };

function read(state: GenerationState): void {
  const { got, reader } = state;
  for (let record = reader.peek(); record !== undefined; record = reader.peek()) {
    if (record.type === 'data') {
      const { data, offset } = record;
      got.push({ from: offset, to: offset + data.length, data: new Uint8Array(data) });
      reader.advance(data.length);
    } else if (record.type === 'gap') got.push({ from: record.from, to: record.to, data: undefined });
    else if (record.type === 'end') {
      state.end = record.reason;
      return;
    }
  }
}

function chunkEndsIn({ mirror: { stream } }: GenerationState): number[] {
  const ends: number[] = [];
  for (let at = stream.startOffset; at < stream.endOffset; at = ends.at(-1)!) ends.push(stream.chunkEnd(at));
  return ends;
}

describe('contract 106: a mirror', () => {
  it('gives its readers what a reader of the log would have seen, whatever happens to the connection', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const trial = new Trial();
        trial.begin();
        for (const step of all) await trial.step(step);
        await trial.settle();
        for (const state of trial.generations) {
          let at = 0;
          for (const { from, to, data } of state.got) {
            expect(from).toBe(at);
            if (data !== undefined) expect([...data]).toEqual(state.bytes.slice(from, to));
            at = to;
          }
          expect(at).toBe(state.bytes.length);
          expect(state.isRemoved ? [state.over, 'removed'] : [state.over]).toContain(state.end);
          const { stream } = state.mirror;
          expect([stream.totalWritten, stream.stats().totalChunks]).toEqual([state.bytes.length, state.ends.length]);
          expect(chunkEndsIn(state)).toEqual(state.ends.filter((end) => end > stream.startOffset));
        }
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
