/**
 * Feeds one mirror from the engine in memory. Pushed chunks are applied if they come next; missing ones are read.
 * Duplicate and late pushes are recognized by their offsets.
 */
import type { LogEnd, LogFollower, LogSink } from '../log.ts';
import type { MemoryEngine, Pushed } from './engine.ts';
import type { Wire } from './wire.ts';

export interface FollowerLog {
  readonly engine: MemoryEngine;
  readonly wire: Wire;
  left(): void;
  healed(): void;
}

export interface Followed {
  readonly path: string;
  readonly generation: string;
  readonly sink: LogSink;
}

export class MemoryFollower implements LogFollower {
  readonly caughtUp: Promise<void>;
  readonly #log: FollowerLog;
  readonly #followed: Followed;
  readonly #unfollow: () => void;
  #isOver = false;
  /** The facts that the mirror has received. */
  #facts: string | undefined;
  /** The end that the mirror has received. */
  #deliveredEnd: LogEnd['reason'] | undefined;
  #isFilling = false;
  /** A push has arrived that may require another read. */
  #isDue = false;
  #settle: () => void = () => undefined;
  readonly #waiting = new Set<{ offset: number; go: () => void }>();

  constructor(log: FollowerLog, followed: Followed) {
    this.#log = log;
    this.#followed = followed;
    const { path, generation } = followed;
    this.caughtUp = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#unfollow = log.engine.follow(path, generation, (message) => log.wire.push(() => this.#pushed(message)));
  }

  get endOffset(): number {
    return this.#followed.sink.endOffset;
  }

  #pushed(message: Pushed): void {
    if (this.#isOver) return;
    const { sink } = this.#followed;
    if (message.kind !== 'data' || this.#isFilling || message.from > sink.endOffset) {
      this.fill();
      return;
    }
    if (message.from < sink.endOffset) return;
    sink.data(message.chunks);
    this.#moved();
  }

  /** Reads everything that the mirror lacks. */
  fill(): void {
    this.#isDue = true;
    if (!this.#isFilling && !this.#isOver) void this.#fillAll();
  }

  async #fillAll(): Promise<void> {
    this.#isFilling = true;
    while (this.#isDue && !this.#isOver) {
      this.#isDue = false;
      try {
        if (await this.#fillOnce()) this.#isDue = true;
        else if (!this.#isDue) this.#settle();
      } catch {
        // Read again once the connection is up.
        await this.#log.wire.whenUp();
        this.#isDue = true;
      }
    }
    this.#isFilling = false;
  }

  /** Returns whether there may be more. */
  async #fillOnce(): Promise<boolean> {
    const { path, generation, sink } = this.#followed;
    const from = sink.endOffset;
    const { engine, wire } = this.#log;
    const { facts, found } = await wire.call(() => ({
      facts: engine.factsOf(path, generation),
      found: engine.read(path, generation, from),
    }));
    if (this.#isOver) return false;
    if (facts !== undefined && facts !== this.#facts) {
      this.#facts = facts;
      sink.facts(facts);
    }
    if (found.kind === 'nothing') return false;
    if (found.kind === 'chunks') {
      if (found.skipTo > sink.endOffset) sink.gap(found.skipTo, found.before - sink.chunkCount);
      sink.data(found.chunks);
      this.#moved();
      return true;
    }
    if (found.kind === 'behind') {
      await this.heal();
      return true;
    }
    if (found.kind === 'replaced') {
      this.close();
      sink.replaced();
    } else this.#end(found.end);
    return false;
  }

  /** An ended stream can still be removed. */
  #end(end: LogEnd): void {
    if (this.#deliveredEnd === end.reason) return;
    this.#deliveredEnd = end.reason;
    if (end.reason !== 'ended') this.close();
    this.#followed.sink.end(end);
  }

  /** Restores bytes that the engine has lost and the mirror still has. */
  async heal(): Promise<void> {
    const { engine, wire } = this.#log;
    const { path, generation, sink } = this.#followed;
    const found = await wire.call(() => engine.read(path, generation, sink.endOffset));
    if (found.kind !== 'behind') return;
    const chunks = sink.retained(found.endOffset);
    if (chunks === undefined) {
      this.close();
      sink.replaced();
      return;
    }
    await wire.call(() => engine.heal(path, generation, found.endOffset, chunks));
    this.#log.healed();
  }

  /** Settles when the mirror has reached an offset, or the follower is over. */
  reached(offset: number): Promise<void> {
    if (this.#isOver || this.endOffset >= offset) return Promise.resolve();
    this.fill();
    return new Promise((go) => this.#waiting.add({ offset, go }));
  }

  #moved(): void {
    for (const one of this.#waiting) {
      if (one.offset > this.endOffset) continue;
      this.#waiting.delete(one);
      one.go();
    }
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unfollow();
    this.#log.left();
    this.#settle();
    for (const { go } of this.#waiting) go();
    this.#waiting.clear();
  }
}
