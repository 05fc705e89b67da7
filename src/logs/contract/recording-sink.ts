/** A mirror's side of a log that records all calls, as a reader of the log would see them. */
import assert from 'node:assert/strict';
import type { LogEnd, LogSink } from '../log.ts';

type RecordedEvent =
  | { readonly kind: 'chunk'; readonly offset: number; readonly text: string }
  | { readonly kind: 'gap'; readonly from: number; readonly to: number; readonly chunks: number };

export class RecordingSink implements LogSink {
  endOffset = 0;
  chunkCount = 0;
  over: LogEnd | 'replaced' | undefined;
  readonly events: RecordedEvent[] = [];
  /** The facts received, with the end of the mirror at that time. */
  readonly factsAt: { readonly offset: number; readonly facts: string }[] = [];
  readonly #waiting = new Set<() => void>();

  facts(facts: string): void {
    this.factsAt.push({ offset: this.endOffset, facts });
  }

  data(chunks: readonly Uint8Array[]): void {
    assert.equal(this.over, undefined, 'data after the end');
    for (const chunk of chunks) {
      assert.ok(chunk.length > 0, 'an empty chunk');
      this.events.push({ kind: 'chunk', offset: this.endOffset, text: Buffer.from(chunk).toString('latin1') });
      this.endOffset += chunk.length;
      this.chunkCount++;
    }
    this.#changed();
  }

  gap(offset: number, chunks: number): void {
    assert.equal(this.over, undefined, 'a gap after the end');
    assert.ok(offset > this.endOffset, `a gap to ${offset}, where the mirror ends at ${this.endOffset}`);
    assert.ok(chunks >= 0, `a gap of ${chunks} chunks`);
    this.events.push({ kind: 'gap', from: this.endOffset, to: offset, chunks });
    this.endOffset = offset;
    this.chunkCount += chunks;
    this.#changed();
  }

  end(end: LogEnd): void {
    const isLater = typeof this.over === 'object' && this.over.reason === 'ended' && end.reason !== 'ended';
    assert.ok(this.over === undefined || isLater, `a second end: ${end.reason}`);
    this.over = end;
    this.#changed();
  }

  replaced(): void {
    assert.equal(this.over, undefined, 'replaced after the end');
    this.over = 'replaced';
    this.#changed();
  }

  retained(offset: number): readonly Uint8Array[] | undefined {
    const chunks: Uint8Array[] = [];
    let reaches = offset === this.endOffset;
    for (const one of this.events) {
      if (one.kind === 'gap' || one.offset < offset) continue;
      reaches ||= one.offset === offset;
      chunks.push(Buffer.from(one.text, 'latin1'));
    }
    return reaches ? chunks : undefined;
  }

  get texts(): string[] {
    return this.events.flatMap((one) => (one.kind === 'chunk' ? [one.text] : []));
  }

  get gaps(): RecordedEvent[] {
    return this.events.filter(({ kind }) => kind === 'gap');
  }

  /** Resolves when a condition holds; rejects after ten seconds with the events so far. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = setTimeout(() => this.#changed(), TEN_SECONDS_MS);
    const end = performance.now() + TEN_SECONDS_MS;
    try {
      while (!holds()) {
        assert.ok(
          performance.now() < end,
          `${what}: got ${JSON.stringify(this.events).slice(0, 2000)}, over: ${this.over}`,
        );
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  reaches(offset: number): Promise<void> {
    return this.until(`the follower reaches ${offset}`, () => this.endOffset >= offset);
  }

  /** Resolves when the follower reports that the path is free. */
  isGone(): Promise<void> {
    return this.until(
      'the follower reports that the stream is gone',
      () => typeof this.over === 'object' && this.over.reason !== 'ended',
    );
  }

  isOver(): Promise<void> {
    return this.until('the follower reports the end', () => this.over !== undefined);
  }

  #changed(): void {
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }
}

const TEN_SECONDS_MS = 10_000;
