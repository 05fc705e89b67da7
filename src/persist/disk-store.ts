/**
 * The log of all streams of a mount. All changes of one turn of the event loop become one group commit: a single write
 * to the journal. While it runs, the next one fills up. Long data is first written straight from the ring into a
 * segment of its stream; the journal then only refers to it.
 *
 *     append ─► ring ─► (end of the turn) group commit: segments ─► journal ─► [sync] ─► readers, acknowledgements
 *
 * A checkpoint bounds the size of the journals: each group commit moves some live data of the older ones into segments
 * or into the newest journal; then the state file is written, and the older journals are removed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MemoryBudget } from '../core/index.ts';
import type { RingStream } from '../core/internal.ts';
import { expectLogs, newGeneration } from '../core/internal.ts';
import { createError, isStreamFSError, type StreamFSError } from '../errors/index.ts';
import type { Logger } from '../logging/index.ts';
import type { Durability } from '../protocol/index.ts';
import { BlockCache } from './block-cache.ts';
import { ByteWriter } from './byte-writer.ts';
import { appendAt, codeOf, type Disk, isFull, isWriteRefused, replaceFile, writeAll } from './disk.ts';
import { FilePool } from './file-pool.ts';
import { forEachConcurrent } from './for-each-concurrent.ts';
import { newGroupCommit } from './group-commit.ts';
import { KnownStream } from './known-stream.ts';
import {
  journalOf,
  journalPath,
  openLayout,
  SHUTDOWN_SNAPSHOT_FILE,
  STATE_FILE,
  segmentOfPath,
  segmentPath,
} from './layout.ts';
import { type DamageListener, LogReader } from './log-reader.ts';
import { type GroupCommit, LoggedStream, type LogStore, type StreamOwner } from './logged-stream.ts';
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
import { allocateReserve, releaseReserve } from './reserve.ts';
import { Retention } from './retention.ts';
import { type Source, sourceIn, sourceOf, writeSegments } from './segment-writer.ts';
import { readShutdownSnapshot, writeShutdownSnapshot } from './shutdown-snapshot.ts';
import { durabilityOf, type SyncPolicy } from './sync-policy.ts';
import type { SyncTimes } from './sync-times.ts';
import { UnsyncedFiles } from './unsynced-files.ts';
import {
  type Change,
  type Extent,
  emptyChange,
  endPlace,
  type LoggedIdentity,
  type Place,
  putChange,
  type Segment,
} from './update.ts';

export interface DiskStoreOptions {
  disk: Disk;
  sync: SyncPolicy;
  /** The boot ID of the running kernel; empty if unknown: then each crash counts as a power cut. */
  boot: string;
  logger: Logger;
  /** Limits of the pending bytes of one stream, and of all. */
  maxStreamBacklog: number;
  maxBacklog: number;
  /** Bytes of all journals after which a checkpoint begins. */
  maxJournal: number;
  /** The size in bytes after which another segment begins. */
  maxSegment: number;
  /** Minimum number of bytes retained for each stream. */
  retention: number;
  /** Milliseconds for which bytes are retained. Default: for ever. */
  maxAge?: number | undefined;
  /** Limit of the bytes of all streams on disk. Default: none. */
  maxTotal?: number | undefined;
  /** The time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** Limit of open files. */
  maxFiles: number;
  /** Size of the cache of blocks read back, and the budget that it is charged to. */
  maxCache: number;
  memory?: MemoryBudget | undefined;
  /** Called before each group commit: whether the directory still belongs to this process. Default: it does. */
  ownsDirectory?: (() => boolean | Promise<boolean>) | undefined;
}

export const DEFAULT_SIZES = {
  maxStreamBacklog: 8 * 1024 * 1024,
  maxBacklog: 64 * 1024 * 1024,
  maxJournal: 64 * 1024 * 1024,
  maxSegment: 64 * 1024 * 1024,
  maxFiles: 256,
  maxCache: 64 * 1024 * 1024,
} as const;

/** Pending bytes from which a stream's data is written directly to its segment. */
const DIRECT_BYTES = 64 * 1024;
/** A tail up to this size is copied from journal to journal instead of starting a segment. */
const SMALL_TAIL_BYTES = 4 * 1024;
/** The most that a checkpoint moves per group commit. */
const MAX_MOVED_PER_COMMIT = { bytes: 4 * 1024 * 1024, streams: 256 } as const;
/** Lower bound of the segment size, even with a small retention. */
const SMALLEST_SEGMENT_BYTES = 64 * 1024;
const RETRY_MS = 1000;
/** Why the disk accepts no writes for now, in messages. */
const REFUSALS: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EMFILE: 'the process has too many open files',
  ENFILE: 'the system has too many open files',
};
/** What a stream contributes to a group commit. */
interface Plan {
  log: LoggedStream;
  /** Bytes that are in no file yet. */
  fresh: Source | undefined;
  change: Change;
  isForSegment: boolean;
  /** The range of its record in the batch. */
  at: number;
  to: number;
}

interface Journal {
  number: number;
  length: number;
}

/** Statistics of a log. */
export interface DiskStats {
  state: 'ok' | 'full' | 'failed';
  /** Why the log is not writable; undefined if it is. */
  problem: string | undefined;
  backlog: number;
  journalBytes: number;
  segmentBytes: number;
  /** Since startup. */
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
  readonly reader: LogReader;
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
  /** Recovered streams that continue under another generation. */
  readonly #renewed = new Set<KnownStream>();
  /** Numbers of the streams that the log contains. */
  readonly #written = new Set<number>();
  #nextStream: number;
  #sequence: number;
  /** The sequence after the last complete group commit. */
  #committedSequence: number;
  #journal: Journal;
  /** Older journals, which may still contain live data. */
  readonly #older: Journal[];
  readonly #damaged = new Set<number>();
  /** The state file or a journal is damaged: the next startup must read them, and report the damage again. */
  #needsFullRecovery: boolean;
  /** A checkpoint removes all journals below this number; 0: none is running. */
  #checkpointBelow = 0;
  #checkpoint: Promise<void> | undefined;
  /** Bytes of the state file and the journal after the last checkpoint. */
  #liveBytes = 0;

  #dirty = new Set<LoggedStream>();
  #moving: LoggedStream[] = [];
  #next: GroupCommit | undefined;
  /** The journal still has to be cut after a failed group commit. */
  #isCutDue = false;
  /** The last group commit failed and is being retried in new files. */
  #isSecondTry = false;
  /** The directory belongs to another process. */
  #hasGivenUp = false;
  /** Segments that take no further writes, after a write to them has failed. */
  readonly #sealed = new WeakSet<Segment>();
  #running: Promise<void> | undefined;
  #roomWaiters: (() => void)[] = [];
  readonly #batch = new ByteWriter();

  readonly #unsynced: UnsyncedFiles;
  readonly #retention: Retention;
  #timer: NodeJS.Timeout | undefined;
  #sweep: NodeJS.Timeout | undefined;
  /** The length of all needed segment files. */
  #segmentBytes = 0;
  #retry: NodeJS.Timeout | undefined;
  /** The last sequence known to be synced, and the one that the journal records as synced. */
  #synced: number;
  #recordedSynced: number;
  #openingDue: Opening | undefined;
  readonly #stats = {
    writtenBytes: 0,
    recoverySeconds: 0,
    recoveredStreams: 0,
    damages: 0,
  };

  /**
   * Opens the log in a directory and recovers its content.
   *
   * @throws DISK_FORMAT; errors of the disk
   */
  static async open(options: DiskStoreOptions): Promise<DiskStore> {
    const began = performance.now();
    expectLogs();
    const { disk, logger } = options;
    const salt = await openLayout(disk);
    const closed = await readShutdownSnapshot(disk, salt);
    const recovery = closed ?? (await recover(disk, salt));
    // Without a power cut all writes survive: missing bytes have been removed by someone.
    if (options.boot !== '' && recovery.lastOpening?.boot === options.boot) recovery.damages.push(...recovery.missing);
    if (closed === undefined) await tidy(disk, recovery);
    const store = new DiskStore(options, salt, recovery);
    for (const damage of recovery.damages) store.damaged(damage);
    store.#renewGenerations(recovery);
    if (recovery.isStateDue) await store.#replaceState(store.#begin);
    // Before anything else is written; on a full disk, as soon as there is room.
    if (await store.#commitGroup()) {
      await store.#syncOpening();
      await allocateReserve(disk);
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
      onRefusal: (error) => this.#setFault(this.#faultOf(error)),
      requireUsable: () => {
        if (this.fault?.code === 'DISK_FAILED') throw this.fault;
      },
    });
    this.reader = new LogReader(this.#pool, salt, this);
    this.blocks = new BlockCache(this.reader, options);
    this.#found = recovery.streams;
    this.#nextStream = recovery.nextStream;
    this.#sequence = recovery.sequence;
    this.#committedSequence = recovery.sequence;
    this.#synced = recovery.sequence - 1;
    this.#recordedSynced = this.#synced;
    this.#older = [...recovery.older.map((number) => ({ number, length: 0 })), ...recovery.journals];
    this.#needsFullRecovery = recovery.damages.length > 0;
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
      this.#sweep = setInterval(() => this.dropExpired(), sweepEvery);
      this.#sweep.unref();
    }
    if (options.sync.name === 'interval') {
      this.#timer = setInterval(() => void this.sync().catch(() => undefined), options.sync.interval);
      this.#timer.unref();
    }
  }

  /**
   * Gives a new generation to every stream that may have lost bytes which readers had seen: otherwise its offsets would
   * come to denote other bytes. An ended stream has lost nothing, or its end would be missing, too.
   */
  #renewGenerations({ hasLostRecords, isClean, lastOpening }: Recovery): void {
    if (isClean) return;
    // If the sync policy of the last process is unknown, assume the weakest.
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
      this.#options.logger.warn('streams may have lost their last bytes: they continue under new generations', facts);
  }

  /** The recovered streams. The owner must recreate and adopt each of them. */
  get found(): Iterable<KnownStream> {
    return this.#found.values();
  }

  get stats(): DiskStats {
    return {
      ...this.#stats,
      syncs: this.#unsynced.times,
      blocksGiven: this.blocks.hits,
      blocksRead: this.blocks.misses,
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

  // ── adding streams ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds a stream to the log, with the content of its ring. */
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

  /** Continues a recovered stream, which its owner has recreated. */
  adopt(known: KnownStream, stream: RingStream, owner: StreamOwner): LoggedStream {
    const log = new LoggedStream(this, known, stream, owner, false);
    this.#found.delete(known.id);
    this.#logs.set(known.id, log);
    this.#written.add(known.id);
    stream.attachLog(log);
    return log;
  }

  /** @throws if nothing can be written, so that no stream must be created */
  requireWritable(): void {
    if (this.fault !== undefined) throw this.fault;
  }

  // ── used by streams ────────────────────────────────────────────────────────────────────────────────────────────

  markDirty(log: LoggedStream): GroupCommit {
    this.#dirty.add(log);
    this.#next ??= newGroupCommit();
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

  // ── group commits ──────────────────────────────────────────────────────────────────────────────────────────────

  #schedule(): void {
    if (this.#running !== undefined || this.isClosed || this.fault !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    // Let the current turn finish first.
    await nextTurn();
    while (this.fault === undefined && this.#dirty.size > 0) {
      await this.#commitGroup();
      this.#planCheckpoint();
      this.#dropOverTotal();
      await nextTurn();
    }
  }

  /** Writes all changes since the last group commit. After a failure they are retried with the next one. */
  async #commitGroup(only?: (log: LoggedStream) => boolean): Promise<boolean> {
    if (!(await this.#verifyOwner())) return false;
    const commit = this.#next ?? newGroupCommit();
    this.#next = undefined;
    let logs = [...this.#dirty];
    if (only !== undefined) logs = logs.filter(only);
    for (const log of logs) this.#dirty.delete(log);
    if (this.#dirty.size > 0) this.#next = newGroupCommit();
    for (const log of this.#dirty) log.commit = this.#next;
    this.#batch.clear();
    const sequence = this.#sequence;
    const { length, number } = this.#journal;
    this.#encodeControl();
    const plans = logs.map((log) => this.#plan(log)).filter((plan) => plan !== undefined);
    try {
      await this.#writeGroup(plans);
    } catch (error) {
      this.#sequence = sequence;
      await this.#failed(error, commit, logs, { number, length });
      return false;
    }
    this.#openingDue = undefined;
    this.#isSecondTry = false;
    this.#renewed.clear();
    this.#committedSequence = this.#sequence;
    for (const plan of plans) this.#applyWritten(plan, number, length);
    // With the interval policy, the next sync removes the garbage.
    if (this.#timer === undefined && this.#unsynced.hasGarbage) void this.sync().catch(() => undefined);
    for (const log of logs) if (log.commit === commit) log.commit = undefined;
    commit.resolve();
    for (const log of logs) log.stream.logChanged();
    this.#wakeWriters();
    return true;
  }

  /** Returns false, and writes nothing from then on, once the directory belongs to another process. */
  async #verifyOwner(): Promise<boolean> {
    if (!this.#hasGivenUp && (await (this.#options.ownsDirectory?.() ?? true))) return true;
    if (!this.#hasGivenUp) this.giveUp('another process has taken its directory');
    return false;
  }

  /** Takes the changes to a stream. Synchronous, so that they are consistent. */
  #plan(log: LoggedStream): Plan | undefined {
    const { known, owner, stream } = log;
    const isNew = !this.#written.has(known.id);
    if (log.isRemoved) {
      if (isNew) {
        this.#forgetStream(log);
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

  async #writeGroup(plans: readonly Plan[]): Promise<void> {
    const long = plans.filter((plan) => !plan.change.isRemoved && plan.to === 0);
    await forEachConcurrent(long, (plan) => this.#writeLong(plan));
    for (const plan of plans) if (plan.change.isRemoved) this.#encode(plan, undefined);
    const { bytes } = this.#batch;
    if (bytes.length === 0) return;
    const path = journalPath(this.#journal.number);
    const isAlways = this.#options.sync.name === 'always';
    const { length } = this.#journal;
    // A journal must be complete before the next one gets data, so that the disk always holds a prefix of the history.
    if (isAlways || length === 0) await this.#unsynced.syncFiles();
    await this.#pool.use(path, length > 0 ? 'change' : 'write', (file) => appendAt(file, path, [bytes], length));
    // Only now: a sync that is running may have missed this write.
    this.#unsynced.wrote(path, length === 0);
    if (isAlways) await this.sync(this.#sequence - 1);
    this.#journal.length += bytes.length;
    this.#stats.writtenBytes += bytes.length;
  }

  /**
   * Writes data into a segment, or moves a tail to the newest journal. Older data from journals precedes fresh data.
   */
  async #writeLong(plan: Plan): Promise<void> {
    const { log, fresh } = plan;
    const sources = await this.#tailOf(log);
    if (!plan.isForSegment) {
      // Merge a tail of several parts into one.
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

  /** A segment was removed by someone: its bytes are lost, and it gets no further writes. */
  #segmentRemoved({ id, label }: KnownStream, segment: Segment): void {
    const file = segmentPath(id, segment.base);
    this.#sealed.add(segment);
    this.#pool.drop(file);
    this.damaged({ file, problem: `the whole file is missing, of ${label}` });
  }

  /** The data of a stream in journals. Unreadable data is lost. */
  async #tailOf({ known }: LoggedStream): Promise<Source[]> {
    const sources: Source[] = [];
    const lost = new Set<Extent>();
    let to = 0;
    for (const extent of known.tail) {
      const { offset } = extent.from;
      // Already read together with the previous extent.
      if (offset < to) continue;
      const found = await this.reader.at(known, offset);
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

  /** Encodes the records about the log itself. The open record comes after the new generations that belong to it. */
  #encodeControl(): void {
    const opening = this.#openingDue;
    if (opening !== undefined) {
      for (const { id, identity } of this.#renewed) this.#encodeChange(id, { ...emptyChange(), identity });
      this.#putControl(RECORD.open, { ...opening, upTo: this.#synced });
    } else if (this.#synced > this.#recordedSynced) this.#putControl(RECORD.synced, { upTo: this.#synced });
    else return;
    this.#recordedSynced = this.#synced;
  }

  /** Writes a record about the log itself, with a JSON body. */
  #putControl(type: number, body: object): void {
    this.#put(type, 0, () => this.#batch.data(Buffer.from(JSON.stringify(body))));
  }

  #put(type: number, stream: number, body: () => void): number {
    return putRecord(this.#batch, { type, stream, sequence: this.#sequence++ }, this.#salt, body);
  }

  /** Applies a change whose record has been written. */
  #applyWritten(plan: Plan, journal: number, base: number): void {
    const { at, change, log, to } = plan;
    const { known } = log;
    if (change.isRemoved) {
      this.#discard(known, known.segments);
      this.#forgetStream(log);
      return;
    }
    this.#written.add(known.id);
    if (log.identitiesDue > 0) log.identitiesDue--;
    log.isMoveDue = false;
    const before = known.reach.offset;
    if (change.floor !== undefined) {
      this.#discard(known, known.dropBelow(change.floor));
      this.#retention.clearDueFloor(known);
      // Bytes that are too old are removed from memory as well.
      if (this.#retention.isByAge) log.stream.forgetBelow(change.floor.offset);
    }
    for (const { base: of, length } of change.segments) {
      this.#segmentBytes += length - (known.segmentAt(of)?.length ?? 0);
    }
    known.apply(change, { journal, position: base + at, length: to - at });
    this.backlog -= known.reach.offset - before;
  }

  #forgetStream(log: LoggedStream): void {
    log.detach();
    this.blocks.forget(log.known);
    this.#retention.forget(log.known);
    this.#logs.delete(log.known.id);
    this.#written.delete(log.known.id);
    log.stream.logChanged();
  }

  /** Schedules segments for removal, once the record that makes them obsolete is synced. */
  #discard(known: KnownStream, segments: readonly Segment[]): void {
    for (const { base, length } of segments) {
      const path = segmentPath(known.id, base);
      this.#segmentBytes -= length;
      this.#unsynced.discard(path);
      this.reader.forget(path);
    }
  }

  /** Has the next group commit drop bytes beyond the maximum age. */
  dropExpired(): void {
    if (this.fault !== undefined) return;
    for (const log of this.#retention.findExpired(this.#logs.values())) log.touch();
  }

  /** Has the next group commit drop bytes beyond the total limit. */
  #dropOverTotal(): void {
    const total = this.#segmentBytes + this.#journalBytes;
    for (const log of this.#retention.findOverTotal(this.#logs.values(), total)) log.touch();
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
      this.#needsFullRecovery = true;
    }
    this.#stats.damages++;
    this.#options.logger.error('the log is damaged', { directory: this.#disk.name, damage: describeDamage(damage) });
  }

  // ── faults ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async #failed(error: unknown, commit: GroupCommit, logs: LoggedStream[], journal: Journal): Promise<void> {
    for (const log of logs) {
      log.areFactsDue = true;
      log.areAllProducersDue = true;
      if (!log.isGone) this.#dirty.add(log);
    }
    let fault = this.#faultOf(error);
    if (mayPass(fault)) this.#recordedSynced = -1;
    try {
      // Undo the write. If a crash prevents that, recovery finds records of appends that were not acknowledged.
      await this.#cutJournal(journal);
    } catch (truncation) {
      this.#isCutDue = true;
      const other = this.#faultOf(truncation);
      if (!mayPass(other)) fault = other;
    }
    // The bytes are still in memory: retry once, in new files.
    if (!this.#isCutDue && codeOf(error) === 'EIO' && !this.#isSecondTry) {
      this.#options.logger.warn('a write to the log failed: retrying in new files', {
        error: String(error),
      });
      this.#isSecondTry = true;
      for (const { known } of logs) if (known.segments.length > 0) this.#sealed.add(known.segments.at(-1)!);
      this.#recordedSynced = -1;
      this.#beginJournal();
      if (this.#checkpointBelow > 0) this.#moveTailsBelow(this.#journal.number);
      this.#mergeInto(commit);
      return;
    }
    this.#setFault(fault);
    commit.reject(fault);
  }

  async #cutJournal({ length, number }: Journal): Promise<void> {
    await this.#pool.use(journalPath(number), 'write', (file) => file.truncate(length));
    this.#isCutDue = false;
  }

  /** Merges a failed group commit into the next one, with all who wait for it. */
  #mergeInto(commit: GroupCommit): void {
    const next = this.#next;
    this.#next = commit;
    for (const log of this.#dirty) log.commit = commit;
    next?.done.catch(() => undefined);
    if (next !== undefined) void commit.done.then(next.resolve, next.reject);
  }

  /** Stops all writes: the directory may belong to another process now. */
  giveUp(reason: string): void {
    this.#hasGivenUp = true;
    this.#setFault(createError('DISK_FAILED', { directory: this.#disk.name, reason }));
  }

  #faultOf(error: unknown): StreamFSError {
    if (isStreamFSError(error, 'DISK_FAILED') || isStreamFSError(error, 'DISK_UNAVAILABLE')) return error;
    const directory = this.#disk.name;
    if (isFull(error)) return createError('DISK_FULL', { directory });
    if (isWriteRefused(error)) return createError('DISK_UNAVAILABLE', { directory, reason: REFUSALS[codeOf(error)!]! });
    if (codeOf(error) === 'ENOENT') {
      return createError('DISK_FAILED', {
        directory,
        reason: 'a file in it, or the whole directory, has been removed',
      });
    }
    const reason = codeOf(error) ?? (error instanceof Error ? error.message : String(error));
    return createError('DISK_FAILED', { directory, reason });
  }

  #setFault(fault: StreamFSError): StreamFSError {
    const isNew = this.fault?.message !== fault.message;
    this.fault = fault;
    if (isNew) this.#options.logger.error('the log cannot be written', { code: fault.code, error: fault.message });
    // It is unknown when the pending changes will be written: fail their waiters now.
    this.#next?.reject(fault);
    this.#next = newGroupCommit();
    for (const log of this.#dirty) log.commit = this.#next;
    this.#wakeWriters();
    if (!mayPass(fault) || this.isClosed) return fault;
    this.#retry ??= setTimeout(() => void this.#tryAgain(), RETRY_MS);
    this.#retry.unref();
    return fault;
  }

  /**
   * Removes streams from the log although it is not writable: on a full disk, the reserve provides the space.
   *
   * @throws why the removal cannot be written; no stream is removed then
   */
  async removeDespiteFault(logs: readonly LoggedStream[]): Promise<void> {
    const areThere = () => logs.some(({ isGone }) => !isGone);
    // A running attempt may have begun without these streams.
    if (this.#running !== undefined) await this.#running;
    if (areThere() && mayPass(this.fault)) await (this.#running ?? this.#tryAgain());
    if (!areThere()) return;
    // There is room again: the streams are removed in the normal way.
    if (this.fault === undefined) await Promise.all(logs.map((log) => log.whenSaved()));
    else throw this.fault;
  }

  /** Retries writing. Removals come first, as they take least and free most. */
  async #tryAgain(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (!mayPass(this.fault) || this.#running !== undefined) return;
    this.#running = (async () => {
      if (this.#isCutDue) await this.#cutJournal(this.#journal);
      const removed = [...this.#dirty].some(({ isRemoved }) => isRemoved);
      if (removed) {
        if (this.fault?.code === 'DISK_FULL') await releaseReserve(this.#disk);
        if (await this.#commitGroup(({ isRemoved }) => isRemoved)) await this.sync();
      }
      if (!(await this.#commitGroup())) return;
      if (this.fault?.code === 'DISK_UNAVAILABLE') await this.sync();
      await allocateReserve(this.#disk);
      if (this.#hasGivenUp) return;
      this.fault = undefined;
      this.#options.logger.info('the log can be written again', { directory: this.#disk.name });
      this.#wakeWriters();
    })()
      .catch((error: unknown) => {
        this.#setFault(this.#faultOf(error));
      })
      .finally(() => {
        this.#running = undefined;
        if (this.fault === undefined) this.#schedule();
        else this.#setFault(this.fault);
      });
    await this.#running;
  }

  // ── syncing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Makes all completed writes durable.
   *
   * @param upTo the last sequence to record as synced: a group commit may be running
   */
  sync(upTo = this.#committedSequence - 1): Promise<void> {
    return this.#unsynced.sync(() => {
      this.#synced = Math.max(this.#synced, upTo);
    });
  }

  /** After a failed sync the kernel may have dropped dirty pages, so the content of the disk is unknown. */
  #syncFailed(error: unknown): Error {
    const reason = `a sync failed (${codeOf(error) ?? String(error)})`;
    const failed = createError('DISK_FAILED', { directory: this.#disk.name, reason });
    this.#setFault(failed);
    return failed;
  }

  // ── checkpoints ────────────────────────────────────────────────────────────────────────────────────────────────

  #planCheckpoint(): void {
    if (this.fault !== undefined || this.#checkpoint !== undefined) return;
    if (this.#checkpointBelow > 0) {
      this.#moveTails();
      return;
    }
    const { maxJournal } = this.#options;
    if (this.#journalBytes > Math.max(maxJournal, 4 * this.#liveBytes)) this.#beginCheckpoint();
  }

  /** Begins a new journal, and starts moving live data out of the older ones. */
  #beginCheckpoint(): void {
    this.#beginJournal();
    this.#moveTailsBelow(this.#journal.number);
    this.#moveTails();
  }

  #beginJournal(): void {
    this.#older.push(this.#journal);
    this.#journal = { number: this.#journal.number + 1, length: 0 };
  }

  #moveTailsBelow(journal: number): void {
    this.#checkpointBelow = journal;
    this.#moving = [...this.#logs.values()].filter((log) => this.#hasOldTail(log));
  }

  #hasOldTail({ known: { tail } }: LoggedStream): boolean {
    return tail.length > 0 && tail[0]!.journal < this.#checkpointBelow;
  }

  /** Has the next group commit move some tails; writes the state file once all are moved. */
  #moveTails(): void {
    let bytes = 0;
    let streams = 0;
    for (let log = this.#moving.at(-1); log !== undefined; log = this.#moving.at(-1)) {
      if (bytes >= MAX_MOVED_PER_COMMIT.bytes || streams >= MAX_MOVED_PER_COMMIT.streams) return;
      this.#moving.pop();
      if (log.isGone || !this.#hasOldTail(log)) continue;
      bytes += log.known.tailBytes;
      streams++;
      log.isMoveDue = true;
      log.touch();
    }
    if (streams > 0 || [...this.#dirty].some((log) => this.#hasOldTail(log))) return;
    const left = [...this.#logs.values()].filter((log) => this.#hasOldTail(log));
    // Retry moves that have failed.
    if (left.length > 0) {
      this.#moving = left;
      return;
    }
    this.#checkpoint = this.#writeState().finally(() => {
      this.#checkpoint = undefined;
    });
  }

  /** Writes the state file, so that the older journals are no longer needed. Group commits continue meanwhile. */
  async #writeState(): Promise<void> {
    const { length, number } = this.#journal;
    const old = this.#older.filter((journal) => journal.number < number);
    let size: number;
    try {
      size = await this.#replaceState(this.#begin);
    } catch (error) {
      // Keep the journals; retry when they have grown.
      this.#options.logger.warn('the state of the log could not be written', { error: String(error) });
      this.#liveBytes = this.#journalBytes;
      this.#checkpointBelow = 0;
      return;
    }
    this.#liveBytes = size + length;
    this.#checkpointBelow = 0;
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

  /** The journal position up to which a state file written now covers the changes. */
  get #begin(): StateBegin {
    const { length, number } = this.#journal;
    return {
      ...{ journal: number, position: length, sequence: this.#sequence, nextStream: this.#nextStream },
      opening: this.#openingDue === undefined ? { boot: this.#options.boot, sync: this.#options.sync.name } : undefined,
    };
  }

  /** Writes the state file and returns its length. */
  async #replaceState(begin: StateBegin): Promise<number> {
    const state = this.#encodeState(begin);
    const journal = journalPath(begin.journal);
    // The journal must exist: a missing journal is an error.
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
      // If none is left, all may have been released because the server stops: keep them for the next startup.
      if (records.length > 0) known.keepProducers(new Set(records.map(({ id }) => id)));
    }
    for (const known of this.#allKnown()) put(RECORD.state, known.id, () => putChange(writer, known.snapshot));
    put(RECORD.stateEnd, 0, () => undefined);
    return Buffer.from(writer.bytes);
  }

  /** All streams in the log. */
  *#allKnown(): Generator<KnownStream> {
    yield* this.#found.values();
    for (const { known } of this.#logs.values()) if (this.#written.has(known.id)) yield known;
  }

  /**
   * Syncs the open record before anything else happens. Otherwise a power cut could leave a log that looks cleanly
   * closed, and the loss of bytes that readers have seen since would go unnoticed.
   */
  async #syncOpening(): Promise<void> {
    try {
      await this.sync();
      await this.#disk.remove(SHUTDOWN_SNAPSHOT_FILE);
    } catch {
      // On failure, further writes fail as well. A snapshot that remains does not match the journals.
    }
  }

  // ── closing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes all pending changes if possible, and marks the log as cleanly closed. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#sweep);
    clearTimeout(this.#retry);
    while (this.#running !== undefined) await this.#running;
    if (this.#dirty.size > 0 && this.fault?.code !== 'DISK_FAILED' && (await this.#commitGroup()))
      this.fault = undefined;
    await this.#checkpoint;
    try {
      if (this.fault === undefined && (await this.#verifyOwner())) await this.#closeCleanly();
    } catch (error) {
      this.#setFault(this.#faultOf(error));
    }
    this.isClosed = true;
    clearTimeout(this.#retry);
    this.#wakeWriters();
    for (const log of this.#logs.values()) log.stream.logChanged();
    this.blocks.clear();
    await this.#pool.closeAll();
  }

  async #closeCleanly(): Promise<void> {
    await this.sync();
    this.#batch.clear();
    this.#putControl(RECORD.closed, { upTo: this.#synced });
    const path = journalPath(this.#journal.number);
    const { bytes } = this.#batch;
    const { length } = this.#journal;
    await this.#pool.use(path, 'write', (file) => writeAll(file, [bytes], length));
    this.#unsynced.wrote(path, false);
    this.#journal.length += bytes.length;
    this.#committedSequence = this.#sequence;
    await this.sync();
    if (this.#needsFullRecovery) return;
    try {
      await writeShutdownSnapshot(this.#disk, this.#salt, {
        ...{ nextStream: this.#nextStream, sequence: this.#sequence, streams: this.#allKnown() },
        opening: { boot: this.#options.boot, sync: this.#options.sync.name },
      });
    } catch (error) {
      // The next startup takes longer.
      this.#options.logger.warn('the snapshot for the next startup could not be written', { error: String(error) });
    }
  }
}

/** Whether the disk may become writable again without a restart. */
function mayPass(fault: StreamFSError | undefined): boolean {
  return fault?.code === 'DISK_FULL' || fault?.code === 'DISK_UNAVAILABLE';
}

/** Merges contiguous sources. */
function joined(first: Source, sources: readonly Source[]): Source {
  return {
    from: first.from,
    lengths: sources.flatMap(({ lengths }) => [...lengths]),
    partsOf: () => sources.flatMap(allOf),
  };
}

function allOf(source: Source): Uint8Array[] {
  return source.partsOf(source.from.offset, endPlace(source).offset);
}
