/**
 * Writers wait here for readers with the policy `block`, for room in a log that has not saved earlier bytes, and for
 * earlier writes that are still waiting.
 *
 * The gate is open and costs nothing unless a reader uses `block`. A reader that makes writers wait longer than the
 * deadline is disconnected, so that a dead reader cannot stop the stream (contract 7, 20). A reader that has received
 * everything that the log has saved is not the cause of the wait.
 */

import { added, emptySet, removed } from './lazy-set.ts';
import type { StreamLog } from './stream-log.ts';
import type { StreamRules } from './stream-rules.ts';
import { MAX_CHUNK } from './types.ts';

/** The maximum number of bytes that a long write appends before readers get a turn. */
const MAX_PORTION = 256 * 1024;

/** A reader with the policy `block`. */
export interface BlockingReader {
  /** The lag in bytes, and the lag at which writers wait. */
  readonly lag: number;
  readonly allowedLag: number;
  /** Bytes that it may receive now. */
  readonly unread: number;
  disconnect(): void;
}

export class WriterGate {
  private readers = emptySet<BlockingReader>();
  private deadline = 0;
  private longPortion = MAX_CHUNK;
  /** The last waiting write, in order; undefined if none waits. */
  private queue: Promise<void> | undefined;
  private release: (() => void) | undefined;
  private abandoned = false;
  /** The log that must have room for written bytes, if any. */
  log: Pick<StreamLog, 'hasRoom' | 'requireWritable' | 'whenRoom'> | undefined;

  constructor(rules: Pick<StreamRules, 'blockTimeout' | 'maxLag'>) {
    this.adopt(rules);
  }

  /** Applies new rules. */
  adopt({ blockTimeout, maxLag }: Pick<StreamRules, 'blockTimeout' | 'maxLag'>): void {
    this.deadline = blockTimeout;
    // A portion must not make a reader that keeps up exceed its allowed lag.
    this.longPortion = Math.min(MAX_PORTION, Math.max(1, Math.floor(maxLag / 2 / MAX_CHUNK)) * MAX_CHUNK);
  }

  /**
   * Bytes written at a time before readers get a turn: one chunk if a reader uses `block`, since only that much slack
   * is kept for it.
   */
  get portion(): number {
    return this.readers.size === 0 ? this.longPortion : MAX_CHUNK;
  }

  /** Whether a write can proceed without waiting. */
  get isOpen(): boolean {
    return this.queue === undefined && (this.readers.size === 0 || !this.hasFullReader);
  }

  /** Bytes to keep beyond the allowed lag, because writers check the lag before a portion, not within it. */
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
    if (this.release !== undefined && !this.hasFullReader) this.release();
  }

  /** The stream has ended: releases all waiting writers. Their appends fail. */
  abandon(): void {
    this.abandoned = true;
    this.release?.();
  }

  /** Appends `bytes` with `append` in portions, after all writes that already wait. */
  write(bytes: Uint8Array, append: (part: Uint8Array) => void): Promise<void> {
    const turn = (this.queue ?? Promise.resolve()).catch(() => undefined).then(() => this.writePortions(bytes, append));
    this.queue = turn;
    const done = () => {
      if (this.queue === turn) this.queue = undefined;
    };
    turn.then(done, done);
    return turn;
  }

  private async writePortions(bytes: Uint8Array, append: (part: Uint8Array) => void): Promise<void> {
    for (let at = 0; at < bytes.length || at === 0; ) {
      await this.waitForRoom();
      const length = this.portion;
      append(bytes.subarray(at, at + length));
      at += length;
      // Runs after the flush of this turn, because setImmediate callbacks run in the order in which they were
      // scheduled.
      if (at < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private async waitForRoom(): Promise<void> {
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
    while (!this.abandoned && this.hasFullReader) {
      await this.whenReadersAdvance();
      // While nothing can be saved, no reader can advance.
      log?.requireWritable();
    }
  }

  /** Waits for the readers, up to the deadline. Then those that had bytes to receive are disconnected. */
  private async whenReadersAdvance(): Promise<void> {
    await new Promise<void>((resolve) => {
      const release = () => {
        clearTimeout(timer);
        this.release = undefined;
        resolve();
      };
      const timer = setTimeout(() => {
        for (const reader of this.readers) if (isFull(reader) && reader.unread > 0) reader.disconnect();
        if (this.release === release) release();
      }, this.deadline);
      this.release = release;
    });
  }

  /** Whether a reader has reached its allowed lag, so that writers must wait for it. */
  private get hasFullReader(): boolean {
    for (const reader of this.readers) if (isFull(reader)) return true;
    return false;
  }
}

function isFull({ allowedLag, lag }: BlockingReader): boolean {
  return lag >= allowedLag;
}
