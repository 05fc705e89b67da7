/** Polls the health of the server and its readers. The histories for the charts are kept while the page is open. */
import { signal } from '@preact/signals';
import type { Health, ReaderInfo, ServerStats, StreamFSClient } from '../../src/client/index.ts';
import { appended, EMPTY, type History } from './history.ts';
import { Poller } from './poller.ts';
import { Rates } from './rates.ts';

/** Maximum number of readers shown; of more, only the oldest are. */
const MAX_READERS = 5000;

export interface ReaderRow extends ReaderInfo {
  /** Bytes per second that the reader receives. */
  rate: number | undefined;
  /** Milliseconds in which the bytes of its lag were written; undefined if nothing is being written. */
  behind: number | undefined;
  /** The server that listed the reader, if it shares a log with others: each numbers its own readers. */
  node: string | undefined;
}

type Chart = 'received' | 'delivered' | 'memory' | 'delay';

export class ServerFeed {
  readonly health = signal<Health | undefined>(undefined);
  readonly stats = signal<ServerStats | undefined>(undefined);
  readonly readers = signal<readonly ReaderRow[]>([]);
  /** Total number of readers. */
  readonly readerCount = signal(0);
  /** The server that listed the readers, if it shares a log with others. */
  readonly node = signal<string | undefined>(undefined);
  /** Bytes per second, bytes, milliseconds. */
  readonly history = signal<Readonly<Record<Chart, History>>>({
    received: EMPTY,
    delivered: EMPTY,
    memory: EMPTY,
    delay: EMPTY,
  });
  readonly poller: Poller;
  readonly #api: StreamFSClient;
  readonly #rates = new Rates();

  constructor(api: StreamFSClient) {
    this.#api = api;
    this.poller = new Poller((signal) => this.poll(signal));
  }

  /** Fetches everything once; called repeatedly by the poller. */
  async poll(signal: AbortSignal): Promise<void> {
    // Health needs no permission.
    this.health.value = await this.#api.health();
    const stats = await this.#api.stats({ signal });
    const time = performance.now();
    const life = stats.process.started_at;
    const received = this.#rates.rate('received', life, stats.totals.received, time);
    const delivered = this.#rates.rate('delivered', life, stats.totals.delivered, time);
    const readers: ReaderRow[] = [];
    let total = 0;
    let node: string | undefined;
    for (let after: number | undefined = 0; after !== undefined && readers.length < MAX_READERS; ) {
      const page = await this.#api.readers({ after, signal });
      const seen = performance.now();
      ({ node } = page);
      for (const reader of page.readers) {
        const rate = this.#rates.rate(`reader ${reader.id}`, life, reader.bytes, seen);
        const end = reader.offset + reader.lag;
        const written = this.#rates.rate(`end ${reader.id}`, reader.generation, end, seen);
        readers.push({ ...reader, rate, behind: written ? (reader.lag * 1000) / written : undefined, node });
      }
      total = page.count;
      after = page.next;
    }
    this.#rates.endRound();
    const now = Date.now();
    const before = this.history.peek();
    this.history.value = {
      received: appended(before.received, now, received),
      delivered: appended(before.delivered, now, delivered),
      memory: appended(before.memory, now, stats.memory.used),
      delay: appended(before.delay, now, stats.process.event_loop_delay_ms),
    };
    this.stats.value = stats;
    this.readers.value = readers;
    this.readerCount.value = total;
    this.node.value = node;
  }
}
