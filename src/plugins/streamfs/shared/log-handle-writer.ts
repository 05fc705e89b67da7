/** The writers of handles on a shared stream: each write is separate, so a failed one does not prevent the next. */
import type { MemoryBudget } from '../../../core/index.ts';
import type { RestorableLine } from '../handle-lines.ts';
import { NEWLINE } from '../line-cutter.ts';
import type { HandleWriter } from '../stream-handle.ts';
import { WholeLinesWriter } from '../whole-lines.ts';
import { type LogWriter, MAX_BATCH_BYTES, requireLinesFit } from './log-writer.ts';

export class LogHandleWriter implements HandleWriter {
  private readonly open: () => LogWriter;
  private writer: LogWriter;

  /** @param open opens a writer; called again after a failed write */
  constructor(open: () => LogWriter) {
    this.open = open;
    this.writer = open();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.writer.hasFailed) {
      void this.writer.abort();
      this.writer = this.open();
    }
    const { writer } = this;
    await writer.write(bytes);
    await writer.flush();
  }

  completeQuietly(): void {}

  async close(): Promise<void> {
    void this.writer.abort();
  }
}

/** The same, for a handle that keeps lines whole. */
export class LogLine implements RestorableLine {
  private readonly open: () => LogWriter;
  private readonly memory: MemoryBudget | undefined;
  private writer: LogWriter;
  private lines: WholeLinesWriter;

  constructor(open: () => LogWriter, memory: MemoryBudget | undefined) {
    this.open = open;
    this.memory = memory;
    this.writer = open();
    this.lines = this.linesOf(this.writer);
  }

  private linesOf(writer: LogWriter): WholeLinesWriter {
    return new WholeLinesWriter(writer, { max: MAX_BATCH_BYTES, memory: this.memory });
  }

  get isBegun(): boolean {
    return this.lines.heldBytes > 0;
  }

  onlyHolds(bytes: Uint8Array): boolean {
    return bytes.indexOf(NEWLINE) < 0;
  }

  write(bytes: Uint8Array): void | Promise<void> {
    return this.onlyHolds(bytes) ? this.lines.write(bytes) : this.append(bytes);
  }

  /** @throws APPEND_TOO_LARGE before any line is appended */
  private async append(bytes: Uint8Array): Promise<void> {
    requireLinesFit(bytes, this.lines.heldBytes);
    await this.lines.write(bytes);
    await this.writer.flush();
  }

  copyHeld(): Uint8Array {
    return this.lines.copyHeld();
  }

  restore(held: Uint8Array): void {
    this.release();
    this.writer = this.open();
    this.lines = this.linesOf(this.writer);
    if (held.length > 0) void this.lines.write(held);
  }

  release(): void {
    void this.lines.discard();
  }
}
