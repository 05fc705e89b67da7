import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AppendId, MemoryBudget, MIN_BUDGET } from '../../src/core/index.ts';
import { type Attempt, Producers } from '../../src/core/internal.ts';
import { INTERRUPTED, PRODUCER_COST } from '../../src/core/producers.ts';
import { isStreamFSError } from '../../src/errors/index.ts';

const table = (options: Partial<ConstructorParameters<typeof Producers>[0]> = {}) =>
  new Producers({ max: 10, ttl: 0, ...options });

const nothing = () => undefined;

function apply(producers: Producers, append: AppendId): void {
  producers.begin(append, nothing).complete();
}

const refused = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (isStreamFSError(error)) return { code: error.code, ...error.details };
  }
  return undefined;
};

describe('contract 72: appends of a producer', () => {
  it('each comes once: what has been applied is repeated, what is too far on is a gap', () => {
    const producers = table();
    apply(producers, { id: 'p', epoch: 0, seq: 0 });
    apply(producers, { id: 'p', epoch: 0, seq: 1 });
    expect(producers.isRepeated({ id: 'p', epoch: 0, seq: 0 })).toBe(true);
    expect(producers.isRepeated({ id: 'p', epoch: 0, seq: 1 })).toBe(true);
    expect(producers.isRepeated({ id: 'p', epoch: 0, seq: 2 })).toBe(false);
    const gap = { code: 'PRODUCER_GAP', expected_seq: 2, received_seq: 4 };
    expect(refused(() => producers.isRepeated({ id: 'p', epoch: 0, seq: 4 }))).toEqual(gap);
    expect(refused(() => producers.begin({ id: 'p', epoch: 0, seq: 4 }, nothing))).toEqual(gap);
  });

  it('one not known begins with 0, in any epoch', () => {
    const producers = table();
    const gap = { code: 'PRODUCER_GAP', expected_seq: 0, received_seq: 3, forgotten_to: 0 };
    expect(refused(() => producers.isRepeated({ id: 'p', epoch: 7, seq: 3 }))).toEqual(gap);
    apply(producers, { id: 'p', epoch: 7, seq: 0 });
    expect(producers.lastSeq('p')).toBe(0);
  });

  it('a newer epoch begins with 0 and shuts out the older ones', () => {
    const producers = table();
    apply(producers, { id: 'p', epoch: 1, seq: 0 });
    expect(refused(() => producers.isRepeated({ id: 'p', epoch: 2, seq: 1 }))).toEqual({
      code: 'PRODUCER_EPOCH_START',
    });
    let wasCut = false;
    const old = producers.begin({ id: 'p', epoch: 1, seq: 1 }, () => {
      wasCut = true;
    });
    old.recordApplied(5, 5);
    const attempt = producers.begin({ id: 'p', epoch: 2, seq: 0 }, nothing);
    expect([wasCut, old.isRunning, attempt.applied]).toEqual([true, false, 0]);
    expect(refused(() => old.complete())).toEqual({ code: 'PRODUCER_SUPERSEDED' });
    expect(refused(() => producers.isRepeated({ id: 'p', epoch: 1, seq: 1 }))).toEqual({
      code: 'PRODUCER_FENCED',
      epoch: 2,
    });
  });

  it('the one idle for longest is forgotten for another, which is counted; none is refused', () => {
    let forgotten = 0;
    const onLimit = () => {
      forgotten += 1;
    };
    const producers = table({ max: 2, onLimit });
    for (const id of ['a', 'b', 'c']) apply(producers, { id, epoch: 0, seq: 0 });
    expect([producers.lastSeq('a'), producers.lastSeq('b'), producers.lastSeq('c')]).toEqual([undefined, 0, 0]);
    // It was used again, so it is the last to be forgotten.
    apply(producers, { id: 'b', epoch: 0, seq: 1 });
    apply(producers, { id: 'd', epoch: 0, seq: 0 });
    expect([producers.size, producers.lastSeq('b'), producers.lastSeq('c')]).toEqual([2, 1, undefined]);
    expect(forgotten).toBe(2);
  });

  it('contract 89: those with an append open are never forgotten, however many there are and however quiet', () => {
    let now = 0;
    const producers = table({ max: 2, ttl: 100, now: () => now });
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) apply(producers, { id, epoch: 0, seq: 0 });
    // The two that are remembered, and three that start over.
    const open = ids.map((id) => producers.begin({ id, epoch: 0, seq: producers.lastSeq(id) === 0 ? 1 : 0 }, nothing));
    now = 10_000;
    producers.forgetIdle();
    for (const attempt of open) attempt.complete();
    expect(ids.map((id) => producers.lastSeq(id))).toEqual([undefined, undefined, undefined, 1, 1]);
    // A producer is idle from the end of its append on.
    now += 99;
    expect(producers.isRepeated({ id: 'e', epoch: 0, seq: 2 })).toBe(false);
    now += 1;
    expect(refused(() => producers.isRepeated({ id: 'e', epoch: 0, seq: 2 }))?.code).toBe('PRODUCER_GAP');
  });

  it('contract 89: one whose append broke off half applied outlives a small max and a short ttl', () => {
    let now = 0;
    const producers = table({ max: 1, ttl: 100, now: () => now });
    const attempt = producers.begin({ id: 'p', epoch: 0, seq: 0 }, nothing);
    attempt.recordApplied(3, 3);
    attempt.giveUp();
    for (const id of ['a', 'b', 'c']) apply(producers, { id, epoch: 0, seq: 0 });
    now = INTERRUPTED.ttl - 1;
    producers.forgetIdle();
    expect([producers.size, producers.begin({ id: 'p', epoch: 0, seq: 0 }, nothing).applied]).toEqual([1, 3]);
    producers.supersede('p');
    now += INTERRUPTED.ttl;
    producers.forgetIdle();
    expect(producers.size).toBe(0);
  });

  it('such are bounded in number all the same', () => {
    const producers = table({ max: 1 });
    for (let n = 0; n < INTERRUPTED.max + 2; n++) {
      const attempt = producers.begin({ id: `p${n}`, epoch: 0, seq: 0 }, nothing);
      attempt.recordApplied(1, n + 1);
      attempt.giveUp();
    }
    expect([producers.size, producers.lastSeq('p1'), producers.lastSeq('p2')]).toEqual([
      INTERRUPTED.max,
      undefined,
      -1,
    ]);
  });

  it('a gap of a producer that is not known says up to where there is something of those forgotten', () => {
    const producers = table({ max: 1 });
    const gap = (id: string, seq: number) => {
      const facts: Record<string, unknown> = refused(() => producers.isRepeated({ id, epoch: 0, seq })) ?? {};
      return facts.forgotten_to;
    };
    expect(gap('p', 1)).toBe(0);
    for (const [id, end] of [
      ['p', 10],
      ['q', 20],
      ['r', 30],
    ] as const) {
      const attempt = producers.begin({ id, epoch: 0, seq: 0 }, nothing);
      attempt.recordApplied(10, end);
      attempt.complete();
    }
    expect([gap('p', 1), gap('new', 5), gap('r', 5)]).toEqual([20, 20, undefined]);
  });

  it('are charged; if there is no room the one idle for longest is forgotten, and none is refused unless all are writing', () => {
    const memory = new MemoryBudget(MIN_BUDGET);
    const producers = table({ max: Number.POSITIVE_INFINITY, memory });
    const room = Math.floor((MIN_BUDGET * 5) / 8 / PRODUCER_COST);
    for (let n = 0; n < room + 10; n++) apply(producers, { id: `p${n}`, epoch: 0, seq: 0 });
    expect([producers.size, memory.fixed]).toEqual([room, room * PRODUCER_COST]);
    expect([producers.lastSeq('p9'), producers.lastSeq('p10')]).toEqual([undefined, 0]);
    for (let n = 0; n < room; n++) producers.begin({ id: `w${n}`, epoch: 0, seq: 0 }, nothing);
    expect(producers.size).toBe(room);
    const full = { code: 'MEMORY_LIMIT', limit: 'memory', max: MIN_BUDGET };
    expect(refused(() => producers.begin({ id: 'x', epoch: 0, seq: 0 }, nothing))).toEqual(full);
    producers.clear();
    expect([producers.size, memory.fixed]).toEqual([0, 0]);
  });

  it('one idle for producer_ttl is new again; one that is writing is not idle', () => {
    let now = 0;
    const producers = table({ ttl: 100, now: () => now });
    apply(producers, { id: 'p', epoch: 3, seq: 0 });
    now = 99;
    expect(producers.isRepeated({ id: 'p', epoch: 3, seq: 0 })).toBe(true);
    now = 100;
    expect(producers.isRepeated({ id: 'p', epoch: 0, seq: 0 })).toBe(false);
    const attempt = producers.begin({ id: 'p', epoch: 0, seq: 0 }, nothing);
    now = 1000;
    attempt.complete();
    expect(refused(() => producers.isRepeated({ id: 'p', epoch: 0, seq: 2 }))?.code).toBe('PRODUCER_GAP');
  });

  it('any interleaving of tries, cuts, repetitions and late old attempts gives each byte once, in order', () => {
    const step = fc.record({
      who: fc.nat(1),
      what: fc.constantFrom('try', 'write', 'write', 'break', 'complete', 'complete', 'repeat', 'ahead', 'late'),
      size: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const producers = table();
        const log: string[][] = [[], []];
        const sides = [0, 1].map(() => ({ seq: 0, attempts: [] as Attempt[] }));
        for (const { who, what, size } of steps) {
          const side = sides[who]!;
          const id = { id: `p${who}`, epoch: 0, seq: side.seq };
          const last = side.attempts.at(-1);
          if (what === 'try') side.attempts.push(producers.begin(id, nothing));
          else if (what === 'write' || what === 'late') {
            // A running producer appends after what is applied; one that was disconnected must not.
            const attempt = what === 'late' ? side.attempts[0] : last;
            if (attempt?.isRunning !== true) continue;
            for (let n = 0; n < size; n++) log[who]!.push(`${side.seq}.${attempt.applied + n}`);
            attempt.recordApplied(size, 0);
          } else if (what === 'break') last?.giveUp();
          else if (what === 'complete' && last?.isRunning) {
            last.complete();
            side.seq += 1;
            side.attempts = [];
          } else if (what === 'repeat' && side.seq > 0) {
            expect(producers.isRepeated({ ...id, seq: side.seq - 1 })).toBe(true);
          } else if (what === 'ahead') {
            const ahead = refused(() => producers.isRepeated({ ...id, seq: side.seq + size }));
            expect(ahead).toMatchObject({ code: 'PRODUCER_GAP', expected_seq: side.seq });
          }
          const running = side.attempts.filter((attempt) => attempt.isRunning);
          expect(running.length).toBeLessThanOrEqual(1);
        }
        for (const entries of log) {
          const order = entries.map((text) => text.split('.').map(Number));
          for (let at = 1; at < order.length; at++) {
            const [seq, byte] = order[at]!;
            const [seqBefore, byteBefore] = order[at - 1]!;
            expect(seq! > seqBefore! ? byte : byte! - byteBefore!).toBe(seq! > seqBefore! ? 0 : 1);
          }
        }
      }),
    );
  });
});
