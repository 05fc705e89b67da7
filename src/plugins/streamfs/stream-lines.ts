/**
 * Keeps the lines of several writers in one stream whole (contract 88).
 *
 * Each writer has a separate line, which holds the start of an unfinished line until its end arrives, so that only
 * whole lines reach the stream. A writer that finishes in the middle of a line completes it with a newline.
 *
 *     bytes ─► line cutter ─► whole lines ─────────────────────────► stream
 *                        └──► parts of one longer than a chunk ────► stream, which is then in the middle of that line
 *
 * If the stream is in the middle of a line, another writer's line gets a newline before it.
 *
 * A producer usually repeats an interrupted append, from the first byte that was not applied. Its unfinished line is
 * therefore kept for a while, and dropped when the repetition arrives. An added newline is not counted for any
 * producer, because it is no byte of an append.
 */
import type { MemoryBudget, Stream } from '../../core/index.ts';
import { limitReached } from '../../errors/index.ts';
import type { Clock } from '../../fs/index.ts';
import type { RestorableLine } from './handle-lines.ts';
import { LineCutter, NEWLINE_ALONE } from './line-cutter.ts';

/** Charge for a line in addition to its held bytes: the object, table entries and a timer. */
const LINE_COST = 512;

export interface StreamLinesOptions {
  stream: Stream;
  clock: Clock;
  /** Milliseconds for which the line of an interrupted append is kept for its repetition. */
  timeout: number;
  memory: MemoryBudget | undefined;
}

/** The writer of a line; called when bytes of the line have been written to the stream. */
export interface LineHolder {
  wrote(length: number): void;
}

export class StreamLines {
  readonly options: StreamLinesOptions;
  /** The line in the middle of which the stream ends: only one that is longer than a chunk. */
  openLine: Line | undefined;
  private readonly lines = new Set<Line>();
  private readonly ofProducers = new Map<string, ProducerLine>();

  constructor(options: StreamLinesOptions) {
    this.options = options;
  }

  /**
   * Begins a line for one writer.
   *
   * @throws MEMORY_LIMIT
   */
  begin(holder?: LineHolder): Line {
    return this.add(new Line(this, holder));
  }

  /**
   * Begins a line for a producer's attempt at an append. Held bytes of earlier attempts with the same epoch are
   * dropped, because they are sent again. The line of an older epoch is completed.
   *
   * @throws MEMORY_LIMIT
   */
  beginAttempt({ id, epoch }: { id: string; epoch: number }, holder: LineHolder): ProducerLine {
    let line = this.ofProducers.get(id);
    if (line !== undefined && line.epoch !== epoch) {
      line.abandon();
      line = undefined;
    }
    if (line === undefined) {
      line = this.add(new ProducerLine(this, holder, id, epoch));
      this.ofProducers.set(id, line);
    }
    line.beginAgain(holder);
    return line;
  }

  private add<L extends Line>(line: L): L {
    const { memory } = this.options;
    if (memory?.tryTake(LINE_COST) === false) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
    this.lines.add(line);
    return line;
  }

  /** Completes all lines, before the stream ends. */
  completeAll(): void {
    for (const line of [...this.lines]) line.completeQuietly();
  }

  /** Called when the stream is gone. */
  drop(): void {
    for (const line of [...this.lines]) line.release();
  }

  /** Removes a finished line. */
  remove(line: Line): void {
    if (!this.lines.delete(line)) return;
    if (line instanceof ProducerLine) this.ofProducers.delete(line.id);
    if (this.openLine === line) this.openLine = undefined;
    this.options.memory?.give(LINE_COST);
  }
}

/** The unfinished line of one writer. */
export class Line implements RestorableLine {
  protected readonly lines: StreamLines;
  protected holder: LineHolder | undefined;
  protected readonly cutter: LineCutter;

  constructor(lines: StreamLines, holder: LineHolder | undefined) {
    this.lines = lines;
    this.holder = holder;
    this.cutter = new LineCutter(lines.options.memory);
  }

  /** Whether the start of a line has been written, but not its end. */
  get isBegun(): boolean {
    return this.cutter.held > 0 || this.lines.openLine === this;
  }

  /**
   * Writes bytes, whose memory may be reused as soon as this returns. Waits like `Stream.write`.
   *
   * @throws as `Stream.write`; MEMORY_LIMIT
   */
  write(bytes: Uint8Array): void | Promise<void> {
    let last: Promise<void> | undefined;
    this.cutter.take(bytes, (piece, isWhole) => {
      last = this.put(piece, isWhole, piece.length);
    });
    return last;
  }

  onlyHolds(bytes: Uint8Array): boolean {
    return this.cutter.onlyHolds(bytes);
  }

  copyHeld(): Uint8Array {
    return this.cutter.copyHeld();
  }

  restore(held: Uint8Array): void {
    const { lines } = this;
    // The stream is in the middle of the line, whose next bytes may be lost: a newline must come first.
    if (lines.openLine === this) lines.openLine = new Line(lines, undefined);
    this.cutter.restore(held);
  }

  /** Completes an unfinished line with a newline. */
  complete(): void | Promise<void> {
    const rest = this.cutter.completed();
    if (rest !== undefined) return this.put(rest, true, rest.length - 1);
    return this.lines.openLine === this ? this.put(NEWLINE_ALONE, true, 0) : undefined;
  }

  /** Like {@link complete}, when no caller can receive the error of a stream that is full or has ended. */
  completeQuietly(): void {
    try {
      this.complete()?.catch(ignore);
    } catch {
      // The start of the line is lost along with the missing end.
    }
  }

  /**
   * Writes a piece, of which `own` bytes are the writer's. If it waits, so do all later pieces, in order: the last
   * resolves when all have been written.
   */
  private put(piece: Uint8Array, isWhole: boolean, own: number): Promise<void> | undefined {
    const { lines, holder } = this;
    const { stream } = lines.options;
    if (lines.openLine !== undefined && lines.openLine !== this) stream.write(NEWLINE_ALONE)?.catch(ignore);
    const waiting = stream.write(piece);
    lines.openLine = isWhole ? undefined : this;
    if (waiting === undefined) {
      holder?.wrote(own);
      return undefined;
    }
    const written = waiting.then(() => holder?.wrote(own));
    written.catch(ignore);
    return written;
  }

  /** Completes and releases the line of a writer that is gone. */
  abandon(): void {
    this.completeQuietly();
    this.release();
  }

  /** Releases the line without completing it. */
  release(): void {
    this.cutter.release();
    this.lines.remove(this);
  }
}

/** The line of a producer, across all attempts at an append. */
export class ProducerLine extends Line {
  readonly id: string;
  readonly epoch: number;
  private cancel: (() => void) | undefined;

  constructor(lines: StreamLines, holder: LineHolder, id: string, epoch: number) {
    super(lines, holder);
    this.id = id;
    this.epoch = epoch;
  }

  beginAgain(holder: LineHolder): void {
    this.holder = holder;
    this.stopWaiting();
    this.cutter.release();
  }

  /**
   * Called when an attempt was interrupted. If it was the newest, its line waits for the next attempt, and is completed
   * if none arrives.
   */
  keep(holder: LineHolder): void {
    if (this.holder !== holder || this.cancel !== undefined) return;
    if (!this.isBegun) {
      this.release();
      return;
    }
    // Bytes written from now on are not counted: a repetition must send the whole line.
    this.holder = undefined;
    const { clock, timeout } = this.lines.options;
    this.cancel = clock.schedule(() => this.abandon(), timeout);
  }

  override release(): void {
    this.stopWaiting();
    super.release();
  }

  private stopWaiting(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}

/** Writes complete data: the last line is completed. */
export function writeLines(line: Line, data: Uint8Array): void | Promise<void> {
  try {
    const waiting = line.write(data);
    return line.complete() ?? waiting;
  } finally {
    line.release();
  }
}

function ignore(): void {}
