/** The persisted streams of a mount: their log on disk, the facts stored with each stream, and their restoration. */

import type { MemoryBudget } from '../../core/index.ts';
import { RingStream, StreamRules } from '../../core/internal.ts';
import { createError, isStreamFSError } from '../../errors/index.ts';
import type { PluginLogger, StreamSettingsInForce } from '../../fs/index.ts';
import { bootId, DEFAULT_SIZES, DirectoryLock, DiskStore, type KnownStream, NodeDisk } from '../../persist/index.ts';
import type { Entry, StoreFacts } from './entry.ts';
import type { PersistSettings } from './settings.ts';

/** The facts of a stream that its file system stores in the log. */
export interface PersistedFacts {
  /** Only settings that differ from the mount's. */
  settings?: Partial<StreamSettingsInForce> | undefined;
  store?: Omit<StoreFacts, 'waiting'> | undefined;
  /** The time of last use in milliseconds since 1970, if it was not a write. */
  activeAt?: number | undefined;
  /** For a fork: the paths of its source, of that stream's source, and so on. */
  sources?: string[] | undefined;
}

export class PersistedStreams {
  readonly store: DiskStore;
  private readonly lock: DirectoryLock;

  /** @throws DISK_LOCKED, DISK_FORMAT; errors of the disk, which name the directory */
  static async open(
    settings: PersistSettings,
    logger: PluginLogger,
    memory: MemoryBudget | undefined,
  ): Promise<PersistedStreams> {
    try {
      return await PersistedStreams.openIn(settings, logger, memory);
    } catch (error) {
      const { directory } = settings;
      // Errors of reads and writes have no path.
      if (isStreamFSError(error) || !(error instanceof Error) || error.message.includes(directory)) throw error;
      throw createError('DISK_FORMAT', { directory, reason: error.message });
    }
  }

  private static async openIn(
    { directory, maxAge, maxTotal, retention, sync }: PersistSettings,
    logger: PluginLogger,
    memory: MemoryBudget | undefined,
  ): Promise<PersistedStreams> {
    let store: DiskStore | undefined;
    const lock = await DirectoryLock.take(directory, (reason) => store?.giveUp(reason));
    try {
      const maxMemory = memory?.limit ?? Number.POSITIVE_INFINITY;
      // The backlog cannot be evicted: all of it must fit next to memory that can.
      const maxBacklog = Math.min(DEFAULT_SIZES.maxBacklog, maxMemory / 8);
      store = await DiskStore.open({
        disk: new NodeDisk(directory),
        ownsDirectory: () => lock.isHeld(),
        ...{ sync, boot: bootId(), logger, retention, maxAge, maxTotal },
        ...DEFAULT_SIZES,
        maxBacklog,
        ...{ memory, maxCache: Math.min(DEFAULT_SIZES.maxCache, maxMemory / 16) },
        maxStreamBacklog: Math.min(DEFAULT_SIZES.maxStreamBacklog, maxBacklog),
      });
      return new PersistedStreams(store, lock);
    } catch (error) {
      // The mount fails for the first reason.
      await lock.release().catch(() => undefined);
      throw error;
    }
  }

  private constructor(store: DiskStore, lock: DirectoryLock) {
    this.store = store;
    this.lock = lock;
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.lock.release();
  }

  /** Begins persisting a stream. */
  keep(entry: Entry, ofMount: StreamSettingsInForce): void {
    entry.log = this.store.attach(entry.stream, entry.path, ownerOf(entry, ofMount));
  }

  /** Continues a recovered stream. */
  adopt(known: KnownStream, entry: Entry, ofMount: StreamSettingsInForce): void {
    entry.log = this.store.adopt(known, entry.stream, ownerOf(entry, ofMount));
  }

  /** Removes a recovered stream. */
  discard(known: KnownStream): void {
    const { createdAt, firstOffset, generation } = known.identity;
    const rules = new StreamRules({ retention: 1, maxLag: 1 });
    const stream = new RingStream({ generation, firstOffset, createdAt }, rules);
    stream.skipTo(known.reach.offset, known.reach.chunks);
    this.store.adopt(known, stream, { facts: () => known.facts, producers: () => undefined }).remove();
  }

  /**
   * Fills the ring of a stream with its newest persisted bytes.
   *
   * @param wanted number of bytes
   */
  async fill(known: KnownStream, stream: RingStream, wanted: number): Promise<void> {
    const { floor, reach } = known;
    let at = Math.max(floor.offset, reach.offset - wanted);
    let isBegun = false;
    while (at < reach.offset) {
      const found = await this.store.reader.at(known, at);
      if (found.kind === 'chunks') {
        if (!isBegun || stream.writtenEnd < found.from.offset) {
          stream.skipTo(found.from.offset, found.from.chunks - stream.chunksAt(stream.writtenEnd));
        }
        isBegun = true;
        let from = 0;
        for (const length of found.lengths) {
          stream.restoreChunk(found.data.subarray(from, from + length));
          from += length;
        }
      }
      at = found.to.offset;
    }
  }
}

function ownerOf(entry: Entry, ofMount: StreamSettingsInForce) {
  return { facts: () => JSON.stringify(factsOf(entry, ofMount)), producers: () => entry.producers };
}

function factsOf({ activeAt, facts, node, settings, stream }: Entry, ofMount: StreamSettingsInForce): PersistedFacts {
  const sources: string[] = [];
  for (let source = node?.source; source !== undefined; source = source.source) sources.push(source.path);
  return {
    settings: settings === ofMount ? undefined : settings,
    store: facts === undefined ? undefined : storeFactsOf(facts),
    sources: sources.length === 0 ? undefined : sources,
    activeAt: activeAt > stream.modifiedAt ? activeAt : undefined,
  };
}

function storeFactsOf({ asked, fork, isCopying, lastSeq }: StoreFacts): PersistedFacts['store'] {
  return { asked, fork, isCopying, lastSeq };
}
