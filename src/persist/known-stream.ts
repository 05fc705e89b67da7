/** The state of a stream in a log: its identity, the location of its bytes, and all else that outlives the process. */
import type { ProducerRecord } from '../core/internal.ts';
import {
  type Change,
  type Extent,
  endPlace,
  type LoggedEnd,
  type LoggedIdentity,
  type Place,
  type Segment,
} from './update.ts';

/** The location of a record in a journal. */
export interface JournalPlace {
  journal: number;
  position: number;
  length: number;
}

export class KnownStream {
  readonly id: number;
  identity: LoggedIdentity;
  facts = '';
  /** Oldest first. Each begins where the previous one ends, unless bytes between them were lost. */
  segments: Segment[] = [];
  /** Bytes in journals, which follow those in segments. */
  tail: Extent[] = [];
  /** The oldest retained place. */
  floor: Place;
  /** The end of the last byte. */
  reach: Place;
  end: LoggedEnd | undefined;
  modifiedAt: number;
  forgottenTo = 0;
  /** Created with the first producer. */
  #producers: Map<string, ProducerRecord> | undefined;

  constructor(id: number, identity: LoggedIdentity, start: Place) {
    this.id = id;
    this.identity = identity;
    this.floor = start;
    this.reach = start;
    this.modifiedAt = identity.createdAt;
  }

  /** The stream's name in messages about the log. */
  get label(): string {
    return `stream ${this.id} (${this.identity.path})`;
  }

  get producers(): ProducerRecord[] {
    return this.#producers === undefined ? [] : [...this.#producers.values()];
  }

  /** The segment that begins at an offset. */
  segmentAt(base: number): Segment | undefined {
    return this.segments.find((segment) => segment.base === base);
  }

  /** Bytes used on disk, in segments and in journals. */
  get diskBytes(): number {
    let bytes = 0;
    for (const { length } of this.segments) bytes += length;
    for (const { length } of this.tail) bytes += length;
    return bytes;
  }

  get tailBytes(): number {
    const [first] = this.tail;
    return first === undefined ? 0 : this.reach.offset - first.from.offset;
  }

  /** Applies an update. `place` is the location of its record, for bytes that the record contains. */
  apply(update: Change, place: JournalPlace): void {
    const { bytes, end, extents, facts, floor, identity, modifiedAt, producers, reach, segments } = update;
    if (identity !== undefined) this.identity = identity;
    if (facts !== undefined) this.facts = facts;
    for (const segment of segments) this.#putSegment(segment);
    const time = modifiedAt ?? this.modifiedAt;
    if (bytes !== undefined) this.#putExtent({ from: bytes.from, to: endPlace(bytes), time, ...place });
    for (const extent of extents) this.#putExtent(extent);
    if (producers !== undefined) {
      this.forgottenTo = producers.forgottenTo;
      this.#producers ??= new Map();
      for (const record of producers.records) this.#producers.set(record.id, record);
    }
    if (end !== undefined) this.end = end;
    if (modifiedAt !== undefined) this.modifiedAt = modifiedAt;
    if (reach !== undefined) this.reach = reach;
    if (floor !== undefined) this.dropBelow(floor);
  }

  /** Adds an extent, which replaces all extents from its start on. */
  #putExtent(extent: Extent): void {
    while (this.tail.length > 0 && this.tail.at(-1)!.from.offset >= extent.from.offset) this.tail.pop();
    this.tail.push(extent);
    if (extent.to.offset > this.reach.offset) this.reach = extent.to;
  }

  /** Adds a segment, or replaces it by a longer version. Extents that it covers are dropped from the tail. */
  #putSegment(segment: Segment): void {
    const last = this.segments.at(-1);
    if (last !== undefined && last.base === segment.base) this.segments.pop();
    this.segments.push(segment);
    this.tail = this.tail.filter(({ to }) => to.offset > segment.to.offset);
    if (segment.to.offset > this.reach.offset) this.reach = segment.to;
  }

  /** Forgets all below the floor; returns the segments that are no longer needed. */
  dropBelow(floor: Place): Segment[] {
    if (floor.offset > this.floor.offset) this.floor = floor;
    const dropped: Segment[] = [];
    while (this.segments.length > 0 && this.segments[0]!.to.offset <= this.floor.offset) {
      dropped.push(this.segments.shift()!);
    }
    while (this.tail.length > 0 && this.tail[0]!.to.offset <= this.floor.offset) this.tail.shift();
    return dropped;
  }

  /** Lowers times of appends that are in the future, because the system clock was set back. */
  limitTimes(now: number): void {
    for (const segment of this.segments) segment.time = Math.min(segment.time, now);
    for (const extent of this.tail) extent.time = Math.min(extent.time, now);
  }

  /** Forgets all producers except the given ones. */
  keepProducers(ids: ReadonlySet<string>): void {
    for (const id of this.#producers?.keys() ?? []) if (!ids.has(id)) this.#producers?.delete(id);
  }

  /** The complete state as one change. */
  get snapshot(): Change {
    const { end, facts, floor, forgottenTo, identity, modifiedAt, reach, segments, tail } = this;
    const records = this.producers;
    return {
      ...{ identity, reach, floor, segments, extents: tail, facts, end, modifiedAt, isRemoved: false },
      producers: records.length > 0 || forgottenTo > 0 ? { forgottenTo, records } : undefined,
    };
  }
}
