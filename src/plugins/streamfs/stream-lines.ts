/**
 * Lines of several writers in one stream, kept whole (contract 88).
 *
 * Each writer has a line of its own: its beginning waits there until its end comes, so only whole lines reach the
 * stream. A writer that is done in the middle of a line completes it with a newline.
 *
 *     bytes ─► line cutter ─► whole lines ─────────────────────────► stream
 *                        └──► parts of one longer than a chunk ────► stream, which is then in the middle of that line
 *
 * Where the stream is in the middle of a line, another writer's line gets a newline before it.
 *
 * A producer whose append broke off will most likely repeat it, from its first byte that is not applied on. So what it
 * has begun is kept for a while, and dropped when the repetition comes. A newline that is added counts for no
 * producer: it is no byte of its append.
 */
import type { MemoryBudget, Stream } from '../../core/index.ts';
import { limitReached } from '../../errors/index.ts';
import type { Clock } from '../../fs/index.ts';
import { LineCutter, NEWLINE_ALONE } from './line-cutter.ts';

/** What a line is charged beside the bytes held: itself, its places in tables, a timer. */
const LINE_COST = 512;

export interface StreamLinesOptions {
  stream: Stream;
  clock: Clock;
  /** Milliseconds for which the line of an append that broke off is kept for its repetition. */
  timeout: number;
  memory: MemoryBudget | undefined;
}

/** The writer of a line; called for each of its bytes that is in the stream. */
export interface LineHolder {
  wrote(length: number): void;
}

export class StreamLines {
  readonly options: StreamLinesOptions;
  /** The writer in the middle of whose line the stream ends: only of one that is longer than a chunk. */
  openLine: Line | undefined;
  private readonly lines = new Set<Line>();
  private readonly ofProducers = new Map<string, ProducerLine>();

  constructor(options: StreamLinesOptions) {
    this.options = options;
  }

  /** A line for one writer. @throws MEMORY_LIMIT */
  begin(holder?: LineHolder): Line {
    return this.add(new Line(this, holder));
  }

  /**
   * The line of a producer of which an attempt at an append begins, behind what has been applied of it: what earlier
   * attempts had not written comes again. Of an older epoch nothing does: what it left is completed.
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

  /** The stream is about to end: what has come of any line is written, and completed. */
  completeAll(): void {
    for (const line of [...this.lines]) line.completeQuietly();
  }

  /** The stream is gone. */
  drop(): void {
    for (const line of [...this.lines]) line.release();
  }

  /** For a line that is over. */
  remove(line: Line): void {
    if (!this.lines.delete(line)) return;
    if (line instanceof ProducerLine) this.ofProducers.delete(line.id);
    if (this.openLine === line) this.openLine = undefined;
    this.options.memory?.give(LINE_COST);
  }
}

/** The line that one writer is in the middle of. */
export class Line {
  protected readonly lines: StreamLines;
  protected holder: LineHolder | undefined;
  protected readonly cutter: LineCutter;

  constructor(lines: StreamLines, holder: LineHolder | undefined) {
    this.lines = lines;
    this.holder = holder;
    this.cutter = new LineCutter(lines.options.memory);
  }

  /** Whether part of a line has come and its end has not. */
  get isBegun(): boolean {
    return this.cutter.held > 0 || this.lines.openLine === this;
  }

  /**
   * Takes bytes, whose memory may be reused as soon as this returns. Waits as `Stream.write` does.
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

  /** Ends the line with a newline where it has begun. */
  complete(): void | Promise<void> {
    const rest = this.cutter.completed();
    if (rest !== undefined) return this.put(rest, true, rest.length - 1);
    return this.lines.openLine === this ? this.put(NEWLINE_ALONE, true, 0) : undefined;
  }

  /** The same where there is no caller to get the error of a stream that is full or has ended. */
  completeQuietly(): void {
    try {
      this.complete()?.catch(ignore);
    } catch {
      // What has begun is lost with the end that was not written.
    }
  }

  /**
   * One piece, of which `own` bytes are the writer's. Where it waits, so do all that come behind it, in the order in
   * which they were put: the last is done when all are.
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

  /** Its writer is gone: completes it and releases it. */
  abandon(): void {
    this.completeQuietly();
    this.release();
  }

  /** Releases it as it is. */
  release(): void {
    this.cutter.release();
    this.lines.remove(this);
  }
}

/** The line of a producer, over all attempts at its append. */
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

  /** An attempt broke off. If it was the newest, its line waits for the next, and is completed when none comes. */
  keep(holder: LineHolder): void {
    if (this.holder !== holder || this.cancel !== undefined) return;
    if (!this.isBegun) {
      this.release();
      return;
    }
    // What it writes from now on is not counted: a repetition is to give the line whole.
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

/** Lines that are all there; their last is completed. */
export function writeLines(line: Line, data: Uint8Array): void | Promise<void> {
  try {
    const waiting = line.write(data);
    return line.complete() ?? waiting;
  } finally {
    line.release();
  }
}

function ignore(): void {}
