/**
 * The join points found in a stream: the header of its format, and the boundaries where readers may begin. A header in
 * mid-stream restarts the format, and everything recorded before it is discarded.
 */
import type { MemoryBudget } from '../core/index.ts';
import { firstWhere, type Join, type StreamFormat } from '../core/internal.ts';

/** The longest header that is stored, in bytes. */
const MAX_HEADER_BYTES = 256 * 1024;
/** How many boundaries are stored for the retained bytes. The newest is always stored. */
const BOUNDARIES = 256;

export interface Detector {
  take(bytes: Uint8Array, offset: number): void;
  /** Called before a reader queries: the detector must process everything it has deferred. */
  catchUp?(): void;
}

export class JoinPoints implements StreamFormat {
  private readonly detector: Detector;
  private readonly budget: MemoryBudget | undefined;
  /** Whether the header is required to decode anything. */
  private readonly needsHeader: boolean;
  private readonly spacing: number;
  /** The offset of the header; -1: none found. */
  private headerOffset = -1;
  private header: Uint8Array | undefined;
  private building = new Uint8Array(0);
  private built = 0;
  private charged = 0;
  private boundaries: number[] = [];
  private newest = -1;

  /** @param retention the number of bytes that the stream retains */
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
    this.headerOffset = offset;
    this.header = undefined;
    this.built = 0;
    this.boundaries = [];
    this.newest = -1;
  }

  /** The rest of the current header will not arrive. */
  abandon(): void {
    this.release();
    this.headerOffset = -1;
  }

  /**
   * Appends bytes to the current header.
   *
   * @returns false if the header is too long or memory ran short
   */
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

  /** The header has been recorded completely. */
  headerComplete(): void {
    this.header = this.building.slice(0, this.built);
    this.building = new Uint8Array(0);
    this.charge(this.header.length);
  }

  /** Sets a header that may change without restarting the format. */
  setHeader(header: Uint8Array): void {
    if (this.charge(header.length)) this.header = header;
  }

  /** Records an offset at which a reader that has the header may begin. */
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
    this.detector.catchUp?.();
    if (this.headerOffset >= offset) return this.headerOffset;
    const { boundaries } = this;
    const found = boundaries[firstWhere(boundaries.length, (n) => boundaries[n]! >= offset)];
    return found ?? (this.newest >= offset ? this.newest : undefined);
  }

  join(wanted: number, start: number): Join | undefined {
    this.detector.catchUp?.();
    const { headerOffset, header, newest } = this;
    if (this.needsHeader && headerOffset < 0) return undefined;
    if (this.needsHeader && header === undefined) {
      return headerOffset < start ? undefined : { offset: headerOffset, header: undefined, waits: false };
    }
    const found = this.boundaryFrom(wanted);
    if (found !== undefined)
      return { offset: found, header: found === headerOffset ? undefined : header, waits: false };
    if (newest >= start) return { offset: newest, header, waits: false };
    return { offset: wanted, header, waits: true };
  }

  headerLost(from: number, to: number): Uint8Array | undefined {
    this.detector.catchUp?.();
    return this.headerOffset >= from && this.headerOffset < to ? this.header : undefined;
  }

  /** Releases all memory. */
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
