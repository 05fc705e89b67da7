/** Converts the records of a read to rows: lines, and notices of events between them. */
import type { FollowRecord } from '../../../src/client/index.ts';
import type { RecordSink } from '../connection/reading-session.ts';
import type { Splitter } from '../text/line-splitter.ts';
import { LineStore } from '../text/line-store.ts';

export class LogModel implements RecordSink {
  readonly store = new LineStore();
  readonly #splitter: Splitter;
  readonly #onChange: () => void;
  readonly #onFirstBytes: (bytes: Uint8Array) => void;
  /** Whether any part of this generation of the stream has been received. */
  #isBegun = false;
  #connections = 0;
  #isPartialStale = false;

  constructor(splitter: Splitter, onChange: () => void, onFirstBytes: (bytes: Uint8Array) => void) {
    this.#splitter = splitter;
    this.#onChange = onChange;
    this.#onFirstBytes = onFirstBytes;
  }

  take(record: FollowRecord, receivedAt: number): undefined {
    switch (record.type) {
      case 'open':
        this.#connections += 1;
        if (this.#connections > 1 && this.#isBegun && record.offset !== undefined) {
          this.store.push({ kind: 'notice', notice: { type: 'reconnected', offset: record.offset }, receivedAt });
        }
        break;
      case 'data': {
        if (!this.#isBegun) {
          this.#begin(record.offset, false, receivedAt);
          this.#onFirstBytes(record.data);
        }
        for (const row of this.#splitter.push(record.offset, record.data, receivedAt)) this.store.push(row);
        break;
      }
      case 'gap':
        if (!this.#isBegun) {
          this.#begin(record.to, true, receivedAt);
          break;
        }
        this.#flush();
        this.store.push({ kind: 'gap', from: record.from, to: record.to, chunks: record.chunks, receivedAt });
        break;
      case 'recreated': {
        this.#flush();
        this.#splitter.reset();
        this.#isBegun = false;
        const { lastOffset } = record;
        this.store.push({ kind: 'notice', notice: { type: 'recreated', lastOffset }, receivedAt });
        break;
      }
      case 'end': {
        this.#flush();
        const { offset, reason, status } = record;
        this.store.push({ kind: 'notice', notice: { type: 'ended', offset, reason, status }, receivedAt });
        break;
      }
      default:
        return;
    }
    this.#isPartialStale = true;
    this.#onChange();
  }

  /** Updates the incomplete line; called once per frame. */
  update(): void {
    if (this.#isPartialStale) this.store.partial = this.#splitter.partial();
    this.#isPartialStale = false;
  }

  #begin(offset: number, isGone: boolean, receivedAt: number): void {
    this.#isBegun = true;
    if (offset > 0) this.store.push({ kind: 'notice', notice: { type: 'starts', offset, isGone }, receivedAt });
  }

  #flush(): void {
    for (const row of this.#splitter.flush()) this.store.push(row);
  }
}
