/** All limits of a server: memory, connections, reads, and the one timer that enforces them. */
import type { Socket } from 'node:net';
import { MemoryBudget, type SharedBuffers } from '../../core/index.ts';
import { isStreamFSError, type LimitName, type StreamFSError } from '../../errors/index.ts';
import { type Clock, LimitCounters, type PluginLogger, systemClock } from '../../fs/index.ts';
import { LogThrottle } from '../../logging/index.ts';
import { Connections } from './connections.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './defaults.ts';
import { HeapMemory } from './heap-memory.ts';
import { LiveReads } from './live-reads.ts';

/** Interval of the sweep, in milliseconds, unless a timeout requires a shorter one. */
const SWEEP_INTERVAL_MS = 1000;

export interface BoundsOptions {
  limits?: Partial<ServerLimits> | undefined;
  memory?: MemoryBudget | undefined;
  counters?: LimitCounters | undefined;
  /** The clock of the sweep. Default: the system clock. */
  clock?: Clock | undefined;
  logger: PluginLogger;
  errorResponse: (error: StreamFSError) => string;
}

export class Limits {
  readonly values: ServerLimits;
  readonly memory: MemoryBudget;
  /** How often each limit was reached. */
  readonly counters: LimitCounters;
  readonly connections: Connections;
  readonly reads: LiveReads;
  /** Memory of responses while they are sent. */
  readonly sharedBuffers: SharedBuffers;
  /** The part of the memory that is in the JavaScript heap. */
  readonly heap: HeapMemory;
  readonly clock: Clock;
  readonly #logger: PluginLogger;
  #cancel: (() => void) | undefined;
  #period = SWEEP_INTERVAL_MS;
  #lookedAt = 0;

  constructor({ limits = {}, memory, counters, clock = systemClock, logger, errorResponse }: BoundsOptions) {
    this.values = { ...DEFAULT_LIMITS, ...limits };
    this.memory = memory ?? new MemoryBudget(0);
    this.counters = counters ?? new LimitCounters();
    this.reads = new LiveReads(this.values.readers, this.memory);
    this.sharedBuffers = this.memory.shared;
    this.heap = new HeapMemory(this.memory);
    this.clock = clock;
    this.#logger = logger;
    const refused = new LogThrottle((count, error: StreamFSError) =>
      this.#logger.warn('connections refused', { count, reason: error.message }),
    );
    const stalled = new LogThrottle((count, queued: number) =>
      this.#logger.warn('stalled connections closed', { count, queuedByTheLast: queued }),
    );
    this.connections = new Connections({
      limits: this.values,
      memory: this.memory,
      heap: this.heap,
      errorResponse,
      onRefused: (error) => {
        this.countRefusal(error);
        refused.add(error);
      },
      onStalled: (_socket, queued) => {
        this.counters.hit('stall_timeout');
        stalled.add(queued);
      },
    });
  }

  /** Starts the sweep. Its timer does not keep the process alive. */
  start(): void {
    const { stallTimeout, bodyTimeout, streamBodyTimeout, headerTimeout } = this.values;
    const shortest = Math.min(
      ...[stallTimeout, bodyTimeout, streamBodyTimeout, headerTimeout].filter((each) => each > 0),
    );
    this.#period = Math.max(10, Math.min(SWEEP_INTERVAL_MS, shortest / 4));
    this.#lookedAt = this.clock.now();
    if (this.#cancel === undefined) this.#scheduleSweep();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #scheduleSweep(): void {
    this.#cancel = this.clock.schedule(() => {
      this.#scheduleSweep();
      this.#sweep();
    }, this.#period);
  }

  #sweep(): void {
    const { connections } = this;
    // After the event loop was blocked, peers could not make progress either, so only a bounded time counts against
    // them.
    const now = this.clock.now();
    const passed = Math.min(now - this.#lookedAt, 2 * this.#period);
    this.#lookedAt = now;
    const incoming = connections.sweep(passed);
    const since = (socket: Socket) => connections.lastTaken(socket);
    this.reads.settle(since, (socket) => connections.cutStalled(socket), incoming);
  }

  /** Counts a refusal, and returns the limit that it is for, if any. */
  countRefusal(error: unknown): LimitName | undefined {
    if (!isStreamFSError(error)) return undefined;
    const limit = error.details.limit as LimitName | undefined;
    if (limit !== undefined) this.counters.hit(limit);
    return limit;
  }
}

export { DEFAULT_LIMITS, type ServerLimits } from './defaults.ts';
