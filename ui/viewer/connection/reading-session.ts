/**
 * One read of a stream, from its first connection to its end, and its current state. When the stream has ended or was
 * removed, the session waits for the next generation at its path and continues with that. Records are passed to a sink
 * one at a time: a slow sink delays the next record, and through backpressure the server.
 */
import { signal } from '@preact/signals';
import { type FollowOptions, type FollowRecord, isClientError } from '../../../src/client/index.ts';
import type { PageClient } from '../../session/page-client.ts';
import { type GoneReason, NOT_FOUND_CODES, type Phase, type ReadingFacts } from './reading.ts';
import { isTransient, streamStatus } from './stream-status.ts';

export interface RecordSink {
  /** Returns a promise if the next record must wait. */
  take(record: FollowRecord, receivedAt: number): Promise<void> | undefined;
}

/** The heartbeat interval of an idle server; a page must detect a cut sooner than a program. */
const HEARTBEAT_MS = 1000;

/** Longer silence is shown; after three missing heartbeats the client gives up the connection. */
const SILENCE_MS = 2 * HEARTBEAT_MS;

/** After this much work without a pause the page gets a chance to draw. */
const WORK_MS = 10;

const ASK_FOR_END_MS = 2000;

/** How often the next generation is looked for after a stream has ended or was removed. */
export const NEXT_GENERATION_POLL_MS = 1000;

/** Why a stream has no more bytes: it still exists after `ended`. */
type OverReason = GoneReason | 'ended';

const TICK_MS = 250;

export interface SessionOptions {
  client: PageClient;
  path: string;
  start: Pick<FollowOptions, 'from' | 'last' | 'offset' | 'onExpired'>;
  sink: RecordSink;
  /** Whether the properties of the stream may be requested: a signed link does not allow it. */
  mayAsk: boolean;
  /** Whether a missing stream is created, and waited for. */
  create: boolean;
  /** Called when the read continues with the next generation of the path. */
  onNextGeneration: () => void;
}

export class ReadingSession {
  /** Updated four times a second, and at once when the phase changes. */
  readonly facts = signal<ReadingFacts>({
    phase: { kind: 'connecting' },
    silentFor: undefined,
    offset: undefined,
    lag: undefined,
    lost: 0,
  });
  readonly #options: SessionOptions;
  readonly #leaving = new AbortController();
  #phase: Phase = { kind: 'connecting' };
  #offset: number | undefined;
  #generation: string | undefined;
  #lost = 0;
  #hasData = false;
  #streamEnd: number | undefined;
  /** The time since which the page waits for the server; undefined while the page itself is busy. */
  #waitingSince: number | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  start(): void {
    const ticking = setInterval(() => this.#publish(), TICK_MS);
    const asking = this.#options.mayAsk ? setInterval(() => void this.#askForEnd(), ASK_FOR_END_MS) : undefined;
    void this.#run().finally(() => {
      clearInterval(ticking);
      clearInterval(asking);
      this.#publish();
    });
  }

  stop(): void {
    this.#leaving.abort();
  }

  async #run(): Promise<void> {
    const { create, start } = this.#options;
    try {
      let over = await this.#follow({ ...start, create });
      while (over !== undefined && !this.#leaving.signal.aborted) over = await this.#followNext(over);
    } catch (error) {
      if (this.#leaving.signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      this.#become({ kind: 'refused', why, code: isClientError(error) ? error.code : 'FAILED' });
    }
  }

  /** @returns why the stream is over; undefined if no next generation can be expected */
  async #follow(start: FollowOptions, previous?: string): Promise<OverReason | undefined> {
    const records = this.#options.client.api.follow(this.#options.path, {
      ...start,
      heartbeat: HEARTBEAT_MS,
      heartbeats: true,
      waitForServer: true,
      signal: this.#leaving.signal,
    });
    let before = previous;
    let worked = performance.now();
    while (true) {
      this.#waitingSince = performance.now();
      const { done, value: record } = await records.next();
      this.#waitingSince = undefined;
      if (done === true) return undefined;
      if (record.type === 'open' && before !== undefined) {
        const { generation = '' } = record;
        await this.#give({ type: 'recreated', previous: before, generation, lastOffset: this.#offset ?? 0 });
        before = undefined;
      }
      const wait = this.#give(record);
      if (wait !== undefined) {
        await wait;
        worked = performance.now();
      } else if (performance.now() - worked > WORK_MS) {
        await new Promise((resolve) => setTimeout(resolve));
        worked = performance.now();
      }
      if (this.#leaving.signal.aborted) return undefined;
      if (record.type === 'end') return this.#overReason(record.reason);
    }
  }

  #overReason(reason: string): OverReason | undefined {
    if (isGone(reason)) return reason;
    // A file that is not a stream has no generation.
    return reason === 'ended' && this.#generation !== undefined ? reason : undefined;
  }

  /** Checks once for the next generation, and reads all of it. */
  async #followNext(over: OverReason): Promise<OverReason | undefined> {
    await new Promise((resolve) => setTimeout(resolve, NEXT_GENERATION_POLL_MS));
    if (document.hidden || this.#leaving.signal.aborted) return over;
    const { client, mayAsk, path } = this.#options;
    const phase = this.#phase;
    try {
      const status = await streamStatus(client, path, mayAsk);
      if (status?.generation === undefined || status.generation === this.#generation) return over;
      return await this.#follow({ from: 'earliest', create: false }, this.#generation ?? '');
    } catch (error) {
      if (!isClientError(error)) throw error;
      // The server is unreachable or busy, or the next stream was removed before it could be read.
      if (!isTransient(error) && !NOT_FOUND_CODES.includes(error.code)) throw error;
      this.#become(phase);
      return over;
    }
  }

  #give(record: FollowRecord): Promise<void> | undefined {
    this.#note(record);
    return this.#options.sink.take(record, Date.now());
  }

  #note(record: FollowRecord): void {
    switch (record.type) {
      case 'open':
        this.#offset = record.offset;
        this.#generation = record.generation;
        this.#become({ kind: 'history' });
        break;
      case 'data':
        this.#hasData = true;
        this.#offset = record.offset + record.data.length;
        return;
      case 'gap':
        // Bytes before the first one that was received are not a loss: the view begins after them.
        if (this.#hasData) this.#lost += record.to - record.from;
        this.#offset = record.to;
        this.#become({ kind: 'history' });
        break;
      case 'caught-up':
        this.#offset = record.offset;
        this.#streamEnd = Math.max(this.#streamEnd ?? 0, record.offset);
        this.#become({ kind: 'live' });
        break;
      case 'heartbeat':
        this.#offset = record.offset;
        return;
      case 'reconnecting':
        this.#streamEnd = undefined;
        this.#become({
          kind: 'reconnecting',
          until: Date.now() + record.delay,
          attempt: record.attempt,
          why: record.error.message,
        });
        break;
      case 'recreated':
        this.#streamEnd = undefined;
        this.#options.onNextGeneration();
        return;
      case 'end':
        this.#offset = record.offset;
        if (isGone(record.reason)) this.#become({ kind: 'gone', reason: record.reason });
        else {
          const isLast = this.#overReason(record.reason) === undefined;
          this.#become({ kind: 'ended', reason: record.reason, status: record.status, isLast });
        }
        break;
    }
  }

  #become(phase: Phase): void {
    this.#phase = phase;
    this.#publish();
  }

  #publish(): void {
    const silence = this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince;
    const offset = this.#offset ?? 0;
    const isAhead = this.#phase.kind === 'history' && !this.#hasData && offset > (this.#streamEnd ?? offset);
    const lag = this.#streamEnd === undefined ? undefined : Math.max(0, this.#streamEnd - offset);
    this.facts.value = {
      phase: this.#phase,
      silentFor: silence > SILENCE_MS ? silence : undefined,
      offset: this.#offset,
      lag: this.#phase.kind === 'live' || this.#phase.kind === 'history' ? lag : undefined,
      ahead: isAhead ? offset - this.#streamEnd! : undefined,
      lost: this.#lost,
    };
  }

  /** Requests the end offset of the stream, to calculate the lag of this page. */
  async #askForEnd(): Promise<void> {
    if (document.hidden || (this.#phase.kind !== 'live' && this.#phase.kind !== 'history')) return;
    try {
      const { size } = await this.#options.client.api.stat(this.#options.path);
      if (this.#phase.kind === 'live' || this.#phase.kind === 'history') this.#streamEnd = size;
    } catch {
      // A failure is already visible in the state of the connection.
    }
  }
}

function isGone(reason: string): reason is GoneReason {
  return reason === 'removed' || reason === 'expired';
}
