/**
 * Forgets idle producers even without further appends, because their memory is charged and a mount may have thousands
 * of streams. One timer serves the whole mount.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { Producers } from '../../core/internal.ts';
import type { Clock, PluginContext } from '../../fs/index.ts';
import type { Settings } from './settings.ts';

/** Bounds of the timer's period, in milliseconds. */
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

  /** @param context the memory budget for producers, and the counter of exceeded limits */
  constructor(settings: Settings, clock: Clock, { memory, limits }: Pick<PluginContext, 'memory' | 'limits'>) {
    const { producerTtl: ttl } = settings;
    this.settings = settings;
    this.memory = memory;
    this.onLimit = () => limits?.hit('producers');
    this.period = ttl === 0 ? 0 : Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, ttl / 4));
    this.clock = clock;
  }

  /**
   * Creates the producers of one stream.
   *
   * @param onChange called on each change, if the stream is persistent
   */
  make(onChange?: () => void): Producers {
    const { clock, memory, onLimit, settings } = this;
    return new Producers({
      ...{ max: settings.maxProducers, ttl: settings.producerTtl, now: () => clock.now(), onLimit },
      memory,
      onChange,
    });
  }

  /** Begins watching the producers of a stream. */
  watch(producers: Producers): void {
    if (this.period === 0) return;
    this.all.add(producers);
    this.schedule();
  }

  /** Called when the stream of the producers is gone. */
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
