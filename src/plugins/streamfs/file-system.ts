/** Streams as files: the meaning of each file system operation for streams (contract sections A and C). */

import type { AppendId, ReaderStart } from '../../core/index.ts';
import { producerGap, RingStream, restartDetails } from '../../core/internal.ts';
import { createError, limitReached } from '../../errors/index.ts';
import {
  type Account,
  type Appender,
  type AppendOptions,
  type Capabilities,
  type Clock,
  type CreateOptions,
  type DirectoryPage,
  type DiskTotals,
  type EndOptions,
  type FileHandle,
  type FileInfo,
  type FileWriter,
  type OpenHandleOptions,
  type OpenStreamOptions,
  type PluginContext,
  type PluginLogger,
  type ProducerWriteOptions,
  type Snapshot,
  type StreamSettings,
  type StreamSettingsInForce,
  type StreamSource,
  type StreamTotals,
  sizedContent,
  systemClock,
  type WriteOptions,
} from '../../fs/index.ts';
import { accessOf } from '../access.ts';
import { ContentHandle } from './content-handle.ts';
import { type Entry, endDurably, endStream, newEntry } from './entry.ts';
import { Expiry } from './expiry.ts';
import { setFormat } from './formats.ts';
import { HandleLines } from './handle-lines.ts';
import { reachingBack, wholeStart } from './history-start.ts';
import { capabilitiesOf, directoryInfo, readmeInfo, streamInfo } from './info.ts';
import { isJsonType } from './json-text.ts';
import { completeJsonLines } from './json-writer.ts';
import { Listing } from './listing.ts';
import { discardFork, type ForkMaker, makeFork } from './make-fork.ts';
import { MountRules } from './mount-rules.ts';
import { createObserver } from './observer.ts';
import { PersistedStreams } from './persisted-streams.ts';
import { requireMayBlock } from './reader-block.ts';
import { README_BYTES, README_PATH, readmeFrom } from './readme-file.ts';
import { removeEach } from './removal.ts';
import { type RestoreTarget, restoreStreams } from './restore.ts';
import type { Settings } from './settings.ts';
import { inSlices } from './slices.ts';
import { SlowReaders } from './slow-readers.ts';
import { JsonAppender, LinesAppender, StreamAppender } from './stream-appender.ts';
import { StreamFiles } from './stream-files.ts';
import { StreamHandle } from './stream-handle.ts';
import { writeLines } from './stream-lines.ts';
import { type MakeStream, TableStore } from './stream-store.ts';
import { StreamTable } from './stream-table.ts';
import { Totals } from './totals.ts';
import { Writers } from './writers.ts';

/** Whether to create an absent stream, and the account to charge. */
type OpenOptions = Pick<OpenStreamOptions, 'create' | 'account' | 'settings'>;

type Context = Pick<PluginContext, 'logger' | 'memory' | 'limits'> & Partial<Pick<PluginContext, 'mountPath'>>;

export class StreamFileSystem extends StreamFiles {
  private readonly settings: Settings;
  private readonly logger: PluginLogger;
  private readonly context: Context;
  private readonly table = new StreamTable();
  private readonly sums = new Totals();
  private readonly slow: SlowReaders;
  private readonly expiry: Expiry;
  private readonly listing: Listing;
  private readonly writers: Writers;
  /** The mount path, which precedes a stream's path in its name. */
  private readonly prefix: string;
  private readonly rules: MountRules;
  private readonly store: TableStore;
  /** The log of the streams on disk, if the mount is persistent. */
  private readonly persisted: PersistedStreams | undefined;
  /** After the shutdown no stream is created. */
  private isShutDown = false;

  /**
   * Opens a file system with its persisted streams.
   *
   * @throws as {@link PersistedStreams.open}
   */
  static async open(settings: Settings, context: Context, clock: Clock = systemClock): Promise<StreamFileSystem> {
    const { persist } = settings;
    if (persist === undefined) return new StreamFileSystem(settings, context, clock);
    const persisted = await PersistedStreams.open(persist, context.logger, context.memory);
    const fileSystem = new StreamFileSystem(settings, context, clock, persisted);
    try {
      await restoreStreams(persisted, fileSystem.restoreTarget());
      return fileSystem;
    } catch (error) {
      // The mount fails for the first reason.
      await fileSystem.shutdown().catch(() => undefined);
      throw error;
    }
  }

  constructor(settings: Settings, context: Context, clock: Clock = systemClock, persisted?: PersistedStreams) {
    super();
    this.persisted = persisted;
    this.settings = settings;
    this.context = context;
    this.logger = context.logger;
    const { mountPath = '/' } = context;
    this.prefix = mountPath === '/' ? '' : mountPath;
    this.slow = new SlowReaders(context.logger);
    const observer = createObserver({
      ...{ table: this.table, slow: this.slow, pathOf: (name) => name.slice(this.prefix.length) },
      readerLeft: (stream, entry) => {
        this.sums.readerLeft(stream);
        if (entry === undefined) return;
        this.expiry.wasRead(entry);
        this.dropIfUnused(entry);
      },
    });
    const { limits, logger, memory } = context;
    this.rules = new MountRules({ settings, clock, memory, observer });
    this.writers = new Writers({ settings, clock, memory, limits, left: (entry) => this.writerLeft(entry) });
    this.expiry = new Expiry(settings.idleTimeout, clock, logger, (entry) => this.expire(entry));
    this.listing = new Listing(this.table, this.expiry, settings.idleTimeout);
    this.store = this.newStore();
  }

  streams(): TableStore {
    return this.store;
  }

  private newStore(): TableStore {
    const { persisted, prefix, rules } = this;
    const maker: ForkMaker = {
      prefix,
      rules,
      persisted,
      memory: this.context.memory,
      requireRunning: () => this.requireRunning(),
    };
    return new TableStore({
      table: this.table,
      get: (path) => this.get(path),
      isReserved: (path) => this.isReserved(path),
      requireWritable: (path) => {
        this.requireRunning();
        this.requireWritable(path);
      },
      isUnclaimed,
      claim: (entry, settings) => this.claim(entry, settings),
      settingsFor: (asked) => this.rules.settingsFor(asked),
      linesOf: (entry) => this.writers.linesFor(entry, {}),
      add: (path, options, make) => this.add(path, false, options, make),
      fork: (path, options, source, range) => makeFork({ path, options, source, range }, maker),
      enter: (entry) => {
        this.requireRoomFor(entry.path, entry.account);
        this.enter(entry);
      },
      discard: discardFork,
      drop: (entry) => this.drop(entry),
      renew: (entry) => this.expiry.renew(entry),
      wasRead: (entry) => this.expiry.wasRead(entry),
      expireIfDue: (entry) => this.expiry.expireIfDue(entry),
      producersOf: (entry) => this.writers.producersOf(entry),
    });
  }

  private restoreTarget(): RestoreTarget {
    const { expiry, logger, prefix, rules, sums, table } = this;
    return {
      ...{ prefix, table, rules, expiry, sums, logger, memory: this.context.memory },
      producersOf: (entry) => this.writers.producersOf(entry),
      countExpired: (settings) => this.countExpired(settings),
    };
  }

  // ── creating and removing ──────────────────────────────────────────────────────────────────────────────────────

  override async create(path: string, options: CreateOptions = {}): Promise<void> {
    this.requireWritable(path);
    const entry = this.get(path);
    if (entry === undefined) await this.add(path, false, options).stream.whenSaved();
    else if (options.settings !== undefined && isUnclaimed(entry)) {
      this.claim(entry, options.settings);
      await entry.stream.whenSaved();
    } else {
      if (options.settings !== undefined) this.requireSame(entry, options.settings);
      throw createError('STREAM_EXISTS', { path });
    }
  }

  override async remove(path: string): Promise<void> {
    const entry = this.get(path);
    if (entry === undefined) {
      if (path !== '/' && this.table.isDirectory(path)) throw createError('DIRECTORY_NOT_EMPTY', { path });
      throw this.notFound(path);
    }
    await this.removeEntries([entry]);
  }

  /** Removes a stream or, for a directory, all streams below it. */
  override async removeAll(path: string): Promise<void> {
    if (path === '/' || !this.table.isDirectory(path)) {
      await this.remove(path);
      return;
    }
    await this.removeEntries(this.table.below(path));
  }

  private removeEntries(entries: readonly Entry[]): Promise<void> {
    return removeEach(entries, {
      store: this.persisted?.store,
      isThere: (entry) => this.table.get(entry.path) === entry,
      drop: (entry) => this.drop(entry),
    });
  }

  override async end(path: string, { status }: EndOptions = {}): Promise<void> {
    this.requireNotReadme(path);
    const entry = this.find(path);
    endDurably(entry, status);
    await entry.stream.whenSaved();
  }

  override async touch(path: string, options: CreateOptions = {}): Promise<void> {
    this.requireWritable(path);
    const entry = this.get(path);
    if (entry === undefined) await this.add(path, false, options).stream.whenSaved();
    else {
      entry.log?.requireWritable();
      if (options.settings !== undefined) this.settle(entry, options.settings);
      entry.stream.touch();
      entry.log?.touch();
      this.expiry.renew(entry);
      await entry.stream.whenSaved();
    }
  }

  async renew(path: string): Promise<void> {
    this.requireNotReadme(path);
    this.expiry.wasRead(this.find(path));
  }

  /**
   * Ends every stream, so that readers get an end rather than a cut connection (contract 28). Persisted streams stay on
   * disk.
   */
  async shutdown(): Promise<void> {
    this.isShutDown = true;
    this.expiry.stop();
    this.writers.stop();
    await inSlices(this.table.all(), (entry) => {
      this.expiry.saveUse(entry);
      endStream(entry, 'shutdown');
      this.forget(entry);
    });
    this.table.reserved.clear();
    this.slow.flush();
    await this.persisted?.close();
  }

  private add(
    path: string,
    autoCreated: boolean,
    { account, settings: asked }: CreateOptions,
    make: MakeStream = (identity, rules) => new RingStream(identity, rules),
  ): Entry {
    this.requireRoomFor(path, account);
    // A stream that could not be persisted is not created.
    if (!autoCreated) this.persisted?.store.requireWritable();
    const settings = this.rules.settingsFor(asked);
    const { firstOffset = 0 } = this.settings;
    const stream = make({ name: this.prefix + path, firstOffset }, this.rules.rulesFor(settings));
    const entry = newEntry({ path, stream, settings, autoCreated, account });
    setFormat(entry, this.context.memory);
    this.enter(entry);
    return entry;
  }

  private requireRunning(): void {
    if (this.isShutDown) throw createError('SHUTTING_DOWN');
  }

  private requireRoomFor(path: string, account: Account | undefined): void {
    this.requireRunning();
    this.isReserved(path);
    this.table.requireFree(path);
    const { maxStreams } = this.settings;
    if (this.table.nameCount >= maxStreams) this.expiry.expireAllDue();
    if (this.table.nameCount >= maxStreams) throw limitReached('STREAM_LIMIT', 'streams', maxStreams);
    account?.require('streams', maxStreams);
  }

  private enter(entry: Entry): void {
    const { account, autoCreated, settings, stream } = entry;
    this.table.add(entry);
    if (!autoCreated && entry.log === undefined) this.persisted?.keep(entry, this.rules.ofMount);
    this.sums.joined(stream);
    account?.take('streams', this.settings.maxStreams);
    this.expiry.watch(entry, settings);
    this.logger.debug('stream created', { stream: stream.name, generation: stream.generation, autoCreated });
  }

  private drop(entry: Entry): void {
    const { stream } = entry;
    stream.end('removed');
    entry.log?.remove();
    this.forget(entry);
    this.logger.debug('stream removed', { stream: stream.name, totalWritten: stream.totalWritten });
  }

  /** An auto-created stream that was never written is removed with its last reader (contract 36). */
  private dropIfUnused(entry: Entry): void {
    const { autoCreated, handles, stream, writers } = entry;
    if (autoCreated && handles + writers.size === 0 && stream.readerCount === 0 && stream.totalWritten === 0)
      this.drop(entry);
  }

  private forget(entry: Entry): void {
    if (!this.table.delete(entry)) return;
    this.expiry.unwatch(entry);
    this.writers.forget(entry);
    this.sums.left(entry.stream);
    // A reserved name counts as a stream until it is released.
    if (entry.node !== undefined) this.table.reserved.streamGone(entry.node);
    else entry.account?.give('streams');
  }

  /** Expires a stream: its readers get the end, and the path becomes free. */
  private expire(entry: Entry): void {
    endStream(entry, 'expired');
    entry.log?.remove();
    this.forget(entry);
    this.countExpired(entry.settings);
  }

  private countExpired({ expiresAt, ttl }: StreamSettingsInForce): void {
    if (ttl === undefined && expiresAt === undefined) this.context.limits?.hit('idle_timeout');
  }

  // ── settings ───────────────────────────────────────────────────────────────────────────────────────────────────

  private requireSame({ path, settings }: Entry, asked: StreamSettings): void {
    this.rules.requireSame(path, asked, settings);
  }

  /** Gives settings to a stream that was created by a reader. */
  private claim(entry: Entry, asked: StreamSettings | undefined): void {
    this.persisted?.store.requireWritable();
    const settings = this.rules.settingsFor(asked);
    const rules = this.rules.rulesFor(settings);
    if (rules !== entry.stream.rules) entry.stream.adopt(rules);
    if (settings !== entry.settings) this.expiry.watch(entry, settings);
    entry.settings = settings;
    setFormat(entry, this.context.memory);
    entry.autoCreated = false;
    if (entry.log === undefined) this.persisted?.keep(entry, this.rules.ofMount);
    else entry.log.factsChanged();
  }

  /** An open with settings: a stream without a writer takes them; any other must already have them. */
  private settle(entry: Entry, asked: StreamSettings): void {
    if (isUnclaimed(entry)) this.claim(entry, asked);
    else this.requireSame(entry, asked);
  }

  async streamSettings(path: string): Promise<StreamSettingsInForce> {
    return this.find(path).settings;
  }

  // ── looking up ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The stream at a path, unless it has expired. */
  private get(path: string): Entry | undefined {
    const entry = this.table.get(path);
    return entry?.deadline !== undefined && this.expiry.expireIfDue(entry) ? undefined : entry;
  }

  /** Whether a removed stream reserves the path for its forks. Expired forks are removed first. */
  private isReserved(path: string): boolean {
    const { reserved } = this.table;
    if (reserved.has(path)) this.expiry.expireAllDue();
    return reserved.has(path);
  }

  private find(path: string): Entry {
    const entry = this.get(path);
    if (entry === undefined) throw this.notFound(path);
    return entry;
  }

  private notFound(path: string) {
    return createError(this.isReserved(path) ? 'STREAM_GONE' : 'STREAM_NOT_FOUND', { path });
  }

  private findOrAdd(path: string, options: OpenOptions, autoCreated: boolean): Entry {
    const entry = this.get(path);
    if (entry !== undefined) return entry;
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    if (!(options.create ?? this.settings.autoCreate)) throw this.notFound(path);
    return this.add(path, autoCreated, options);
  }

  // ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<number> {
    const entry = this.entryToWrite(path, options);
    const lines = this.writers.linesFor(entry, options);
    if (isJsonType(entry.settings.type)) await entry.stream.write(completeJsonLines(data));
    else if (lines === undefined) await entry.stream.write(data);
    else await writeLines(lines.begin(), data);
    await entry.stream.whenSaved();
    return data.length;
  }

  override async openWrite(path: string, options: WriteOptions = {}): Promise<FileWriter> {
    return this.writers.open(this.entryToWrite(path, options), options);
  }

  openAppend(path: string, options: AppendOptions = {}): Appender {
    const entry = this.entryToWrite(path, options);
    entry.stream.requireOpen();
    const lines = this.writers.linesFor(entry, options);
    const isDue = () => entry.deadline !== undefined && this.expiry.expireIfDue(entry);
    if (isJsonType(entry.settings.type)) return new JsonAppender(entry.stream, isDue);
    return lines === undefined
      ? new StreamAppender(entry.stream, isDue)
      : new LinesAppender(entry.stream, isDue, lines);
  }

  async openProducerWrite(path: string, append: AppendId, options: ProducerWriteOptions = {}): Promise<FileWriter> {
    this.requireWritable(path);
    const { generation } = options;
    if (generation !== undefined) {
      if (this.isShutDown) throw createError('STREAM_SHUT_DOWN');
      const { stream } = this.get(path) ?? {};
      if (stream === undefined) throw createError('STREAM_NOT_FOUND', { path }, restartDetails(generation));
      stream.requireGeneration(generation);
    }
    const isCreated = this.get(path) === undefined && (options.create ?? this.settings.autoCreate);
    // A missing stream has applied nothing: it is not created just to report that.
    if (isCreated && append.seq !== 0) {
      this.table.requireFree(path);
      throw producerGap(0, append.seq);
    }
    return this.writers.openProducer(this.entryToWrite(path, options), append, options);
  }

  private writerLeft(entry: Entry): void {
    this.expiry.renew(entry);
    this.dropIfUnused(entry);
  }

  /** Offset and flags are ignored: every write appends (contract 1). */
  private entryToWrite(path: string, options: OpenOptions & Pick<WriteOptions, 'atomic'>): Entry {
    this.requireWritable(path);
    const { account, atomic, create, settings } = options;
    // The `atomic` of the request that creates the stream, or of its first writer, becomes the default for later
    // writers.
    const ofFirst = atomic === undefined ? settings : { ...settings, atomic: settings?.atomic ?? atomic };
    const entry = this.get(path);
    if (entry === undefined) return this.findOrAdd(path, { account, create, settings: ofFirst }, false);
    // Once written, even with 0 bytes, the stream is not removed with its last reader (contract 14).
    if (isUnclaimed(entry)) this.claim(entry, ofFirst);
    else if (settings !== undefined) this.requireSame(entry, settings);
    entry.autoCreated = false;
    return entry;
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  protected requireStream(path: string): void {
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    this.find(path);
  }

  override async openStream(path: string, options: OpenStreamOptions = {}): Promise<StreamSource> {
    if (path === README_PATH) return readmeFrom(options.start);
    this.requireNotReadme(path);
    requireMayBlock(options, this.get(path)?.settings ?? this.rules.ofMount);
    const entry = this.findOrAdd(path, options, true);
    const reaching = this.persisted === undefined ? options : await reachingBack(entry.stream, options);
    this.requireRoomForReader(entry.stream, this.settings.maxReaders);
    try {
      const reader = entry.stream.openReader(reaching);
      return { kind: 'live', reader, type: entry.settings.type };
    } catch (error) {
      this.dropIfUnused(entry);
      throw error;
    }
  }

  override async snapshot(path: string, options: OpenStreamOptions = {}): Promise<Snapshot> {
    if (path === README_PATH) return { parts: [README_BYTES], offset: 0 };
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    const { settings, stream } = this.find(path);
    if (options.generation !== undefined) stream.requireGeneration(options.generation);
    const start: ReaderStart = options.start ?? { from: 'earliest' };
    const { generation } = stream;
    const { type } = settings;
    if (this.persisted !== undefined) {
      const from = await wholeStart(stream, start, options.signal);
      // Bytes on disk are read while they are sent, as long as they are retained.
      if (from < stream.startOffset) {
        const content = sizedContent(stream.endOffset - from, stream.withHistory.pieces(from, stream.endOffset));
        return { parts: [], content, offset: from, generation, type };
      }
    }
    // Do not add properties after a spread here: docs/adr/0019-put-small-slabs-in-blocks.md.
    const { parts, offset } = stream.retainSnapshot(start);
    return { parts, offset, generation, type };
  }

  override async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    if (path === README_PATH) return new ContentHandle(path, README_BYTES, readmeInfo(README_BYTES.length));
    this.requireWritable(path);
    const entry = this.findOrAdd(path, options, true);
    const access = accessOf(options.flags);
    if (access.reads) this.requireRoomForReader(entry.stream, this.settings.maxReaders);
    const line = access.writes ? this.writers.linesFor(entry, options)?.begin() : undefined;
    const { memory } = this.context;
    entry.handles++;
    return new StreamHandle({
      path,
      stream: entry.stream,
      type: () => entry.settings.type,
      access,
      line: line && new HandleLines({ line, memory, stream: entry.stream }),
      stat: () => this.stat(path),
      sync: this.persisted === undefined ? undefined : () => this.syncAll(),
      onClose: () => {
        entry.handles--;
        this.dropIfUnused(entry);
      },
    });
  }

  /** Makes all writes to all streams durable. */
  private async syncAll(): Promise<void> {
    await this.persisted?.store.sync();
  }

  totals(): StreamTotals {
    return { ...this.sums.sum(), streams: this.table.size, writers: this.writers.count };
  }

  disk(): DiskTotals | undefined {
    return this.persisted?.store.stats;
  }

  // ── facts ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async stat(path: string): Promise<FileInfo> {
    if (path === README_PATH) return readmeInfo(README_BYTES.length);
    if (this.table.isDirectory(path)) return directoryInfo(path);
    return streamInfo(this.find(path), this.settings.idleTimeout);
  }

  readDir(path: string): Promise<FileInfo[]> {
    return this.readDirPage(path, { after: undefined, limit: Number.POSITIVE_INFINITY });
  }

  async readDirPage(path: string, page: DirectoryPage): Promise<FileInfo[]> {
    if (this.listing.isDirectory(path)) return this.listing.page(path, page);
    if (path !== README_PATH) this.find(path);
    throw createError('NOT_A_DIRECTORY', { path });
  }

  override async capabilities(path: string): Promise<Capabilities> {
    if (path === README_PATH) return capabilitiesOf('readme');
    return capabilitiesOf(this.table.isDirectory(path) ? 'directory' : 'stream');
  }
}

/** Whether only readers have opened the stream so far. */
function isUnclaimed({ autoCreated, stream }: Entry): boolean {
  return autoCreated && stream.totalWritten === 0;
}
