/**
 * Resource usage of the process, under the names that Prometheus' client libraries use, and the delay of its event
 * loop. The longest delay of each second goes into a histogram, so that several scrapers see the same values.
 */
import type { ServerStats } from '../../protocol/index.ts';
import { descriptorLimit, openDescriptors } from '../limits/descriptors.ts';
import { Histogram } from './histogram.ts';
import type { Metrics } from './registry.ts';

/** Upper bounds in seconds. */
const DELAYS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Milliseconds between two checks of the event loop: shorter delays may be missed. */
const RESOLUTION_MS = 20;
const PERIOD_MS = 1000;

export class ProcessMetrics {
  readonly #delays = new Histogram(DELAYS);
  #lastDelay = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(metrics: Metrics) {
    const memory = { now: process.memoryUsage() };
    metrics.before(() => {
      memory.now = process.memoryUsage();
    });
    metrics.histogram('streamfs_event_loop_delay_seconds', 'The longest delay of the event loop in each second.', () =>
      this.#delays.samples(),
    );
    metrics.counter('process_cpu_seconds_total', 'Processor time of the process, user and system.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    metrics.gauge('process_resident_memory_bytes', 'Resident memory of the process.', () => memory.now.rss);
    metrics.gauge('nodejs_heap_size_used_bytes', 'The part of the heap that is in use.', () => memory.now.heapUsed);
    metrics.gauge('nodejs_heap_size_total_bytes', 'The size of the heap.', () => memory.now.heapTotal);
    metrics.gauge(
      'nodejs_external_memory_bytes',
      'Memory outside the heap that objects in it hold, such as rings.',
      () => memory.now.external,
    );
    metrics.gauge('process_open_fds', 'Open file descriptors.', () => openDescriptors() ?? []);
    metrics.gauge('process_max_fds', 'Maximum number of open file descriptors.', () => descriptorLimit() ?? []);
    metrics.gauge(
      'process_start_time_seconds',
      'When the process started, in seconds since 1970.',
      () => performance.timeOrigin / 1000,
    );
  }

  /**
   * Starts measuring the event loop delay. The timer does not keep the process alive.
   *
   * `monitorEventLoopDelay` is not used: each reset discards the time of its last check, so it misses a delay that
   * begins right after.
   */
  start(): void {
    if (this.#timer !== undefined) return;
    let last = performance.now();
    let began = last;
    let longest = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last - RESOLUTION_MS);
      last = now;
      if (now - began < PERIOD_MS) return;
      this.#delays.observe(longest / 1000);
      this.#lastDelay = longest;
      began = now;
      longest = 0;
    }, RESOLUTION_MS).unref();
  }

  /** Facts about the process for an administrator. */
  summary(): ServerStats['process'] {
    const { user, system } = process.cpuUsage();
    return {
      started_at: new Date(performance.timeOrigin).toISOString(),
      resident: process.memoryUsage.rss(),
      cpu_seconds: (user + system) / 1e6,
      event_loop_delay_ms: Math.round(this.#lastDelay * 10) / 10,
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
