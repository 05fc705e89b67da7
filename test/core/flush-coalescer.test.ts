import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FlushCoalescer } from '../../src/core/flush-coalescer.ts';

const KiB = 1024;

describe('when readers of a busy stream are woken', () => {
  let now = 1000;
  beforeEach(() => {
    now = 1000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => vi.restoreAllMocks());

  /** A coalescer whose last flush, to a hundred readers, took this many milliseconds and has just ended. */
  function busy(ms: number): FlushCoalescer {
    const pace = new FlushCoalescer();
    pace.flush(100, () => {
      now += ms;
    });
    return pace;
  }

  it('an idle stream does not wait', () => {
    expect(new FlushCoalescer().shouldWait(100, 10)).toBe(false);
    const pace = busy(4);
    now += 5;
    expect(pace.shouldWait(100, 10)).toBe(false);
  });

  it('few readers are woken at once', () => {
    expect(busy(4).shouldWait(7, 10)).toBe(false);
  });

  it('a busy one waits for an eighth of the last flush', () => {
    const pace = busy(4);
    expect(pace.shouldWait(100, 10)).toBe(true);
    now += 0.49;
    expect(pace.shouldWait(100, 10)).toBe(true);
    now += 0.02;
    expect(pace.shouldWait(100, 10)).toBe(false);
  });

  it('never waits longer than a millisecond', () => {
    const pace = busy(400);
    expect(pace.shouldWait(1000, 10)).toBe(true);
    now += 1;
    expect(pace.shouldWait(1000, 10)).toBe(false);
  });

  it('does not wait when there is enough to send', () => {
    expect(busy(4).shouldWait(100, 256 * KiB)).toBe(false);
  });

  it('each flush waits again', () => {
    const pace = busy(4);
    expect(pace.shouldWait(100, 10)).toBe(true);
    pace.flush(100, () => {
      now += 4;
    });
    expect(pace.shouldWait(100, 10)).toBe(true);
  });
});
