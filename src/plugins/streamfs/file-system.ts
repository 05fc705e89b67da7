/** Streams as files: what each operation of a file system means for a stream (contract sections A and C). */

import type { AppendId, ReaderStart, StreamObserver } from '../../core/index.ts';
import {
  added,
  forkStream,
  lifeDetails,
  originOf,
  type Producers,
  producerGap,
  RingStream,
  removed,
  type StreamFormat,
  StreamRules,
} from '../../core/internal.ts';
import { createError, isStreamFSError, limitReached } from '../../errors/index.ts';
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
import { formatFor } from '../../media/index.ts';
import { type KnownStream, Pause } from '../../persist/index.ts';
import { accessOf } from '../access.ts';
import { checkedWhole } from '../numbers.ts';
import { ContentHandle } from './content-handle.ts';
import { type Entry, endStream, newEntry } from './entry.ts';
import { Expiry } from './expiry.ts';
import { capabilitiesOf, directoryInfo, README_NAME, readmeInfo, streamInfo } from './info.ts';
import { isJsonType } from './json-text.ts';
import { completeJsonLines, JsonLinesWriter } from './json-writer.ts';
import { type KeptFacts, KeptStreams } from './kept-streams.ts';
import { createObserver } from './observer.ts';
import { ProducerExpiry } from './producer-expiry.ts';
import { openProducerWriter } from './producer-writer.ts';
import { requireMayBlock } from './reader-block.ts';
import { README_BYTES, README_PATH, readmeFrom } from './readme-file.ts';
import type { Settings } from './settings.ts';
import { ByteSlices, inSlices } from './slices.ts';
import { SlowReaders } from './slow-readers.ts';
import { JsonAppender, LinesAppender, StreamAppender } from './stream-appender.ts';
import { StreamFiles } from './stream-files.ts';
import { StreamHandle } from './stream-handle.ts';
import { StreamLines, writeLines } from './stream-lines.ts';
import { requireSameSettings, settingsInForce, settingsOfMount } from './stream-settings.ts';
import { COPYING, type ForkedRange, type MakeStream, TableStore } from './stream-store.ts';
import { StreamTable } from './stream-table.ts';
import { LinesWriter, StreamWriter, type WriterOwner } from './stream-writer.ts';
import { Totals } from './totals.ts';

/** What a format is given at once, in bytes. */
const FORMAT_STEP_BYTES = 64 * 1024;

/** Whether an absent stream is created, and on which account. */
type OpenOptions = Pick<OpenStreamOptions, 'create' | 'account' | 'settings'>;

type Context = Pick<PluginContext, 'logger' | 'memory' | 'limits'> & Partial<Pick<PluginContext, 'mountPath'>>;

export class StreamFileSystem extends StreamFiles {
  private readonly settings: Settings;
  private readonly clock: Clock;
  private readonly logger: PluginLogger;
  private readonly context: Context;
  private readonly table = new StreamTable();
  private readonly sums = new Totals();
  /** Bodies on their way into streams. */
  private writerCount = 0;
  private readonly slow: SlowReaders;
  private readonly expiry: Expiry;
  private readonly forgetting: ProducerExpiry;
  /** What comes before a stream's path in its name. */
  private readonly prefix: string;
  /** The settings of streams that ask for nothing else. */
  private readonly ofMount: StreamSettingsInForce;
  private readonly rules: StreamRules;
  private readonly observer: StreamObserver;
  private readonly store: TableStore;
  /** What keeps the streams on disk, where that is asked for. */
  private readonly kept: KeptStreams | undefined;
  /** No stream is made after the shutdown. */
  private isShutDown = false;

  /** A file system with the streams that were kept on disk. @throws as {@link KeptStreams.open}; MEMORY_LIMIT */
  static async open(settings: Settings, context: Context, clock: Clock = systemClock): Promise<StreamFileSystem> {
    const { persist } = settings;
    if (persist === undefined) return new StreamFileSystem(settings, context, clock);
    const kept = await KeptStreams.open(persist, context.logger, context.memory);
    try {
      const fileSystem = new StreamFileSystem(settings, context, clock, kept);
      await fileSystem.restore(kept);
      return fileSystem;
    } catch (error) {
      await kept.close();
      throw error;
    }
  }

  constructor(settings: Settings, context: Context, clock: Clock = systemClock, kept?: KeptStreams) {
    super();
    this.kept = kept;
    this.settings = settings;
    this.clock = clock;
    this.context = context;
    this.logger = context.logger;
    const { mountPath = '/' } = context;
    this.prefix = mountPath === '/' ? '' : mountPath;
    this.forgetting = new ProducerExpiry(settings, clock, context);
    this.slow = new SlowReaders(context.logger);
    this.observer = createObserver({
      ...{ table: this.table, slow: this.slow, pathOf: (name) => name.slice(this.prefix.length) },
      readerLeft: (stream, entry) => {
        this.sums.readerLeft(stream);
        if (entry === undefined) return;
        this.expiry.wasRead(entry);
        this.dropIfUnused(entry);
      },
    });
    this.ofMount = settingsOfMount(settings);
    this.rules = this.newRules(this.ofMount);
    this.store = this.newStore();
    this.expiry = new Expiry(settings.idleTimeout, clock, context.logger, (entry) => this.expire(entry));
  }

  streams(): TableStore {
    return this.store;
  }

  private newStore(): TableStore {
    return new TableStore({
      table: this.table,
      get: (path) => this.get(path),
      isHeld: (path) => this.isHeld(path),
      requireWritable: (path) => {
        if (this.isShutDown) throw createError('SHUTTING_DOWN');
        this.requireWritable(path);
      },
      isUnclaimed,
      claim: (entry, settings) => this.claim(entry, settings),
      settingsFor: (asked) => this.settingsFor(asked),
      linesOf: (entry) => this.linesFor(entry, {}),
      add: (path, options, make) => this.add(path, false, options, make),
      fork: (path, options, source, range) => this.fork(path, options, source, range),
      enter: (entry) => {
        this.requireRoomFor(entry.path, entry.account);
        this.enter(entry);
      },
      discard: discardFork,
      drop: (entry) => this.drop(entry),
      renew: (entry) => this.expiry.renew(entry),
      wasRead: (entry) => this.expiry.wasRead(entry),
      expireIfDue: (entry) => this.expiry.expireIfDue(entry),
      producersOf: (entry) => this.producersOf(entry),
    });
  }

  private newRules({ channelBufferSize, onLag, ringBufferSize }: StreamSettingsInForce): StreamRules {
    const { clock, context, observer } = this;
    const { blockTimeout } = this.settings;
    return new StreamRules({
      ...{ retention: ringBufferSize, maxLag: channelBufferSize, onLag, blockTimeout, observer },
      now: clock.timeOfDay,
      budget: context.memory,
    });
  }

  /** The rules of a stream: those of the mount unless its settings make a difference to them. */
  private rulesFor(settings: StreamSettingsInForce): StreamRules {
    const { onLag, maxLag, retention } = this.rules;
    const { channelBufferSize, ringBufferSize } = settings;
    const isSame = settings.onLag === onLag && channelBufferSize === maxLag && ringBufferSize === retention;
    return isSame ? this.rules : this.newRules(settings);
  }

  // ── streams that were kept on disk ─────────────────────────────────────────────────────────────────────────────

  private async restore(kept: KeptStreams): Promise<void> {
    const pause = new Pause();
    let expired = 0;
    const formatted: { entry: Entry; format: StreamFormat; known: KnownStream }[] = [];
    for (const known of [...kept.store.found]) {
      if (pause.isDue) await pause.take();
      const entry = this.makeAgain(kept, known);
      if (entry === undefined) continue;
      if (this.expiry.isOver(entry.settings, Math.max(known.modifiedAt, entry.activeAt))) {
        kept.discard(known);
        this.restored.delete(entry);
        this.countExpired(entry.settings);
        expired++;
        continue;
      }
      const format = formatFor(entry.settings, entry.stream, this.context.memory);
      if (format === undefined) this.putBack(kept, known, entry);
      else formatted.push({ entry, format, known });
    }
    if (expired > 0) this.logger.info('streams expired while there was no server', { streams: expired });
    // Where readers may begin is known of what is in memory: together they begin with half of what there is for rings.
    const share = (this.context.memory?.limit ?? Number.POSITIVE_INFINITY) / 8 / Math.max(1, formatted.length);
    for (const { entry, format, known } of formatted) {
      const { stream } = entry;
      await kept.fill(known, stream, Math.min(stream.retention, share));
      stream.format = format;
      await this.takeInherited(stream);
      this.putBack(kept, known, entry);
    }
    for (const entry of this.table.all()) this.restoreForks(entry);
  }

  /** A stream that was found, without its bytes; undefined where it is to be there no more. */
  private makeAgain(kept: KeptStreams, known: KnownStream): Entry | undefined {
    const facts: KeptFacts = known.facts === '' ? {} : JSON.parse(known.facts);
    if (facts.store?.isCopying === true) {
      kept.discard(known);
      return undefined;
    }
    const settings = facts.settings === undefined ? this.ofMount : { ...this.ofMount, ...facts.settings };
    const { createdAt, firstOffset, generation, origin, path } = known.identity;
    const rules = this.rulesFor(settings);
    const stream = new RingStream({ name: this.prefix + path, generation, firstOffset, origin, createdAt }, rules);
    const entry = newEntry({ path, stream, settings, autoCreated: false, account: undefined });
    if (facts.store !== undefined) entry.facts = { ...facts.store, waiting: undefined };
    if (facts.sources !== undefined) this.restored.set(entry, facts.sources);
    entry.activeAt = facts.activeAt ?? 0;
    return entry;
  }

  /** It is served from now on: what its ring does not have is read from disk when somebody wants it. */
  private putBack(kept: KeptStreams, known: KnownStream, entry: Entry): void {
    const { settings, stream } = entry;
    const { chunks, offset } = known.reach;
    if (stream.writtenEnd < offset || stream.ring.isEmpty) {
      stream.skipTo(offset, chunks - stream.chunksAt(stream.writtenEnd));
    }
    stream.modifiedAt = known.modifiedAt;
    if (known.end !== undefined) stream.end(known.end.reason, known.end.status);
    this.table.add(entry);
    this.expiry.watch(entry, settings, Math.max(known.modifiedAt, entry.activeAt));
    kept.adopt(known, entry, this.ofMount);
    this.sums.joined(stream);
    const { forgottenTo, producers } = known;
    if (producers.length > 0 || forgottenTo > 0) this.producersOf(entry).restore(producers, forgottenTo);
  }

  /** Forks that were found, with the paths of their sources. */
  private readonly restored = new Map<Entry, string[]>();

  /** Sources that are gone hold their names as before. */
  private restoreForks(entry: Entry): void {
    const sources = this.restored.get(entry);
    if (sources === undefined) return;
    this.restored.delete(entry);
    const { held } = this.table;
    let node = this.store.nodeOf(entry);
    let { origin } = entry.stream;
    for (const path of sources) {
      if (node.source !== undefined) break;
      const there = this.table.get(path);
      const isThere = there !== undefined && there.stream.generation === origin?.generation;
      const source = isThere ? this.store.nodeOf(there) : held.hold(path);
      source.forks++;
      node.source = source;
      node = source;
      origin = origin?.origin;
    }
  }

  // ── streams come and go ────────────────────────────────────────────────────────────────────────────────────────

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
    await this.removeEach([entry]);
  }

  /** Remove; of a directory, all streams below it. */
  override async removeAll(path: string): Promise<void> {
    if (path === '/' || !this.table.isDirectory(path)) {
      await this.remove(path);
      return;
    }
    await this.removeEach(this.table.below(path));
  }

  /**
   * With a log that cannot be written, a stream goes when the log has it no more, and stays where that cannot be: an error
   * says that nothing was removed.
   */
  private async removeEach(entries: readonly Entry[]): Promise<void> {
    const { kept } = this;
    const isThere = (entry: Entry) => this.table.get(entry.path) === entry;
    const drop = (entry: Entry) => {
      if (isThere(entry)) this.drop(entry);
    };
    if (kept?.store.fault === undefined) await inSlices(entries, drop);
    else {
      await inSlices(entries, (entry) => {
        if (!isThere(entry)) return;
        if (entry.log === undefined) drop(entry);
        else entry.log.remove(() => drop(entry));
      });
    }
    const logs = entries.map(({ log }) => log).filter((log) => log !== undefined);
    try {
      if (kept?.store.fault === undefined) for (const log of logs) await log.whenSaved();
    } catch (error) {
      // The disk has become full with just that.
      if (!isStreamFSError(error, 'DISK_FULL')) throw error;
    }
    if (kept?.store.fault === undefined) return;
    try {
      await kept.store.removeDespiteFault(logs);
    } finally {
      for (const log of logs) log.stay();
    }
  }

  override async end(path: string, { status }: EndOptions = {}): Promise<void> {
    this.requireNotReadme(path);
    const entry = this.find(path);
    endKept(entry, status);
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

  /** Ends every stream, so that readers get the end rather than a cut (contract 28). Those kept on disk stay there. */
  async shutdown(): Promise<void> {
    this.isShutDown = true;
    this.expiry.stop();
    this.forgetting.stop();
    await inSlices(this.table.all(), (entry) => {
      this.expiry.tellUse(entry);
      endStream(entry, 'shutdown');
      this.forget(entry);
    });
    this.table.held.clear();
    this.slow.flush();
    await this.kept?.close();
  }

  private add(
    path: string,
    autoCreated: boolean,
    { account, settings: asked }: CreateOptions,
    make: MakeStream = (identity, rules) => new RingStream(identity, rules),
  ): Entry {
    this.requireRoomFor(path, account);
    // What could not be kept is not begun.
    if (!autoCreated) this.kept?.store.requireWritable();
    const settings = this.settingsFor(asked);
    const { firstOffset = 0 } = this.settings;
    const stream = make({ name: this.prefix + path, firstOffset }, this.rulesFor(settings));
    const entry = newEntry({ path, stream, settings, autoCreated, account });
    this.setFormat(entry);
    this.enter(entry);
    return entry;
  }

  private requireRoomFor(path: string, account: Account | undefined): void {
    if (this.isShutDown) throw createError('SHUTTING_DOWN');
    this.isHeld(path);
    this.table.requireFree(path);
    const { maxStreams } = this.settings;
    if (this.table.nameCount >= maxStreams) this.expiry.expireAllDue();
    if (this.table.nameCount >= maxStreams) throw limitReached('STREAM_LIMIT', 'streams', maxStreams);
    account?.require('streams', maxStreams);
  }

  private enter(entry: Entry): void {
    const { account, autoCreated, settings, stream } = entry;
    this.table.add(entry);
    if (!autoCreated && entry.log === undefined) this.kept?.keep(entry, this.ofMount);
    this.sums.joined(stream);
    account?.take('streams', this.settings.maxStreams);
    this.expiry.watch(entry, settings);
    this.logger.debug('stream created', { stream: stream.name, generation: stream.generation, autoCreated });
  }

  /** A fork that is not visible yet. */
  private async fork(path: string, options: CreateOptions, source: RingStream, range: ForkedRange): Promise<Entry> {
    const settings = this.settingsFor(options.settings);
    const identity = { name: this.prefix + path };
    const rules = this.rulesFor(settings);
    const { account } = options;
    const { kept } = this;
    kept?.store.requireWritable();
    const stream =
      kept === undefined
        ? forkStream(source, range, identity, rules)
        : new RingStream({ ...identity, firstOffset: range.from, origin: originOf(source, range.to) }, rules);
    const entry = newEntry({ path, stream, settings, autoCreated: false, account });
    try {
      this.setFormat(entry);
      if (kept === undefined) await this.takeInherited(stream);
      else await this.copyInto(entry, kept, source, range);
      return entry;
    } catch (error) {
      discardFork(entry);
      throw error;
    }
  }

  /** To a log, and to memory, goes what the source's log has alone as well, as there is room for it. */
  private async copyInto(
    entry: Entry,
    kept: KeptStreams,
    source: RingStream,
    { from, to }: ForkedRange,
  ): Promise<void> {
    const { stream } = entry;
    entry.facts = COPYING;
    kept.keep(entry, this.ofMount);
    const slices = new ByteSlices();
    for await (const chunk of source.whole.chunks(from, to)) {
      if (this.isShutDown) throw createError('SHUTTING_DOWN');
      await stream.write(chunk);
      await slices.after(chunk.length);
    }
    await stream.whenSaved();
  }

  /** Where readers may begin, as the content type or the stream's container says: from what is appended on. */
  private setFormat({ settings, stream }: Entry): void {
    stream.format = formatFor(settings, stream, this.context.memory);
  }

  /** The same for what is there already, a slice at a time, before the stream is visible. */
  private async takeInherited(stream: RingStream): Promise<void> {
    const { format, startOffset, endOffset } = stream;
    if (format === undefined) return;
    const slices = new ByteSlices();
    let at = startOffset;
    for (const part of stream.retainParts(startOffset, endOffset)) {
      for (let from = 0; from < part.length; from += FORMAT_STEP_BYTES) {
        const slice = part.subarray(from, from + FORMAT_STEP_BYTES);
        format.take(slice, at);
        at += slice.length;
        await slices.after(slice.length);
        if (this.isShutDown) throw createError('SHUTTING_DOWN');
      }
    }
  }

  private drop(entry: Entry): void {
    const { stream } = entry;
    stream.end('removed');
    entry.log?.remove();
    this.forget(entry);
    this.logger.debug('stream removed', { stream: stream.name, totalWritten: stream.totalWritten });
  }

  private forget(entry: Entry): void {
    if (!this.table.delete(entry)) return;
    this.expiry.unwatch(entry);
    if (entry.producers !== undefined) this.forgetting.drop(entry.producers);
    entry.lines?.drop();
    this.sums.left(entry.stream);
    // A name that is held counts as a stream until it is not.
    if (entry.node !== undefined) this.table.held.left(entry.node);
    else entry.account?.give('streams');
  }

  /** It is over: its readers get the end, and the path is free again. */
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

  private settingsFor(asked: StreamSettings | undefined): StreamSettingsInForce {
    return asked === undefined ? this.ofMount : settingsInForce(asked, this.ofMount, this.settings);
  }

  private requireSame({ path, settings }: Entry, asked: StreamSettings): void {
    requireSameSettings(path, asked, settings, this.ofMount, this.settings);
  }

  /** Gives these settings to a stream that was created by a reader. */
  private claim(entry: Entry, asked: StreamSettings | undefined): void {
    this.kept?.store.requireWritable();
    const settings = this.settingsFor(asked);
    const rules = this.rulesFor(settings);
    if (rules !== entry.stream.rules) entry.stream.adopt(rules);
    if (settings !== entry.settings) this.expiry.watch(entry, settings);
    entry.settings = settings;
    this.setFormat(entry);
    entry.autoCreated = false;
    if (entry.log === undefined) this.kept?.keep(entry, this.ofMount);
    else entry.log.factsChanged();
  }

  /** An open with settings: the stream gets them, or has the same ones already. */
  private settle(entry: Entry, asked: StreamSettings): void {
    if (isUnclaimed(entry)) this.claim(entry, asked);
    else this.requireSame(entry, asked);
  }

  async streamSettings(path: string): Promise<StreamSettingsInForce> {
    return this.find(path).settings;
  }

  /** An auto-created stream that was never written is removed with its last reader (contract 36). */
  private dropIfUnused(entry: Entry): void {
    const { autoCreated, handles, stream, writers } = entry;
    if (autoCreated && handles + writers.size === 0 && stream.readerCount === 0 && stream.totalWritten === 0)
      this.drop(entry);
  }

  /** The stream at a path, unless it is over. */
  private get(path: string): Entry | undefined {
    const entry = this.table.get(path);
    return entry?.deadline !== undefined && this.expiry.expireIfDue(entry) ? undefined : entry;
  }

  /** Whether a stream that is gone holds the path for its forks: those that are over have gone too. */
  private isHeld(path: string): boolean {
    const { held } = this.table;
    if (held.has(path)) this.expiry.expireAllDue();
    return held.has(path);
  }

  private find(path: string): Entry {
    const entry = this.get(path);
    if (entry === undefined) throw this.notFound(path);
    return entry;
  }

  private notFound(path: string) {
    return createError(this.isHeld(path) ? 'STREAM_GONE' : 'STREAM_NOT_FOUND', { path });
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
    const lines = this.linesFor(entry, options);
    if (isJsonType(entry.settings.type)) await entry.stream.write(completeJsonLines(data));
    else if (lines === undefined) await entry.stream.write(data);
    else await writeLines(lines.begin(), data);
    await entry.stream.whenSaved();
    return data.length;
  }

  override async openWrite(path: string, options: WriteOptions = {}): Promise<FileWriter> {
    const entry = this.entryToWrite(path, options);
    const { stream } = entry;
    stream.requireOpen();
    const owner = this.ownerOf(entry, () => writer);
    const lines = this.linesFor(entry, options);
    const writer =
      lines === undefined ? new StreamWriter(stream, owner) : new LinesWriter(stream, owner, lines.begin());
    this.writerCame(entry, writer);
    return this.guarded(entry, writer);
  }

  /** What is written to a stream of JSON is made of whole messages. */
  private guarded({ settings }: Entry, writer: FileWriter): FileWriter {
    if (!isJsonType(settings.type)) return writer;
    return new JsonLinesWriter(writer, { max: settings.ringBufferSize, memory: this.context.memory });
  }

  openAppend(path: string, options: AppendOptions = {}): Appender {
    const entry = this.entryToWrite(path, options);
    entry.stream.requireOpen();
    const lines = this.linesFor(entry, options);
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
      if (stream === undefined) throw createError('STREAM_NOT_FOUND', { path }, lifeDetails(generation));
      stream.requireGeneration(generation);
    }
    const isCreated = this.get(path) === undefined && (options.create ?? this.settings.autoCreate);
    // A stream that is not there has applied nothing: it is not made only to say so.
    if (isCreated && append.seq !== 0) {
      this.table.requireFree(path);
      throw producerGap(0, append.seq);
    }
    const entry = this.entryToWrite(path, options);
    const producers = this.producersOf(entry);
    const { stream } = entry;
    const lines = this.linesFor(entry, options);
    const owner = this.ownerOf(entry, () => writer);
    const writer = await openProducerWriter({ stream, producers, append, lines }, owner);
    if (!(writer instanceof StreamWriter)) return writer;
    this.writerCame(entry, writer);
    return this.guarded(entry, writer);
  }

  private producersOf(entry: Entry): Producers {
    entry.producers ??= this.forgetting.make(entry.log === undefined ? undefined : () => entry.log?.touch());
    this.forgetting.watch(entry.producers);
    return entry.producers;
  }

  private ownerOf(entry: Entry, writer: () => FileWriter): WriterOwner {
    return {
      end: (status) => endKept(entry, status),
      release: () => {
        const done = writer();
        if (done instanceof StreamWriter) this.writerLeft(entry, done);
        this.expiry.renew(entry);
        this.dropIfUnused(entry);
      },
    };
  }

  private writerCame(entry: Entry, writer: StreamWriter): void {
    entry.writers = added(entry.writers, writer);
    this.writerCount++;
  }

  private writerLeft(entry: Entry, writer: StreamWriter): void {
    if (!entry.writers.has(writer)) return;
    entry.writers = removed(entry.writers, writer);
    this.writerCount--;
  }

  /** What keeps lines whole, where that is asked for: by the writer, or by the stream's settings. */
  private linesFor(entry: Entry, { atomic }: Pick<WriteOptions, 'atomic'>): StreamLines | undefined {
    if (isJsonType(entry.settings.type)) return undefined;
    return atomic === 'lines' || entry.settings.atomic === 'lines' ? this.linesOf(entry) : undefined;
  }

  private linesOf(entry: Entry): StreamLines {
    const { clock, context, settings } = this;
    const { stream } = entry;
    entry.lines ??= new StreamLines({ stream, clock, timeout: settings.lineTimeout, memory: context.memory });
    return entry.lines;
  }

  /** Offset and flags mean nothing: every write appends (contract 1). */
  private entryToWrite(path: string, options: OpenOptions & Pick<WriteOptions, 'atomic'>): Entry {
    this.requireWritable(path);
    const { account, atomic, create, settings } = options;
    // The `atomic` of the request that creates the stream, or is its first writer, is the default of later writers.
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
    requireMayBlock(options, this.get(path)?.settings ?? this.ofMount);
    const entry = this.findOrAdd(path, options, true);
    const reaching = this.kept === undefined ? options : await reachingBack(entry.stream, options);
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
    if (this.kept !== undefined) {
      const from = await wholeStart(stream, start, options.signal);
      // What lies on disk stays there, as long as it is kept: it is read while it is sent.
      if (from < stream.startOffset) {
        const content = sizedContent(stream.endOffset - from, stream.whole.pieces(from, stream.endOffset));
        return { parts: [], content, offset: from, generation, type };
      }
    }
    // No spread with something behind it: docs/adr/0019-small-slabs-in-blocks.md.
    const { parts, offset } = stream.retainSnapshot(start);
    return { parts, offset, generation, type };
  }

  override async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    if (path === README_PATH) return new ContentHandle(path, README_BYTES, readmeInfo(README_BYTES.length));
    this.requireWritable(path);
    const entry = this.findOrAdd(path, options, true);
    const access = accessOf(options.flags);
    if (access.reads) this.requireRoomForReader(entry.stream, this.settings.maxReaders);
    const line = access.writes ? this.linesFor(entry, options)?.begin() : undefined;
    entry.handles++;
    return new StreamHandle({
      path,
      stream: entry.stream,
      type: () => entry.settings.type,
      access,
      line,
      stat: () => this.stat(path),
      sync: this.kept === undefined ? undefined : () => this.syncAll(),
      onClose: () => {
        entry.handles--;
        this.dropIfUnused(entry);
      },
    });
  }

  /** All that has been written to any stream is on the disk afterwards. */
  private async syncAll(): Promise<void> {
    await this.kept?.store.sync();
  }

  totals(): StreamTotals {
    return { ...this.sums.sum(), streams: this.table.size, writers: this.writerCount };
  }

  disk(): DiskTotals | undefined {
    return this.kept?.store.stats;
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

  /** README first, then by name. */
  async readDirPage(path: string, { after, limit }: DirectoryPage): Promise<FileInfo[]> {
    if (!this.table.isDirectory(path) || this.isOver(path)) {
      if (path !== README_PATH) this.find(path);
      throw createError('NOT_A_DIRECTORY', { path });
    }
    const infos: FileInfo[] = [];
    if (path === '/' && after === undefined) infos.push(readmeInfo(README_BYTES.length));
    let behind = path === '/' && after === README_NAME ? undefined : after;
    for (let isMore = true; isMore && this.table.isDirectory(path); ) {
      const wanted = limit - infos.length;
      const found = this.table.children(path, behind, wanted);
      for (const { path: child, entry } of found) {
        if (entry === undefined) {
          if (!this.isOver(child)) infos.push(directoryInfo(child));
        } else if (!this.expiry.expireIfDue(entry)) infos.push(streamInfo(entry, this.settings.idleTimeout));
      }
      // Some may have been over: others come in their place.
      isMore = infos.length < limit && found.length === wanted;
      behind = found.at(-1)?.path.slice(path === '/' ? 1 : path.length + 1);
    }
    return infos;
  }

  /** Whether a directory is there only for streams that are due, which go now. No more are looked at than needed. */
  private isOver(directory: string): boolean {
    if (directory === '/') return false;
    while (this.table.isDirectory(directory)) {
      const first = this.table.children(directory, undefined, 1)[0]!;
      const isDue = first.entry === undefined ? this.isOver(first.path) : this.expiry.expireIfDue(first.entry);
      if (!isDue) return false;
    }
    return true;
  }

  override async capabilities(path: string): Promise<Capabilities> {
    if (path === README_PATH) return capabilitiesOf('readme');
    return capabilitiesOf(this.table.isDirectory(path) ? 'directory' : 'stream');
  }
}

/** Only readers have opened it so far. */
function isUnclaimed({ autoCreated, stream }: Entry): boolean {
  return autoCreated && stream.totalWritten === 0;
}

/** @throws where it could not be kept that it has ended: it has not then */
function endKept(entry: Entry, status: string | undefined): void {
  if (entry.stream.closedBy === undefined) entry.log?.requireWritable();
  endStream(entry, 'ended', status);
}

function discardFork({ log, stream }: Entry): void {
  stream.end('removed');
  log?.remove();
}

/** The options of a reader that begins as far back as the disk reaches. */
async function reachingBack(stream: RingStream, options: OpenStreamOptions): Promise<OpenStreamOptions> {
  const { join, reachBack = true, signal, start } = options;
  const { format } = stream;
  if (reachBack && join === 'boundary' && format?.boundaryInHistory !== undefined) {
    const wanted = await wholeStart(stream, start ?? { from: 'earliest' }, signal);
    const offset = wanted < stream.startOffset ? await format.boundaryInHistory(wanted) : wanted;
    return { ...options, reachBack, start: { offset, onExpired: 'skip' } };
  }
  if (!reachBack || start === undefined || !('lastLines' in start)) return { ...options, reachBack };
  const offset = await startOfLines(stream, start.lastLines, signal);
  return { ...options, reachBack, start: { offset, onExpired: 'skip' } };
}

function startOfLines(stream: RingStream, count: number, signal: AbortSignal | undefined): Promise<number> {
  return stream.whole.startOfLines(checkedWhole('last_lines', count, 0), signal);
}

/** Where a snapshot begins, that of the disk included. @throws OFFSET_GONE, OFFSET_BEYOND_END, INVALID_PARAMETER */
async function wholeStart(stream: RingStream, start: ReaderStart, signal: AbortSignal | undefined): Promise<number> {
  if ('lastLines' in start) return startOfLines(stream, start.lastLines, signal);
  return stream.startInWhole(start);
}
