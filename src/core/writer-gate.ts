/**
 * Where writers wait: for readers with the policy `block`, for a log that has yet to save what came before, and for
 * their turn behind a write that is still waiting.
 *
 * Open and of no cost unless a reader asks for `block`. A reader that holds writers up for longer than the deadline
 * is cut off, so that one that has stopped for good cannot stop the stream (contract 7, 20).
 */

import { added, emptySet, removed } from './lazy-set.ts';
import type { StreamLog } from './stream-log.ts';
import type { StreamRules } from './stream-rules.ts';
import { MAX_CHUNK } from './types.ts';

/** The most a long write appends before readers get a turn, in bytes. */
const MAX_PORTION = 256 * 1024;

/** A reader with the policy `block`. */
export interface BlockingReader {
  /** Bytes to the end of the stream, and how many they may be before writers wait. */
  readonly lag: number;
  readonly allowedLag: number;
  cutOff(): void;
}

export class WriterGate {
  private readers = emptySet<BlockingReader>();
  private deadline = 0;
  private longPortion = MAX_CHUNK;
  /** The last of the writes that wait, in order; undefined when none does. */
  private queue: Promise<void> | undefined;
  private release: (() => void) | undefined;
  private abandoned = false;
  /** Where what is written is to be saved. */
  log: Pick<StreamLog, 'hasRoom' | 'whenRoom'> | undefined;

  constructor(rules: Pick<StreamRules, 'blockTimeout' | 'maxLag'>) {
    this.adopt(rules);
  }

  /** What holds from now on. */
  adopt({ blockTimeout, maxLag }: Pick<StreamRules, 'blockTimeout' | 'maxLag'>): void {
    this.deadline = blockTimeout;
    // A reader that keeps up must not fall behind too far within a portion.
    this.longPortion = Math.min(MAX_PORTION, Math.max(1, Math.floor(maxLag / 2 / MAX_CHUNK)) * MAX_CHUNK);
  }

  /**
   * Bytes written at a time, before readers get a turn: with a blocking reader a chunk, since no more slack than that
   * is kept for it.
   */
  get portion(): number {
    return this.readers.size === 0 ? this.longPortion : MAX_CHUNK;
  }

  /** Whether a write may go ahead at once. */
  get isOpen(): boolean {
    return this.queue === undefined && (this.readers.size === 0 || this.slowest() === undefined);
  }

  /** Bytes to keep beyond what readers may lag: a writer looks before a piece, not within it. */
  get slack(): number {
    return this.readers.size === 0 ? 0 : MAX_CHUNK;
  }

  add(reader: BlockingReader): void {
    this.readers = added(this.readers, reader);
  }

  delete(reader: BlockingReader): void {
    if (!this.readers.has(reader)) return;
    this.readers = removed(this.readers, reader);
    this.roomMade();
  }

  /** Makes waiting writers check again. */
  roomMade(): void {
    if (this.release !== undefined && this.slowest() === undefined) this.release();
  }

  /** The stream has ended: no writer waits any longer. Their appends are refused. */
  abandon(): void {
    this.abandoned = true;
    this.release?.();
  }

  /** Appends `bytes` with `append`, in portions, behind all that waits already. */
  pass(bytes: Uint8Array, append: (part: Uint8Array) => void): Promise<void> {
    const turn = (this.queue ?? Promise.resolve()).catch(() => undefined).then(() => this.drain(bytes, append));
    this.queue = turn;
    const done = () => {
      if (this.queue === turn) this.queue = undefined;
    };
    turn.then(done, done);
    return turn;
  }

  private async drain(bytes: Uint8Array, append: (part: Uint8Array) => void): Promise<void> {
    for (let at = 0; at < bytes.length || at === 0; ) {
      await this.room();
      const length = this.portion;
      append(bytes.subarray(at, at + length));
      at += length;
      // Behind the flush of this turn: setImmediate callbacks run in the order in which they were set.
      if (at < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private async room(): Promise<void> {
    const { log } = this;
    while (log !== undefined && !log.hasRoom && !this.abandoned) {
      await new Promise<void>((resolve) => {
        const release = () => {
          if (this.release === release) this.release = undefined;
          resolve();
        };
        this.release = release;
        log.whenRoom(release);
      });
    }
    if (this.abandoned || this.slowest() === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (let reader = this.slowest(); reader !== undefined; reader = this.slowest()) {
          reader.cutOff();
        }
        this.release?.();
      }, this.deadline);
      this.release = () => {
        clearTimeout(timer);
        this.release = undefined;
        resolve();
      };
    });
  }

  /** A reader that writers must wait for. */
  private slowest(): BlockingReader | undefined {
    for (const reader of this.readers) {
      if (reader.lag >= reader.allowedLag) return reader;
    }
    return undefined;
  }
}
