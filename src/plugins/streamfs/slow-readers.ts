/**
 * Logs readers that are too slow: at most one message per second for all streams of a mount, summarizing the losses in
 * between, so that a thousand slow readers do not fill a disk (contract 8). The listing of readers identifies them; the
 * facts of each stream contain its losses.
 */
import type { GapRecord, Reader } from '../../core/index.ts';
import type { PluginLogger } from '../../fs/index.ts';
import { LogThrottle } from '../../logging/index.ts';

interface Cut {
  stream: string;
  reader: Reader;
  reason: string;
}

export class SlowReaders {
  private readonly logger: PluginLogger;
  /** Bytes lost since the last line, by stream. */
  private readonly lost = new Map<string, number>();
  private chunks = 0;
  private readonly losses = new LogThrottle<undefined>(() => this.logLosses());
  private readonly cuts = new LogThrottle<Cut>((count, { stream, reader, reason }) =>
    this.logger.warn('reader cut off', { stream, reader: reader.id, reason, ...(count > 1 ? { count } : {}) }),
  );

  constructor(logger: PluginLogger) {
    this.logger = logger;
  }

  lose(stream: string, gap: GapRecord): void {
    this.lost.set(stream, (this.lost.get(stream) ?? 0) + gap.to - gap.from);
    this.chunks += gap.chunks;
    this.losses.add(undefined);
  }

  cutOff(cut: Cut): void {
    this.cuts.add(cut);
  }

  /** Logs the stream with the largest loss, and the sum of all. */
  private logLosses(): void {
    let [stream, most, skippedBytes] = ['', -1, 0];
    for (const [name, bytes] of this.lost) {
      skippedBytes += bytes;
      if (bytes > most) [stream, most] = [name, bytes];
    }
    const streams = this.lost.size;
    const facts = { stream, ...(streams > 1 ? { streams } : {}), skippedBytes, skippedChunks: this.chunks };
    this.lost.clear();
    this.chunks = 0;
    this.logger.warn('readers too slow', facts);
  }

  /** Logs pending messages immediately. */
  flush(): void {
    this.losses.flush();
    this.cuts.flush();
  }
}
