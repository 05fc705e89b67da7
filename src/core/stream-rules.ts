/**
 * Options that streams can share. A server has thousands of streams that differ only in their names, so common options
 * are validated and stored once.
 */
import { ledgerOf, type MemoryLedger } from './budget.ts';
import { lagStrategyOf } from './lag/index.ts';
import type { StreamObserver, StreamRulesOptions } from './public.ts';
import { largestSlab } from './slab-memory.ts';
import type { LagPolicy } from './types.ts';
import { assertPositive } from './validate.ts';
import { MAX_TIMER_MS } from './wait.ts';

export class StreamRules {
  readonly retention: number;
  readonly maxLag: number;
  readonly onLag: LagPolicy;
  readonly blockTimeout: number;
  readonly now: () => number;
  readonly observer: StreamObserver;
  readonly budget: MemoryLedger | undefined;
  /** The largest slab of a ring, in bytes. */
  readonly maxSlab: number;

  /** @throws RangeError for an invalid size or time, INVALID_PARAMETER for an unknown policy */
  constructor(options: StreamRulesOptions) {
    this.retention = assertPositive('retention', options.retention);
    this.maxLag = assertPositive('maxLag', options.maxLag);
    this.onLag = lagStrategyOf(options.onLag ?? 'drop-oldest').name;
    const { blockTimeout = 5000 } = options;
    if (!(blockTimeout >= 0)) throw new RangeError(`blockTimeout must be milliseconds from 0, not ${blockTimeout}`);
    this.blockTimeout = Math.min(blockTimeout, MAX_TIMER_MS);
    this.now = options.now ?? Date.now;
    this.observer = options.observer ?? {};
    this.budget = options.budget === undefined ? undefined : ledgerOf(options.budget);
    this.maxSlab = largestSlab(Math.max(this.retention, this.maxLag));
  }

  /**
   * The allowed lag of a reader that has not caught up yet: all retained bytes plus one slab, so that bytes appended
   * between its opening and its first read cost it nothing, even if the ring is full (contract 17).
   */
  get joinerLag(): number {
    return Math.max(this.retention + this.maxSlab, this.maxLag);
  }
}
