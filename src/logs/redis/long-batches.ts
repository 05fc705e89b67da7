/**
 * Handles the bytes of long batches, which are published separately from their heads. The bytes of other nodes arrive
 * on a channel that is subscribed to on first need; the bytes of this node are already here. So a node that is the only
 * writer of a stream does not receive its own bytes back.
 */
import type { Subscriber } from './engine.ts';
import { textOfLengths } from './lengths.ts';
import { type Entry, entryOf, entryOfChunks, type Head } from './replies.ts';
import { LONG_BYTES, LONG_CHANNEL } from './scripts.ts';

/** Consecutive long batches of this node after which the channel is unsubscribed again. */
const MAX_CONSECUTIVE_OWN = 64;

export interface Subscriptions {
  subscribe(subscriber: Subscriber): void;
  unsubscribe(subscriber: Subscriber): void;
}

export class LongBatches implements Subscriber {
  readonly channel: string;
  readonly #subscriptions: Subscriptions;
  readonly #own = new Map<string, readonly Uint8Array[]>();
  #isSubscribed = false;
  #consecutiveOwn = 0;
  /**
   * The last tag and the bytes of that batch. Both are published in one step, so that no other message comes between
   * them.
   */
  #tag = '';
  #bytes: Buffer | undefined;

  constructor(channel: string, subscriptions: Subscriptions) {
    this.channel = `${channel}${LONG_CHANNEL}`;
    this.#subscriptions = subscriptions;
  }

  /** Keeps a batch of this node, from before it is sent until the mirror has it. */
  keep(tag: string, chunks: readonly Uint8Array[]): void {
    this.#own.set(tag, chunks);
  }

  release(tag: string): void {
    this.#own.delete(tag);
  }

  ownOf(tag: string): readonly Uint8Array[] | undefined {
    return this.#own.get(tag);
  }

  /** Returns the batch of a head; undefined if its bytes have not arrived, and must be read. */
  entryOf(head: Head): Entry | undefined {
    const own = this.#own.get(head.tag);
    if (own !== undefined && textOfLengths(own) === head.lengths) {
      this.#consecutiveOwn++;
      if (this.#consecutiveOwn > MAX_CONSECUTIVE_OWN) this.close();
      return entryOfChunks(head, own);
    }
    this.#consecutiveOwn = 0;
    const bytes = this.#tag === head.tag ? this.#bytes : undefined;
    this.#bytes = undefined;
    if (bytes?.length === head.length) return entryOf(head, bytes);
    this.#subscribe();
    return undefined;
  }

  close(): void {
    if (!this.#isSubscribed) return;
    this.#isSubscribed = false;
    this.#bytes = undefined;
    this.#subscriptions.unsubscribe(this);
  }

  #subscribe(): void {
    if (this.#isSubscribed) return;
    this.#isSubscribed = true;
    this.#subscriptions.subscribe(this);
  }

  // ── messages of the channel ────────────────────────────────────────────────────────────────────────────────────

  message(message: Buffer): void {
    if (message.length >= LONG_BYTES) this.#bytes = message;
    else {
      this.#tag = message.toString('latin1');
      this.#bytes = undefined;
    }
  }

  /** Heads whose bytes were missed are read. */
  subscribed(): void {}
}
