/**
 * Streams for protocols that create, append, number and close atomically, backed by a shared log: each operation is
 * atomic in the log, and thus on all nodes. Forks are not supported.
 */
import { createError, isStreamFSError } from '../../../errors/index.ts';
import type {
  AppendOutcome,
  CreatedStream,
  CreateStreamOptions,
  StoredStream,
  StreamSettings,
  StreamSettingsInForce,
  StreamStore,
  WholeAppend,
} from '../../../fs/index.ts';
import type { Appended, Log, StreamState } from '../../../logs/index.ts';
import { OCTET_STREAM } from '../../../protocol/index.ts';
import { essenceOf } from '../json-text.ts';
import { chunksOfType, nameTaken, requireFitsRing, requireSame, stored } from '../stream-store.ts';
import { factsOf, newStream, termsOf } from './facts.ts';
import { MAX_BATCH_BYTES } from './log-writer.ts';
import type { Mirror } from './mirror.ts';
import type { Mirrors } from './mirrors.ts';
import type { Sender } from './sender.ts';

/** An offset at which no stream ends. */
const NOWHERE = -1;

export interface LogStoreOptions {
  log: Log;
  sender: Sender;
  mirrors: Mirrors;
  /** Milliseconds to wait for the log. */
  deadline: number;
  idleTimeout: number;
  /** @throws STREAM_NOT_FOUND */
  find(path: string): Promise<Mirror>;
  /** Waits until a mirror has everything acknowledged before, on any node. */
  catchUp(mirror: Mirror): Promise<void>;
  requireWritable(path: string): void;
}

export class LogStore implements StreamStore {
  private readonly options: LogStoreOptions;

  constructor(options: LogStoreOptions) {
    this.options = options;
  }

  async find(path: string): Promise<StoredStream> {
    return storedOf(await this.current(path));
  }

  async renew(path: string): Promise<void> {
    const { stream } = await this.options.find(path);
    await this.options.log.update(path, stream.generation, {});
  }

  private async current(path: string): Promise<Mirror> {
    const mirror = await this.options.find(path);
    await this.options.catchUp(mirror);
    return mirror;
  }

  async create(path: string, options: CreateStreamOptions): Promise<CreatedStream> {
    if (options.fork !== undefined) throw createError('LOG_NOT_SUPPORTED', { operation: 'a fork' });
    this.options.requireWritable(path);
    const settings = { ...options.settings, type: options.settings?.type ?? OCTET_STREAM };
    const { stream: state, isNew } = await this.createInLog(path, options, settings);
    const mirror = await this.current(path);
    if (!isNew && !(await this.claim(mirror, state, options, settings))) {
      await requireSame(mirror.entry, options);
      return { ...storedOf(mirror), isNew: false };
    }
    return { ...storedOf(mirror), isNew: true };
  }

  private async createInLog(path: string, { data, end }: CreateStreamOptions, settings: StreamSettings) {
    const { idleTimeout, log, mirrors } = this.options;
    const inForce = mirrors.rules.settingsFor(settings);
    const chunks = this.chunksOf(data, inForce, true);
    const terms = termsOf(inForce, { idleTimeout });
    try {
      return await log.create({ ...newStream(path, terms), chunks, isEnded: end });
    } catch (error) {
      throw nameTaken(path, error);
    }
  }

  /**
   * Applies the requested settings and data to a stream that only readers have opened.
   *
   * @returns whether the stream was in that state, and no other node was faster
   */
  private async claim(
    mirror: Mirror,
    state: StreamState,
    { data, end }: CreateStreamOptions,
    settings: StreamSettings,
  ): Promise<boolean> {
    const { mirrors, sender } = this.options;
    if (!factsOf(state).isUnclaimed || state.endOffset > 0) return false;
    if (!(await mirrors.claim(mirror, settings))) return false;
    const chunks = this.chunksOf(data, mirror.entry.settings, true);
    if (chunks.length === 0 && !end) return true;
    try {
      await sender.append(mirror, chunks, undefined, { isEnd: end, expectedEnd: 0 });
    } catch (error) {
      if (!isStreamFSError(error, 'EXPECTED_OFFSET', 'STREAM_CLOSED')) throw error;
      await this.options.catchUp(mirror);
      return false;
    }
    return true;
  }

  async append(path: string, append: WholeAppend): Promise<AppendOutcome> {
    const mirror = await this.options.find(path);
    try {
      return await this.appendTo(mirror, append);
    } catch (error) {
      // Another node removed the stream, which this node did not know yet: the path may belong to another stream now.
      const isRefused = isStreamFSError(error, 'STREAM_SEQ_ORDER', 'EXPECTED_OFFSET');
      if (!isRefused && !isStreamFSError(error, 'STREAM_CLOSED', 'STREAM_SHUT_DOWN')) throw error;
      if (mirror.isOver) return this.appendTo(await this.options.find(path), append);
      // The refusal reports the end of the stream, so the mirror must catch up.
      await this.options.catchUp(mirror);
      throw error;
    }
  }

  private async appendTo(mirror: Mirror, append: WholeAppend): Promise<AppendOutcome> {
    const { mirrors, sender } = this.options;
    const { data, end, expectedEnd, seq, type } = append;
    const { entry, stream } = mirror;
    if (entry.autoCreated) await mirrors.claim(mirror, { type });
    if (type !== undefined && stream.closedBy === undefined && essenceOf(type) !== essenceOf(entry.settings.type)) {
      throw createError('CONTENT_TYPE_DIFFERS', { type: entry.settings.type, other: type });
    }
    const chunks = this.chunksOf(data, entry.settings, false);
    const producer = append.producer === undefined ? undefined : { ...append.producer, from: 0, isLast: true };
    const terms = {
      isEnd: end,
      order: seq,
      expectedEnd: expectedEnd === undefined ? undefined : (expectedEnd(stream) ?? NOWHERE),
    };
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    await stream.whenRoom(length);
    while (sender.isFull(mirror)) await sender.whenRoom(mirror);
    sender.took(mirror, length);
    let appended: Appended;
    try {
      appended = await sender.append(mirror, chunks, producer, terms);
    } finally {
      sender.gave(mirror, length);
    }
    const { isRepeated, lastSeq } = appended;
    return { ...storedOf(mirror), isRepeated, producerSeq: producer === undefined ? undefined : lastSeq };
  }

  private chunksOf(
    data: Uint8Array,
    settings: Pick<StreamSettingsInForce, 'atomic' | 'ringBufferSize' | 'type'>,
    mayBeEmpty: boolean,
  ): Uint8Array[] {
    const { ringBufferSize, type } = settings;
    const bytes = stored(settings, data, mayBeEmpty);
    requireFitsRing(bytes, type, Math.min(ringBufferSize, MAX_BATCH_BYTES));
    // The log keeps the chunks, while the memory of the body may be reused.
    return chunksOfType(type, new Uint8Array(bytes));
  }
}

function storedOf({ entry, stream }: Mirror): StoredStream {
  return { stream, settings: entry.settings };
}
