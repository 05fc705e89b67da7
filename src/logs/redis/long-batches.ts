/**
 * The bytes of long batches, which are published apart from their heads: those of other nodes come by a channel that is
 * subscribed to once they are missed, those of this node it has already. So a node that alone writes to a stream takes none
 * of its bytes back.
 */
import type { Subscriber } from './engine.ts';
import { textOfLengths } from './lengths.ts';
import { type Entry, entryOf, entryOfChunks, type Head } from './replies.ts';
import { LONG_BYTES, LONG_CHANNEL } from './scripts.ts';

/** Long batches of this node that follow each other, after which those of others are not awaited any more. */
const OWN_IN_A_ROW = 64;

export interface Subscriptions {
  subscribe(subscriber: Subscriber): void;
  unsubscribe(subscriber: Subscriber): void;
}

export class LongBatches implements Subscriber {
  readonly channel: string;
  readonly #subscriptions: Subscriptions;
  readonly #own = new Map<string, readonly Uint8Array[]>();
  #isSubscribed = false;
  #ownInARow = 0;
  /** What came last: a tag, then the bytes of that batch. Both are published in one step, so nothing comes in between. */
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

  /** The batch of a head; undefined where its bytes have not come, and are to be read. */
  entryOf(head: Head): Entry | undefined {
    const own = this.#own.get(head.tag);
    if (own !== undefined && textOfLengths(own) === head.lengths) {
      this.#ownInARow++;
      if (this.#ownInARow > OWN_IN_A_ROW) this.close();
      return entryOfChunks(head, own);
    }
    this.#ownInARow = 0;
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

  // ── what is published ──────────────────────────────────────────────────────────────────────────────────────────

  message(message: Buffer): void {
    if (message.length >= LONG_BYTES) this.#bytes = message;
    else {
      this.#tag = message.toString('latin1');
      this.#bytes = undefined;
    }
  }

  /** Heads whose bytes were missed are read. */
  subscribed(): void {}

  interrupted(): void {}
}
