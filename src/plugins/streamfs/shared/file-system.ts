/**
 * Streams as files, ordered by a log for several nodes: the meaning of each operation in that case. Paths are looked up
 * in the log; readers and writers use a mirror on this node.
 */
import type { AppendId, ReaderStart } from '../../../core/index.ts';
import { added, producerGap, removed } from '../../../core/internal.ts';
import { createError, isStreamFSError } from '../../../errors/index.ts';
import { abortWrite } from '../../../fs/abort-write.ts';
import {
  type Appender,
  type AppendOptions,
  type Capabilities,
  type Clock,
  type CreateOptions,
  type DirectoryPage,
  type EndOptions,
  type FileHandle,
  type FileInfo,
  type FileWriter,
  type LogTotals,
  type OpenHandleOptions,
  type OpenStreamOptions,
  type PluginContext,
  type ProducerWriteOptions,
  type Snapshot,
  type StreamSettings,
  type StreamSettingsInForce,
  type StreamSource,
  type StreamStore,
  type StreamTotals,
  systemClock,
  type WriteOptions,
} from '../../../fs/index.ts';
import { parentPath } from '../../../fs/path.ts';
import type { Log, LogChild, StreamState } from '../../../logs/index.ts';
import { accessOf } from '../../access.ts';
import { ContentHandle } from '../content-handle.ts';
import { HandleLines } from '../handle-lines.ts';
import { capabilitiesOf, directoryInfo, README_NAME, readmeInfo, statedInfo, streamInfo } from '../info.ts';
import { isJsonType } from '../json-text.ts';
import { completeJsonLines, JsonLinesWriter } from '../json-writer.ts';
import { createObserver } from '../observer.ts';
import { requireMayBlock } from '../reader-block.ts';
import { README_BYTES, README_PATH, readmeFrom } from '../readme-file.ts';
import type { Settings } from '../settings.ts';
import { SlowReaders } from '../slow-readers.ts';
import { StreamFiles } from '../stream-files.ts';
import { type HandleWriter, StreamHandle } from '../stream-handle.ts';
import { Totals } from '../totals.ts';
import { WholeLinesWriter } from '../whole-lines.ts';
import { factsOf, newStream, termsOf } from './facts.ts';
import { LogAppender } from './log-appender.ts';
import { LogHandleWriter, LogLine } from './log-handle-writer.ts';
import { LogStore } from './log-store.ts';
import { LogWriter, MAX_BATCH_BYTES, RepeatedLogWriter } from './log-writer.ts';
import type { Mirror } from './mirror.ts';
import { Mirrors } from './mirrors.ts';
import { Sender } from './sender.ts';

/** Entries of a listing requested at a time. */
const PAGE = 1000;

type Context = Pick<PluginContext, 'logger' | 'memory' | 'limits'> & Partial<Pick<PluginContext, 'mountPath'>>;

export interface SharedOptions {
  log: Log;
  /** The name of this process among those that share the log. */
  node: string;
  /** The key prefix in the log, for log messages. */
  prefix?: string | undefined;
  /** Milliseconds to wait for the log. */
  deadline: number;
  /** Whether the server is not ready while the log is unreachable. Default: false. */
  isRequired?: boolean | undefined;
}

export class SharedFileSystem extends StreamFiles {
  private readonly settings: Settings;
  private readonly context: Context;
  private readonly log: Log;
  private readonly node: string;
  private readonly prefix: string | undefined;
  private readonly isRequired: boolean;
  private readonly deadline: number;
  private readonly sender: Sender;
  private readonly mirrors: Mirrors;
  private readonly sums = new Totals();
  private readonly slow: SlowReaders;
  private readonly clock: Clock;
  /** Open attempts of producers on this node. A newer attempt supersedes them, if it arrives on the same node. */
  private readonly inFlight = new WeakMap<Mirror, Map<string, LogWriter>>();

  /**
   * Opens the file system after connecting to the log.
   *
   * @throws LOG_REFUSED
   */
  static async open(
    settings: Settings,
    context: Context,
    options: SharedOptions,
    clock: Clock = systemClock,
  ): Promise<SharedFileSystem> {
    await options.log.start();
    const fileSystem = new SharedFileSystem(settings, context, options, clock);
    fileSystem.logState();
    return fileSystem;
  }

  constructor(
    settings: Settings,
    context: Context,
    { deadline, isRequired = false, log, node, prefix: keyPrefix }: SharedOptions,
    clock: Clock,
  ) {
    super();
    this.settings = settings;
    this.context = context;
    this.log = log;
    this.node = node;
    this.prefix = keyPrefix;
    this.isRequired = isRequired;
    this.clock = clock;
    this.deadline = deadline;
    this.slow = new SlowReaders(context.logger);
    this.sender = new Sender(log, deadline);
    const { mountPath = '/' } = context;
    const prefix = mountPath === '/' ? '' : mountPath;
    const observer = createObserver({
      ...{ table: { get: (path) => this.mirrors.entry(path) }, slow: this.slow },
      pathOf: (name) => name.slice(prefix.length),
      readerLeft: (stream, entry) => {
        this.sums.readerLeft(stream);
        if (entry !== undefined) this.used(entry.path);
      },
    });
    const { memory } = context;
    this.mirrors = new Mirrors({ log, settings, deadline, clock, memory, observer, prefix, sums: this.sums });
    log.onState = () => this.logState();
  }

  private logState(): void {
    const { isConnected, problem } = this.log.state;
    const facts = {
      log: this.log.name,
      node: this.node,
      ...(this.prefix === undefined ? {} : { prefix: this.prefix }),
    };
    if (isConnected) this.context.logger.info('log connected', facts);
    else this.context.logger.warn('log cannot be reached', { ...facts, reason: problem });
  }

  private used(path: string): void {
    const mirror = this.mirrors.known(path);
    if (mirror !== undefined) mirror.usedAt = this.clock.now();
  }

  // ── creating and removing ──────────────────────────────────────────────────────────────────────────────────────

  override async create(path: string, options: CreateOptions = {}): Promise<void> {
    this.requireWritable(path);
    const { stream, isNew } = await this.createInLog(path, options.settings);
    if (isNew) return;
    const { idleTimeout, isUnclaimed, settings } = factsOf(stream);
    if (options.settings === undefined) throw createError('STREAM_EXISTS', { path });
    if (!isUnclaimed || stream.endOffset > 0) this.requireSame(path, settings, idleTimeout, options.settings);
    else if (await this.settle(await this.find(path), options.settings)) return;
    throw createError('STREAM_EXISTS', { path });
  }

  private createInLog(path: string, asked: StreamSettings | undefined) {
    const { idleTimeout } = this.settings;
    const terms = termsOf(this.mirrors.rules.settingsFor(asked), { idleTimeout });
    return this.log.create(newStream(path, terms));
  }

  override async remove(path: string): Promise<void> {
    this.requireWritable(path);
    const state = await this.log.find(path);
    if (state !== undefined) await this.removeStream(state);
    else if (await this.isDirectory(path)) throw createError('DIRECTORY_NOT_EMPTY', { path });
    else throw createError('STREAM_NOT_FOUND', { path });
  }

  private async removeStream({ generation, path }: StreamState): Promise<void> {
    await this.log.finish(path, generation, { reason: 'removed', status: undefined });
    const mirror = this.mirrors.known(path);
    if (mirror === undefined || mirror.stream.generation !== generation) return;
    await mirror.until(() => false, this.deadline, this.log);
  }

  override async removeAll(path: string): Promise<void> {
    if (path !== '/' && (await this.log.find(path)) !== undefined) return this.remove(path);
    const children = await this.children(path);
    if (path !== '/' && children.length === 0) throw createError('STREAM_NOT_FOUND', { path });
    for (const { name, stream } of children) {
      if (stream === undefined) await this.removeAll(below(path, name)).catch(ignoreGone);
      else await this.removeStream(stream).catch(ignoreGone);
    }
  }

  override async end(path: string, { status }: EndOptions = {}): Promise<void> {
    this.requireNotReadme(path);
    await this.sender.finish(await this.find(path), { reason: 'ended', status });
  }

  override async touch(path: string, options: CreateOptions = {}): Promise<void> {
    this.requireWritable(path);
    const { stream, isNew } = await this.createInLog(path, options.settings);
    if (isNew) return;
    if (options.settings !== undefined) await this.settle(await this.find(path), options.settings);
    const { modifiedAt } = await this.log.update(path, stream.generation, { isTouched: true });
    const mirror = this.mirrors.known(path);
    if (mirror !== undefined) mirror.stream.modifiedAt = modifiedAt;
  }

  async renew(path: string): Promise<void> {
    this.requireNotReadme(path);
    const mirror = await this.find(path);
    await this.log.update(path, mirror.stream.generation, {});
  }

  async shutdown(): Promise<void> {
    await this.mirrors.shutdown();
    this.slow.flush();
    this.log.onState = undefined;
    await this.log.close();
  }

  private async find(path: string, generation?: string): Promise<Mirror> {
    const mirror = await this.mirrors.get(path, undefined, generation);
    if (mirror !== undefined) return mirror;
    throw createError((await this.isDirectory(path)) ? 'IS_A_DIRECTORY' : 'STREAM_NOT_FOUND', { path });
  }

  private async findOrAdd(
    path: string,
    {
      create = this.settings.autoCreate,
      generation,
      settings,
    }: Pick<OpenStreamOptions, 'create' | 'generation' | 'settings'>,
    isUnclaimed: boolean,
  ): Promise<Mirror> {
    if (path === '/') throw createError('IS_A_DIRECTORY', { path });
    const mirror = create
      ? await this.mirrors.get(path, { settings, isUnclaimed }, generation)
      : await this.find(path, generation);
    return mirror!;
  }

  // ── settings ───────────────────────────────────────────────────────────────────────────────────────────────────

  async streamSettings(path: string): Promise<StreamSettingsInForce> {
    return (await this.find(path)).entry.settings;
  }

  private requireSame(path: string, inForce: StreamSettingsInForce, idleTimeout: number, asked: StreamSettings): void {
    this.mirrors.rules.requireSame(path, asked, inForce, idleTimeout);
  }

  /**
   * Gives settings to a stream without any, or compares them.
   *
   * @param ofFirst the settings to give, if they are not those to compare
   * @returns whether they were given
   */
  private async settle(
    mirror: Mirror,
    asked: StreamSettings | undefined,
    ofFirst: StreamSettings | undefined = asked,
  ): Promise<boolean> {
    const { entry } = mirror;
    if (entry.autoCreated && (await this.mirrors.claim(mirror, ofFirst))) return true;
    if (asked !== undefined) this.requireSame(entry.path, entry.settings, mirror.idleTimeout, asked);
    return false;
  }

  // ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<number> {
    const copy = new Uint8Array(data);
    const mirror = await this.mirrorToWrite(path, options);
    const whole = isJsonType(mirror.entry.settings.type) ? completeJsonLines(copy) : copy;
    const writer = this.writerTo(mirror, options, undefined);
    try {
      await writer.write(whole);
    } catch (error) {
      await abortWrite(writer, error);
    }
    await writer.close();
    return data.length;
  }

  override async openWrite(path: string, options: WriteOptions = {}): Promise<FileWriter> {
    const mirror = await this.mirrorToWrite(path, options);
    mirror.stream.requireOpen();
    return this.writerTo(mirror, options, undefined);
  }

  private writerTo(
    mirror: Mirror,
    { atomic }: Pick<WriteOptions, 'atomic'>,
    producer: AppendId | undefined,
  ): FileWriter {
    const { entry } = mirror;
    const isJson = isJsonType(entry.settings.type);
    const isLines = isJson || atomic === 'lines' || entry.settings.atomic === 'lines';
    const writer = this.newWriter(mirror, isLines, producer);
    const { memory } = this.context;
    if (isJson) {
      return new JsonLinesWriter(writer, { max: Math.min(entry.settings.ringBufferSize, MAX_BATCH_BYTES), memory });
    }
    // The repetition of a producer's append contains the unfinished line again.
    const keepsBroken = producer === undefined;
    if (!isLines) return writer;
    const lines = new WholeLinesWriter(writer, { max: MAX_BATCH_BYTES, memory, keepsBroken });
    if (keepsBroken) {
      const complete = async () => {
        await lines.complete();
        await writer.flush();
      };
      mirror.addHeldLine(writer, { complete });
    }
    return lines;
  }

  private newWriter(mirror: Mirror, isLines: boolean, producer: AppendId | undefined): LogWriter {
    const { entry } = mirror;
    const { sender } = this;
    const writer = new LogWriter({
      ...{ sender, mirror, isLines, producer },
      onDone: (done) => {
        entry.writers = removed(entry.writers, done);
        mirror.removeHeldLine(done);
        if (producer !== undefined && attempts?.get(producer.id) === done) attempts.delete(producer.id);
        this.used(entry.path);
      },
    });
    entry.writers = added(entry.writers, writer);
    const attempts = producer === undefined ? undefined : this.attemptsAt(mirror);
    if (producer !== undefined) attempts?.set(producer.id, writer);
    return writer;
  }

  private attemptsAt(mirror: Mirror): Map<string, LogWriter> {
    const attempts = this.inFlight.get(mirror) ?? new Map<string, LogWriter>();
    this.inFlight.set(mirror, attempts);
    return attempts;
  }

  openAppend(path: string, options: AppendOptions = {}): Appender {
    this.requireWritable(path);
    return new LogAppender({
      sender: this.sender,
      mirror: this.mirrors.known(path),
      open: () => this.mirrorToWrite(path, options),
      onUse: () => this.used(path),
      isLines: options.atomic === 'lines',
    });
  }

  async openProducerWrite(path: string, append: AppendId, options: ProducerWriteOptions = {}): Promise<FileWriter> {
    this.requireWritable(path);
    const { generation } = options;
    if (generation !== undefined) (await this.find(path, generation)).requireGeneration(generation);
    // A missing stream has applied nothing: it is not created just to report that.
    else if (append.seq !== 0 && (options.create ?? this.settings.autoCreate)) {
      if ((await this.mirrors.get(path, undefined)) === undefined) {
        await this.requireFree(path);
        throw producerGap(0, append.seq);
      }
    }
    const mirror = await this.mirrorToWrite(path, options);
    await this.inFlight.get(mirror)?.get(append.id)?.supersede();
    const asked = await this.sender.append(mirror, [], { ...append, from: 0, isLast: false });
    if (asked.isRepeated) {
      const producer = { isRepeated: true, epoch: append.epoch, seq: asked.lastSeq };
      return new RepeatedLogWriter(mirror, { endOffset: asked.endOffset, producer }, async (status) => {
        await this.sender.finish(mirror, { reason: 'ended', status });
      });
    }
    return this.writerTo(mirror, options, append);
  }

  /** @throws IS_A_DIRECTORY, NOT_A_DIRECTORY if the path is not available for a stream */
  private async requireFree(path: string): Promise<void> {
    if (await this.isDirectory(path)) throw createError('IS_A_DIRECTORY', { path });
    for (let directory = parentPath(path); directory !== '/'; directory = parentPath(directory)) {
      if ((await this.log.find(directory)) !== undefined) throw createError('NOT_A_DIRECTORY', { path: directory });
    }
  }

  private async mirrorToWrite(
    path: string,
    { atomic, create, settings }: Pick<WriteOptions, 'atomic' | 'create' | 'settings'>,
  ): Promise<Mirror> {
    this.requireWritable(path);
    const ofFirst = atomic === undefined ? settings : { ...settings, atomic: settings?.atomic ?? atomic };
    const mirror = await this.findOrAdd(path, { create, settings: ofFirst }, false);
    await this.settle(mirror, settings, ofFirst);
    return mirror;
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  protected async requireStream(path: string): Promise<void> {
    await this.find(path);
  }

  override async openStream(path: string, options: OpenStreamOptions = {}): Promise<StreamSource> {
    if (path === README_PATH) return readmeFrom(options.start);
    this.requireNotReadme(path);
    requireMayBlock(options, this.mirrors.known(path)?.entry.settings ?? this.mirrors.rules.ofMount);
    const mirror = await this.findOrAdd(path, options, true);
    const { entry, stream } = mirror;
    requireMayBlock(options, entry.settings);
    this.requireRoomForReader(stream, this.settings.maxReaders);
    return { kind: 'live', reader: stream.openReader(options), type: entry.settings.type };
  }

  /** Contains everything acknowledged before, on any node, as long as the log is reachable. */
  override async snapshot(path: string, options: OpenStreamOptions = {}): Promise<Snapshot> {
    if (path === README_PATH) return { parts: [README_BYTES], offset: 0 };
    const mirror = await this.find(path, options.generation);
    const { entry, stream } = mirror;
    if (options.generation !== undefined) mirror.requireGeneration(options.generation);
    await this.catchUp(mirror);
    const start: ReaderStart = options.start ?? { from: 'earliest' };
    const { parts, offset } = stream.retainSnapshot(start);
    return { parts, offset, generation: stream.generation, type: entry.settings.type };
  }

  private async catchUp(mirror: Mirror): Promise<void> {
    if (!this.log.state.isConnected) return;
    const state = await this.log.find(mirror.entry.path);
    if (state?.generation !== mirror.stream.generation) return;
    const { end, endOffset } = state;
    const { stream } = mirror;
    const hasAll = () => stream.endOffset >= endOffset && (end === undefined || stream.closedBy !== undefined);
    if (!hasAll()) await mirror.until(hasAll, this.deadline, this.log);
  }

  override async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    if (path === README_PATH) return new ContentHandle(path, README_BYTES, readmeInfo(README_BYTES.length));
    this.requireWritable(path);
    const mirror = await this.findOrAdd(path, options, true);
    const { entry, stream } = mirror;
    const access = accessOf(options.flags);
    if (access.reads) this.requireRoomForReader(stream, this.settings.maxReaders);
    if (access.writes && entry.autoCreated) await this.mirrors.claim(mirror, undefined);
    entry.handles++;
    const line = access.writes ? this.handleWriter(mirror, options) : undefined;
    return new StreamHandle({
      ...{ path, stream, access, line, type: () => entry.settings.type },
      stat: () => this.stat(path),
      onClose: () => {
        entry.handles--;
        if (line !== undefined) mirror.removeHeldLine(line);
        this.used(path);
      },
    });
  }

  private handleWriter(mirror: Mirror, { atomic }: OpenHandleOptions): HandleWriter {
    const { settings } = mirror.entry;
    const { memory } = this.context;
    const isJson = isJsonType(settings.type);
    const isLines = atomic === 'lines' || settings.atomic === 'lines';
    const open = () => this.newWriter(mirror, isLines || isJson, undefined);
    if (isJson || !isLines) return new LogHandleWriter(open);
    const lines = new HandleLines({ line: new LogLine(open, memory), memory, stream: mirror.stream });
    mirror.addHeldLine(lines, lines);
    return lines;
  }

  /** For protocols that create, append and close atomically. */
  streams(): StreamStore {
    return new LogStore({
      ...{ log: this.log, sender: this.sender, mirrors: this.mirrors, deadline: this.deadline },
      idleTimeout: this.settings.idleTimeout,
      find: (path) => this.find(path),
      catchUp: (mirror) => this.catchUp(mirror),
      requireWritable: (path) => this.requireWritable(path),
    });
  }

  totals(): StreamTotals {
    let writers = 0;
    for (const { entry } of this.mirrors.all()) writers += entry.writers.size;
    return { ...this.sums.sum(), streams: this.mirrors.size, writers };
  }

  logTotals(): LogTotals {
    const { counters, name, state } = this.log;
    const { appendedBytes, batches, waitingBytes } = this.sender;
    const { gapBytes, gaps } = this.mirrors;
    return {
      ...{ name, node: this.node, isConnected: state.isConnected, isRequired: this.isRequired },
      problem: state.problem,
      ...{ appendedBytes, batches, waitingBytes, gaps, gapBytes, mirrors: this.mirrors.size },
      ...{ retries: counters.retries, heals: counters.heals, forks: counters.forks },
    };
  }

  // ── facts ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async stat(path: string): Promise<FileInfo> {
    if (path === README_PATH) return readmeInfo(README_BYTES.length);
    if (path === '/') return directoryInfo(path);
    const known = this.mirrors.known(path);
    if (known !== undefined && !this.log.state.isConnected) return streamInfo(known.entry, known.idleTimeout);
    const state = await this.log.find(path);
    if (state !== undefined) return this.stated(state);
    if (await this.isDirectory(path)) return directoryInfo(path);
    throw createError('STREAM_NOT_FOUND', { path });
  }

  /** Combines the log's state of a stream with the facts of its readers on this node. */
  private stated(state: StreamState): FileInfo {
    const known = this.mirrors.known(state.path);
    const mirror = known?.stream.generation === state.generation ? known : undefined;
    const { idleTimeout, settings } = factsOf(state);
    return statedInfo(state, settings, mirror?.stream, idleTimeout);
  }

  private async isDirectory(path: string): Promise<boolean> {
    return path === '/' || (await this.log.list(path, undefined, 1)).length > 0;
  }

  private async children(path: string): Promise<LogChild[]> {
    const all: LogChild[] = [];
    for (;;) {
      const page = await this.log.list(path, all.at(-1)?.name, PAGE);
      all.push(...page);
      if (page.length < PAGE) return all;
    }
  }

  async readDir(path: string): Promise<FileInfo[]> {
    return this.listing(path, await this.children(path), true);
  }

  async readDirPage(path: string, { after, limit }: DirectoryPage): Promise<FileInfo[]> {
    const cursor = path === '/' && after === README_NAME ? undefined : after;
    const hasReadme = path === '/' && after === undefined;
    const wanted = limit - (hasReadme ? 1 : 0);
    if (!Number.isFinite(wanted)) return this.readDir(path);
    const children = wanted > 0 ? await this.log.list(path, cursor, wanted) : [];
    return this.listing(path, children, hasReadme, after === undefined);
  }

  /** README first, then by name. */
  private async listing(
    path: string,
    children: readonly LogChild[],
    hasReadme: boolean,
    isFirst = true,
  ): Promise<FileInfo[]> {
    if (path !== '/' && children.length === 0 && (isFirst || !(await this.isDirectory(path)))) {
      if (path !== README_PATH) await this.find(path);
      throw createError('NOT_A_DIRECTORY', { path });
    }
    const infos = children.map(({ name, stream }) =>
      stream === undefined ? directoryInfo(below(path, name)) : this.stated(stream),
    );
    return path === '/' && hasReadme ? [readmeInfo(README_BYTES.length), ...infos] : infos;
  }

  override async capabilities(path: string): Promise<Capabilities> {
    const isDirectory =
      this.mirrors.known(path) === undefined && path !== README_PATH && (await this.isDirectory(path));
    return capabilitiesOf(path === README_PATH ? 'readme' : isDirectory ? 'directory' : 'stream');
  }
}

function below(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** Ignores that another request or node has removed the stream. */
function ignoreGone(error: unknown): void {
  if (!isStreamFSError(error, 'STREAM_NOT_FOUND', 'STREAM_RECREATED')) throw error;
}
