/**
 * Which appends of a stream have been applied already, so that one that is repeated is not applied again (contract
 * 72). The rules are those of the Durable Streams protocol, "Idempotent Producers": a producer numbers its appends 0,
 * 1, 2, … within an epoch, and each takes effect once and in order. What is added to them is the part of the append
 * now expected that has been applied already: an append that broke off goes on behind it.
 *
 * Nothing here waits or writes. Whoever appends bytes calls {@link Attempt.took} in the same turn.
 */
import { fail, limitReached, type StreamFSError } from '../errors/index.ts';
import type { MemoryBudget } from './budget.ts';

/** What an append is known by: the same three for each attempt at it. */
export interface AppendId {
  /** The producer's name, the same over its restarts. */
  id: string;
  /** From 0; a producer that starts anew takes the next, which shuts out what is left of its predecessor. */
  epoch: number;
  /** From 0 in each epoch. */
  seq: number;
}

export interface ProducersOptions {
  /** Producers remembered at once; the one that has been idle longest is forgotten for another. */
  max: number;
  /** Milliseconds without an append after which a producer is forgotten; 0: never. */
  ttl: number;
  /** Milliseconds that only go forward. */
  now?: () => number;
  /** What they are charged to. Default: nothing. */
  memory?: Pick<MemoryBudget, 'tryTake' | 'give' | 'limit'>;
}

/** What a producer is charged, in bytes: its name, its place in a table, its numbers. */
export const PRODUCER_COST = 512;

interface State {
  epoch: number;
  /** The number of the append that comes next. */
  expected: number;
  /** Bytes of that append applied already. */
  applied: number;
  usedAt: number;
  attempt: Attempt | undefined;
}

/** One attempt at the append that is expected. There is one at a time for each producer. */
export class Attempt {
  readonly #state: State;
  readonly #onCut: () => void;

  constructor(state: State, onCut: () => void) {
    this.#state = state;
    this.#onCut = onCut;
  }

  /** False once it is complete, given up, or a newer attempt goes on in its place. */
  get isRunning(): boolean {
    return this.#state.attempt === this;
  }

  /** Bytes of this append applied so far, by whichever attempt. */
  get applied(): number {
    return this.#state.applied;
  }

  /** So many more bytes have been appended. */
  took(length: number): void {
    this.#state.applied += length;
  }

  /** The append is whole: from now on it is only acknowledged. */
  complete(): void {
    if (!this.isRunning) throw fail('PRODUCER_SUPERSEDED');
    this.#state.expected += 1;
    this.#state.applied = 0;
    this.#state.attempt = undefined;
  }

  /** It broke off. What it applied stays applied. */
  giveUp(): void {
    if (this.isRunning) this.#state.attempt = undefined;
  }

  /** Another attempt takes its place. */
  cut(): void {
    this.giveUp();
    this.#onCut();
  }
}

export class Producers {
  readonly #max: number;
  readonly #ttl: number;
  readonly #now: () => number;
  readonly #memory: ProducersOptions['memory'];
  /** The one used last is last. */
  readonly #states = new Map<string, State>();

  constructor({ max, ttl, now = () => performance.now(), memory }: ProducersOptions) {
    this.#memory = memory;
    this.#max = max;
    this.#ttl = ttl === 0 ? Number.POSITIVE_INFINITY : ttl;
    this.#now = now;
  }

  get size(): number {
    return this.#states.size;
  }

  /** The highest number applied whole in the producer's epoch, -1 before the first; undefined for one not known. */
  lastSeq(id: string): number | undefined {
    const state = this.#states.get(id);
    return state === undefined ? undefined : state.expected - 1;
  }

  /**
   * Whether an append has been applied whole already. Changes nothing.
   *
   * @throws PRODUCER_FENCED for an older epoch, PRODUCER_EPOCH_START for a newer one that does not begin at 0,
   * PRODUCER_GAP for a number that is not expected yet
   */
  isRepeated({ id, epoch, seq }: AppendId): boolean {
    const state = this.#current(id);
    if (state === undefined) {
      if (seq !== 0) throw producerGap(0, seq);
      return false;
    }
    if (epoch < state.epoch) {
      throw fail('PRODUCER_FENCED', { epoch, current: state.epoch }, { epoch: state.epoch });
    }
    if (epoch > state.epoch) {
      if (seq !== 0) throw fail('PRODUCER_EPOCH_START', { epoch, seq });
      return false;
    }
    if (seq > state.expected) throw producerGap(state.expected, seq);
    return seq < state.expected;
  }

  /**
   * Begins an attempt at an append that is not repeated, and cuts the one that is still under way. `onCut` is called
   * when this one is cut in turn.
   *
   * @throws as {@link isRepeated}; PRODUCER_LIMIT when every producer remembered is writing just now, MEMORY_LIMIT
   * when there is room for no other
   */
  begin(append: AppendId, onCut: () => void): Attempt {
    if (this.isRepeated(append)) throw new Error('this append has been applied already');
    const { id, epoch } = append;
    let state = this.#states.get(id);
    if (state === undefined) {
      this.#makeRoom();
      state = { epoch, expected: 0, applied: 0, usedAt: 0, attempt: undefined };
    }
    state.attempt?.cut();
    if (state.epoch !== epoch) Object.assign(state, { epoch, expected: 0, applied: 0 });
    this.#states.delete(id);
    this.#states.set(id, state);
    state.usedAt = this.#now();
    state.attempt = new Attempt(state, onCut);
    return state.attempt;
  }

  /** Cuts the attempt a producer has under way, if it has one. */
  cut(id: string): void {
    this.#states.get(id)?.attempt?.cut();
  }

  #current(id: string): State | undefined {
    const state = this.#states.get(id);
    if (state === undefined || !this.#isOver(state)) return state;
    this.#forget(id);
    return undefined;
  }

  #forget(id: string): void {
    if (this.#states.delete(id)) this.#memory?.give(PRODUCER_COST);
  }

  /** Forgets those that have been idle for too long. */
  forgetIdle(): void {
    // They stand in the order in which they began their last appends; only one that is writing may stand before others.
    for (const [id, state] of this.#states) {
      if (this.#isOver(state)) this.#forget(id);
      else if (state.attempt === undefined) return;
    }
  }

  /** Forgets all: their stream is gone. */
  clear(): void {
    for (const id of [...this.#states.keys()]) this.#forget(id);
  }

  /** Idle for too long. */
  #isOver({ attempt, usedAt }: State): boolean {
    return attempt === undefined && this.#now() - usedAt >= this.#ttl;
  }

  /** Takes memory for one more, for which others are forgotten where it must be: first those idle for too long. */
  #makeRoom(): void {
    this.forgetIdle();
    if (this.#states.size >= this.#max && !this.#forgetOne()) {
      throw limitReached('PRODUCER_LIMIT', 'producers', this.#max);
    }
    const memory = this.#memory;
    if (memory === undefined || memory.tryTake(PRODUCER_COST)) return;
    if (!this.#forgetOne() || !memory.tryTake(PRODUCER_COST)) {
      throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
    }
  }

  /** The one idle for longest; false where all are writing. */
  #forgetOne(): boolean {
    for (const [id, { attempt }] of this.#states) {
      if (attempt !== undefined) continue;
      this.#forget(id);
      return true;
    }
    return false;
  }
}

export function producerGap(expected: number, received: number): StreamFSError {
  return fail('PRODUCER_GAP', { expected, received }, { expected_seq: expected, received_seq: received });
}
