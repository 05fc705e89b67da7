/** Streams for protocols that create, append, number and close atomically: implements the interface in fs. */

import { type AppendId, MAX_CHUNK, type StreamIdentity } from '../../core/index.ts';
import { type ForkRange, internalOf, type Producers, RingStream, type StreamRules } from '../../core/internal.ts';
import { createError, isStreamFSError } from '../../errors/index.ts';
import type {
  AppendOutcome,
  CreatedStream,
  CreateOptions,
  CreateStreamOptions,
  ForkOptions,
  StoreAppender,
  StoredStream,
  StreamSettings,
  StreamSettingsInForce,
  StreamStore,
  WholeAppend,
} from '../../fs/index.ts';
import { OCTET_STREAM } from '../../protocol/index.ts';
import { type Entry, endStream, nodeOf, type StoreFacts } from './entry.ts';
import { essenceOf, isJsonType, jsonLines } from './json-text.ts';
import { completeLastLine } from './line-cutter.ts';
import { ByteSlices } from './slices.ts';
import { type StreamLines, writeLines } from './stream-lines.ts';
import type { StreamTable } from './stream-table.ts';
import { characterEnd } from './utf8.ts';
import { WholeAppender } from './whole-appender.ts';

/** Creates the stream of a new entry. */
export type MakeStream = (identity: StreamIdentity, rules: StreamRules) => RingStream;

/** The settings that determine how a stream stores bytes. */
type StorageSettings = Pick<StreamSettingsInForce, 'atomic' | 'type'>;

export interface ForkedRange extends ForkRange {
  from: number;
}

/** The file system that contains the streams. */
export interface StoreOwner {
  readonly table: StreamTable;
  get(path: string): Entry | undefined;
  /** Whether a removed stream reserves the path for its forks. */
  isReserved(path: string): boolean;
  requireWritable(path: string): void;
  /** Whether only readers have opened the stream so far. */
  isUnclaimed(entry: Entry): boolean;
  claim(entry: Entry, settings: StreamSettings): void;
  settingsFor(asked: StreamSettings): StreamSettingsInForce;
  /** Keeps lines whole, if the settings of the stream require that. */
  linesOf(entry: Entry): StreamLines | undefined;
  add(path: string, options: CreateOptions, make: MakeStream): Entry;
  /**
   * Creates a fork of a stream. It stays invisible until {@link enter}, however many turns the creation takes.
   *
   * @throws OFFSET_GONE, MEMORY_LIMIT, SHUTTING_DOWN; the incomplete fork is discarded
   */
  fork(path: string, options: CreateOptions, source: RingStream, range: ForkedRange): Promise<Entry>;
  /**
   * Makes a fork visible.
   *
   * @throws as {@link add}
   */
  enter(fork: Entry): void;
  /** Discards a fork that is not needed. */
  discard(fork: Entry): void;
  drop(entry: Entry): void;
  renew(entry: Entry): void;
  wasRead(entry: Entry): void;
  /** Expires the stream if it is due; returns whether it was. */
  expireIfDue(entry: Entry): boolean;
  producersOf(entry: Entry): Producers;
}

/** The facts of a fork that is not visible yet. */
export const COPYING: StoreFacts = {
  asked: { ttl: undefined, expiresAt: undefined },
  fork: undefined,
  lastSeq: undefined,
  waiting: undefined,
  isCopying: true,
};

export class TableStore implements StreamStore {
  private readonly owner: StoreOwner;

  constructor(owner: StoreOwner) {
    this.owner = owner;
  }

  async find(path: string): Promise<StoredStream> {
    return this.entry(path);
  }

  async renew(path: string): Promise<void> {
    this.owner.wasRead(this.entry(path));
  }

  private entry(path: string): Entry {
    const entry = this.owner.get(path);
    if (entry !== undefined) return entry;
    throw createError(this.owner.isReserved(path) ? 'STREAM_GONE' : 'STREAM_NOT_FOUND', { path });
  }

  // ── creating ───────────────────────────────────────────────────────────────────────────────────────────────────

  async create(path: string, options: CreateStreamOptions): Promise<CreatedStream> {
    const { owner } = this;
    for (;;) {
      owner.requireWritable(path);
      const there = owner.get(path);
      if (there !== undefined && !owner.isUnclaimed(there)) {
        await requireSame(there, options);
        await there.stream.whenSaved();
        return { stream: there.stream, settings: there.settings, isNew: false };
      }
      if (there === undefined) this.requireFree(path);
      const entry =
        options.fork === undefined
          ? this.createPlain(path, options, there)
          : await this.createFork(path, options, options.fork);
      // Another stream has taken the path, or the source has been removed, while the fork was created.
      if (entry === undefined) continue;
      const { settings, stream } = entry;
      await stream.whenSaved();
      return { stream, settings, isNew: true };
    }
  }

  private requireFree(path: string): void {
    this.owner.isReserved(path);
    try {
      this.owner.table.requireFree(path);
    } catch (error) {
      throw nameTaken(path, error);
    }
  }

  private createPlain(path: string, options: CreateStreamOptions, unclaimed: Entry | undefined): Entry {
    const { account, data, end } = options;
    const settings = { ...options.settings, type: options.settings?.type ?? OCTET_STREAM };
    const inForce = this.owner.settingsFor(settings);
    const bytes = stored(inForce, data, true);
    requireFitsRing(bytes, inForce.type, inForce.ringBufferSize);
    let entry = unclaimed;
    if (entry === undefined) {
      entry = this.owner.add(path, { account, settings }, (identity, rules) => new RingStream(identity, rules));
    } else this.owner.claim(entry, settings);
    this.begin(entry, options, undefined, bytes, end);
    return entry;
  }

  private async createFork(path: string, options: CreateStreamOptions, fork: ForkOptions): Promise<Entry | undefined> {
    const { owner } = this;
    const there = owner.get(path);
    const source = this.sourceOf(fork);
    const settings = settingsOfFork(source, options.settings);
    const { type } = settings;
    const bytes = stored(settings, options.data, true);
    const { endOffset, withHistory } = source.stream;
    const at = (await fork.offset?.(source)) ?? endOffset;
    const to = await forkEnd(source, at, fork.beyond);
    const from = Math.min(to, isJsonType(type) ? await withHistory.firstLineStart() : withHistory.startOffset);
    requireFitsRing(bytes, type, settings.ringBufferSize);
    const creating = { account: options.account, settings };
    const entry = await owner.fork(path, creating, source.stream, { from, to }).catch((error: unknown) => {
      // A source that was removed cannot be read to its end: treat it as if it had been removed before.
      if (owner.get(fork.source) === source || isStreamFSError(error, 'SHUTTING_DOWN')) throw error;
    });
    if (entry === undefined) return undefined;
    try {
      if (owner.get(path) !== there || owner.get(fork.source) !== source) {
        owner.discard(entry);
        return undefined;
      }
      // Its readers requested no particular stream: they reconnect.
      if (there !== undefined) owner.drop(there);
      owner.enter(entry);
    } catch (error) {
      owner.discard(entry);
      throw error;
    }
    entry.node = { ...nodeOf(entry), source: nodeOf(source) };
    nodeOf(source).forks++;
    this.begin(entry, options, { source: fork.source, at, beyond: fork.beyond }, bytes, options.end);
    entry.log?.factsChanged();
    return entry;
  }

  private sourceOf({ source: path }: ForkOptions): Entry {
    const source = this.owner.get(path);
    if (source !== undefined) return source;
    throw createError(this.owner.isReserved(path) ? 'STREAM_SOURCE_GONE' : 'STREAM_NOT_FOUND', { path });
  }

  private begin(
    entry: Entry,
    { settings }: CreateStreamOptions,
    fork: StoreFacts['fork'],
    bytes: Uint8Array,
    end: boolean,
  ) {
    const { ttl, expiresAt } = settings ?? {};
    entry.facts = { asked: { ttl, expiresAt }, fork, lastSeq: undefined, waiting: undefined };
    entry.stream.append(bytes);
    if (end) endStream(entry);
  }

  // ── appending ──────────────────────────────────────────────────────────────────────────────────────────────────

  async append(path: string, append: WholeAppend): Promise<AppendOutcome> {
    const outcome = await this.appendInMemory(path, append);
    await internalOf(outcome.stream).whenSaved();
    return outcome;
  }

  appender(path: string, type: string): StoreAppender | undefined {
    const { owner } = this;
    const entry = owner.get(path);
    if (entry === undefined || owner.isUnclaimed(entry)) return undefined;
    if (essenceOf(type) !== essenceOf(entry.settings.type)) return undefined;
    const appender = new WholeAppender(entry, this.writeWhole, owner.expireIfDue);
    return appender.isOver ? undefined : appender;
  }

  private async appendInMemory(path: string, append: WholeAppend): Promise<AppendOutcome> {
    let entry = this.entry(path);
    // Appends run one after the other, even if one has to wait: its result must be known before the next is checked.
    for (let before = pendingAppend(entry, append); before !== undefined; before = pendingAppend(entry, append)) {
      await before.catch(ignore);
      entry = this.entry(path);
    }
    if (this.owner.isUnclaimed(entry)) this.owner.claim(entry, { type: append.type });
    const { stream } = entry;
    const { producer } = append;
    if (stream.closedBy !== undefined) {
      if (this.isApplied(entry, producer)) return this.outcome(entry, producer, true);
      if (producer === undefined && append.end && append.data.length === 0 && stream.closedBy === 'ended') {
        this.owner.renew(entry);
        return this.outcome(entry, producer, false);
      }
      stream.requireOpen();
    }
    const { settings } = entry;
    if (append.type !== undefined && essenceOf(append.type) !== essenceOf(settings.type)) {
      throw createError('CONTENT_TYPE_DIFFERS', { type: settings.type, other: append.type });
    }
    if (producer !== undefined && this.owner.producersOf(entry).isRepeated(producer)) {
      this.owner.renew(entry);
      return this.outcome(entry, producer, true);
    }
    const { seq } = append;
    const last = entry.facts?.lastSeq;
    if (seq !== undefined && last !== undefined && seq <= last) throw createError('STREAM_SEQ_ORDER', { seq, last });
    if (append.expectedEnd !== undefined && append.expectedEnd(stream) !== stream.writtenEnd) {
      // Let the reported end be the one that was compared.
      await stream.whenSaved();
      throw createError('EXPECTED_OFFSET', { end: stream.endOffset });
    }
    const bytes = storedWhole(settings, append.data);
    await this.apply(entry, append, bytes);
    return this.outcome(entry, producer, false);
  }

  /** Applies an append within one turn, unless writers wait for a reader with the policy `block`. */
  private async apply(entry: Entry, { end, producer, seq }: WholeAppend, bytes: Uint8Array): Promise<void> {
    const { stream } = entry;
    // Without bytes, nothing else checks this.
    if (bytes.length === 0) entry.log?.requireWritable();
    const attempt = producer === undefined ? undefined : this.owner.producersOf(entry).begin(producer, ignore);
    const facts = factsOf(entry);
    try {
      const waiting = this.write(entry, bytes);
      if (waiting !== undefined) {
        facts.waiting = waiting;
        await waiting;
      }
      attempt?.recordApplied(bytes.length, stream.writtenEnd);
      attempt?.complete();
    } catch (error) {
      attempt?.giveUp();
      throw error;
    } finally {
      facts.waiting = undefined;
    }
    if (seq !== undefined) {
      facts.lastSeq = seq;
      entry.log?.factsChanged();
    }
    if (end) endStream(entry);
    this.owner.renew(entry);
  }

  private readonly writeWhole = (entry: Entry, data: Uint8Array): void | Promise<void> =>
    this.write(entry, storedWhole(entry.settings, data));

  private write(entry: Entry, bytes: Uint8Array): void | Promise<void> {
    const { settings, stream } = entry;
    if (bytes.length === 0) return undefined;
    if (settings.atomic === 'lines') {
      const lines = this.owner.linesOf(entry);
      if (lines !== undefined) return writeLines(lines.begin(), bytes);
    }
    if (bytes.length <= MAX_CHUNK || !settings.type.startsWith('text/')) return stream.write(bytes);
    let last: Promise<void> | undefined;
    for (const chunk of chunksOfType(settings.type, bytes)) {
      last?.catch(ignore);
      last = stream.write(chunk) ?? last;
    }
    return last;
  }

  /** Whether the producer's append has already been applied; checked before anything else about it. */
  private isApplied(entry: Entry, producer: AppendId | undefined): boolean {
    if (producer === undefined || entry.producers === undefined) return false;
    try {
      return entry.producers.isRepeated(producer);
    } catch {
      return false;
    }
  }

  private outcome(entry: Entry, producer: AppendId | undefined, isRepeated: boolean): AppendOutcome {
    const { producers, settings, stream } = entry;
    const producerSeq = producer === undefined ? undefined : producers?.lastSeq(producer.id);
    return { stream, settings, isRepeated, producerSeq };
  }
}

/** Converts errors about an unavailable path to STREAM_NAME_TAKEN; returns any other error unchanged. */
export function nameTaken(path: string, error: unknown): unknown {
  if (!isStreamFSError(error, 'IS_A_DIRECTORY', 'NOT_A_DIRECTORY', 'STREAM_GONE')) return error;
  const reason = {
    IS_A_DIRECTORY: 'there are streams below it',
    NOT_A_DIRECTORY: 'it lies below a stream',
    STREAM_GONE: 'its previous stream was removed, but still has forks',
  }[error.code as 'STREAM_GONE'];
  return createError('STREAM_NAME_TAKEN', { path, reason });
}

/**
 * Converts data to the form in which the stream stores it; with whole lines, the last is completed.
 *
 * @throws INVALID_BODY
 */
export function stored({ atomic, type }: StorageSettings, data: Uint8Array, mayBeEmpty: boolean): Uint8Array {
  if (data.length === 0) return data;
  if (!isJsonType(type)) {
    return atomic === 'lines' ? completeLastLine(data) : data;
  }
  const lines = jsonLines(data);
  if (lines.length === 0 && !mayBeEmpty) {
    throw createError('INVALID_BODY', { reason: 'an empty array has no messages: leave it out, or append some' });
  }
  return lines;
}

/**
 * Like {@link stored}, for an append.
 *
 * @throws INVALID_BODY, APPEND_TOO_LARGE
 */
function storedWhole(settings: StreamSettingsInForce, data: Uint8Array): Uint8Array {
  const bytes = stored(settings, data, false);
  requireFitsRing(bytes, settings.type, settings.ringBufferSize);
  return bytes;
}

/** Bytes that do not fit into the ring could never be read. */
export function requireFitsRing(bytes: Uint8Array, type: string, max: number): void {
  if (bytes.length <= max) return;
  throw createError('APPEND_TOO_LARGE', { size: bytes.length, max }, { max, messages: isJsonType(type) });
}

/** Splits bytes into chunks; chunks of text end at character boundaries if the text is valid UTF-8. */
export function chunksOfType(type: string, bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const most = Math.min(bytes.length, at + MAX_CHUNK);
    const end = type.startsWith('text/') ? characterEnd(bytes, at, most) : most;
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

async function forkEnd({ settings, stream }: Entry, at: number, beyond: number): Promise<number> {
  let to = at;
  if (isJsonType(settings.type)) {
    const slices = new ByteSlices();
    for (let n = 0; n < beyond && to <= stream.endOffset; n++) {
      const next = to === stream.endOffset ? to + 1 : await stream.withHistory.lineEnd(to);
      await slices.after(next - to);
      to = next;
    }
  } else to += beyond;
  if (to <= stream.endOffset) return to;
  throw createError('INVALID_PARAMETER', {
    name: 'Stream-Fork-Sub-Offset',
    reason: `${beyond} after the fork offset is beyond the end of the source`,
  });
}

/**
 * A fork inherits the settings of its source unless others are requested.
 *
 * @throws CONTENT_TYPE_DIFFERS
 */
function settingsOfFork({ settings: inherited }: Entry, asked: StreamSettings = {}) {
  const { type = inherited.type } = asked;
  if (essenceOf(type) !== essenceOf(inherited.type)) {
    throw createError('CONTENT_TYPE_DIFFERS', { type: inherited.type, other: type });
  }
  const isTimed = asked.ttl !== undefined || asked.expiresAt !== undefined;
  return {
    ringBufferSize: inherited.ringBufferSize,
    channelBufferSize: inherited.channelBufferSize,
    onLag: inherited.onLag,
    readerBlock: inherited.readerBlock,
    atomic: inherited.atomic,
    container: asked.container ?? inherited.container,
    type,
    ttl: isTimed ? asked.ttl : inherited.ttl,
    expiresAt: isTimed ? asked.expiresAt : inherited.expiresAt,
  };
}

/** @throws STREAM_SETTINGS_DIFFER, naming the differences */
export async function requireSame(
  entry: Entry,
  { end, fork, settings: asked = {} }: CreateStreamOptions,
): Promise<void> {
  const { path, settings, stream } = entry;
  const facts = entry.facts ?? { asked: { ttl: settings.ttl, expiresAt: settings.expiresAt }, fork: undefined };
  const differences: string[] = [];
  const compare = (name: string, is: unknown, other: unknown) => {
    if (is !== other) differences.push(`${name} is ${is ?? 'not given'}, not ${other ?? 'left out'}`);
  };
  if (asked.type !== undefined || fork === undefined) {
    compare('content type', essenceOf(settings.type), essenceOf(asked.type ?? OCTET_STREAM));
  }
  compare('ttl', facts.asked.ttl, asked.ttl);
  compare('expires_at', facts.asked.expiresAt, asked.expiresAt);
  compare('closed', stream.closedBy === 'ended', end);
  compare('fork source', facts.fork?.source, fork?.source);
  compare('fork sub-offset', facts.fork?.beyond ?? 0, fork?.beyond ?? 0);
  if (fork?.offset !== undefined && facts.fork !== undefined)
    compare('fork offset', facts.fork.at, await offsetIn(entry, fork));
  if (differences.length > 0)
    throw createError('STREAM_SETTINGS_DIFFER', { path, differences: differences.join('; ') });
}

/** The requested fork point; undefined if it is none of this fork. */
async function offsetIn(entry: Entry, { offset }: ForkOptions): Promise<number | undefined> {
  try {
    return await offset?.(entry);
  } catch {
    return undefined;
  }
}

/** A pending append that would be written between the check of an append and the append itself. */
function pendingAppend({ facts, stream }: Entry, { expectedEnd }: WholeAppend): Promise<void> | undefined {
  if (facts?.waiting !== undefined) return facts.waiting;
  // Appends from outside this store wait only at the stream.
  return expectedEnd === undefined ? undefined : (stream.whenRoom(1) ?? undefined);
}

function factsOf(entry: Entry): StoreFacts {
  const { ttl, expiresAt } = entry.settings;
  entry.facts ??= { asked: { ttl, expiresAt }, fork: undefined, lastSeq: undefined, waiting: undefined };
  return entry.facts;
}

function ignore(): void {}
