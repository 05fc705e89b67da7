/**
 * The mirrors of a mount: created when a stream is read or written on this node, kept while it is in use and for a
 * while after, and closed when the log reports the end of their stream.
 */
import { randomBytes } from 'node:crypto';
import type { MemoryBudget, StreamObserver } from '../../../core/index.ts';
import { RingStream } from '../../../core/internal.ts';
import { createError } from '../../../errors/index.ts';
import type { Clock, StreamSettings } from '../../../fs/index.ts';
import type { Log, StreamState } from '../../../logs/index.ts';
import { type Entry, newEntry } from '../entry.ts';
import { setFormat } from '../formats.ts';
import { MountRules } from '../mount-rules.ts';
import type { Settings } from '../settings.ts';
import { inSlices } from '../slices.ts';
import type { Totals } from '../totals.ts';
import { factsOf, newStream, renewalOf, termsOf } from './facts.ts';
import { Mirror, type MirrorOwner, unavailable } from './mirror.ts';

/** How long an unused mirror is kept, and the bounds of the check interval, in milliseconds. */
const LINGER_MS = 30_000;
const MAX_SWEEP_MS = 10_000;
const MIN_SWEEP_MS = 250;

/** Random bytes that distinguish the claims of one stream. */
const CLAIM_ID_BYTES = 6;

export interface MirrorsOptions {
  log: Log;
  settings: Settings;
  /** Milliseconds to wait for the log. */
  deadline: number;
  clock: Clock;
  memory: MemoryBudget | undefined;
  observer: StreamObserver;
  sums: Totals;
  /** The mount path, which precedes a stream's path in its name. */
  prefix: string;
}

/** How to create an absent stream. */
export interface Creation {
  settings: StreamSettings | undefined;
  /** It is opened for reading only. */
  isUnclaimed: boolean;
}

export class Mirrors implements MirrorOwner {
  readonly rules: MountRules;
  /** Counters since startup: gaps in followed streams on this node, and their bytes. */
  gaps = 0;
  gapBytes = 0;
  private readonly options: MirrorsOptions;
  private readonly open = new Map<string, Mirror>();
  private readonly opening = new Map<string, Promise<Mirror | undefined>>();
  private cancelSweep: (() => void) | undefined;
  /** When the next sweep is due, by the monotonic clock. */
  private sweepAt = 0;
  private isSweeping = false;
  private isShutDown = false;

  constructor(options: MirrorsOptions) {
    this.options = options;
    this.rules = new MountRules(options);
  }

  get size(): number {
    return this.open.size;
  }

  all(): IterableIterator<Mirror> {
    return this.open.values();
  }

  /** The mirror known on this node; the log may already have a newer stream at the path. */
  known(path: string): Mirror | undefined {
    return this.open.get(path);
  }

  entry(path: string): Entry | undefined {
    return this.open.get(path)?.entry;
  }

  // ── opening ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The mirror of the stream at a path, with all bytes of the log; undefined if there is none and `creation` is
   * undefined.
   *
   * @param generation the requested generation: a known mirror with another one may be outdated
   * @throws LOG_UNAVAILABLE; as `Log.create`
   */
  async get(path: string, creation: Creation | undefined, generation?: string): Promise<Mirror | undefined> {
    for (;;) {
      if (this.isShutDown) throw createError('SHUTTING_DOWN');
      const known = this.open.get(path);
      if (known !== undefined && (await this.isCurrent(known, generation))) {
        if (!known.isCaughtUp) await this.catchUp(known);
        known.usedAt = this.options.clock.now();
        return known;
      }
      const opening = this.opening.get(path);
      if (opening === undefined) return this.openOnce(path, creation);
      const opened = await opening.catch(() => undefined);
      if (opened === undefined) return this.openOnce(path, creation);
    }
  }

  private openOnce(path: string, creation: Creation | undefined): Promise<Mirror | undefined> {
    const opening = this.make(path, creation).finally(() => {
      if (this.opening.get(path) === opening) this.opening.delete(path);
    });
    this.opening.set(path, opening);
    return opening;
  }

  /**
   * Checks whether a mirror is up to date. A new generation may not have reached this node yet; the follower of an open
   * stream reports it, in order.
   */
  private async isCurrent(mirror: Mirror, generation: string | undefined): Promise<boolean> {
    if (mirror.isOver) return false;
    const { entry, stream } = mirror;
    const { deadline, log } = this.options;
    if (generation === undefined || generation === stream.generation || !log.state.isConnected) return true;
    const state = await log.find(entry.path);
    if (state?.generation === stream.generation) return true;
    await mirror.until(() => false, deadline, log);
    return false;
  }

  private async make(path: string, creation: Creation | undefined): Promise<Mirror | undefined> {
    const { clock, log, settings } = this.options;
    let state = await log.find(path);
    if (state === undefined) {
      if (creation === undefined) return undefined;
      const { isUnclaimed } = creation;
      const { idleTimeout } = settings;
      const terms = termsOf(this.rules.settingsFor(creation.settings), { idleTimeout, isUnclaimed });
      state = (await log.create(newStream(path, terms))).stream;
    }
    const there = this.open.get(path);
    if (there !== undefined && there.stream.generation === state.generation) return there;
    there?.leave();
    if (this.isShutDown) throw createError('SHUTTING_DOWN');
    const mirror = new Mirror(this.newEntry(state), state.facts, log, this, clock.now());
    this.open.set(path, mirror);
    this.options.sums.joined(mirror.stream);
    this.sweepWithin(renewalOf(mirror.entry, mirror.idleTimeout));
    await this.catchUp(mirror);
    mirror.stream.modifiedAt = state.modifiedAt;
    return mirror;
  }

  private catchUp(mirror: Mirror): Promise<void> {
    const { deadline, log } = this.options;
    return within(mirror.caughtUp(), deadline, log);
  }

  private newEntry(state: StreamState): Entry {
    const { generation, path, createdAt } = state;
    const { settings, isUnclaimed } = factsOf(state);
    const name = this.options.prefix + path;
    const stream = new RingStream({ name, generation, createdAt }, this.rules.rulesFor(settings));
    const entry = newEntry({
      path,
      stream,
      settings,
      autoCreated: isUnclaimed && state.endOffset === 0,
      account: undefined,
    });
    setFormat(entry, this.options.memory);
    return entry;
  }

  // ── settings ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Gives settings to a stream that was created by a reader.
   *
   * @returns false if another claim was first, also one of the same settings
   */
  async claim(mirror: Mirror, asked: StreamSettings | undefined): Promise<boolean> {
    const { entry, factsText, stream } = mirror;
    const { idleTimeout } = this.options.settings;
    const id = randomBytes(CLAIM_ID_BYTES).toString('base64url');
    const terms = termsOf(this.rules.settingsFor(asked), { idleTimeout, claim: id });
    const claim = { terms, from: factsText };
    const { facts } = await this.options.log.update(entry.path, stream.generation, { claim });
    mirror.facts(facts);
    return facts === terms.facts;
  }

  // ── events of mirrors ──────────────────────────────────────────────────────────────────────────────────────────

  over(mirror: Mirror): void {
    const { path } = mirror.entry;
    if (this.open.get(path) === mirror) {
      this.open.delete(path);
      this.options.sums.left(mirror.stream);
    }
  }

  lost(bytes: number): void {
    this.gaps++;
    this.gapBytes += bytes;
  }

  claimed(mirror: Mirror): void {
    const { entry } = mirror;
    const { idleTimeout, isUnclaimed, settings } = factsOf({ facts: mirror.factsText });
    const isEmpty = entry.stream.writtenEnd === 0;
    mirror.idleTimeout = idleTimeout;
    entry.autoCreated = isUnclaimed && isEmpty;
    entry.settings = settings;
    // A stream is claimed before its first byte is appended; only after a loss in the log can it be otherwise.
    if (isEmpty) entry.stream.adopt(this.rules.rulesFor(settings));
    setFormat(entry, this.options.memory);
    this.sweepWithin(renewalOf(entry, idleTimeout));
  }

  formatLost({ entry }: Mirror): void {
    setFormat(entry, this.options.memory);
  }

  // ── closing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param delay how soon a mirror has to be renewed, in milliseconds */
  private sweepWithin(delay: number): void {
    const { clock } = this.options;
    const wait = Math.max(MIN_SWEEP_MS, Math.min(MAX_SWEEP_MS, delay));
    const at = clock.now() + wait;
    if (this.cancelSweep !== undefined) {
      if (this.sweepAt <= at) return;
      this.cancelSweep();
    }
    this.sweepAt = at;
    this.cancelSweep = clock.schedule(() => this.sweep(), wait);
  }

  private sweep(): void {
    this.cancelSweep = undefined;
    if (this.isSweeping) return;
    this.isSweeping = true;
    let delay = MAX_SWEEP_MS;
    const rest = inSlices(this.open.values(), (mirror) => {
      this.check(mirror);
      delay = Math.min(delay, renewalOf(mirror.entry, mirror.idleTimeout));
    });
    const finish = () => {
      this.isSweeping = false;
      if (this.open.size > 0 && !this.isShutDown) this.sweepWithin(delay);
    };
    if (rest === undefined) finish();
    else void rest.then(finish);
  }

  private check(mirror: Mirror): void {
    const { clock, log } = this.options;
    const now = clock.now();
    if (mirror.isUsed) {
      mirror.usedAt = now;
      this.renew(mirror, now);
    } else if (!log.state.isConnected) {
      // Keep the mirror: if the log comes back without the stream, this node may have its only copy.
      mirror.usedAt = now;
    } else if (now - mirror.usedAt >= LINGER_MS) mirror.leave();
  }

  /** Open writers keep their stream alive; readers keep streams with their own time to live. */
  private renew(mirror: Mirror, now: number): void {
    const { entry, idleTimeout, stream } = mirror;
    const isCounted = entry.writers.size > 0 || entry.autoCreated || entry.settings.ttl !== undefined;
    if (!isCounted || now - mirror.renewedAt < renewalOf(entry, idleTimeout)) return;
    mirror.renewedAt = now;
    this.options.log.update(entry.path, stream.generation, {}).catch(() => undefined);
  }

  /** Ends all mirrors, so that readers get an end rather than a cut connection. */
  async shutdown(): Promise<void> {
    this.isShutDown = true;
    this.cancelSweep?.();
    await inSlices(this.open.values(), (mirror) => mirror.leave());
  }
}

async function within(doing: Promise<void>, milliseconds: number, log: Log): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(unavailable(log)), milliseconds);
  });
  try {
    await Promise.race([doing, late]);
  } finally {
    clearTimeout(timer);
  }
}
