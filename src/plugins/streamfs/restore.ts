/**
 * Restores persisted streams at startup, without their bytes, which are read on demand. Lack of memory never fails the
 * startup and never loses a stream: see docs/adr/0110-restore-all-streams-when-memory-is-short.md.
 */
import type { MemoryBudget } from '../../core/index.ts';
import {
  internalOf,
  type MemoryLedger,
  PRODUCER_COST,
  type Producers,
  RingStream,
  type StreamFormat,
  streamCost,
} from '../../core/internal.ts';
import type { PluginLogger, StreamSettingsInForce } from '../../fs/index.ts';
import { formatFor } from '../../media/index.ts';
import { type KnownStream, Pause } from '../../persist/index.ts';
import { type Entry, newEntry, nodeOf } from './entry.ts';
import type { Expiry } from './expiry.ts';
import { takeRetained } from './formats.ts';
import type { MountRules } from './mount-rules.ts';
import type { PersistedFacts, PersistedStreams } from './persisted-streams.ts';
import type { StreamTable } from './stream-table.ts';
import type { Totals } from './totals.ts';

/** The file system that will serve the streams. */
export interface RestoreTarget {
  /** The mount path, which precedes a stream's path in its name. */
  readonly prefix: string;
  readonly table: StreamTable;
  readonly rules: MountRules;
  readonly expiry: Expiry;
  readonly sums: Totals;
  readonly memory: MemoryBudget | undefined;
  readonly logger: PluginLogger;
  producersOf(entry: Entry): Producers;
  /** A stream expired while the server was down. */
  countExpired(settings: StreamSettingsInForce): void;
}

/** @throws errors of the disk */
export async function restoreStreams(persisted: PersistedStreams, target: RestoreTarget): Promise<void> {
  await new Restoration(persisted, target).run();
}

class Restoration {
  private readonly persisted: PersistedStreams;
  private readonly target: RestoreTarget;
  private readonly ledger: MemoryLedger | undefined;
  /** Memory reserved for streams that are not recreated yet, in bytes. */
  private reserved = 0;
  /** Streams with a format, which are restored last, because their newest bytes are read. */
  private readonly formatted: { entry: Entry; format: StreamFormat; known: KnownStream }[] = [];
  /** The recovered forks, with the paths of their sources. */
  private readonly forks = new Map<Entry, string[]>();
  /** The restored streams that have had producers. */
  private readonly withProducers: { entry: Entry; known: KnownStream }[] = [];

  constructor(persisted: PersistedStreams, target: RestoreTarget) {
    this.persisted = persisted;
    this.target = target;
    this.ledger = target.memory === undefined ? undefined : internalOf(target.memory);
  }

  async run(): Promise<void> {
    this.reserve();
    try {
      await this.restoreAll();
    } catch (error) {
      for (const { entry } of this.formatted) entry.stream.end('shutdown');
      throw error;
    } finally {
      this.ledger?.give(this.reserved);
    }
    this.restoreProducers();
  }

  /** Reserves memory for all streams before anything else can take it. */
  private reserve(): void {
    const { ledger, persisted } = this;
    if (ledger === undefined) return;
    let streams = 0;
    for (const known of persisted.store.found) {
      streams++;
      this.reserved += this.costOf(known);
    }
    if (!ledger.takeRequired(this.reserved)) return;
    this.target.logger.warn('server.max_memory has no room for the streams on disk, so the limit is raised', {
      streams,
      limit: ledger.limit,
    });
  }

  private costOf({ identity }: KnownStream): number {
    return streamCost(this.target.prefix + identity.path);
  }

  private async restoreAll(): Promise<void> {
    const { formatted, persisted } = this;
    const { expiry, logger, memory, table } = this.target;
    const pause = new Pause();
    let expired = 0;
    for (const known of [...persisted.store.found]) {
      if (pause.isDue) await pause.take();
      const entry = this.recreate(known);
      if (entry === undefined) continue;
      if (expiry.isOver(entry.settings, Math.max(known.modifiedAt, entry.activeAt))) {
        persisted.discard(known);
        entry.stream.end('expired');
        this.forks.delete(entry);
        this.target.countExpired(entry.settings);
        expired++;
        continue;
      }
      const format = formatFor(entry.settings, entry.stream, memory);
      if (format === undefined) this.activate(known, entry);
      else formatted.push({ entry, format, known });
    }
    if (expired > 0) logger.info('streams expired while the server was down', { streams: expired });
    // Start positions are only known for bytes in memory, so the streams concerned share half of the memory for rings.
    const share = (memory?.limit ?? Number.POSITIVE_INFINITY) / 8 / Math.max(1, formatted.length);
    for (const { entry, format, known } of formatted) {
      const { stream } = entry;
      await persisted.fill(known, stream, Math.min(stream.retention, share));
      stream.format = format;
      await takeRetained(stream);
      this.activate(known, entry);
    }
    for (const entry of table.all()) this.restoreForks(entry);
  }

  /** Recreates a recovered stream without its bytes; returns undefined if the stream is to be discarded. */
  private recreate(known: KnownStream): Entry | undefined {
    const { prefix, rules } = this.target;
    // The stream takes its memory itself, in the same turn.
    const cost = this.costOf(known);
    this.ledger?.give(cost);
    this.reserved -= cost;
    const facts: PersistedFacts = known.facts === '' ? {} : JSON.parse(known.facts);
    if (facts.store?.isCopying === true) {
      this.persisted.discard(known);
      return undefined;
    }
    const settings = facts.settings === undefined ? rules.ofMount : { ...rules.ofMount, ...facts.settings };
    const { createdAt, firstOffset, generation, origin, path } = known.identity;
    const identity = { name: prefix + path, generation, firstOffset, origin, createdAt };
    const stream = new RingStream(identity, rules.rulesFor(settings));
    const entry = newEntry({ path, stream, settings, autoCreated: false, account: undefined });
    if (facts.store !== undefined) entry.facts = { ...facts.store, waiting: undefined };
    if (facts.sources !== undefined) this.forks.set(entry, facts.sources);
    entry.activeAt = facts.activeAt ?? 0;
    return entry;
  }

  /** Makes a stream available. Bytes that its ring lacks are read from disk on demand. */
  private activate(known: KnownStream, entry: Entry): void {
    const { expiry, rules, sums, table } = this.target;
    const { settings, stream } = entry;
    const { chunks, offset } = known.reach;
    if (stream.writtenEnd < offset || stream.ring.isEmpty) {
      stream.skipTo(offset, chunks - stream.chunksAt(stream.writtenEnd));
    }
    stream.modifiedAt = known.modifiedAt;
    if (known.end !== undefined) stream.end(known.end.reason, known.end.status);
    table.add(entry);
    expiry.watch(entry, settings, Math.max(known.modifiedAt, entry.activeAt));
    this.persisted.adopt(known, entry, rules.ofMount);
    sums.joined(stream);
    if (known.producers.length > 0 || known.forgottenTo > 0) this.withProducers.push({ entry, known });
  }

  /** If memory is short, the producers of streams that have not been written to for longest are forgotten. */
  private restoreProducers(): void {
    const { ledger, target } = this;
    const hasRoom = () => ledger === undefined || ledger.fitsAtStartup(PRODUCER_COST);
    let forgotten = 0;
    for (const { entry, known } of this.withProducers.sort((a, b) => b.known.modifiedAt - a.known.modifiedAt)) {
      forgotten += target.producersOf(entry).restore(known.producers, known.forgottenTo, hasRoom);
    }
    if (forgotten === 0) return;
    target.logger.warn('producers were forgotten at startup, because server.max_memory has no room for them', {
      producers: forgotten,
    });
  }

  /** Reserves the names of sources that are gone. */
  private restoreForks(entry: Entry): void {
    const sources = this.forks.get(entry);
    if (sources === undefined) return;
    const { table } = this.target;
    let node = nodeOf(entry);
    let { origin } = entry.stream;
    for (const path of sources) {
      if (node.source !== undefined) break;
      const there = table.get(path);
      const isThere = there !== undefined && there.stream.generation === origin?.generation;
      const source = isThere ? nodeOf(there) : table.reserved.reserve(path);
      source.forks++;
      node.source = source;
      node = source;
      origin = origin?.origin;
    }
  }
}
