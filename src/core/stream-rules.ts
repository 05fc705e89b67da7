/**
 * What streams may have in common. A server has thousands that differ in nothing but their names, so what holds for all
 * of them is checked once and kept once.
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

  /** @throws RangeError for sizes and times that are none, INVALID_PARAMETER for what is no policy */
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
   * How far a reader may fall behind that has not caught up yet: by all that is retained, and a slab more, so that what
   * is appended between its opening and its first read costs it nothing, however full the ring is (contract 17).
   */
  get joinerLag(): number {
    return Math.max(this.retention + this.maxSlab, this.maxLag);
  }
}
