/** Streams as files: what each operation of a file system means for a stream (contract sections A and C). */
import type { AppendId, ReaderStart } from '../../core/index.ts';
import { added, emptySet, lifeDetails, producerGap, RingStream, removed, StreamRules } from '../../core/internal.ts';
import { createError, limitReached } from '../../errors/index.ts';
import {
  type Account,
  type Appender,
  type ByteRange,
  type Capabilities,
  type Clock,
  type CreateOptions,
  contentOfParts,
  type EndOptions,
  type FileHandle,
  type FileInfo,
  type FileWriter,
  type OpenHandleOptions,
  type OpenStreamOptions,
  type PluginContext,
  type PluginLogger,
  type ProducerWriteOptions,
  type SizedContent,
  type Snapshot,
  type StreamSource,
  type StreamTotals,
  systemClock,
  type WriteOptions,
} from '../../fs/index.ts';
import { accessOf } from '../access.ts';
import { BaseFileSystem } from '../base/base-file-system.ts';
import { readRange } from '../numbers.ts';
import { ContentHandle } from './content-handle.ts';
import { IdleExpiry } from './expiry.ts';
import { directoryInfo, PLUGIN_NAME, readmeInfo, streamInfo } from './info.ts';
import { createObserver } from './observer.ts';
import { ProducerExpiry } from './producer-expiry.ts';
import { openProducerWriter } from './producer-writer.ts';
import { requireMayBlock } from './reader-block.ts';
import { README } from './readme.ts';
import type { Settings } from './settings.ts';
import { SlowReaders } from './slow-readers.ts';
import { StreamAppender } from './stream-appender.ts';
import { StreamHandle } from './stream-handle.ts';
import { StreamLines, writeLines } from './stream-lines.ts';
import { type Entry, endStream, StreamTable } from './stream-table.ts';
import { LinesWriter, StreamWriter, type WriterOwner } from './stream-writer.ts';
import { Totals } from './totals.ts';

const README_PATH = '/README';
const README_BYTES = new TextEncoder().encode(README);

/** What says whether an absent stream is made, and for whom. */
type OpenOptions = Pick<OpenStreamOptions, 'create' | 'account'>;

type Context = Pick<PluginContext, 'logger' | 'memory' | 'limits'> & Partial<Pick<PluginContext, 'mountPath'>>;

export class StreamFileSystem extends BaseFileSystem {
  private readonly settings: Settings;
  private readonly clock: Clock;
  private readonly logger: PluginLogger;
  private readonly context: Context;
  private readonly table = new StreamTable();
  private readonly sums = new Totals(this.table);
  private readonly slow: SlowReaders;
  private readonly expiry: IdleExpiry;
  private readonly forgetting: ProducerExpiry;
  /** What comes before a stream's path in its name. */
  private readonly prefix: string;
  private readonly rules: StreamRules;
  /** No stream is made after the shutdown. */
  private isShutDown = false;

  constructor(settings: Settings, context: Context, clock: Clock = systemClock) {
    super(PLUGIN_NAME);
    this.settings = settings;
    this.clock = clock;
    this.context = context;
    this.logger = context.logger;
    const { mountPath = '/' } = context;
    this.prefix = mountPath === '/' ? '' : mountPath;
    this.forgetting = new ProducerExpiry(settings, clock, context);
    this.slow = new SlowReaders(context.logger);
    const observer = createObserver({
      ...{ table: this.table, slow: this.slow, pathOf: (name) => name.slice(this.prefix.length) },
      readerLeft: (stream, entry) => {
        this.sums.readerLeft(stream);
        if (entry !== undefined) this.dropIfUnused(entry);
      },
    });
    const { retention, maxLag, onLag, blockTimeout } = settings;
    const { memory } = context;
    this.rules = new StreamRules({
      ...{ retention, maxLag, onLag, blockTimeout, observer },
      ...(memory === undefined ? {} : { budget: memory }),
    });
    this.expiry = new IdleExpiry(settings.idleTimeout, this.table, clock, context.logger, (entry) =>
      this.expire(entry),
    );
  }

  // ── streams come and go ────────────────────────────────────────────────────────────────────────────────────────

  override async create(path: string, { account }: CreateOptions = {}): Promise<void> {
    this.requireWritable(path);
    if (this.table.get(path) !== undefined) throw createError('STREAM_EXISTS', { path });
    this.add(path, false, account);
  }

  override async remove(path: string): Promise<void> {
    const entry = this.table.get(path);
    if (entry === undefined) {
      if (path !== '/' && this.table.isDirectory(path)) throw createError('DIRECTORY_NOT_EMPTY', { path });
      throw createError('STREAM_NOT_FOUND', { path });
    }
    this.drop(entry);
  }

  /** Remove; of a directory, all streams below it. */
  override async removeAll(path: string): Promise<void> {
    if (path === '/' || !this.table.isDirectory(path)) {
      await this.remove(path);
      return;
    }
    for (const entry of this.table.below(path)) this.drop(entry);
  }

  override async end(path: string, { status }: EndOptions = {}): Promise<void> {
    this.requireNotReadme(path);
    endStream(this.find(path), 'ended', status);
  }

  override async touch(path: string, { account }: CreateOptions = {}): Promise<void> {
    this.requireWritable(path);
    const entry = this.table.get(path);
    if (entry === undefined) this.add(path, false, account);
    else entry.stream.touch();
  }

  /** Ends every stream, so that readers get the end rather than a cut (contract 28). */
  shutdown(): void {
    this.isShutDown = true;
    this.expiry.stop();
    this.forgetting.stop();
    for (const entry of [...this.table.all()]) {
      endStream(entry, 'shutdown');
      this.forget(entry);
    }
    this.slow.flush();
  }

  private add(path: string, autoCreated: boolean, account: Account | undefined): Entry {
    if (this.isShutDown) throw createError('SHUTTING_DOWN');
    this.table.requireFree(path);
    const { firstOffset = 0, maxStreams } = this.settings;
    if (this.table.size >= maxStreams) throw limitReached('STREAM_LIMIT', 'streams', maxStreams);
    account?.require('streams', maxStreams);
    const name = this.prefix + path;
    const stream = new RingStream({ name, firstOffset }, this.rules);
    const entry: Entry = {
      path,
      stream,
      autoCreated,
      handles: 0,
      producers: undefined,
      lines: undefined,
      writers: emptySet(),
      account,
    };
    this.table.add(entry);
    account?.take('streams', maxStreams);
    this.expiry.watch(entry);
    this.logger.debug('stream created', { stream: name, generation: stream.generation, autoCreated });
    return entry;
  }

  private drop(entry: Entry): void {
    const { stream } = entry;
    stream.end('removed');
    this.forget(entry);
    this.logger.debug('stream removed', { stream: stream.name, totalWritten: stream.totalWritten });
  }

  private forget(entry: Entry): void {
    if (!this.table.delete(entry)) return;
    if (entry.producers !== undefined) this.forgetting.drop(entry.producers);
    entry.lines?.drop();
    this.sums.left(entry.stream);
    entry.account?.give('streams');
  }

  /** Nobody has written to it for as long as is configured: its readers get the end, and the path is free again. */
  private expire(entry: Entry): void {
    endStream(entry, 'expired');
    this.forget(entry);
    this.context.limits?.hit('idle_timeout');
  }

  /** An auto-created stream that nobody wrote to is gone with its last reader (contract 36). */
  private dropIfUnused(entry: Entry): void {
    const { autoCreated, handles, stream, writers } = entry;
    if (autoCreated && handles + writers.size === 0 && stream.readerCount === 0 && stream.totalWritten === 0)
      this.drop(entry);
  }

  private find(path: string): Entry {
    const entry = this.table.get(path);
    if (entry === undefined) throw createError('STREAM_NOT_FOUND', { path });
    return entry;
  }

  private findOrAdd(path: string, { create, account }: OpenOptions, autoCreated: boolean): Entry {
    const entry = this.table.get(path);
    if (entry !== undefined) return entry;
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    if (!(create ?? this.settings.autoCreate)) throw createError('STREAM_NOT_FOUND', { path });
    return this.add(path, autoCreated, account);
  }

  // ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<number> {
    const entry = this.entryToWrite(path, options);
    if (options.atomic === undefined) await entry.stream.write(data);
    else await writeLines(this.linesOf(entry).begin(), data);
    return data.length;
  }

  override async openWrite(path: string, options: WriteOptions = {}): Promise<FileWriter> {
    const entry = this.entryToWrite(path, options);
    const { stream } = entry;
    stream.requireOpen();
    const owner = this.ownerOf(entry, () => writer);
    const writer =
      options.atomic === undefined
        ? new StreamWriter(stream, owner)
        : new LinesWriter(stream, owner, this.linesOf(entry).begin());
    entry.writers = added(entry.writers, writer);
    return writer;
  }

  openAppend(path: string, options: CreateOptions = {}): Appender {
    const { stream } = this.entryToWrite(path, options);
    stream.requireOpen();
    return new StreamAppender(stream);
  }

  async openProducerWrite(path: string, append: AppendId, options: ProducerWriteOptions = {}): Promise<FileWriter> {
    this.requireWritable(path);
    const { generation } = options;
    if (generation !== undefined) {
      if (this.isShutDown) throw createError('STREAM_SHUT_DOWN');
      const { stream } = this.table.get(path) ?? {};
      if (stream === undefined) throw createError('STREAM_NOT_FOUND', { path }, lifeDetails(generation));
      stream.requireGeneration(generation);
    }
    const isCreated = this.table.get(path) === undefined && (options.create ?? this.settings.autoCreate);
    // A stream that is not there has applied nothing: it is not made only to say so.
    if (isCreated && append.seq !== 0) {
      this.table.requireFree(path);
      throw producerGap(0, append.seq);
    }
    const entry = this.entryToWrite(path, options);
    entry.producers ??= this.forgetting.make();
    this.forgetting.watch(entry.producers);
    const { producers, stream } = entry;
    const lines = options.atomic === undefined ? undefined : this.linesOf(entry);
    const owner = this.ownerOf(entry, () => writer);
    const writer = await openProducerWriter({ stream, producers, append, lines }, owner);
    if (writer instanceof StreamWriter) entry.writers = added(entry.writers, writer);
    return writer;
  }

  private ownerOf(entry: Entry, writer: () => FileWriter): WriterOwner {
    return {
      end: (status) => endStream(entry, 'ended', status),
      release: () => {
        const done = writer();
        if (done instanceof StreamWriter) entry.writers = removed(entry.writers, done);
        this.dropIfUnused(entry);
      },
    };
  }

  private linesOf(entry: Entry): StreamLines {
    const { clock, context, settings } = this;
    const { stream } = entry;
    entry.lines ??= new StreamLines({ stream, clock, timeout: settings.lineTimeout, memory: context.memory });
    return entry.lines;
  }

  /** Offset and flags mean nothing: every write appends (contract 1). */
  private entryToWrite(path: string, options: OpenOptions): Entry {
    this.requireWritable(path);
    const entry = this.findOrAdd(path, options, false);
    // A write, were it of no bytes, makes the stream somebody's (contract 14).
    entry.autoCreated = false;
    return entry;
  }

  private requireWritable(path: string): void {
    if (path === '/') throw createError('IS_A_DIRECTORY', { path });
    this.requireNotReadme(path);
  }

  private requireNotReadme(path: string): void {
    if (path === README_PATH) throw createError('NAME_RESERVED', { path });
    if (path.startsWith(`${README_PATH}/`)) throw createError('NOT_A_DIRECTORY', { path: README_PATH });
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async read(path: string, offset: number, size: number): Promise<Uint8Array> {
    this.requireReadme(path);
    return README_BYTES.subarray(...readRange(README_BYTES.length, offset, size));
  }

  async open(path: string, { offset = 0, size = -1 }: ByteRange = {}): Promise<SizedContent> {
    this.requireReadme(path);
    return contentOfParts([README_BYTES.subarray(...readRange(README_BYTES.length, offset, size))]);
  }

  /** The ring is never served as a file: who appends by reading and writing back would double it (contract 34). */
  private requireReadme(path: string): void {
    if (path === README_PATH) return;
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    this.find(path);
    throw createError('USE_STREAM_MODE');
  }

  override async openStream(path: string, options: OpenStreamOptions = {}): Promise<StreamSource> {
    if (path === README_PATH) return { kind: 'content', content: readme(), size: README_BYTES.length };
    this.requireNotReadme(path);
    requireMayBlock(options, this.settings);
    const entry = this.findOrAdd(path, options, true);
    this.requireRoomForReader(entry);
    try {
      return { kind: 'live', reader: entry.stream.openReader(options) };
    } catch (error) {
      this.dropIfUnused(entry);
      throw error;
    }
  }

  override async snapshot(path: string, options: OpenStreamOptions = {}): Promise<Snapshot> {
    if (path === README_PATH) return { parts: [README_BYTES], offset: 0 };
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    const { stream } = this.find(path);
    if (options.generation !== undefined) stream.requireGeneration(options.generation);
    const start: ReaderStart = options.start ?? { from: 'earliest' };
    // No spread with something behind it: docs/adr/0019-small-slabs-in-blocks.md.
    const { parts, offset } = stream.snapshotParts(start);
    return { parts, offset, generation: stream.generation };
  }

  private requireRoomForReader({ stream }: Entry): void {
    const { maxReaders } = this.settings;
    if (stream.readerCount >= maxReaders) throw limitReached('STREAM_READER_LIMIT', 'stream_readers', maxReaders);
  }

  override async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    if (path === README_PATH) return new ContentHandle(path, README_BYTES, readmeInfo(README_BYTES.length));
    this.requireWritable(path);
    const entry = this.findOrAdd(path, options, true);
    const access = accessOf(options.flags);
    if (access.reads) this.requireRoomForReader(entry);
    const line = access.writes && options.atomic === 'lines' ? this.linesOf(entry).begin() : undefined;
    entry.handles++;
    return new StreamHandle({
      path,
      stream: entry.stream,
      access,
      line,
      stat: () => this.stat(path),
      onClose: () => {
        entry.handles--;
        this.dropIfUnused(entry);
      },
    });
  }

  totals(): StreamTotals {
    let writers = 0;
    for (const entry of this.table.all()) writers += entry.writers.size;
    return { ...this.sums.sum(), streams: this.table.size, writers };
  }

  // ── facts ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async stat(path: string): Promise<FileInfo> {
    if (path === README_PATH) return readmeInfo(README_BYTES.length);
    if (this.table.isDirectory(path)) return directoryInfo(path);
    return streamInfo(path, this.find(path).stream);
  }

  async readDir(path: string): Promise<FileInfo[]> {
    if (!this.table.isDirectory(path)) {
      if (path !== README_PATH) this.find(path);
      throw createError('NOT_A_DIRECTORY', { path });
    }
    const prefix = path === '/' ? '/' : `${path}/`;
    const infos = this.table
      .children(path)
      .map(({ name, entry }) => (entry ? streamInfo(entry.path, entry.stream) : directoryInfo(prefix + name)));
    return path === '/' ? [readmeInfo(README_BYTES.length), ...infos] : infos;
  }

  override async capabilities(path: string): Promise<Capabilities> {
    const isStream = path !== README_PATH && !this.table.isDirectory(path);
    return {
      isAppendOnly: isStream,
      isBroadcast: isStream,
      isReadOnly: path === README_PATH,
      supportsRandomWrite: false,
      supportsTruncate: isStream,
      supportsRename: false,
      supportsDirectories: false,
      supportsStreamRead: !this.table.isDirectory(path),
      supportsStreamWrite: isStream,
      supportsFileHandle: !this.table.isDirectory(path),
      supportsTouch: isStream,
      supportsSymlink: false,
      supportsSync: !this.table.isDirectory(path),
      isReadDestructive: false,
      isObjectStore: false,
    };
  }

  // ── what a stream does not do ──────────────────────────────────────────────────────────────────────────────────

  /** Succeeds and does nothing: a shell's `>` truncates before it writes (contract 45). */
  override async truncate(path: string): Promise<void> {
    this.requireNotReadme(path);
    if (this.table.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    this.find(path);
  }

  override async mkdir(): Promise<void> {
    throw createError('STREAM_NO_DIRECTORIES');
  }

  override async rename(): Promise<void> {
    throw createError('STREAM_NO_RENAME');
  }

  override async chmod(): Promise<void> {
    throw createError('STREAM_NO_CHMOD');
  }
}

async function* readme(): AsyncGenerator<Uint8Array> {
  yield README_BYTES;
}
