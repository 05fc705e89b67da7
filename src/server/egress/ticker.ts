/**
 * One timer for all that wait for the same period, as thousands of idle reads do. Each costs one set entry, where a
 * separate timer would cost some 200 bytes.
 */

export interface Ticking {
  /** Set by the ticker: when it is due, in milliseconds of {@link now}. */
  dueAt: number;
  tick(): void;
}

/** Milliseconds of the monotonic clock, rounded down. Integers need no heap memory, unlike fractions. */
export function now(): number {
  return Math.floor(performance.now());
}

/** The same rounded up, for the time of an event: durations measured from it are never too long. */
export function nowRoundedUp(): number {
  return Math.ceil(performance.now());
}

const tickers = new Map<number, Ticker>();

export class Ticker {
  private readonly period: number;
  /** In the order in which they are due. */
  private readonly waiting = new Set<Ticking>();
  private timer: NodeJS.Timeout | undefined;
  private isFiring = false;

  private constructor(period: number) {
    this.period = period;
  }

  /** @param period milliseconds */
  static of(period: number): Ticker {
    return tickers.get(period) ?? new Ticker(period);
  }

  /** Calls `one.tick` once, a period from now. If it is already waiting, its period starts again. */
  add(one: Ticking): void {
    one.dueAt = nowRoundedUp() + this.period;
    this.waiting.delete(one);
    this.waiting.add(one);
    if (this.timer === undefined && !this.isFiring) this.schedule(one);
  }

  delete(one: Ticking): void {
    if (this.waiting.delete(one) && this.waiting.size === 0 && !this.isFiring) this.stop();
  }

  private schedule({ dueAt }: Ticking): void {
    tickers.set(this.period, this);
    this.timer = setTimeout(fire, Math.ceil(dueAt - performance.now()), this).unref();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (tickers.get(this.period) === this) tickers.delete(this.period);
  }

  /** Calls all that are due. */
  fire(): void {
    const at = now();
    this.isFiring = true;
    try {
      for (const one of this.waiting) {
        if (one.dueAt > at) break;
        this.waiting.delete(one);
        one.tick();
      }
    } finally {
      this.isFiring = false;
      const [next] = this.waiting;
      if (next === undefined) this.stop();
      else this.schedule(next);
    }
  }
}

function fire(ticker: Ticker): void {
  ticker.fire();
}
