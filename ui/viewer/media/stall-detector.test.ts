import { describe, expect, it } from 'vitest';
import { type PlayerState, type Stall, StallDetector } from './stall-detector.ts';

const FIRST_BYTES_MS = 8000;
const STATE: PlayerState = { time: 0, isStopped: false, hasFailed: false, received: 0 };

/** The result of the check at each half second, for these states of a player. */
function checks(states: readonly Partial<PlayerState>[]): (Stall | undefined)[] {
  const stallDetector = new StallDetector(0, FIRST_BYTES_MS);
  return states.map((state, n) => stallDetector.check({ ...STATE, ...state }, n * 500));
}

const still = (count: number, state: (n: number) => Partial<PlayerState>) =>
  Array.from({ length: count }, (_, n) => state(n));

const isStall = (stall: Stall | undefined) => stall !== undefined;

describe('a player that stands still', () => {
  it('is restarted if it has played, and bytes have arrived for four seconds', () => {
    const found = checks([{ time: 0 }, { time: 0.5 }, ...still(9, (n) => ({ time: 0.5, received: n }))]);
    expect(found.findIndex(isStall)).toBe(9);
    expect(found.at(9)).toBe('stalled');
  });

  it('is not restarted while no bytes arrive', () => {
    expect(checks([{ time: 0.5, received: 7 }, ...still(50, () => ({ time: 0.5, received: 7 }))]).some(isStall)).toBe(
      false,
    );
  });

  it('is restarted if bytes are written for four seconds, and none arrive', () => {
    const growing = checks([{ time: 0.5 }, ...still(10, (n) => ({ time: 0.5, written: n < 2 ? undefined : 100 * n }))]);
    expect(growing.findIndex(isStall)).toBe(8);
    expect(growing.at(8)).toBe('silent');
    // What was written before is not a reason.
    expect(checks([{ time: 0.5 }, ...still(50, () => ({ time: 0.5, written: 700 }))]).some(isStall)).toBe(false);
  });

  it('is restarted at once when it has failed, but not while its time advances', () => {
    expect(checks([{ time: 0.5 }, { time: 0.5, hasFailed: true }]).at(-1)).toBe('stalled');
    const stops = checks([
      ...still(5, (n) => ({ time: n, hasFailed: true })),
      ...still(9, () => ({ time: 4, hasFailed: true })),
    ]);
    expect(stops.findIndex(isStall)).toBe(12);
    const goesOn = [...still(20, (n) => ({ time: n, hasFailed: true })), { time: 19, hasFailed: true }];
    expect(checks(goesOn).some(isStall)).toBe(false);
  });

  it('is not restarted if it has not played yet, is paused, or at its end', () => {
    expect(checks(still(30, (n) => ({ hasFailed: true, received: n }))).some(isStall)).toBe(false);
    expect(checks([{ time: 1 }, ...still(30, (n) => ({ time: 1, isStopped: true, received: n }))]).some(isStall)).toBe(
      false,
    );
  });

  it('is silent, not stalled, if the last bytes arrived before bytes were written that did not arrive', () => {
    const found = checks([
      { time: 0.5 },
      { time: 0.5, received: 1 },
      ...still(12, (n) => ({ time: 0.5, received: 1, written: 100 * n })),
    ]);
    expect(found.find(isStall)).toBe('silent');
  });

  it('is restarted if it has never played, and bytes are written but none arrive for eight seconds', () => {
    const silent = checks(still(30, (n) => ({ received: n < 4 ? n : 3, written: n < 12 ? undefined : n })));
    expect([silent.findIndex(isStall), silent.find(isStall)]).toEqual([3 + 16, 'silent']);
    // It gets nothing because nothing is written.
    expect(checks(still(60, () => ({ written: 700 }))).some(isStall)).toBe(false);
    // Its user has paused it.
    expect(checks(still(60, (n) => ({ isStopped: true, written: n }))).some(isStall)).toBe(false);
  });

  it('is suspicious after a second and a half if it has played, and after four seconds without bytes if not', () => {
    const played = new StallDetector(0, FIRST_BYTES_MS);
    played.check({ ...STATE, time: 0.5 }, 1000);
    expect([2000, 2500].map((now) => played.isSuspicious(now))).toEqual([false, true]);
    const unplayed = new StallDetector(0, FIRST_BYTES_MS);
    unplayed.check({ ...STATE, received: 1 }, 1000);
    expect([4500, 5000].map((now) => unplayed.isSuspicious(now))).toEqual([false, true]);
  });
});
