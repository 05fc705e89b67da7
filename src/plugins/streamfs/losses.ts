/** Tells the log of losses: at most one line a second for each stream, with what came together meanwhile (contract 8). */
import type { PluginLogger } from '../../fs/index.ts';

const PERIOD = 1000;

export class LossLog {
  private readonly logger: PluginLogger;
  private readonly path: string;
  private readonly now: () => number;
  private lastLine = Number.NEGATIVE_INFINITY;
  private bytes = 0;
  private chunks = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(path: string, logger: PluginLogger, now: () => number = () => performance.now()) {
    this.path = path;
    this.logger = logger;
    this.now = now;
  }

  add(bytes: number, chunks: number): void {
    this.bytes += bytes;
    this.chunks += chunks;
    const wait = this.lastLine + PERIOD - this.now();
    if (wait <= 0) this.report();
    else this.timer ??= setTimeout(() => this.report(), wait).unref();
  }

  private report(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.lastLine = this.now();
    this.logger.warn('readers too slow', { stream: this.path, skippedBytes: this.bytes, skippedChunks: this.chunks });
    this.bytes = 0;
    this.chunks = 0;
  }

  /** Says what is left to be said. */
  close(): void {
    if (this.timer !== undefined) this.report();
  }
}
