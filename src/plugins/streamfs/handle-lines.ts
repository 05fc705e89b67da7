/**
 * Whole lines across the writes of a handle. Writes are applied one after the other. A refused write leaves the
 * unfinished line as it was before, so that repeating the write makes the same line: bytes acknowledged by earlier
 * writes are not lost. A refused write of several lines may have appended some of them, which a repetition appends
 * again.
 */
import type { MemoryBudget } from '../../core/index.ts';
import type { RingStream } from '../../core/internal.ts';
import { isStreamFSError, limitReached } from '../../errors/index.ts';
import { NEWLINE_ALONE } from './line-cutter.ts';
import type { HandleWriter } from './stream-handle.ts';

/** A line whose unfinished start can be restored. */
export interface RestorableLine {
  /** Whether the start of a line has been written, but not its end. */
  readonly isBegun: boolean;
  /** Whether a write of these bytes only extends the held start of a line, and thus fails only without effect. */
  onlyHolds(bytes: Uint8Array): boolean;
  /** Bytes are in use until the result settles. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** A copy of the held start of a line. */
  copyHeld(): Uint8Array;
  /** After a failed write: replaces the held bytes by an earlier copy. */
  restore(held: Uint8Array): void;
  /** Releases the line without completing it. */
  release(): void;
}

const EMPTY = new Uint8Array(0);

export interface HandleLinesOptions {
  line: RestorableLine;
  memory: MemoryBudget | undefined;
  stream: Pick<RingStream, 'whenSaved'>;
}

export class HandleLines implements HandleWriter {
  private readonly options: HandleLinesOptions;
  /** The last waiting write; never rejects. */
  private last: Promise<void> | undefined;
  /** The begun line must be completed before anything else is written. */
  private isCut = false;

  constructor(options: HandleLinesOptions) {
    this.options = options;
  }

  /** The memory of `bytes` may be reused as soon as this returns. */
  write(bytes: Uint8Array): void | Promise<void> {
    if (this.last === undefined) return this.inOrder(this.attempt(bytes));
    const copy = new Uint8Array(bytes);
    return this.inOrder(this.last.then(() => this.attempt(copy)));
  }

  private inOrder(waiting: void | Promise<void>): void | Promise<void> {
    if (waiting === undefined) return undefined;
    const last = waiting.catch(ignore).then(() => {
      if (this.last === last) this.last = undefined;
    });
    this.last = last;
    return waiting;
  }

  private attempt(bytes: Uint8Array): void | Promise<void> {
    const { line, memory } = this.options;
    const isCompleting = this.isCut && line.isBegun;
    const written = isCompleting ? Buffer.concat([NEWLINE_ALONE, bytes]) : bytes;
    if (!isCompleting && line.onlyHolds(bytes)) return line.write(bytes);
    const held = line.copyHeld();
    if (memory?.tryTake(held.length) === false) throw limitReached('MEMORY_LIMIT', 'memory', memory.limit);
    const succeeded = () => {
      memory?.give(held.length);
      this.isCut = false;
    };
    const failed = (error: unknown) => {
      memory?.give(held.length);
      line.restore(held);
      throw error;
    };
    let waiting: void | Promise<void>;
    try {
      waiting = this.append(written);
    } catch (error) {
      return failed(error);
    }
    if (waiting === undefined) return succeeded();
    return waiting.then(succeeded, failed);
  }

  private append(bytes: Uint8Array): void | Promise<void> {
    const { line, stream } = this.options;
    const waiting = line.write(bytes);
    return waiting === undefined ? stream.whenSaved() : waiting.then(() => stream.whenSaved());
  }

  /** Completes the unfinished line, if there is one. */
  complete(): void | Promise<void> {
    const completeNow = () => {
      if (!this.options.line.isBegun) return undefined;
      this.isCut = true;
      return this.attempt(EMPTY);
    };
    return this.inOrder(this.last === undefined ? completeNow() : this.last.then(completeNow));
  }

  completeQuietly(): void {
    try {
      this.complete()?.catch(ignore);
    } catch {
      // The line stays held, and is completed before the next write.
    }
  }

  async close(): Promise<void> {
    try {
      await this.complete();
    } catch (error) {
      // The line is lost with its stream.
      if (!isStreamFSError(error, 'STREAM_CLOSED', 'STREAM_SHUT_DOWN')) throw error;
    } finally {
      this.options.line.release();
    }
  }
}

function ignore(): void {}
