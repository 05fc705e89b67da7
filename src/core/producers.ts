/**
 * Idempotent producers: records which appends of a stream have been applied, so that a repeated append is not applied
 * again (contract 72). The rules are those of the Durable Streams protocol, "Idempotent Producers": a producer numbers
 * its appends 0, 1, 2, … within an epoch, and each takes effect once and in order. One rule is added: the number of
 * applied bytes of the expected append is recorded as well, so that an interrupted append continues after them.
 *
 * Nothing here waits or writes. The code that appends the bytes calls {@link Attempt.recordApplied} in the same turn.
 */
import { createError, limitReached, type StreamFSError } from '../errors/index.ts';
import type { MemoryBudget } from './public.ts';

/** Identifies an append. All attempts at an append have the same three values. */
export interface AppendId {
  /** The name of the producer. It stays the same across restarts of the producer. */
  id: string;
  /** From 0. A restarted producer uses the next epoch, which fences off its predecessor. */
  epoch: number;
  /** From 0 in each epoch. */
  seq: number;
}

export interface ProducersOptions {
  /** The maximum number of idle producers remembered. Beyond it, the one that has been idle longest is forgotten. */
  max: number;
  /** Milliseconds after its last append after which an idle producer is forgotten; 0: never. */
  ttl: number;
  /** A monotonic clock, in milliseconds. */
  now?: (() => number) | undefined;
  /** The budget that producers are charged to. Default: none. */
  memory?: Pick<MemoryBudget, 'tryTake' | 'give' | 'limit'> | undefined;
  /** Called for each producer that is forgotten because there are too many. */
  onLimit?: (() => void) | undefined;
  /** Called when {@link Producers.takeChanged} has something new. Default: changes are not tracked. */
  onChange?: (() => void) | undefined;
}

/** The charge per producer, in bytes: its name, its table entry and its numbers. */
export const PRODUCER_COST = 512;

/**
 * A partly applied, interrupted append will most likely be repeated soon, and only this record knows the byte to
 * continue at. So it outlives a short `ttl` and a small `max`: it is kept for at least ten minutes, and at least a
 * thousand such records are kept.
 */
export const INTERRUPTED = { ttl: 10 * 60_000, max: 1000 } as const;

interface ProducerState {
  readonly id: string;
  epoch: number;
  /** The sequence number of the next append. */
  expected: number;
  /** The number of bytes of that append that are already applied. */
  applied: number;
  /** The end offset of the stream right after the producer's last byte. */
  endOffset: number;
  /** When the last append finished or was interrupted. */
  idleSince: number;
  attempt: Attempt | undefined;
}

/** The persistent state of a producer: it must survive a restart so that appends are still applied only once. */
export interface ProducerRecord {
  readonly id: string;
  readonly epoch: number;
  readonly expected: number;
  readonly applied: number;
  readonly endOffset: number;
}

/** One attempt at the expected append. A producer has at most one at a time. */
export class Attempt {
  private readonly state: ProducerState;
  private readonly onSuperseded: () => void;
  private readonly onIdle: (state: ProducerState, isInterrupted: boolean) => void;
  private readonly onChange: ((state: ProducerState) => void) | undefined;

  constructor(
    state: ProducerState,
    onSuperseded: () => void,
    onIdle: (state: ProducerState, isInterrupted: boolean) => void,
    onChange: ((state: ProducerState) => void) | undefined,
  ) {
    this.state = state;
    this.onSuperseded = onSuperseded;
    this.onIdle = onIdle;
    this.onChange = onChange;
  }

  /** False once the attempt is complete, abandoned, or superseded by a newer one. */
  get isRunning(): boolean {
    return this.state.attempt === this;
  }

  /** The number of bytes of this append applied so far, by any attempt. */
  get applied(): number {
    return this.state.applied;
  }

  /** `length` more bytes have been appended, and the stream now ends at `endOffset`. */
  recordApplied(length: number, endOffset: number): void {
    this.state.applied += length;
    this.state.endOffset = endOffset;
    this.onChange?.(this.state);
  }

  /** The append is completely applied: repetitions are only acknowledged from now on. */
  complete(): void {
    if (!this.isRunning) throw createError('PRODUCER_SUPERSEDED');
    this.state.expected += 1;
    this.state.applied = 0;
    this.onChange?.(this.state);
    this.becomeIdle(false);
  }

  /**
   * The attempt was interrupted. Applied bytes stay applied. `isHeld`: unapplied bytes of it are kept for the
   * repetition.
   */
  giveUp(isHeld = false): void {
    if (this.isRunning) this.becomeIdle(isHeld || this.applied > 0);
  }

  private becomeIdle(isInterrupted: boolean): void {
    this.state.attempt = undefined;
    this.onIdle(this.state, isInterrupted);
  }

  /** A newer attempt supersedes this one. */
  supersede(): void {
    this.giveUp();
    this.onSuperseded();
  }
}

/** Idle producers, longest idle first. All have the same retention time, and their number is limited. */
class IdleProducers {
  private readonly states = new Set<ProducerState>();
  private readonly max: number;
  private readonly ttl: number;

  constructor(max: number, ttl: number) {
    this.max = max;
    this.ttl = ttl;
  }

  get isOverfull(): boolean {
    return this.states.size > this.max;
  }

  get oldest(): ProducerState | undefined {
    return this.states.values().next().value;
  }

  add(state: ProducerState): void {
    this.states.add(state);
  }

  delete(state: ProducerState): void {
    this.states.delete(state);
  }

  /** Whether the producer is in this list and has been idle for too long. */
  isExpired(state: ProducerState, now: number): boolean {
    return now - state.idleSince >= this.ttl && this.states.has(state);
  }
}

/**
 * A producer with an open append is always remembered: it holds a connection, and connections have a separate limit.
 * The limits here apply only to idle producers, since they may never return.
 */
export class Producers {
  private readonly now: () => number;
  private readonly memory: ProducersOptions['memory'];
  private readonly onLimit: () => void;
  private readonly states = new Map<string, ProducerState>();
  /** Producers whose next append has no applied or held bytes. */
  private readonly settled: IdleProducers;
  /** Producers whose next append is partly applied or held. */
  private readonly interrupted: IdleProducers;
  /**
   * The largest end offset of any forgotten producer. No byte after it was written by a producer that is now unknown.
   */
  forgottenTo = 0;
  /** Producers that changed since {@link takeChanged}; undefined if changes are not tracked. */
  private readonly changed: Set<ProducerState> | undefined;
  private readonly onChange: ((state: ProducerState) => void) | undefined;

  constructor(options: ProducersOptions) {
    const { max, ttl, now = () => performance.now(), memory, onLimit = () => undefined, onChange } = options;
    if (onChange !== undefined) {
      const changed = new Set<ProducerState>();
      this.changed = changed;
      this.onChange = (state) => {
        changed.add(state);
        onChange();
      };
    }
    this.memory = memory;
    this.onLimit = onLimit;
    this.now = now;
    const kept = ttl === 0 ? Number.POSITIVE_INFINITY : ttl;
    this.settled = new IdleProducers(max, kept);
    this.interrupted = new IdleProducers(Math.max(max, INTERRUPTED.max), Math.max(kept, INTERRUPTED.ttl));
  }

  get size(): number {
    return this.states.size;
  }

  /**
   * The highest completely applied sequence number of the producer's epoch, -1 before the first; undefined for an
   * unknown producer.
   */
  lastSeq(id: string): number | undefined {
    const state = this.states.get(id);
    return state === undefined ? undefined : state.expected - 1;
  }

  /**
   * Whether an append has already been applied completely. Does not begin an attempt.
   *
   * @throws PRODUCER_FENCED for an older epoch, PRODUCER_EPOCH_START for a newer one that does not begin at 0,
   * PRODUCER_GAP for a number that is not expected yet, with `forgotten_to` if the producer is unknown
   */
  isRepeated({ id, epoch, seq }: AppendId): boolean {
    const state = this.current(id);
    if (state === undefined) {
      if (seq !== 0) throw producerGap(0, seq, this.forgottenTo);
      return false;
    }
    if (epoch < state.epoch) {
      throw createError('PRODUCER_FENCED', { epoch, current: state.epoch }, { epoch: state.epoch });
    }
    if (epoch > state.epoch) {
      if (seq !== 0) throw createError('PRODUCER_EPOCH_START', { epoch, seq });
      return false;
    }
    if (seq > state.expected) throw producerGap(state.expected, seq);
    return seq < state.expected;
  }

  /**
   * Begins an attempt at a new append and supersedes an attempt that is still running. `onSuperseded` is called when this
   * attempt is superseded in turn.
   *
   * @throws as {@link isRepeated}; MEMORY_LIMIT if there is no room for another producer and none is idle
   */
  begin(append: AppendId, onSuperseded: () => void): Attempt {
    if (this.isRepeated(append)) throw new Error('this append has been applied already');
    const { id, epoch } = append;
    let state = this.states.get(id);
    if (state === undefined) {
      this.makeRoom();
      state = { id, epoch, expected: 0, applied: 0, endOffset: 0, idleSince: 0, attempt: undefined };
      this.states.set(id, state);
    }
    state.attempt?.supersede();
    this.settled.delete(state);
    this.interrupted.delete(state);
    if (state.epoch !== epoch) Object.assign(state, { epoch, expected: 0, applied: 0 });
    state.attempt = new Attempt(state, onSuperseded, this.becomeIdle, this.onChange);
    return state.attempt;
  }

  /** The producers that changed since the last call. */
  takeChanged(): ProducerRecord[] {
    if (this.changed === undefined || this.changed.size === 0) return [];
    const records = [...this.changed].map(recordOf);
    this.changed.clear();
    return records;
  }

  /** All known producers. */
  records(): ProducerRecord[] {
    return [...this.states.values()].map(recordOf);
  }

  /**
   * Restores producers as idle, as far as there is room. The others are forgotten, longest idle first, and those without
   * a partly applied append before the rest.
   *
   * @param hasRoom whether there is room for one more, in addition to the budget's own rule
   * @returns how many were forgotten for lack of room
   */
  restore(records: readonly ProducerRecord[], forgottenTo: number, hasRoom: () => boolean = () => true): number {
    this.forgottenTo = Math.max(this.forgottenTo, forgottenTo);
    // The later the last byte of a producer in the stream, the shorter it has been idle.
    const byIdleTime = records.toSorted(
      (one, other) => Number(one.applied > 0) - Number(other.applied > 0) || one.endOffset - other.endOffset,
    );
    let forgotten = byIdleTime.length;
    while (forgotten > 0 && hasRoom() && this.memory?.tryTake(PRODUCER_COST) !== false) forgotten--;
    for (const [index, { id, epoch, expected, applied, endOffset }] of byIdleTime.entries()) {
      if (index < forgotten) {
        this.forgottenTo = Math.max(this.forgottenTo, endOffset);
        continue;
      }
      const state: ProducerState = { id, epoch, expected, applied, endOffset, idleSince: 0, attempt: undefined };
      this.states.set(id, state);
      this.becomeIdle(state, applied > 0);
    }
    return forgotten;
  }

  /** Supersedes the running attempt of a producer, if any. */
  supersede(id: string): void {
    this.states.get(id)?.attempt?.supersede();
  }

  /** The attempt of a producer has ended, so the producer is idle. */
  private readonly becomeIdle = (state: ProducerState, isInterrupted: boolean): void => {
    // The producer may have been forgotten in the meantime, with its stream.
    if (this.states.get(state.id) !== state) return;
    state.idleSince = this.now();
    const idle = isInterrupted ? this.interrupted : this.settled;
    idle.add(state);
    if (!idle.isOverfull) return;
    this.forget(idle.oldest!);
    this.onLimit();
  };

  private current(id: string): ProducerState | undefined {
    const state = this.states.get(id);
    if (state === undefined || !this.isExpired(state, this.now())) return state;
    this.forget(state);
    return undefined;
  }

  private isExpired(state: ProducerState, now: number): boolean {
    return this.settled.isExpired(state, now) || this.interrupted.isExpired(state, now);
  }

  private forget(state: ProducerState): void {
    this.states.delete(state.id);
    this.settled.delete(state);
    this.interrupted.delete(state);
    this.forgottenTo = Math.max(this.forgottenTo, state.endOffset);
    this.memory?.give(PRODUCER_COST);
  }

  /** Forgets the producers that have been idle for too long. */
  forgetIdle(): void {
    const now = this.now();
    for (const idle of [this.settled, this.interrupted]) {
      for (let state = idle.oldest; state !== undefined && idle.isExpired(state, now); state = idle.oldest) {
        this.forget(state);
      }
    }
  }

  /** Forgets all producers, because their stream is gone. */
  clear(): void {
    for (const state of [...this.states.values()]) this.forget(state);
  }

  /** Reserves memory for another producer. If necessary, idle ones are forgotten, longest idle first. */
  private makeRoom(): void {
    const memory = this.memory;
    if (memory === undefined) return;
    this.forgetIdle();
    while (!memory.tryTake(PRODUCER_COST)) {
      const state = this.settled.oldest ?? this.interrupted.oldest;
      if (state === undefined) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
      this.forget(state);
    }
  }
}

function recordOf({ id, epoch, expected, applied, endOffset }: ProducerState): ProducerRecord {
  return { id, epoch, expected, applied, endOffset };
}

/** @param forgottenTo for an unknown producer: see {@link Producers.forgottenTo} */
export function producerGap(expected: number, received: number, forgottenTo?: number): StreamFSError {
  const details = { expected_seq: expected, received_seq: received };
  return createError(
    'PRODUCER_GAP',
    { expected, received },
    forgottenTo === undefined ? details : { ...details, forgotten_to: forgottenTo },
  );
}
