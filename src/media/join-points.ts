/**
 * What was found in a stream's bytes: the header of its format, and where readers may begin. A header that comes in
 * mid-stream begins another life of the format, and what was known of the one before is forgotten.
 */
import type { MemoryBudget } from '../core/index.ts';
import { firstWhere, type Join, type StreamFormat } from '../core/internal.ts';

/** The longest header that is kept, in bytes. */
const MAX_HEADER_BYTES = 256 * 1024;
/** How many boundaries are remembered of what a stream retains; the newest is always known. */
const BOUNDARIES = 256;

export interface Detector {
  take(bytes: Uint8Array, offset: number): void;
  /** A reader asks: what is known is to be as new as it can be. */
  settle?(): void;
}

export class JoinPoints implements StreamFormat {
  private readonly detector: Detector;
  private readonly budget: MemoryBudget | undefined;
  /** Whether nothing can be understood without a header. */
  private readonly needsHeader: boolean;
  private readonly spacing: number;
  /** Where the format begins; -1: it has not been found. */
  private begun = -1;
  private header: Uint8Array | undefined;
  private building = new Uint8Array(0);
  private built = 0;
  private charged = 0;
  private boundaries: number[] = [];
  private newest = -1;

  /** @param retention bytes that the stream keeps */
  constructor(
    makeDetector: (points: JoinPoints) => Detector,
    { needsHeader, retention, budget }: { needsHeader: boolean; retention: number; budget?: MemoryBudget | undefined },
  ) {
    this.needsHeader = needsHeader;
    this.spacing = Math.max(1, Math.floor(retention / BOUNDARIES));
    this.budget = budget;
    this.detector = makeDetector(this);
  }

  take(bytes: Uint8Array, offset: number): void {
    this.detector.take(bytes, offset);
  }

  // ── for the detector ─────────────────────────────────────────────────────────────────────────────────────────────

  /** A header begins. */
  begin(offset: number): void {
    this.release();
    this.begun = offset;
    this.header = undefined;
    this.built = 0;
    this.boundaries = [];
    this.newest = -1;
  }

  /** The rest of the header that has begun will not come. */
  abandon(): void {
    this.release();
    this.begun = -1;
  }

  /** Bytes of the header that has begun. @returns false where it is too long, or there is no memory for it */
  record(bytes: Uint8Array, from: number, to: number): boolean {
    const wanted = this.built + to - from;
    if (wanted > this.building.length) {
      const room = Math.max(1024, this.building.length * 2, wanted);
      if (wanted > MAX_HEADER_BYTES || !this.charge(room)) {
        this.abandon();
        return false;
      }
      const larger = new Uint8Array(room);
      larger.set(this.building.subarray(0, this.built));
      this.building = larger;
    }
    this.building.set(bytes.subarray(from, to), this.built);
    this.built = wanted;
    return true;
  }

  /** All of the header was recorded. */
  headerComplete(): void {
    this.header = this.building.slice(0, this.built);
    this.building = new Uint8Array(0);
    this.charge(this.header.length);
  }

  /** A header that may change without anything else beginning. */
  setHeader(header: Uint8Array): void {
    if (this.charge(header.length)) this.header = header;
  }

  /** A reader that has the header may begin here. */
  boundary(offset: number): void {
    if (this.needsHeader && this.header === undefined) return;
    const { boundaries } = this;
    const last = boundaries.at(-1);
    if (last === undefined || offset - last >= this.spacing) {
      boundaries.push(offset);
      if (boundaries.length > BOUNDARIES * 4) boundaries.splice(0, BOUNDARIES * 2);
    }
    this.newest = offset;
  }

  // ── for readers ──────────────────────────────────────────────────────────────────────────────────────────────────

  boundaryFrom(offset: number): number | undefined {
    this.detector.settle?.();
    if (this.begun >= offset) return this.begun;
    const { boundaries } = this;
    const found = boundaries[firstWhere(boundaries.length, (n) => boundaries[n]! >= offset)];
    return found ?? (this.newest >= offset ? this.newest : undefined);
  }

  join(wanted: number, start: number): Join | undefined {
    this.detector.settle?.();
    const { begun, header, newest } = this;
    if (this.needsHeader && begun < 0) return undefined;
    if (this.needsHeader && header === undefined) {
      return begun < start ? undefined : { offset: begun, header: undefined, waits: false };
    }
    const found = this.boundaryFrom(wanted);
    if (found !== undefined) return { offset: found, header: found === begun ? undefined : header, waits: false };
    if (newest >= start) return { offset: newest, header, waits: false };
    return { offset: wanted, header, waits: true };
  }

  headerLost(from: number, to: number): Uint8Array | undefined {
    this.detector.settle?.();
    return this.begun >= from && this.begun < to ? this.header : undefined;
  }

  /** Its memory is not needed any more. */
  release(): void {
    this.building = new Uint8Array(0);
    this.charge(0);
  }

  /** Sets the charge to this many bytes in total. */
  private charge(bytes: number): boolean {
    const more = bytes - this.charged;
    if (more > 0 && this.budget?.tryTake(more) === false) return false;
    if (more < 0) this.budget?.give(-more);
    this.charged = bytes;
    return true;
  }
}
