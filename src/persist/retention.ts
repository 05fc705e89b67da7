/**
 * Retention on disk: of each stream what exceeds its size or age, and the oldest of all where the streams together exceed
 * the total. Segments are removed whole; bytes in journals only by age, an append at a time.
 */
import type { KnownStream } from './known-stream.ts';
import type { LoggedStream } from './logged-stream.ts';
import type { Place, Segment } from './update.ts';

export interface RetentionRules {
  /** Bytes of each stream that are kept, at least. */
  retention: number;
  /** Milliseconds after which bytes go; Infinity: never. */
  maxAge: number;
  /** Bytes that all may take on disk; Infinity for no bound. */
  maxTotal: number;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** The share of the total that is left after a removal, so that not every round removes something. */
const LEFT_OF_TOTAL = 0.95;
/** A stream that is written to slowly has a new segment so often while bytes grow old. */
const SEGMENTS_OF_AN_AGE = 8;
const MAX_SWEEP_MS = 60_000;
const MIN_SWEEP_MS = 50;

export class Retention {
  readonly #rules: RetentionRules;
  /** How far streams have to go, since all together take too much. */
  readonly #dueFloors = new Map<KnownStream, number>();

  constructor(rules: RetentionRules) {
    this.#rules = rules;
  }

  /** Of a segment before which another begins. */
  get segmentShare(): number {
    return this.#rules.retention / 8;
  }

  get isByAge(): boolean {
    return this.#rules.maxAge !== Number.POSITIVE_INFINITY;
  }

  /** How often {@link findOld} is to be asked; undefined: never. */
  get sweepEvery(): number | undefined {
    const { maxAge } = this.#rules;
    if (!this.isByAge) return undefined;
    return Math.min(MAX_SWEEP_MS, Math.max(MIN_SWEEP_MS, maxAge / 10));
  }

  /** A segment that goes on for ever would never be old. */
  isStale({ since }: Segment): boolean {
    const { maxAge, now } = this.#rules;
    if (maxAge === Number.POSITIVE_INFINITY) return false;
    return since === undefined || since < now() - maxAge / SEGMENTS_OF_AN_AGE;
  }

  /**
   * Where a stream is to begin from now on; undefined: where it did.
   *
   * @param isMoving what lies in journals is on its way into segments, or the last segment may grow: both stay
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

  /** What was to go has gone. */
  hasGone(known: KnownStream): void {
    const due = this.#dueFloors.get(known);
    if (due !== undefined && known.floor.offset >= due) this.#dueFloors.delete(known);
  }

  /** A stream is in the log no more. */
  forget(known: KnownStream): void {
    this.#dueFloors.delete(known);
  }

  /** Streams of which something is too old. */
  *findOld(logs: Iterable<LoggedStream>): Generator<LoggedStream> {
    const limit = this.#limit;
    for (const log of logs) {
      const { segments, tail } = log.known;
      const oldest = segments[0] ?? tail[0];
      if (oldest !== undefined && oldest.time < limit) yield log;
    }
  }

  /** Streams of which the oldest is to go, so that all of them take no more than they may. */
  findTooMuch(logs: Iterable<LoggedStream>, total: number): LoggedStream[] {
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
