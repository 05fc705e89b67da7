/**
 * Which appends of a stream have been applied already, so that one that is repeated is not applied again (contract
 * 72). The rules are those of the Durable Streams protocol, "Idempotent Producers": a producer numbers its appends 0,
 * 1, 2, … within an epoch, and each takes effect once and in order. What is added to them is the part of the append
 * now expected that has been applied already: an append that broke off goes on behind it.
 *
 * Nothing here waits or writes. The code that appends the bytes calls {@link Attempt.took} in the same turn.
 */
import { createError, limitReached, type StreamFSError } from '../errors/index.ts';
import type { MemoryBudget } from './public.ts';

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
  /** Idle producers remembered; the one that has been idle for longest is forgotten for another. */
  max: number;
  /** Milliseconds from the end of its last append after which a producer is forgotten; 0: never. */
  ttl: number;
  /** Milliseconds that only go forward. */
  now?: (() => number) | undefined;
  /** What they are charged to. Default: nothing. */
  memory?: Pick<MemoryBudget, 'tryTake' | 'give' | 'limit'> | undefined;
  /** Called for each that is forgotten because there are too many. */
  onLimit?: (() => void) | undefined;
  /** Called when something has changed that {@link Producers.takeChanged} gives. Default: nothing is remembered for that. */
  onChange?: (() => void) | undefined;
}

/** What a producer is charged, in bytes: its name, its place in a table, its numbers. */
export const PRODUCER_COST = 512;

/**
 * An append that broke off half applied is going to be repeated, most likely soon, and only this memory says from which
 * byte on. So it outlives a short `ttl` and a small `max`: for at least ten minutes, and a thousand of them.
 */
export const BROKEN_OFF = { ttl: 10 * 60_000, max: 1000 } as const;

interface State {
  readonly id: string;
  epoch: number;
  /** The number of the append that comes next. */
  expected: number;
  /** Bytes of that append applied already. */
  applied: number;
  /** The stream's end right behind the last byte it appended. */
  endOffset: number;
  /** When its last append ended, however it ended. */
  idleSince: number;
  attempt: Attempt | undefined;
}

/** What has to outlive the process of a producer, for its appends to be applied once all the same. */
export interface ProducerRecord {
  readonly id: string;
  readonly epoch: number;
  readonly expected: number;
  readonly applied: number;
  readonly endOffset: number;
}

/** One attempt at the append that is expected. There is one at a time for each producer. */
export class Attempt {
  private readonly state: State;
  private readonly onCut: () => void;
  private readonly onRest: (state: State, isBrokenOff: boolean) => void;
  private readonly onChange: ((state: State) => void) | undefined;

  constructor(
    state: State,
    onCut: () => void,
    onRest: (state: State, isBrokenOff: boolean) => void,
    onChange: ((state: State) => void) | undefined,
  ) {
    this.state = state;
    this.onCut = onCut;
    this.onRest = onRest;
    this.onChange = onChange;
  }

  /** False once it is complete, given up, or a newer attempt goes on in its place. */
  get isRunning(): boolean {
    return this.state.attempt === this;
  }

  /** Bytes of this append applied so far, by whichever attempt. */
  get applied(): number {
    return this.state.applied;
  }

  /** `length` more bytes have been appended, and the stream now ends at `endOffset`. */
  took(length: number, endOffset: number): void {
    this.state.applied += length;
    this.state.endOffset = endOffset;
    this.onChange?.(this.state);
  }

  /** The append is whole: from now on it is only acknowledged. */
  complete(): void {
    if (!this.isRunning) throw createError('PRODUCER_SUPERSEDED');
    this.state.expected += 1;
    this.state.applied = 0;
    this.onChange?.(this.state);
    this.rest(false);
  }

  /** It broke off. What it applied stays applied; `isHeld`: something of it that is not is held for its repetition. */
  giveUp(isHeld = false): void {
    if (this.isRunning) this.rest(isHeld || this.applied > 0);
  }

  private rest(isBrokenOff: boolean): void {
    this.state.attempt = undefined;
    this.onRest(this.state, isBrokenOff);
  }

  /** Another attempt takes its place. */
  cut(): void {
    this.giveUp();
    this.onCut();
  }
}

/** Idle producers, longest idle first. All are kept for the same time, up to a maximum number. */
class Idle {
  private readonly states = new Set<State>();
  private readonly max: number;
  private readonly ttl: number;

  constructor(max: number, ttl: number) {
    this.max = max;
    this.ttl = ttl;
  }

  get isOverfull(): boolean {
    return this.states.size > this.max;
  }

  get oldest(): State | undefined {
    return this.states.values().next().value;
  }

  add(state: State): void {
    this.states.add(state);
  }

  delete(state: State): void {
    this.states.delete(state);
  }

  /** Whether it is one of these, and has been idle for too long. */
  isOver(state: State, now: number): boolean {
    return now - state.idleSince >= this.ttl && this.states.has(state);
  }
}

/**
 * A producer with an open append is always remembered: it holds a connection, and connections have a limit of their own.
 * The limits apply to idle producers, since an idle producer may never come back.
 */
export class Producers {
  private readonly now: () => number;
  private readonly memory: ProducersOptions['memory'];
  private readonly onLimit: () => void;
  private readonly states = new Map<string, State>();
  /** Nothing of the append that comes next is there. */
  private readonly settled: Idle;
  /** Part of it is applied, or held. */
  private readonly brokenOff: Idle;
  /** The largest end offset of one that was forgotten: behind it nothing is of a producer that is not known any more. */
  forgottenTo = 0;
  /** Producers that have changed since they were last taken; undefined where changes are not tracked. */
  private readonly changed: Set<State> | undefined;
  private readonly onChange: ((state: State) => void) | undefined;

  constructor(options: ProducersOptions) {
    const { max, ttl, now = () => performance.now(), memory, onLimit = () => undefined, onChange } = options;
    if (onChange !== undefined) {
      const changed = new Set<State>();
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
    this.settled = new Idle(max, kept);
    this.brokenOff = new Idle(Math.max(max, BROKEN_OFF.max), Math.max(kept, BROKEN_OFF.ttl));
  }

  get size(): number {
    return this.states.size;
  }

  /** The highest number applied whole in the producer's epoch, -1 before the first; undefined for one not known. */
  lastSeq(id: string): number | undefined {
    const state = this.states.get(id);
    return state === undefined ? undefined : state.expected - 1;
  }

  /**
   * Whether an append has been applied whole already. Changes nothing.
   *
   * @throws PRODUCER_FENCED for an older epoch, PRODUCER_EPOCH_START for a newer one that does not begin at 0,
   * PRODUCER_GAP for a number that is not expected yet; with `forgotten_to` where the producer is not known
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
   * Begins an attempt at an append that is not repeated, and cuts the one that is still under way. `onCut` is called
   * when this one is cut in turn.
   *
   * @throws as {@link isRepeated}; MEMORY_LIMIT when there is room for no other, and all that are known are writing
   */
  begin(append: AppendId, onCut: () => void): Attempt {
    if (this.isRepeated(append)) throw new Error('this append has been applied already');
    const { id, epoch } = append;
    let state = this.states.get(id);
    if (state === undefined) {
      this.makeRoom();
      state = { id, epoch, expected: 0, applied: 0, endOffset: 0, idleSince: 0, attempt: undefined };
      this.states.set(id, state);
    }
    state.attempt?.cut();
    this.settled.delete(state);
    this.brokenOff.delete(state);
    if (state.epoch !== epoch) Object.assign(state, { epoch, expected: 0, applied: 0 });
    state.attempt = new Attempt(state, onCut, this.rest, this.onChange);
    return state.attempt;
  }

  /** Those that have changed since the last call. */
  takeChanged(): ProducerRecord[] {
    if (this.changed === undefined || this.changed.size === 0) return [];
    const records = [...this.changed].map(recordOf);
    this.changed.clear();
    return records;
  }

  /** All that are known. */
  records(): ProducerRecord[] {
    return [...this.states.values()].map(recordOf);
  }

  /** Knows producers again, idle from now on; without memory for all of them, some are forgotten. */
  restore(records: readonly ProducerRecord[], forgottenTo: number): void {
    this.forgottenTo = Math.max(this.forgottenTo, forgottenTo);
    for (const { id, epoch, expected, applied, endOffset } of records) {
      this.makeRoom();
      const state: State = { id, epoch, expected, applied, endOffset, idleSince: 0, attempt: undefined };
      this.states.set(id, state);
      this.rest(state, applied > 0);
    }
  }

  /** Cuts the attempt a producer has under way, if it has one. */
  cut(id: string): void {
    this.states.get(id)?.attempt?.cut();
  }

  /** An attempt is over, and its producer idle. */
  private readonly rest = (state: State, isBrokenOff: boolean): void => {
    // Its stream may be gone.
    if (this.states.get(state.id) !== state) return;
    state.idleSince = this.now();
    const idle = isBrokenOff ? this.brokenOff : this.settled;
    idle.add(state);
    if (!idle.isOverfull) return;
    this.forget(idle.oldest!);
    this.onLimit();
  };

  private current(id: string): State | undefined {
    const state = this.states.get(id);
    if (state === undefined || !this.isOver(state, this.now())) return state;
    this.forget(state);
    return undefined;
  }

  private isOver(state: State, now: number): boolean {
    return this.settled.isOver(state, now) || this.brokenOff.isOver(state, now);
  }

  private forget(state: State): void {
    this.states.delete(state.id);
    this.settled.delete(state);
    this.brokenOff.delete(state);
    this.forgottenTo = Math.max(this.forgottenTo, state.endOffset);
    this.memory?.give(PRODUCER_COST);
  }

  /** Forgets those that have been idle for too long. */
  forgetIdle(): void {
    const now = this.now();
    for (const idle of [this.settled, this.brokenOff]) {
      for (let state = idle.oldest; state !== undefined && idle.isOver(state, now); state = idle.oldest) {
        this.forget(state);
      }
    }
  }

  /** Forgets all: their stream is gone. */
  clear(): void {
    for (const state of [...this.states.values()]) this.forget(state);
  }

  /** Takes memory for one more, for which others are forgotten where it must be: first those idle for too long. */
  private makeRoom(): void {
    const memory = this.memory;
    if (memory === undefined) return;
    this.forgetIdle();
    while (!memory.tryTake(PRODUCER_COST)) {
      const state = this.settled.oldest ?? this.brokenOff.oldest;
      if (state === undefined) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
      this.forget(state);
    }
  }
}

function recordOf({ id, epoch, expected, applied, endOffset }: State): ProducerRecord {
  return { id, epoch, expected, applied, endOffset };
}

/** @param forgottenTo for a producer not known: where what is of forgotten ones ends */
export function producerGap(expected: number, received: number, forgottenTo?: number): StreamFSError {
  const details = { expected_seq: expected, received_seq: received };
  return createError(
    'PRODUCER_GAP',
    { expected, received },
    forgottenTo === undefined ? details : { ...details, forgotten_to: forgottenTo },
  );
}
