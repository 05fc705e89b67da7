/**
 * Counts bytes that wait for the log, of one stream or of a mount: above a limit, writers wait until some have been
 * written.
 */
export class Backlog {
  bytes = 0;
  private readonly max: number;
  private waiting: (() => void)[] = [];

  constructor(max: number) {
    this.max = max;
  }

  get isFull(): boolean {
    return this.bytes >= this.max;
  }

  take(bytes: number): void {
    this.bytes += bytes;
  }

  give(bytes: number): void {
    this.bytes -= bytes;
    if (this.isFull) return;
    const { waiting } = this;
    this.waiting = [];
    for (const go of waiting) go();
  }

  /** Resolves when there may be room. */
  whenRoom(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
