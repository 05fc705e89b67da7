/**
 * Retention on disk: of each stream the bytes beyond its size or age limit, and the oldest of all streams if their
 * total exceeds its limit. Segments are removed as a whole; bytes in journals only by age, one append at a time.
 */
import type { KnownStream } from './known-stream.ts';
import type { LoggedStream } from './logged-stream.ts';
import type { Place, Segment } from './update.ts';

export interface RetentionRules {
  /** Minimum number of bytes retained for each stream. */
  retention: number;
  /** Milliseconds after which bytes are removed; Infinity for never. */
  maxAge: number;
  /** Limit of the bytes of all streams on disk; Infinity for none. */
  maxTotal: number;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** The fraction of the total kept after a removal, so that not every group commit removes something. */
const LEFT_OF_TOTAL = 0.95;
/** Segments that a slowly written stream begins per maximum age. */
const SEGMENTS_OF_AN_AGE = 8;
const MAX_SWEEP_MS = 60_000;
const MIN_SWEEP_MS = 50;

export class Retention {
  readonly #rules: RetentionRules;
  /** Floors that streams have to reach because the total exceeds its limit. */
  readonly #dueFloors = new Map<KnownStream, number>();
  /** When {@link findExpired} last ran. At the first run, the times come from an earlier process. */
  #sweptAt = Number.POSITIVE_INFINITY;

  constructor(rules: RetentionRules) {
    this.#rules = rules;
  }

  /** The segment size after which another segment begins. */
  get segmentShare(): number {
    return this.#rules.retention / 8;
  }

  get isByAge(): boolean {
    return this.#rules.maxAge !== Number.POSITIVE_INFINITY;
  }

  /** How often {@link findExpired} is to be called, in milliseconds; undefined for never. */
  get sweepEvery(): number | undefined {
    const { maxAge } = this.#rules;
    if (!this.isByAge) return undefined;
    return Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, maxAge / 10));
  }

  /** A segment that grows for ever would never get old: after a time another one begins. */
  isStale({ since }: Segment): boolean {
    const { maxAge, now } = this.#rules;
    if (maxAge === Number.POSITIVE_INFINITY) return false;
    // A time in the future: the system clock was set back.
    return since === undefined || since > now() || since < now() - maxAge / SEGMENTS_OF_AN_AGE;
  }

  /**
   * The new floor of a stream; undefined if it does not move.
   *
   * @param isMoving bytes in journals are being moved into segments, or the last segment may grow: both are kept
   */
  floorOf(known: KnownStream, isMoving: boolean): Place | undefined {
    const { floor, reach, segments, tail } = known;
    const limit = this.#limit;
    const due = this.#dueFloors.get(known) ?? 0;
    let place = floor;
    for (const segment of segments) {
      if (isMoving && segment === segments.at(-1)) break;
      const { time, to } = segment;
      if (reach.offset - to.offset < this.#rules.retention && time >= limit && to.offset > due) break;
      place = to;
    }
    if (!isMoving && place.offset >= (segments.at(-1)?.to.offset ?? 0)) {
      for (const { time, to } of tail) {
        if (time >= limit) break;
        place = to;
      }
    }
    return place.offset > floor.offset ? place : undefined;
  }

  get #limit(): number {
    const { maxAge, now } = this.#rules;
    return maxAge === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : now() - maxAge;
  }

  /** Clears the due floor of a stream that has reached it. */
  clearDueFloor(known: KnownStream): void {
    const due = this.#dueFloors.get(known);
    if (due !== undefined && known.floor.offset >= due) this.#dueFloors.delete(known);
  }

  /** Called when a stream has been removed from the log. */
  forget(known: KnownStream): void {
    this.#dueFloors.delete(known);
  }

  /**
   * Streams with bytes older than the maximum age. Bytes that the system clock dates in the future, because it was set
   * back, are dated now: they would not expire for as long as the clock was ahead, nor would all bytes after them.
   */
  *findExpired(logs: Iterable<LoggedStream>): Generator<LoggedStream> {
    const limit = this.#limit;
    const now = this.#rules.now();
    const wasSetBack = now < this.#sweptAt;
    this.#sweptAt = now;
    for (const log of logs) {
      const { known } = log;
      const { segments, tail } = known;
      const oldest = segments[0] ?? tail[0];
      if (oldest === undefined) continue;
      const newest = tail.at(-1) ?? segments.at(-1)!;
      if (wasSetBack || Math.max(oldest.time, newest.time) > now) known.limitTimes(now);
      if (oldest.time < limit) yield log;
    }
  }

  /** Streams whose oldest segments must be removed to get the total below its limit. */
  findOverTotal(logs: Iterable<LoggedStream>, total: number): LoggedStream[] {
    const { maxTotal } = this.#rules;
    if (total <= maxTotal || this.#dueFloors.size > 0) return [];
    const oldest = [...logs].flatMap((log) => log.known.segments.map((segment) => ({ log, segment })));
    oldest.sort((one, other) => one.segment.time - other.segment.time || one.segment.base - other.segment.base);
    const found = new Set<LoggedStream>();
    let left = total;
    for (const { log, segment } of oldest) {
      if (left <= maxTotal * LEFT_OF_TOTAL) break;
      left -= segment.length;
      this.#dueFloors.set(log.known, segment.to.offset);
      found.add(log);
    }
    return [...found];
  }
}
