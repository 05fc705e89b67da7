/** A log backed by an engine in this process. */
import { createError } from '../../errors/index.ts';
import type {
  Appended,
  Log,
  LogBatch,
  LogChild,
  LogCounters,
  LogEnd,
  LogFollower,
  LogLimits,
  LogSink,
  LogState,
  NewStream,
  StreamChange,
  StreamState,
} from '../log.ts';
import { type MemoryEngine, NO_LIMITS, type Outcome } from './engine.ts';
import { MemoryFollower } from './follower.ts';
import { CutError, Wire } from './wire.ts';

export interface MemoryLogOptions {
  engine: MemoryEngine;
  node: string;
  /** Default: 10 s. */
  deadline?: number | undefined;
  limits?: LogLimits | undefined;
  /** Default: a connection without faults. */
  wire?: Wire | undefined;
}

const MAX_CALL_BYTES = 1 << 20;

interface Waiting {
  readonly batch: LogBatch;
  readonly done: (appended: Appended) => void;
  readonly failed: (error: unknown) => void;
}

/** Pending appends to one generation of a stream; one call runs at a time. */
interface Queue {
  waiting: Waiting[];
  isBusy: boolean;
}

export class MemoryLog implements Log {
  readonly name = 'memory';
  readonly engine: MemoryEngine;
  readonly wire: Wire;
  onState: (() => void) | undefined;
  readonly #node: string;
  readonly #deadline: number;
  readonly #limits: LogLimits;
  readonly #counts = { retries: 0, heals: 0, forks: 0 };
  readonly #queues = new Map<string, Queue>();
  readonly #followers = new Map<string, MemoryFollower>();
  #since = Date.now();
  #seq = 0;

  constructor({ deadline = 10_000, engine, limits = NO_LIMITS, node, wire = new Wire() }: MemoryLogOptions) {
    this.engine = engine;
    this.#node = node;
    this.#deadline = deadline;
    this.#limits = limits;
    this.wire = wire;
    wire.onChange = (isUp) => {
      this.#since = Date.now();
      this.onState?.();
      if (isUp) for (const follower of this.#followers.values()) follower.fill();
    };
  }

  get state(): LogState {
    const { isConnected } = this.wire;
    return { isConnected, since: this.#since, problem: isConnected ? undefined : 'the connection is cut' };
  }

  get counters(): LogCounters {
    return this.#counts;
  }

  async start(): Promise<void> {}

  async close(): Promise<void> {
    for (const follower of [...this.#followers.values()]) follower.close();
  }

  find(path: string): Promise<StreamState | undefined> {
    return this.#call((engine) => engine.find(path));
  }

  create(stream: NewStream): Promise<{ stream: StreamState; isNew: boolean }> {
    return this.#call((engine) => engine.create(stream, this.#limits));
  }

  finish(path: string, generation: string, end: LogEnd): Promise<StreamState> {
    return this.#call((engine) => engine.finish(path, generation, end));
  }

  update(path: string, generation: string, change: StreamChange): Promise<StreamState> {
    return this.#call((engine) => engine.update(path, generation, change));
  }

  list(directory: string, after: string | undefined, limit: number): Promise<readonly LogChild[]> {
    return this.#call((engine) => engine.list(directory, after, limit));
  }

  follow(path: string, generation: string, sink: LogSink): LogFollower {
    const follower = new MemoryFollower(
      {
        engine: this.engine,
        wire: this.wire,
        left: () => this.#followers.delete(generation),
        healed: () => this.#counts.heals++,
      },
      { path, generation, sink },
    );
    this.#followers.set(generation, follower);
    follower.fill();
    return follower;
  }

  // ── appends ────────────────────────────────────────────────────────────────────────────────────────────────────

  append(batch: LogBatch): Promise<Appended> {
    const key = `${batch.generation} ${batch.path}`;
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { waiting: [], isBusy: false };
      this.#queues.set(key, queue);
    }
    const to = queue;
    return new Promise((done, failed) => {
      to.waiting.push({ batch, done, failed });
      if (!to.isBusy) void this.#send(key, to);
    });
  }

  async #send(key: string, queue: Queue): Promise<void> {
    queue.isBusy = true;
    while (queue.waiting.length > 0) {
      await new Promise((go) => setImmediate(go));
      const group = nextGroup(queue);
      const seq = ++this.#seq;
      try {
        const outcomes = await this.#appendGroup(
          group.map(({ batch }) => batch),
          seq,
        );
        const until = performance.now() + this.#deadline;
        group.forEach((one, index) => void this.#settle(one, outcomes[index]!, until));
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    queue.isBusy = false;
    this.#queues.delete(key);
  }

  async #appendGroup(batches: readonly LogBatch[], seq: number): Promise<readonly Outcome[]> {
    const { generation } = batches[0]!;
    for (;;) {
      const follower = this.#followers.get(generation);
      const seen = follower?.endOffset ?? 0;
      const outcomes = await this.#call((engine) => engine.append(this.#node, seq, batches, seen));
      if (outcomes !== 'behind') return outcomes;
      await follower?.heal();
    }
  }

  /** An append is done when the follower of this node has it. */
  async #settle({ batch, done, failed }: Waiting, outcome: Outcome, until: number): Promise<void> {
    if (outcome instanceof Error) return failed(outcome);
    try {
      const follower = this.#followers.get(batch.generation);
      if (follower !== undefined) await this.#before(until, follower.reached(outcome.endOffset));
      done(outcome);
    } catch (error) {
      failed(error);
    }
  }

  // ── calls ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Repeats a lost call until the deadline. */
  async #call<T>(does: (engine: MemoryEngine) => T): Promise<T> {
    const until = performance.now() + this.#deadline;
    for (;;) {
      try {
        return await this.wire.call(() => does(this.engine));
      } catch (error) {
        if (!(error instanceof CutError)) throw error;
        await this.#before(until, this.wire.whenUp());
        this.#counts.retries++;
      }
    }
  }

  async #before(until: number, done: Promise<void>): Promise<void> {
    const left = until - performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(createError('LOG_UNAVAILABLE', { log: this.name, reason: 'the connection is cut' })),
        Math.max(0, left),
      );
    });
    try {
      await Promise.race([done, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function nextGroup(queue: Queue): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { batch } of queue.waiting) {
    const length = batch.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (count > 0 && bytes + length > MAX_CALL_BYTES) break;
    bytes += length;
    count++;
  }
  return queue.waiting.splice(0, count);
}
