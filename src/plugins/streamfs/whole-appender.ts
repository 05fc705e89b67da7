/** Appends bodies to a stream for protocols with atomic appends, when an append consists only of bytes. */
import type { StoreAppender } from '../../fs/index.ts';
import type { Durability } from '../../protocol/index.ts';
import type { Entry } from './entry.ts';
import { whenSaved } from './stream-appender.ts';

export class WholeAppender implements StoreAppender {
  isPlaced = true;
  private readonly entry: Entry;
  private readonly expireIfDue: (entry: Entry) => boolean;
  private readonly write: (entry: Entry, data: Uint8Array) => void | Promise<void>;

  /**
   * @param write appends a whole body, or throws
   * @param expireIfDue whether the stream has expired without having been ended yet
   */
  constructor(entry: Entry, write: WholeAppender['write'], expireIfDue: WholeAppender['expireIfDue']) {
    this.entry = entry;
    this.expireIfDue = expireIfDue;
    this.write = write;
  }

  append(piece: Uint8Array): Promise<number> | undefined {
    const { entry, stream } = this;
    const waiting = this.write(entry, piece);
    this.isPlaced = waiting === undefined;
    return whenSaved(stream, waiting);
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

  /** Also true while another append waits that may be the last or have a number: this one must follow it. */
  get isOver(): boolean {
    const { deadline, facts, stream } = this.entry;
    if (stream.closedBy !== undefined || facts?.waiting !== undefined) return true;
    return deadline !== undefined && this.expireIfDue(this.entry);
  }
}
