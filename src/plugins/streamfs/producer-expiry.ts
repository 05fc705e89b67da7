/**
 * Producers that have been idle for too long are forgotten also where appends have stopped: what is remembered of
 * them is charged for, and a mount may have thousands of streams. One timer for all of a mount.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { Producers } from '../../core/internal.ts';
import type { Clock, PluginContext } from '../../fs/index.ts';
import type { Settings } from './settings.ts';

/** The timer goes off at most this often and at least this often, in milliseconds. */
const MIN_SWEEP_MS = 50;
const MAX_SWEEP_MS = 60_000;

export class ProducerExpiry {
  private readonly period: number;
  private readonly settings: Settings;
  private readonly clock: Clock;
  private readonly memory: MemoryBudget | undefined;
  private readonly onLimit: () => void;
  private readonly all = new Set<Producers>();
  private cancel: (() => void) | undefined;

  /** @param context what producers are charged to, and where it is counted that there are too many */
  constructor(settings: Settings, clock: Clock, { memory, limits }: Pick<PluginContext, 'memory' | 'limits'>) {
    const { producerTtl: ttl } = settings;
    this.settings = settings;
    this.memory = memory;
    this.onLimit = () => limits?.hit('producers');
    this.period = ttl === 0 ? 0 : Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, ttl / 4));
    this.clock = clock;
  }

  /**
   * Those of one stream.
   *
   * @param onChange called for each change, where they are kept on disk
   */
  make(onChange?: () => void): Producers {
    const { clock, memory, onLimit, settings } = this;
    return new Producers({
      ...{ max: settings.maxProducers, ttl: settings.producerTtl, now: () => clock.now(), onLimit },
      memory,
      onChange,
    });
  }

  /** A stream has producers. */
  watch(producers: Producers): void {
    if (this.period === 0) return;
    this.all.add(producers);
    this.schedule();
  }

  /** Their stream is gone. */
  drop(producers: Producers): void {
    producers.clear();
    this.all.delete(producers);
    if (this.all.size === 0) this.stop();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }

  private schedule(): void {
    this.cancel ??= this.clock.schedule(() => this.sweep(), this.period);
  }

  private sweep(): void {
    this.cancel = undefined;
    for (const producers of this.all) {
      producers.forgetIdle();
      if (producers.size === 0) this.all.delete(producers);
    }
    if (this.all.size > 0) this.schedule();
  }
}
