import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { now, nowRoundedUp, Ticker, type Ticking } from '../../../src/server/egress/ticker.ts';

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Records when it is called, and may then act. */
function ticking(calls: [string, number][], name: string, act: (one: Ticking) => void = () => undefined): Ticking {
  const one: Ticking = {
    dueAt: 0,
    tick: () => {
      calls.push([name, performance.now()]);
      act(one);
    },
  };
  return one;
}

describe('waiting for a period', () => {
  it('calls each once, a period after it was added, however many there are', () => {
    fakeTime();
    const begin = performance.now();
    const calls: [string, number][] = [];
    const ticker = Ticker.of(100);
    ticker.add(ticking(calls, 'a'));
    vi.advanceTimersByTime(30);
    ticker.add(ticking(calls, 'b'));
    ticker.add(ticking(calls, 'c'));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(calls.map(([name, at]) => [name, at - begin])).toEqual([
      ['a', 100],
      ['b', 130],
      ['c', 130],
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('restarts the wait of an entry that waits already, and never calls a removed one', () => {
    fakeTime();
    const begin = performance.now();
    const calls: [string, number][] = [];
    const ticker = Ticker.of(100);
    const [a, b] = [ticking(calls, 'a'), ticking(calls, 'b')];
    ticker.add(a);
    ticker.add(b);
    vi.advanceTimersByTime(50);
    ticker.add(a);
    ticker.delete(b);
    vi.advanceTimersByTime(1000);
    expect(calls.map(([name, at]) => [name, at - begin])).toEqual([['a', 150]]);
    ticker.add(a);
    ticker.delete(a);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be changed by those it calls', () => {
    fakeTime();
    const begin = performance.now();
    const calls: [string, number][] = [];
    const ticker = Ticker.of(100);
    const last = ticking(calls, 'last');
    const again = ticking(calls, 'again', (one) => {
      ticker.delete(last);
      if (calls.length < 3) ticker.add(one);
    });
    ticker.add(again);
    ticker.add(last);
    vi.advanceTimersByTime(1000);
    expect(calls.map(([name, at]) => [name, at - begin])).toEqual([
      ['again', 100],
      ['again', 200],
      ['again', 300],
    ]);
    expect(vi.getTimerCount()).toBe(0);
    ticker.add(last);
    vi.advanceTimersByTime(100);
    expect(calls.at(-1)).toEqual(['last', performance.now()]);
  });

  it('continues with the others where one fails', () => {
    fakeTime();
    const calls: [string, number][] = [];
    const ticker = Ticker.of(100);
    const failing = ticking(calls, 'failing', () => {
      throw new Error('x');
    });
    ticker.add(failing);
    ticker.add(ticking(calls, 'other'));
    expect(() => vi.advanceTimersByTime(100)).toThrow('x');
    vi.advanceTimersByTime(100);
    expect(calls.map(([name]) => name)).toEqual(['failing', 'other']);
  });

  it('measures no wait as longer than it was', () => {
    for (let n = 0; n < 100; n++) expect(now() - nowRoundedUp()).toBeLessThanOrEqual(0);
  });
});
