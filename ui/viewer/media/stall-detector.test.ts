import { describe, expect, it } from 'vitest';
import { type PlayerState, StallDetector } from './stall-detector.ts';

const STATE: PlayerState = { time: 0, isStopped: false, hasFailed: false, received: 0 };

/** The result of the check at each half second, for these states of a player. */
function checks(states: readonly Partial<PlayerState>[]): boolean[] {
  const stallDetector = new StallDetector(0);
  return states.map((state, n) => stallDetector.check({ ...STATE, ...state }, n * 500));
}

const still = (count: number, state: (n: number) => Partial<PlayerState>) =>
  Array.from({ length: count }, (_, n) => state(n));

describe('a player that stands still', () => {
  it('is restarted if it has played, and bytes have arrived for four seconds', () => {
    const found = checks([{ time: 0 }, { time: 0.5 }, ...still(9, (n) => ({ time: 0.5, received: n }))]);
    expect(found.indexOf(true)).toBe(9);
  });

  it('is not restarted while no bytes arrive', () => {
    expect(checks([{ time: 0.5, received: 7 }, ...still(50, () => ({ time: 0.5, received: 7 }))])).not.toContain(true);
  });

  it('is restarted if bytes are written for four seconds, and none arrive', () => {
    const growing = checks([{ time: 0.5 }, ...still(10, (n) => ({ time: 0.5, written: n < 2 ? undefined : 100 * n }))]);
    expect(growing.indexOf(true)).toBe(8);
    // What was written before is not a reason.
    expect(checks([{ time: 0.5 }, ...still(50, () => ({ time: 0.5, written: 700 }))])).not.toContain(true);
  });

  it('is restarted at once when it has failed, but not while its time advances', () => {
    expect(checks([{ time: 0.5 }, { time: 0.5, hasFailed: true }]).at(-1)).toBe(true);
    const stops = checks([
      ...still(5, (n) => ({ time: n, hasFailed: true })),
      ...still(9, () => ({ time: 4, hasFailed: true })),
    ]);
    expect(stops.indexOf(true)).toBe(12);
    const goesOn = [...still(20, (n) => ({ time: n, hasFailed: true })), { time: 19, hasFailed: true }];
    expect(checks(goesOn)).not.toContain(true);
  });

  it('is not restarted if it has not played yet, is paused, or at its end', () => {
    expect(checks(still(30, (n) => ({ hasFailed: true, received: n })))).not.toContain(true);
    expect(checks([{ time: 1 }, ...still(30, (n) => ({ time: 1, isStopped: true, received: n }))])).not.toContain(true);
  });
});
