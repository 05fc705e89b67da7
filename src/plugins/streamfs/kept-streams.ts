/**
 * The streams of a mount that are kept on disk: the log they stand in, what stands there of each beside its bytes, and how
 * they are made again from it.
 */

import type { MemoryBudget } from '../../core/index.ts';
import { RingStream, StreamRules } from '../../core/internal.ts';
import type { PluginLogger, StreamSettingsInForce } from '../../fs/index.ts';
import { bootId, DEFAULT_SIZES, DirectoryLock, DiskStore, type KnownStream, NodeDisk } from '../../persist/index.ts';
import type { Entry, StoreFacts } from './entry.ts';
import type { PersistSettings } from './settings.ts';

/** What is kept of a stream for its file system. */
export interface KeptFacts {
  /** Where they are not its mount's: what is not given is left out. */
  settings?: Partial<StreamSettingsInForce> | undefined;
  store?: Omit<StoreFacts, 'waiting'> | undefined;
  /** When it was last in use, where that was not a write: in milliseconds since 1970. */
  activeAt?: number | undefined;
  /** Of a fork: the paths of its source, of the source of that, and so on. */
  sources?: string[] | undefined;
}

export class KeptStreams {
  readonly store: DiskStore;
  private readonly lock: DirectoryLock;

  /** @throws DISK_LOCKED, DISK_FORMAT; what the disk throws */
  static async open(
    { directory, maxAge, maxTotal, retention, sync }: PersistSettings,
    logger: PluginLogger,
    memory: MemoryBudget | undefined,
  ): Promise<KeptStreams> {
    let store: DiskStore | undefined;
    const lock = await DirectoryLock.take(directory, (reason) => store?.giveUp(reason));
    try {
      const maxMemory = memory?.limit ?? Number.POSITIVE_INFINITY;
      // What waits to be written cannot give way to anything: all of it must fit beside what can.
      const maxBacklog = Math.min(DEFAULT_SIZES.maxBacklog, maxMemory / 8);
      store = await DiskStore.open({
        disk: new NodeDisk(directory),
        ...{ sync, boot: bootId(), logger, retention, maxAge, maxTotal },
        ...DEFAULT_SIZES,
        maxBacklog,
        ...{ memory, maxCache: Math.min(DEFAULT_SIZES.maxCache, maxMemory / 16) },
        maxStreamBacklog: Math.min(DEFAULT_SIZES.maxStreamBacklog, maxBacklog),
      });
      return new KeptStreams(store, lock);
    } catch (error) {
      await lock.release();
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

  /** Keeps a stream from now on. */
  keep(entry: Entry, ofMount: StreamSettingsInForce): void {
    entry.log = this.store.attach(entry.stream, entry.path, ownerOf(entry, ofMount));
  }

  /** Goes on with one that was found. */
  adopt(known: KnownStream, entry: Entry, ofMount: StreamSettingsInForce): void {
    entry.log = this.store.adopt(known, entry.stream, ownerOf(entry, ofMount));
  }

  /** One that was found is to be there no more. */
  discard(known: KnownStream): void {
    const { createdAt, firstOffset, generation } = known.identity;
    const rules = new StreamRules({ retention: 1, maxLag: 1 });
    const stream = new RingStream({ generation, firstOffset, createdAt }, rules);
    stream.skipTo(known.reach.offset, known.reach.chunks);
    this.store.adopt(known, stream, { facts: () => known.facts, producers: () => undefined }).remove();
  }

  /**
   * Puts the newest bytes of a stream into its ring, as they were.
   *
   * @param wanted how many of them
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

function factsOf({ activeAt, facts, node, settings, stream }: Entry, ofMount: StreamSettingsInForce): KeptFacts {
  const sources: string[] = [];
  for (let source = node?.source; source !== undefined; source = source.source) sources.push(source.path);
  return {
    settings: settings === ofMount ? undefined : settings,
    store: facts === undefined ? undefined : storeFactsOf(facts),
    sources: sources.length === 0 ? undefined : sources,
    activeAt: activeAt > stream.modifiedAt ? activeAt : undefined,
  };
}

function storeFactsOf({ asked, fork, isCopying, lastSeq }: StoreFacts): KeptFacts['store'] {
  return { asked, fork, isCopying, lastSeq };
}
