/**
 * The log of all streams of a mount. Whatever happens to any of them in a turn of the event loop becomes one write to the
 * journal; while that is under way the next fills up. Long bytes go straight from memory into a segment of their stream
 * first, and the journal only says so.
 *
 *     append ─► ring ─► (end of the turn) round: segments ─► journal ─► [sync] ─► readers, acknowledgements
 *
 * Journals do not grow for ever: what of an old one still counts is moved, into segments or into the newest journal, a
 * little with each round; then the state is written, and the old one goes.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryBudget } from '../core/index.ts';
import type { RingStream } from '../core/internal.ts';
import { expectLogs, newGeneration } from '../core/internal.ts';
import { createError, isStreamFSError, type StreamFSError } from '../errors/index.ts';
import type { Logger } from '../logging/index.ts';
import type { Durability } from '../protocol/index.ts';
import { atOnce } from './at-once.ts';
import { BlockCache } from './block-cache.ts';
import { ByteWriter } from './byte-writer.ts';
import { readClosing, writeClosing } from './closing.ts';
import { codeOf, type Disk, isFull, replaceFile, writeAll, writeBehind } from './disk.ts';
import { FilePool } from './file-pool.ts';
import { KnownStream } from './known-stream.ts';
import { CLOSING_FILE, journalOf, journalPath, openLayout, STATE_FILE, segmentOfPath, segmentPath } from './layout.ts';
import { LoggedStream, type LogStore, type Round, type StreamOwner } from './logged-stream.ts';
import { type DamageListener, LogReading } from './reading.ts';
import { putRecord, RECORD } from './record.ts';
import {
  describeDamage,
  type LogDamage,
  type Opening,
  type Recovery,
  recover,
  type StateBegin,
  tidy,
} from './recovery.ts';
import { giveReserve, takeReserve } from './reserve.ts';
import { Retention } from './retention.ts';
import { newRound } from './round.ts';
import { type Source, sourceIn, sourceOf, writeSegments } from './segment-writer.ts';
import { durabilityOf, type SyncPolicy } from './sync-policy.ts';
import type { SyncTimes } from './sync-times.ts';
import { UnsyncedFiles } from './unsynced-files.ts';
import {
  type Change,
  type Extent,
  emptyChange,
  type LoggedIdentity,
  type Place,
  placeBehind,
  putChange,
  type Segment,
} from './update.ts';

export interface DiskStoreOptions {
  disk: Disk;
  sync: SyncPolicy;
  /** What the running kernel calls itself; empty where that is not known: then each crash counts as a power cut. */
  boot: string;
  logger: Logger;
  /** Bytes of one stream, and of all, that may wait to be written. */
  maxStreamBacklog: number;
  maxBacklog: number;
  /** Bytes that journals may take before what counts of them is moved. */
  maxJournal: number;
  /** Bytes of a segment, after which another is begun. */
  maxSegment: number;
  /** Bytes of each stream that are kept, at least. */
  retention: number;
  /** Milliseconds for which bytes are kept. Default: for ever. */
  maxAge?: number | undefined;
  /** Bytes that all streams may take on disk. Default: any number. */
  maxTotal?: number | undefined;
  /** The time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** Files that may be open at once. */
  maxFiles: number;
  /** Bytes of what has been read back that are kept for others, and what they are charged to. */
  maxCache: number;
  memory?: MemoryBudget | undefined;
}

export const DEFAULT_SIZES = {
  maxStreamBacklog: 8 * 1024 * 1024,
  maxBacklog: 64 * 1024 * 1024,
  maxJournal: 64 * 1024 * 1024,
  maxSegment: 64 * 1024 * 1024,
  maxFiles: 256,
  maxCache: 64 * 1024 * 1024,
} as const;

/** From so many bytes in a turn on, a stream's go into its segment at once. */
const DIRECT_BYTES = 64 * 1024;
/** A tail of so many bytes is copied from journal to journal rather than given a segment. */
const SMALL_TAIL_BYTES = 4 * 1024;
/** What a round moves beside what it writes. */
const MOVED_IN_A_ROUND = { bytes: 4 * 1024 * 1024, streams: 256 } as const;
/** However little of a stream is kept. */
const SMALLEST_SEGMENT_BYTES = 64 * 1024;
const RETRY_MS = 1000;
/** What a stream adds to a round. */
interface Plan {
  log: LoggedStream;
  /** Bytes that are in no file yet, and where they are. */
  fresh: Source | undefined;
  change: Change;
  isForSegment: boolean;
  /** Where its record begins and ends in the batch. */
  at: number;
  to: number;
}

interface Journal {
  number: number;
  length: number;
}

/** What can be told of a log. */
export interface DiskStats {
  state: 'ok' | 'full' | 'failed';
  /** Why it cannot be written, where it cannot. */
  problem: string | undefined;
  backlog: number;
  journalBytes: number;
  segmentBytes: number;
  /** Since the start. */
  writtenBytes: number;
  syncs: SyncTimes;
  blocksGiven: number;
  blocksRead: number;
  recoverySeconds: number;
  recoveredStreams: number;
  damages: number;
  openFiles: number;
}

export class DiskStore implements LogStore, DamageListener {
  readonly readsAhead: boolean;
  readonly durability: Durability;
  readonly maxBacklog: number;
  readonly maxStreamBacklog: number;
  readonly reading: LogReading;
  readonly blocks: BlockCache;
  backlog = 0;
  isClosed = false;
  fault: StreamFSError | undefined;

  readonly #options: DiskStoreOptions;
  readonly #disk: Disk;
  readonly #salt: number;
  readonly #pool: FilePool;
  readonly #logs = new Map<number, LoggedStream>();
  readonly #found: Map<number, KnownStream>;
  /** Of those found, which go on under another generation. */
  readonly #renewed = new Set<KnownStream>();
  /** Streams of which the log knows. */
  readonly #written = new Set<number>();
  #nextStream: number;
  #sequence: number;
  /** Of the record behind the last round that is whole. */
  #wholeSequence: number;
  #journal: Journal;
  /** Older journals, of which something may still count. */
  readonly #older: Journal[];
  readonly #damaged = new Set<number>();
  /** The state or a journal is damaged: the next start is to read them, and say so again. */
  #mustLookAgain: boolean;
  /** Journals below it are on their way out; 0: none is. */
  #leaving = 0;
  #checkpoint: Promise<void> | undefined;
  /** What of the journals counted after the last checkpoint. */
  #liveBytes = 0;

  #dirty = new Set<LoggedStream>();
  #moving: LoggedStream[] = [];
  #next: Round | undefined;
  /** The last round has failed, and is tried again in other files. */
  #isSecondTry = false;
  /** Segments to which a write has failed: nothing more goes there. */
  readonly #sealed = new WeakSet<Segment>();
  #running: Promise<void> | undefined;
  #roomWaiters: (() => void)[] = [];
  readonly #batch = new ByteWriter();

  readonly #unsynced: UnsyncedFiles;
  readonly #retention: Retention;
  #timer: NodeJS.Timeout | undefined;
  #sweep: NodeJS.Timeout | undefined;
  /** Of all files of segments that are needed. */
  #segmentBytes = 0;
  #retry: NodeJS.Timeout | undefined;
  /** All records up to here are on the disk; and as far as the journal says so. */
  #synced: number;
  #saidSynced: number;
  #openingDue: Opening | undefined;
  readonly #stats = {
    writtenBytes: 0,
    recoverySeconds: 0,
    recoveredStreams: 0,
    damages: 0,
  };

  /**
   * Opens the log in a directory, and puts together what it holds.
   *
   * @throws DISK_FORMAT; what the disk throws
   */
  static async open(options: DiskStoreOptions): Promise<DiskStore> {
    const began = performance.now();
    expectLogs();
    const { disk, logger } = options;
    const salt = await openLayout(disk);
    const closed = await readClosing(disk, salt);
    const recovery = closed ?? (await recover(disk, salt));
    // Without a power cut all that was written is there: what is missing was taken.
    if (options.boot !== '' && recovery.lastOpening?.boot === options.boot) recovery.damages.push(...recovery.missing);
    if (closed === undefined) await tidy(disk, recovery);
    const store = new DiskStore(options, salt, recovery);
    for (const damage of recovery.damages) store.damaged(damage);
    store.#renewGenerations(recovery);
    if (recovery.isStateDue) await store.#replaceState(store.#begin);
    // Before anything else is written; on a full disk as soon as there is room.
    if (await store.#round()) {
      await store.#beginInOrder();
      await takeReserve(disk);
    }
    const { cutBytes, isClean, readBytes, streams } = recovery;
    store.#stats.recoverySeconds = (performance.now() - began) / 1000;
    store.#stats.recoveredStreams = streams.size;
    const facts = { directory: disk.name, streams: streams.size, clean: isClean, journalBytes: readBytes, cutBytes };
    logger.info('log opened', { ...facts, milliseconds: Math.round(store.#stats.recoverySeconds * 1000) });
    return store;
  }

  private constructor(options: DiskStoreOptions, salt: number, recovery: Recovery) {
    this.#options = options;
    this.#disk = options.disk;
    this.#salt = salt;
    this.readsAhead = options.sync.name === 'none';
    this.durability = durabilityOf(options.sync);
    this.maxBacklog = options.maxBacklog;
    this.maxStreamBacklog = options.maxStreamBacklog;
    this.#pool = new FilePool(options.disk, options.maxFiles);
    this.#unsynced = new UnsyncedFiles({
      ...{ disk: options.disk, pool: this.#pool, onFailure: (error) => this.#syncFailed(error) },
      requireUsable: () => {
        if (this.fault?.code === 'DISK_FAILED') throw this.fault;
      },
    });
    this.reading = new LogReading(this.#pool, salt, this);
    this.blocks = new BlockCache(this.reading, options);
    this.#found = recovery.streams;
    this.#nextStream = recovery.nextStream;
    this.#sequence = recovery.sequence;
    this.#wholeSequence = recovery.sequence;
    this.#synced = recovery.sequence - 1;
    this.#saidSynced = this.#synced;
    this.#older = [...recovery.older.map((number) => ({ number, length: 0 })), ...recovery.journals];
    this.#mustLookAgain = recovery.damages.length > 0;
    this.#journal = { number: (this.#older.at(-1)?.number ?? 0) + 1, length: 0 };
    this.#openingDue = { boot: options.boot, sync: options.sync.name };
    const {
      maxAge = Number.POSITIVE_INFINITY,
      maxTotal = Number.POSITIVE_INFINITY,
      now = Date.now,
      retention,
    } = options;
    this.#retention = new Retention({ retention, maxAge, maxTotal, now });
    for (const { segments } of this.#found.values()) for (const { length } of segments) this.#segmentBytes += length;
    const { sweepEvery } = this.#retention;
    if (sweepEvery !== undefined) {
      this.#sweep = setInterval(() => this.dropOld(), sweepEvery);
      this.#sweep.unref();
    }
    if (options.sync.name === 'interval') {
      this.#timer = setInterval(() => void this.sync().catch(() => undefined), options.sync.interval);
      this.#timer.unref();
    }
  }

  /**
   * Where readers may have been given bytes that are lost now, offsets would come to mean other bytes: such streams go on
   * under another generation. Of one that had ended nothing is lost, or its end would be.
   */
  #renewGenerations({ hasLostRecords, isClean, lastOpening }: Recovery): void {
    if (isClean) return;
    // Where it is not known how the log was opened, not even that was written.
    const { boot, sync } = lastOpening ?? { boot: '', sync: 'none' };
    const isPowerCut = boot === '' || boot !== this.#options.boot;
    if (!hasLostRecords && (sync === 'always' || (sync === 'interval' && !isPowerCut))) return;
    for (const known of this.#found.values()) {
      if (known.end !== undefined) continue;
      known.identity = { ...known.identity, generation: newGeneration() };
      this.#renewed.add(known);
    }
    const facts = { directory: this.#disk.name, streams: this.#renewed.size };
    if (this.#renewed.size > 0)
      this.#options.logger.warn('streams may have lost their last bytes: they go on as others', facts);
  }

  /** What was found, for its owner to make streams of: each is to be adopted. */
  get found(): Iterable<KnownStream> {
    return this.#found.values();
  }

  get stats(): DiskStats {
    return {
      ...this.#stats,
      syncs: this.#unsynced.times,
      blocksGiven: this.blocks.given,
      blocksRead: this.blocks.read,
      state: this.fault === undefined ? 'ok' : this.fault.code === 'DISK_FULL' ? 'full' : 'failed',
      problem: this.fault?.message,
      backlog: this.backlog,
      journalBytes: this.#journalBytes,
      segmentBytes: this.#segmentBytes,
      openFiles: this.#pool.size,
    };
  }

  get #journalBytes(): number {
    return this.#older.reduce((sum, { length }) => sum + length, this.#journal.length);
  }

  // ── streams come and go ────────────────────────────────────────────────────────────────────────────────────────

  /** Keeps a stream from now on, with what its ring has. */
  attach(stream: RingStream, path: string, owner: StreamOwner): LoggedStream {
    const { ring } = stream;
    const start: Place = { offset: ring.floor, chunks: ring.isEmpty ? ring.chunkCount : stream.chunksAt(ring.floor) };
    const { generation, origin, createdAt, firstOffset } = stream;
    const identity: LoggedIdentity = { path, generation, firstOffset, createdAt, origin };
    const known = new KnownStream(this.#nextStream++, identity, start);
    const log = new LoggedStream(this, known, stream, owner, true);
    this.#logs.set(known.id, log);
    stream.attachLog(log);
    log.count();
    log.touch();
    return log;
  }

  /** Goes on with a stream that was found, which has been made again. */
  adopt(known: KnownStream, stream: RingStream, owner: StreamOwner): LoggedStream {
    const log = new LoggedStream(this, known, stream, owner, false);
    this.#found.delete(known.id);
    this.#logs.set(known.id, log);
    this.#written.add(known.id);
    stream.attachLog(log);
    return log;
  }

  /** @throws where nothing can be written, so that no stream must be made */
  requireWritable(): void {
    if (this.fault !== undefined) throw this.fault;
  }

  // ── for the streams ────────────────────────────────────────────────────────────────────────────────────────────

  markDirty(log: LoggedStream): Round {
    this.#dirty.add(log);
    this.#next ??= newRound();
    this.#schedule();
    return this.#next;
  }

  whenRoom(wake: () => void): void {
    this.#roomWaiters.push(wake);
  }

  #wakeWriters(): void {
    const woken = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of woken) wake();
  }

  // ── rounds ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #schedule(): void {
    if (this.#running !== undefined || this.isClosed || this.fault !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    // All of this turn first.
    await nextTurn();
    while (this.fault === undefined && this.#dirty.size > 0) {
      await this.#round();
      this.#planCheckpoint();
      this.#dropTooMuch();
      await nextTurn();
    }
  }

  /** Writes what has happened to the streams since the last round. What fails is written again with the next. */
  async #round(only?: (log: LoggedStream) => boolean): Promise<boolean> {
    const round = this.#next ?? newRound();
    this.#next = undefined;
    let logs = [...this.#dirty];
    if (only !== undefined) logs = logs.filter(only);
    for (const log of logs) this.#dirty.delete(log);
    if (this.#dirty.size > 0) this.#next = newRound();
    for (const log of this.#dirty) log.round = this.#next;
    this.#batch.clear();
    const sequence = this.#sequence;
    const { length, number } = this.#journal;
    this.#encodeControl();
    const plans = logs.map((log) => this.#plan(log)).filter((plan) => plan !== undefined);
    try {
      await this.#writeRound(plans);
    } catch (error) {
      this.#sequence = sequence;
      await this.#failed(error, round, logs, { number, length });
      return false;
    }
    this.#openingDue = undefined;
    this.#isSecondTry = false;
    this.#renewed.clear();
    this.#wholeSequence = this.#sequence;
    for (const plan of plans) this.#commit(plan, number, length);
    // With syncs in intervals it goes with the next.
    if (this.#timer === undefined && this.#unsynced.hasGarbage) void this.sync().catch(() => undefined);
    for (const log of logs) if (log.round === round) log.round = undefined;
    round.resolve();
    for (const log of logs) log.stream.logMoved();
    this.#wakeWriters();
    return true;
  }

  /** What has happened to a stream, as it is now: nothing may happen to it meanwhile. */
  #plan(log: LoggedStream): Plan | undefined {
    const { known, owner, stream } = log;
    const isNew = !this.#written.has(known.id);
    if (log.isRemoved) {
      if (isNew) {
        this.#left(log);
        return undefined;
      }
      const change = { ...emptyChange(), isRemoved: true };
      return { log, fresh: undefined, change, isForSegment: false, at: 0, to: 0 };
    }
    const change: Change = emptyChange();
    if (log.identitiesDue > 0) {
      change.identity = known.identity;
      change.floor = known.floor;
    }
    if (log.areFactsDue || log.identitiesDue > 0) change.facts = owner.facts();
    log.areFactsDue = false;
    const producers = owner.producers();
    if (producers !== undefined) {
      const changed = producers.takeChanged();
      const records = log.areAllProducersDue ? producers.records() : changed;
      log.areAllProducersDue = false;
      if (records.length > 0) change.producers = { forgottenTo: producers.forgottenTo, records };
    }
    if (stream.closedBy === 'ended' && known.end === undefined) {
      change.end = { reason: 'ended', status: stream.endStatus };
    }
    if (stream.modifiedAt !== known.modifiedAt) change.modifiedAt = stream.modifiedAt;
    const fresh = log.pending > 0 ? sourceIn(stream, known.reach) : undefined;
    const isForSegment =
      log.pending >= DIRECT_BYTES || (log.isMoveDue && known.tailBytes + log.pending > SMALL_TAIL_BYTES);
    change.floor ??= this.#retention.floorOf(known, isForSegment || log.isMoveDue);
    const plan: Plan = { log, fresh, change, isForSegment, at: 0, to: 0 };
    if (!isForSegment && !log.isMoveDue) this.#encode(plan, fresh);
    return plan;
  }

  async #writeRound(plans: readonly Plan[]): Promise<void> {
    const long = plans.filter((plan) => !plan.change.isRemoved && plan.to === 0);
    await atOnce(long, (plan) => this.#writeLong(plan));
    for (const plan of plans) if (plan.change.isRemoved) this.#encode(plan, undefined);
    const { bytes } = this.#batch;
    if (bytes.length === 0) return;
    const path = journalPath(this.#journal.number);
    const isAlways = this.#options.sync.name === 'always';
    const { length } = this.#journal;
    // A journal that another follows must be whole: so all that is on the disk is always a beginning of all there was.
    if (isAlways || length === 0) await this.#unsynced.syncFiles();
    await this.#pool.use(path, length > 0 ? 'change' : 'write', (file) => writeBehind(file, path, [bytes], length));
    // Only now: a sync that is under way may have passed over it.
    this.#unsynced.wrote(path, length === 0);
    if (isAlways) await this.sync(this.#sequence - 1);
    this.#journal.length += bytes.length;
    this.#stats.writtenBytes += bytes.length;
  }

  /** A stream of which bytes go into a segment, or move: what lies in journals comes before what is fresh. */
  async #writeLong(plan: Plan): Promise<void> {
    const { log, fresh } = plan;
    const sources = await this.#tailOf(log);
    if (!plan.isForSegment) {
      // A tail of several parts becomes one.
      const [first] = sources;
      if (first === undefined) this.#encode(plan, fresh);
      else this.#encode(plan, joined(first, [...sources, ...(fresh === undefined ? [] : [fresh])]));
      return;
    }
    if (fresh !== undefined) sources.push(fresh);
    const { segmentShare } = this.#retention;
    const maxSegment = Math.min(this.#options.maxSegment, Math.max(SMALLEST_SEGMENT_BYTES, segmentShare));
    const isStale = (last: Segment) => this.#sealed.has(last) || this.#retention.isStale(last);
    const to = { maxSegment, isStale, pool: this.#pool, salt: this.#salt, time: log.stream.modifiedAt };
    const segments = await writeSegments(log.known, sources, to).catch((error: unknown) => {
      const last = log.known.segments.at(-1);
      if (codeOf(error) !== 'ENOENT' || last === undefined || this.#sealed.has(last)) throw error;
      this.#segmentRemoved(log.known, last);
      return writeSegments(log.known, sources, to);
    });
    for (const { base, length } of segments) {
      const before = log.known.segmentAt(base);
      this.#unsynced.wrote(segmentPath(log.known.id, base), before === undefined);
      this.#stats.writtenBytes += length - (before?.length ?? 0);
    }
    plan.change.segments = segments;
    this.#encode(plan, undefined);
  }

  /** Somebody has removed it: what lay in it is lost, and nothing more goes there. */
  #segmentRemoved({ id, label }: KnownStream, segment: Segment): void {
    const file = segmentPath(id, segment.base);
    this.#sealed.add(segment);
    this.#pool.drop(file);
    this.damaged({ file, problem: `the whole file is missing, of ${label}` });
  }

  /** What of a stream lies in journals. What cannot be read is lost. */
  async #tailOf({ known }: LoggedStream): Promise<Source[]> {
    const sources: Source[] = [];
    const lost = new Set<Extent>();
    let to = 0;
    for (const extent of known.tail) {
      const { offset } = extent.from;
      // It came with the one before.
      if (offset < to) continue;
      const found = await this.reading.at(known, offset);
      to = found.to.offset;
      if (found.kind === 'chunks') sources.push(sourceOf(found, found.data));
      else {
        lost.add(extent);
        const facts = { stream: known.identity.path, from: offset, to };
        this.#options.logger.error('bytes of a stream cannot be read any more', facts);
      }
    }
    if (lost.size > 0) known.tail = known.tail.filter((extent) => !lost.has(extent));
    return sources;
  }

  #encode(plan: Plan, bytes: Source | undefined): void {
    const { change, log } = plan;
    if (bytes !== undefined) change.bytes = { from: bytes.from, lengths: bytes.lengths };
    plan.at = this.#encodeChange(log.known.id, change, bytes === undefined ? [] : allOf(bytes));
    plan.to = this.#batch.length;
  }

  #encodeChange(stream: number, change: Change, data: readonly Uint8Array[] = []): number {
    return this.#put(RECORD.update, stream, () => putChange(this.#batch, change, data));
  }

  /** What the log says of itself. That it was opened stands behind generations that are new with that. */
  #encodeControl(): void {
    const opening = this.#openingDue;
    if (opening !== undefined) {
      for (const { id, identity } of this.#renewed) this.#encodeChange(id, { ...emptyChange(), identity });
      this.#say(RECORD.open, { ...opening, upTo: this.#synced });
    } else if (this.#synced > this.#saidSynced) this.#say(RECORD.synced, { upTo: this.#synced });
    else return;
    this.#saidSynced = this.#synced;
  }

  /** What the log says of itself, as JSON. */
  #say(type: number, body: object): void {
    this.#put(type, 0, () => this.#batch.data(Buffer.from(JSON.stringify(body))));
  }

  #put(type: number, stream: number, body: () => void): number {
    return putRecord(this.#batch, { type, stream, sequence: this.#sequence++ }, this.#salt, body);
  }

  /** A record is written: what it says is known. */
  #commit(plan: Plan, journal: number, base: number): void {
    const { at, change, log, to } = plan;
    const { known } = log;
    if (change.isRemoved) {
      this.#discard(known, known.segments);
      this.#left(log);
      return;
    }
    this.#written.add(known.id);
    if (log.identitiesDue > 0) log.identitiesDue--;
    log.isMoveDue = false;
    const before = known.reach.offset;
    if (change.floor !== undefined) {
      this.#discard(known, known.dropBelow(change.floor));
      this.#retention.hasGone(known);
      // What is too old is in memory no longer than on disk.
      if (this.#retention.isByAge) log.stream.forgetBelow(change.floor.offset);
    }
    for (const { base: of, length } of change.segments) {
      this.#segmentBytes += length - (known.segmentAt(of)?.length ?? 0);
    }
    known.apply(change, { journal, position: base + at, length: to - at });
    this.backlog -= known.reach.offset - before;
  }

  #left(log: LoggedStream): void {
    log.leave();
    this.blocks.forget(log.known);
    this.#retention.forget(log.known);
    this.#logs.delete(log.known.id);
    this.#written.delete(log.known.id);
    log.stream.logMoved();
  }

  /** Files that are needed no more, once that is on the disk. */
  #discard(known: KnownStream, segments: readonly Segment[]): void {
    for (const { base, length } of segments) {
      const path = segmentPath(known.id, base);
      this.#segmentBytes -= length;
      this.#unsynced.discard(path);
      this.reading.forget(path);
    }
  }

  /** Has the next round drop what is too old. */
  dropOld(): void {
    if (this.fault !== undefined) return;
    for (const log of this.#retention.findOld(this.#logs.values())) log.touch();
  }

  /** The same for what is too much. */
  #dropTooMuch(): void {
    const total = this.#segmentBytes + this.#journalBytes;
    for (const log of this.#retention.findTooMuch(this.#logs.values(), total)) log.touch();
  }

  isNeeded(file: string): boolean {
    const journal = journalOf(file);
    if (journal !== undefined) {
      return journal === this.#journal.number || this.#older.some(({ number }) => number === journal);
    }
    const segment = segmentOfPath(file);
    if (segment === undefined) return false;
    const known = this.#logs.get(segment.stream)?.known ?? this.#found.get(segment.stream);
    return known?.segmentAt(segment.base) !== undefined;
  }

  damaged(damage: LogDamage): void {
    const journal = journalOf(damage.file);
    if (journal !== undefined) {
      this.#damaged.add(journal);
      this.#mustLookAgain = true;
    }
    this.#stats.damages++;
    this.#options.logger.error('the log is damaged', { directory: this.#disk.name, damage: describeDamage(damage) });
  }

  // ── faults ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async #failed(error: unknown, round: Round, logs: LoggedStream[], journal: Journal): Promise<void> {
    for (const log of logs) {
      log.areFactsDue = true;
      log.areAllProducersDue = true;
      if (!log.isGone) this.#dirty.add(log);
    }
    let fault = this.#faultOf(error);
    if (fault.code === 'DISK_FULL') this.#saidSynced = -1;
    let isCut = true;
    try {
      // Nothing of it counts. What a crash finds of it all the same was appended, and not acknowledged.
      await this.#pool.use(journalPath(journal.number), 'write', (file) => file.truncate(journal.length));
    } catch (truncation) {
      isCut = false;
      if (!isFull(truncation)) fault = this.#faultOf(truncation);
    }
    // What the kernel has not taken is still in memory: perhaps another file takes it. Once.
    if (isCut && codeOf(error) === 'EIO' && !this.#isSecondTry) {
      this.#options.logger.warn('a write to the log has failed: it is tried again in new files', {
        error: String(error),
      });
      this.#isSecondTry = true;
      for (const { known } of logs) if (known.segments.length > 0) this.#sealed.add(known.segments.at(-1)!);
      this.#saidSynced = -1;
      this.#beginJournal();
      if (this.#leaving > 0) this.#leaveFrom(this.#journal.number);
      this.#mergeInto(round);
      return;
    }
    this.#setFault(fault);
    round.reject(fault);
  }

  /** Who waits for a round that did not come about waits for the next. */
  #mergeInto(round: Round): void {
    const next = this.#next;
    this.#next = round;
    for (const log of this.#dirty) log.round = round;
    next?.done.catch(() => undefined);
    if (next !== undefined) void round.done.then(next.resolve, next.reject);
  }

  /** Writes nothing any more: what is there may be another's. */
  giveUp(reason: string): void {
    this.#setFault(createError('DISK_FAILED', { directory: this.#disk.name, reason }));
  }

  #faultOf(error: unknown): StreamFSError {
    if (isStreamFSError(error, 'DISK_FAILED')) return error;
    const directory = this.#disk.name;
    if (isFull(error)) return createError('DISK_FULL', { directory });
    if (codeOf(error) === 'ENOENT') {
      return createError('DISK_FAILED', { directory, reason: 'a file of it, or all of it, has been removed' });
    }
    const reason = codeOf(error) ?? (error instanceof Error ? error.message : String(error));
    return createError('DISK_FAILED', { directory, reason });
  }

  #setFault(fault: StreamFSError): void {
    const isNew = this.fault?.code !== fault.code;
    this.fault = fault;
    if (isNew) this.#options.logger.error('the log cannot be written', { code: fault.code, error: fault.message });
    // Nobody knows when what waits will be written: whoever waits for it is told now.
    this.#next?.reject(fault);
    this.#next = newRound();
    for (const log of this.#dirty) log.round = this.#next;
    this.#wakeWriters();
    if (fault.code !== 'DISK_FULL' || this.isClosed) return;
    this.#retry ??= setTimeout(() => void this.#tryAgain(), RETRY_MS);
    this.#retry.unref();
  }

  /**
   * Takes streams out of the log though it cannot be written: on a full disk there is room kept for that.
   *
   * @throws why that cannot be written either: none of them is taken out then
   */
  async removeDespiteFault(logs: readonly LoggedStream[]): Promise<void> {
    const areThere = () => logs.some(({ isGone }) => !isGone);
    // An attempt that is under way may have begun without them.
    if (this.#running !== undefined) await this.#running;
    if (areThere() && this.fault?.code === 'DISK_FULL') await (this.#running ?? this.#tryAgain());
    if (!areThere()) return;
    // There is room again, and they go as any other.
    if (this.fault === undefined) await Promise.all(logs.map((log) => log.whenSaved()));
    else throw this.fault;
  }

  /** Looks whether there is room again: what takes least and frees most comes first. */
  async #tryAgain(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.fault?.code !== 'DISK_FULL' || this.#running !== undefined) return;
    this.#running = (async () => {
      const removed = [...this.#dirty].some(({ isRemoved }) => isRemoved);
      if (removed) {
        await giveReserve(this.#disk);
        if (await this.#round(({ isRemoved }) => isRemoved)) await this.sync();
      }
      if (!(await this.#round())) return;
      await takeReserve(this.#disk);
      this.fault = undefined;
      this.#options.logger.info('the log can be written again', { directory: this.#disk.name });
      this.#wakeWriters();
    })()
      .catch((error: unknown) => this.#setFault(this.#faultOf(error)))
      .finally(() => {
        this.#running = undefined;
        if (this.fault === undefined) this.#schedule();
        else this.#setFault(this.fault);
      });
    await this.#running;
  }

  // ── syncing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Makes sure that all that is written is on the disk.
   *
   * @param upTo the sequence of the last record that is whole: a round may be under way
   */
  sync(upTo = this.#wholeSequence - 1): Promise<void> {
    return this.#unsynced.sync(() => {
      this.#synced = Math.max(this.#synced, upTo);
    });
  }

  /** The kernel may have thrown away what it could not write: nobody can know what is on the disk now. */
  #syncFailed(error: unknown): Error {
    const reason = `a sync failed (${codeOf(error) ?? String(error)})`;
    const failed = createError('DISK_FAILED', { directory: this.#disk.name, reason });
    this.#setFault(failed);
    return failed;
  }

  // ── old journals ───────────────────────────────────────────────────────────────────────────────────────────────

  #planCheckpoint(): void {
    if (this.fault !== undefined || this.#checkpoint !== undefined) return;
    if (this.#leaving > 0) {
      this.#moveSome();
      return;
    }
    const { maxJournal } = this.#options;
    if (this.#journalBytes > Math.max(maxJournal, 4 * this.#liveBytes)) this.#beginLeaving();
  }

  /** Begins a new journal: what still counts of the others is moved from now on. */
  #beginLeaving(): void {
    this.#beginJournal();
    this.#leaveFrom(this.#journal.number);
    this.#moveSome();
  }

  #beginJournal(): void {
    this.#older.push(this.#journal);
    this.#journal = { number: this.#journal.number + 1, length: 0 };
  }

  #leaveFrom(journal: number): void {
    this.#leaving = journal;
    this.#moving = [...this.#logs.values()].filter((log) => this.#hasOldTail(log));
  }

  #hasOldTail({ known: { tail } }: LoggedStream): boolean {
    return tail.length > 0 && tail[0]!.journal < this.#leaving;
  }

  /** Has the next round move some, or writes the state where all is moved. */
  #moveSome(): void {
    let bytes = 0;
    let streams = 0;
    for (let log = this.#moving.at(-1); log !== undefined; log = this.#moving.at(-1)) {
      if (bytes >= MOVED_IN_A_ROUND.bytes || streams >= MOVED_IN_A_ROUND.streams) return;
      this.#moving.pop();
      if (log.isGone || !this.#hasOldTail(log)) continue;
      bytes += log.known.tailBytes;
      streams++;
      log.isMoveDue = true;
      log.touch();
    }
    if (streams > 0 || [...this.#dirty].some((log) => this.#hasOldTail(log))) return;
    const left = [...this.#logs.values()].filter((log) => this.#hasOldTail(log));
    // Those whose move did not come about are tried again.
    if (left.length > 0) {
      this.#moving = left;
      return;
    }
    this.#checkpoint = this.#writeState().finally(() => {
      this.#checkpoint = undefined;
    });
  }

  /** What is known now, so that the older journals are needed no more. Rounds go on meanwhile. */
  async #writeState(): Promise<void> {
    const { length, number } = this.#journal;
    const old = this.#older.filter((journal) => journal.number < number);
    let size: number;
    try {
      size = await this.#replaceState(this.#begin);
    } catch (error) {
      // The journals stay; it is tried again when they have grown.
      this.#options.logger.warn('the state of the log could not be written', { error: String(error) });
      this.#liveBytes = this.#journalBytes;
      this.#leaving = 0;
      return;
    }
    this.#liveBytes = size + length;
    this.#leaving = 0;
    for (const journal of old) {
      const path = journalPath(journal.number);
      this.#unsynced.forget(path);
      this.#older.splice(this.#older.indexOf(journal), 1);
      const isDamaged = this.#damaged.has(journal.number);
      const gone = isDamaged ? this.#disk.rename(path, `${path}.damaged`) : this.#disk.remove(path);
      await gone.catch(() => undefined);
      this.#pool.drop(path);
    }
  }

  /** Where journals begin that a state that is written now says nothing of. */
  get #begin(): StateBegin {
    const { length, number } = this.#journal;
    return {
      ...{ journal: number, position: length, sequence: this.#sequence, nextStream: this.#nextStream },
      opening: this.#openingDue === undefined ? { boot: this.#options.boot, sync: this.#options.sync.name } : undefined,
    };
  }

  /** Gives how long the state is. */
  async #replaceState(begin: StateBegin): Promise<number> {
    const state = this.#encodeState(begin);
    const journal = journalPath(begin.journal);
    // It must be there: that a journal is missing is an error.
    await this.#pool.use(journal, 'write', async () => this.#unsynced.wrote(journal, true));
    await this.sync();
    await replaceFile(this.#disk, STATE_FILE, [state]);
    return state.length;
  }

  #encodeState(begin: StateBegin): Buffer {
    const writer = new ByteWriter();
    let sequence = 0;
    const put = (type: number, stream: number, body: () => void) =>
      putRecord(writer, { type, stream, sequence: sequence++ }, this.#salt, body);
    put(RECORD.stateBegin, 0, () => writer.data(Buffer.from(JSON.stringify(begin))));
    for (const { known, owner } of this.#logs.values()) {
      const records = owner.producers()?.records() ?? [];
      // Where none is left, perhaps all were let go because the server stops: they are to be known again.
      if (records.length > 0) known.keepProducers(new Set(records.map(({ id }) => id)));
    }
    for (const known of this.#allKnown()) put(RECORD.state, known.id, () => putChange(writer, known.whole));
    put(RECORD.stateEnd, 0, () => undefined);
    return Buffer.from(writer.bytes);
  }

  /** All that the log knows of. */
  *#allKnown(): Generator<KnownStream> {
    yield* this.#found.values();
    for (const { known } of this.#logs.values()) if (this.#written.has(known.id)) yield known;
  }

  /**
   * That it was opened is on the disk before anything else can happen. Otherwise a power cut could leave a log that was
   * closed in order, and what readers have been given since is gone without anybody noticing.
   */
  async #beginInOrder(): Promise<void> {
    try {
      await this.sync();
      await this.#disk.remove(CLOSING_FILE);
    } catch {
      // Where that cannot be, nothing is written any more. A file that stays does not fit what is there now.
    }
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes what waits, as far as that is possible, and says that all is in order. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#sweep);
    clearTimeout(this.#retry);
    while (this.#running !== undefined) await this.#running;
    if (this.#dirty.size > 0 && this.fault?.code !== 'DISK_FAILED' && (await this.#round())) this.fault = undefined;
    await this.#checkpoint;
    try {
      if (this.fault === undefined) await this.#closeInOrder();
    } catch (error) {
      this.#setFault(this.#faultOf(error));
    }
    this.isClosed = true;
    clearTimeout(this.#retry);
    this.#wakeWriters();
    for (const log of this.#logs.values()) log.stream.logMoved();
    this.blocks.clear();
    await this.#pool.closeAll();
  }

  async #closeInOrder(): Promise<void> {
    await this.sync();
    this.#batch.clear();
    this.#say(RECORD.closed, { upTo: this.#synced });
    const path = journalPath(this.#journal.number);
    const { bytes } = this.#batch;
    const { length } = this.#journal;
    await this.#pool.use(path, 'write', (file) => writeAll(file, [bytes], length));
    this.#unsynced.wrote(path, false);
    this.#journal.length += bytes.length;
    this.#wholeSequence = this.#sequence;
    await this.sync();
    if (this.#mustLookAgain) return;
    try {
      await writeClosing(this.#disk, this.#salt, {
        ...{ nextStream: this.#nextStream, sequence: this.#sequence, streams: this.#allKnown() },
        opening: { boot: this.#options.boot, sync: this.#options.sync.name },
      });
    } catch (error) {
      // The next start takes longer.
      this.#options.logger.warn('what is known of the log could not be written', { error: String(error) });
    }
  }
}

/** Several that follow one another, as one. */
function joined(first: Source, sources: readonly Source[]): Source {
  return {
    from: first.from,
    lengths: sources.flatMap(({ lengths }) => [...lengths]),
    partsOf: () => sources.flatMap(allOf),
  };
}

function allOf(source: Source): Uint8Array[] {
  return source.partsOf(source.from.offset, placeBehind(source).offset);
}
