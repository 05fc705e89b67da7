/** The log of one stream: what of it is written, what waits to be, and whether its writers may go on. */
import { MAX_CHUNK } from '../core/index.ts';
import type { History, Producers, RingStream, StreamLog } from '../core/internal.ts';
import { createError } from '../errors/index.ts';
import type { Durability } from '../protocol/index.ts';
import type { BlockCache } from './block-cache.ts';
import type { KnownStream } from './known-stream.ts';

/** The owner of the stream, which knows what else to save of it. */
export interface StreamOwner {
  /** What is given back to it when the stream is put together again. */
  facts(): string;
  producers(): Producers | undefined;
}

/** A write that many streams share. */
export interface Round {
  readonly done: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** The log of all streams, as one of them sees it. */
export interface LogStore {
  /** Readers need not wait for anything to be written. */
  readonly readsAhead: boolean;
  readonly durability: Durability;
  readonly isClosed: boolean;
  /** Why nothing can be written; undefined while it can. */
  readonly fault: Error | undefined;
  /** What has been read back. */
  readonly blocks: BlockCache;
  /** Bytes of all streams that wait to be written. */
  backlog: number;
  readonly maxBacklog: number;
  readonly maxStreamBacklog: number;
  markDirty(log: LoggedStream): Round;
  whenRoom(wake: () => void): void;
}

export class LoggedStream implements StreamLog {
  readonly known: KnownStream;
  readonly stream: RingStream;
  readonly owner: StreamOwner;
  /**
   * What is written beside bytes. The identity is written twice, with the first bytes and with the next record, so that
   * damage in one place does not lose the stream.
   */
  identitiesDue: number;
  areFactsDue: boolean;
  areAllProducersDue = false;
  isRemoved = false;
  /** It is in the log no more. */
  isGone = false;
  /** Told in the turn in which the log has it no more: until then it is to be as it was. */
  #whenGone: (() => void) | undefined;
  /** So many wait for that. */
  #askedToGo = 0;
  /** Its bytes are to be moved out of the oldest journals. */
  isMoveDue = false;
  /** The write that what has changed last is part of. */
  round: Round | undefined;
  #counted: number;
  readonly #store: LogStore;

  readonly history: History;

  constructor(store: LogStore, known: KnownStream, stream: RingStream, owner: StreamOwner, isNew: boolean) {
    this.#store = store;
    this.known = known;
    this.stream = stream;
    this.owner = owner;
    this.identitiesDue = isNew ? 2 : 0;
    this.areFactsDue = isNew;
    this.#counted = known.reach.offset;
    this.history = store.blocks.of(known);
  }

  get durability(): Durability {
    return this.#store.durability;
  }

  get readable(): number {
    return this.isGone || this.#store.readsAhead ? this.stream.writtenEnd : this.known.reach.offset;
  }

  get isEndReadable(): boolean {
    if (this.isGone || this.#store.readsAhead) return true;
    if (this.isRemoved && this.#whenGone === undefined && this.#store.fault !== undefined) return true;
    return this.stream.closedBy === 'ended' ? this.known.end !== undefined : this.#store.isClosed;
  }

  get saved(): number {
    return this.isGone ? Number.POSITIVE_INFINITY : this.known.reach.offset;
  }

  /** Bytes that wait to be written. */
  get pending(): number {
    return this.stream.writtenEnd - this.known.reach.offset;
  }

  /** Bytes that may wait to be saved: less than the ring keeps, so readers that wait for them still find them there. */
  get #limit(): number {
    const { maxLag, retention } = this.stream.rules;
    return Math.min(this.#store.maxStreamBacklog, Math.max(MAX_CHUNK, Math.min(retention, maxLag) / 2));
  }

  get hasRoom(): boolean {
    const { backlog, fault, maxBacklog } = this.#store;
    return fault !== undefined || (this.pending < this.#limit && backlog < maxBacklog);
  }

  takesAtOnce(length: number): boolean {
    const { backlog, fault, maxBacklog } = this.#store;
    return fault !== undefined || (this.pending + length <= this.#limit && backlog + length <= maxBacklog);
  }

  requireWritable(): void {
    if (this.#store.fault !== undefined) throw this.#store.fault;
    if (this.#store.isClosed) throw createError('STREAM_SHUT_DOWN');
  }

  requireRoom(length: number): void {
    this.requireWritable();
    if (this.pending > 0 && !this.takesAtOnce(length)) throw createError('DISK_BEHIND', { pending: this.pending });
  }

  changed(): void {
    this.count();
    // An end by shutdown is not saved; readers get it when the log is closed.
    if (this.pending === 0 && this.stream.closedBy === 'shutdown') return;
    this.touch();
  }

  /** Something of it is to be written. */
  touch(): void {
    if (!this.isGone) this.round = this.#store.markDirty(this);
  }

  /** The facts of its owner have changed. */
  factsChanged(): void {
    this.areFactsDue = true;
    this.touch();
  }

  /**
   * It is to be in the log no more.
   *
   * @param whenGone called in the turn in which that is so
   */
  remove(whenGone?: () => void): void {
    this.isRemoved = true;
    if (whenGone !== undefined) this.#askedToGo++;
    this.#whenGone = whenGone;
    this.touch();
  }

  /** It stays, where that it is removed could not be written and nobody has been told so. */
  stay(): void {
    if (this.isGone || this.#whenGone === undefined || --this.#askedToGo > 0) return;
    this.isRemoved = false;
    this.#whenGone = undefined;
  }

  /** Counts what has been appended. */
  count(): void {
    const end = this.stream.writtenEnd;
    this.#store.backlog += end - this.#counted;
    this.#counted = end;
  }

  /** It is out of the log: nothing of it waits any more. */
  leave(): void {
    this.#store.backlog -= Math.max(0, this.#counted - this.known.reach.offset);
    this.isGone = true;
    this.#whenGone?.();
  }

  whenRoom(wake: () => void): void {
    this.#store.whenRoom(wake);
  }

  whenSaved(): Promise<void> | undefined {
    const { round } = this;
    if (round === undefined || this.#store.readsAhead) return undefined;
    const { fault } = this.#store;
    return fault === undefined ? round.done : Promise.reject(fault);
  }
}
