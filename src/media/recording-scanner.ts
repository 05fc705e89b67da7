/** A scanner for formats that begin with a header. */
import type { JoinPoints } from './join-points.ts';
import { Scanner } from './scanner.ts';

export abstract class RecordingScanner extends Scanner {
  protected readonly points: JoinPoints;

  constructor(points: JoinPoints) {
    super();
    this.points = points;
  }

  /** Starts recording the header. */
  protected beginHeader(offset: number): void {
    this.points.begin(offset);
    this.isRecording = true;
  }

  /** An incomplete header is discarded. */
  protected override onGap(): void {
    if (!this.isRecording) return;
    this.isRecording = false;
    this.points.abandon();
  }

  protected endHeader(): void {
    if (!this.isRecording) return;
    this.isRecording = false;
    this.points.headerComplete();
  }

  protected override recorded(bytes: Uint8Array, from: number, to: number): void {
    if (!this.points.record(bytes, from, to)) this.isRecording = false;
  }
}

/** Reads a big-endian 32-bit number. */
export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
