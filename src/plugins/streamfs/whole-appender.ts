/** The end of a stream, for appends that protocols with whole appends make of nothing but bytes. */
import type { StoreAppender } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import type { Entry } from './entry.ts';

export class WholeAppender implements StoreAppender {
  private readonly entry: Entry;
  private readonly expireIfDue: (entry: Entry) => boolean;
  private readonly write: (entry: Entry, data: Uint8Array) => void | Promise<void>;

  /**
   * @param write appends a body whole, or throws
   * @param expireIfDue whether the stream is over for want of activity, which it has not been told yet
   */
  constructor(entry: Entry, write: WholeAppender['write'], expireIfDue: WholeAppender['expireIfDue']) {
    this.entry = entry;
    this.expireIfDue = expireIfDue;
    this.write = write;
  }

  append(piece: Uint8Array): void | Promise<void> {
    const { entry, stream } = this;
    const waiting = this.write(entry, piece);
    return waiting === undefined ? stream.whenSaved() : waiting.then(() => stream.whenSaved());
  }

  get stream() {
    return this.entry.stream;
  }

  get endOffset(): number {
    return this.stream.endOffset;
  }

  get generation(): string {
    return this.stream.generation;
  }

  get durability(): Durability | undefined {
    return this.stream.durability;
  }

  /** Also while another append waits that may be the last, or have a number: this one comes behind it. */
  get isOver(): boolean {
    const { deadline, facts, stream } = this.entry;
    if (stream.closedBy !== undefined || facts?.waiting !== undefined) return true;
    return deadline !== undefined && this.expireIfDue(this.entry);
  }
}
