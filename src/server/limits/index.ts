/** All that bounds a server, put together: memory, connections, reads, and the one timer that looks after them. */
import type { Socket } from 'node:net';
import { MemoryBudget, type SharedBuffers } from '../../core/index.ts';
import { isStreamFSError, type LimitName, type StreamFSError } from '../../errors/index.ts';
import { type Clock, LimitCounters, type PluginLogger, systemClock } from '../../fs/index.ts';
import { LogThrottle } from '../../logging/index.ts';
import { Connections } from './connections.ts';
import { DEFAULT_LIMITS, type ServerLimits } from './defaults.ts';
import { HeapMemory } from './heap-memory.ts';
import { LiveReads } from './live-reads.ts';

/** How often connections are looked at, in milliseconds, unless a timeout is too short for that. */
const SWEEP_INTERVAL_MS = 1000;

export interface BoundsOptions {
  limits?: Partial<ServerLimits> | undefined;
  memory?: MemoryBudget | undefined;
  counters?: LimitCounters | undefined;
  /** What connections are looked at by. Default: the system's. */
  clock?: Clock | undefined;
  logger: PluginLogger;
  answer: (error: StreamFSError) => string;
}

export class Limits {
  readonly values: ServerLimits;
  readonly memory: MemoryBudget;
  /** How often each limit was reached. */
  readonly counters: LimitCounters;
  readonly connections: Connections;
  readonly reads: LiveReads;
  /** What answers have of the memory while they are sent. */
  readonly held: SharedBuffers;
  /** Of the memory, the part that lies in JavaScript's heap. */
  readonly heap: HeapMemory;
  readonly clock: Clock;
  readonly #logger: PluginLogger;
  #cancel: (() => void) | undefined;
  #period = SWEEP_INTERVAL_MS;
  #lookedAt = 0;

  constructor({ limits = {}, memory, counters, clock = systemClock, logger, answer }: BoundsOptions) {
    this.values = { ...DEFAULT_LIMITS, ...limits };
    this.memory = memory ?? new MemoryBudget(0);
    this.counters = counters ?? new LimitCounters();
    this.reads = new LiveReads(this.values.readers, this.memory);
    this.held = this.memory.shared;
    this.heap = new HeapMemory(this.memory);
    this.clock = clock;
    this.#logger = logger;
    const refused = new LogThrottle((count, error: StreamFSError) =>
      this.#logger.warn('connections refused', { count, reason: error.message }),
    );
    const stalled = new LogThrottle((count, queued: number) =>
      this.#logger.warn('connections cut that take nothing', { count, queuedByTheLast: queued }),
    );
    this.connections = new Connections({
      limits: this.values,
      memory: this.memory,
      heap: this.heap,
      answer,
      onRefused: (error) => {
        this.note(error);
        refused.add(error);
      },
      onStalled: (_socket, queued) => {
        this.counters.hit('stall_timeout');
        stalled.add(queued);
      },
    });
  }

  /** Begins to look after connections. Keeps no process alive. */
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
    // After a blocked event loop, peers could not be served either: timers must run before peers are judged.
    const now = this.clock.now();
    const passed = Math.min(now - this.#lookedAt, 2 * this.#period);
    this.#lookedAt = now;
    const incoming = connections.sweep(passed);
    const since = (socket: Socket) => connections.lastTaken(socket);
    this.reads.settle(since, (socket) => connections.cutStalled(socket), incoming);
  }

  /** Counts a refusal, and gives the limit it is for, if it is for one. */
  note(error: unknown): LimitName | undefined {
    if (!isStreamFSError(error)) return undefined;
    const limit = error.details.limit as LimitName | undefined;
    if (limit !== undefined) this.counters.hit(limit);
    return limit;
  }
}

export { DEFAULT_LIMITS, type ServerLimits } from './defaults.ts';
