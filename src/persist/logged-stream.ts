/** The log of one stream: tracks the bytes written and pending, and decides whether writers may continue. */
import { MAX_CHUNK } from '../core/index.ts';
import type { History, Producers, RingStream, StreamLog } from '../core/internal.ts';
import { createError } from '../errors/index.ts';
import type { Durability } from '../protocol/index.ts';
import type { BlockCache } from './block-cache.ts';
import type { KnownStream } from './known-stream.ts';

/** The owner of the stream, which provides further data to save with it. */
export interface StreamOwner {
  /** Data returned to the owner when the stream is restored. */
  facts(): string;
  producers(): Producers | undefined;
}

/** A pending group commit: one write that many streams share. */
export interface GroupCommit {
  readonly done: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** The log of all streams, as seen by one of them. */
export interface LogStore {
  /** Readers do not wait for writes. */
  readonly readsAhead: boolean;
  readonly durability: Durability;
  readonly isClosed: boolean;
  /** Why nothing can be written; undefined if writes are possible. */
  readonly fault: Error | undefined;
  /** The cache of blocks read back. */
  readonly blocks: BlockCache;
  /** Pending bytes of all streams. */
  backlog: number;
  readonly maxBacklog: number;
  readonly maxStreamBacklog: number;
  markDirty(log: LoggedStream): GroupCommit;
  whenRoom(wake: () => void): void;
}

export class LoggedStream implements StreamLog {
  readonly known: KnownStream;
  readonly stream: RingStream;
  readonly owner: StreamOwner;
  /**
   * How often the identity is still to be written. It is written twice, with the first bytes and with the next record,
   * so that damage in one place does not lose the stream.
   */
  identitiesDue: number;
  areFactsDue: boolean;
  areAllProducersDue = false;
  isRemoved = false;
  /** The stream has been removed from the log. */
  isGone = false;
  /** Called in the turn in which the removal is written. Until then the stream continues as before. */
  #whenGone: (() => void) | undefined;
  /** The number of callers waiting for the removal. */
  #removalWaiters = 0;
  /** Its bytes are to be moved out of the oldest journals. */
  isMoveDue = false;
  /** The group commit that includes the latest change. */
  commit: GroupCommit | undefined;
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

  /**
   * Limit of pending bytes. It is below what the ring retains, so readers waiting for these bytes still find them
   * there.
   */
  get #limit(): number {
    const { maxLag, retention } = this.stream.rules;
    return Math.min(this.#store.maxStreamBacklog, Math.max(MAX_CHUNK, Math.min(retention, maxLag) / 2));
  }

  get hasRoom(): boolean {
    const { backlog, fault, maxBacklog } = this.#store;
    return fault !== undefined || (this.pending < this.#limit && backlog < maxBacklog);
  }

  acceptsNow(length: number): boolean {
    const { backlog, fault, maxBacklog } = this.#store;
    return fault !== undefined || (this.pending + length <= this.#limit && backlog + length <= maxBacklog);
  }

  requireWritable(): void {
    if (this.#store.fault !== undefined) throw this.#store.fault;
    if (this.#store.isClosed) throw createError('STREAM_SHUT_DOWN');
  }

  requireRoom(length: number): void {
    this.requireWritable();
    if (this.pending > 0 && !this.acceptsNow(length)) throw createError('DISK_BEHIND', { pending: this.pending });
  }

  changed(): void {
    this.count();
    // An end by shutdown is not saved; readers get it when the log is closed.
    if (this.pending === 0 && this.stream.closedBy === 'shutdown') return;
    this.touch();
  }

  /** Schedules the stream for the next group commit. */
  touch(): void {
    if (!this.isGone) this.commit = this.#store.markDirty(this);
  }

  /** The owner's facts have changed. */
  factsChanged(): void {
    this.areFactsDue = true;
    this.touch();
  }

  /**
   * Removes the stream from the log.
   *
   * @param whenGone called in the turn in which the removal is written
   */
  remove(whenGone?: () => void): void {
    this.isRemoved = true;
    if (whenGone !== undefined) this.#removalWaiters++;
    this.#whenGone = whenGone;
    this.touch();
  }

  /** Cancels a removal that could not be written and was not reported to anyone. */
  cancelRemoval(): void {
    if (this.isGone || this.#whenGone === undefined || --this.#removalWaiters > 0) return;
    this.isRemoved = false;
    this.#whenGone = undefined;
  }

  /** Adds newly appended bytes to the backlog. */
  count(): void {
    const end = this.stream.writtenEnd;
    this.#store.backlog += end - this.#counted;
    this.#counted = end;
  }

  /** Takes the stream out of the log and its pending bytes out of the backlog. */
  detach(): void {
    this.#store.backlog -= Math.max(0, this.#counted - this.known.reach.offset);
    this.isGone = true;
    this.#whenGone?.();
  }

  whenRoom(wake: () => void): void {
    this.#store.whenRoom(wake);
  }

  whenSaved(): Promise<void> | undefined {
    const { commit } = this;
    if (commit === undefined || this.#store.readsAhead) return undefined;
    const { fault } = this.#store;
    return fault === undefined ? commit.done : Promise.reject(fault);
  }
}
