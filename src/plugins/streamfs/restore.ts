/** Streams that were kept on disk are there again at the start: without their bytes, which are read when they are asked for. */
import type { MemoryBudget } from '../../core/index.ts';
import { type Producers, RingStream, type StreamFormat } from '../../core/internal.ts';
import type { PluginLogger, StreamSettingsInForce } from '../../fs/index.ts';
import { formatFor } from '../../media/index.ts';
import { type KnownStream, Pause } from '../../persist/index.ts';
import { type Entry, newEntry, nodeOf } from './entry.ts';
import type { Expiry } from './expiry.ts';
import { takeRetained } from './formats.ts';
import type { KeptFacts, KeptStreams } from './kept-streams.ts';
import type { MountRules } from './mount-rules.ts';
import type { StreamTable } from './stream-table.ts';
import type { Totals } from './totals.ts';

/** Where they are served from. */
export interface RestoreTarget {
  /** What comes before a stream's path in its name. */
  readonly prefix: string;
  readonly table: StreamTable;
  readonly rules: MountRules;
  readonly expiry: Expiry;
  readonly sums: Totals;
  readonly memory: MemoryBudget | undefined;
  readonly logger: PluginLogger;
  producersOf(entry: Entry): Producers;
  /** One has expired while there was no server. */
  countExpired(settings: StreamSettingsInForce): void;
}

/** @throws MEMORY_LIMIT; what the disk throws */
export async function restoreStreams(kept: KeptStreams, target: RestoreTarget): Promise<void> {
  await new Restoration(kept, target).run();
}

class Restoration {
  private readonly kept: KeptStreams;
  private readonly target: RestoreTarget;
  /** Forks that were found, with the paths of their sources. */
  private readonly forks = new Map<Entry, string[]>();

  constructor(kept: KeptStreams, target: RestoreTarget) {
    this.kept = kept;
    this.target = target;
  }

  async run(): Promise<void> {
    const { kept } = this;
    const { expiry, logger, memory, table } = this.target;
    const pause = new Pause();
    let expired = 0;
    const formatted: { entry: Entry; format: StreamFormat; known: KnownStream }[] = [];
    for (const known of [...kept.store.found]) {
      if (pause.isDue) await pause.take();
      const entry = this.makeAgain(known);
      if (entry === undefined) continue;
      if (expiry.isOver(entry.settings, Math.max(known.modifiedAt, entry.activeAt))) {
        kept.discard(known);
        this.forks.delete(entry);
        this.target.countExpired(entry.settings);
        expired++;
        continue;
      }
      const format = formatFor(entry.settings, entry.stream, memory);
      if (format === undefined) this.putBack(known, entry);
      else formatted.push({ entry, format, known });
    }
    if (expired > 0) logger.info('streams expired while there was no server', { streams: expired });
    // Where readers may begin is known of what is in memory: together they begin with half of what there is for rings.
    const share = (memory?.limit ?? Number.POSITIVE_INFINITY) / 8 / Math.max(1, formatted.length);
    for (const { entry, format, known } of formatted) {
      const { stream } = entry;
      await kept.fill(known, stream, Math.min(stream.retention, share));
      stream.format = format;
      await takeRetained(stream);
      this.putBack(known, entry);
    }
    for (const entry of table.all()) this.restoreForks(entry);
  }

  /** A stream that was found, without its bytes; undefined where it is to be there no more. */
  private makeAgain(known: KnownStream): Entry | undefined {
    const { prefix, rules } = this.target;
    const facts: KeptFacts = known.facts === '' ? {} : JSON.parse(known.facts);
    if (facts.store?.isCopying === true) {
      this.kept.discard(known);
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

  /** It is served from now on: what its ring does not have is read from disk when somebody wants it. */
  private putBack(known: KnownStream, entry: Entry): void {
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
    this.kept.adopt(known, entry, rules.ofMount);
    sums.joined(stream);
    const { forgottenTo, producers } = known;
    if (producers.length > 0 || forgottenTo > 0) this.target.producersOf(entry).restore(producers, forgottenTo);
  }

  /** Sources that are gone hold their names as before. */
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
      const source = isThere ? nodeOf(there) : table.held.hold(path);
      source.forks++;
      node.source = source;
      node = source;
      origin = origin?.origin;
    }
  }
}
