/**
 * Follows a stream live, across cuts. A follower knows its offset and the generation that it reads, so after a cut it
 * requests the next byte: nothing is lost or repeated while the server still retains it. Otherwise the loss is reported
 * as a gap of exact size (contract 9, 19).
 *
 *     start ──► read ──cut──► wait ──► resume at offset, same generation ──► read …
 *                                         │ another generation, or gone
 *                                         └──► restart at the earliest: `recreated` ──► read …
 */

import { FRAMES_MEDIA_TYPE, HEADERS, OCTET_STREAM } from '../protocol/index.ts';
import { Backoff, delay } from './backoff.ts';
import { endReason } from './end-reason.ts';
import { describeFailure, isPermanent, StreamFSClientError } from './errors.ts';
import { bodyReader, type FetchResponse } from './fetch.ts';
import type { FollowOptions, FollowRecord } from './follow-types.ts';
import { type Frame, FrameDecoder } from './frames.ts';
import { isFramed, offsetHeader } from './headers.ts';
import { anySignal, type Query, type Transport } from './transport.ts';
import { checkInteger, checkOnlyOne } from './validate.ts';

const DEFAULT_HEARTBEAT = 15_000;

/** How long a server may take to answer with headers: it sends them at once (contract 69). */
const HEAD_TIMEOUT_MS = 30_000;

/** Heartbeats that may be missing before the connection counts as cut. */
const MISSED_HEARTBEATS = 3;

/** See `onSilence`. */
const READ_GRACE_MS = 250;

/** Connections in a row without a delay: gone, recreated, and back again. */
const MAX_IMMEDIATE_RECONNECTS = 4;

/** Follows `path`. Options are checked at once; the first `next()` connects. */
export function follow(
  transport: Transport,
  path: string,
  options: FollowOptions,
): AsyncIterableIterator<FollowRecord> {
  checkOnlyOne({ from: options.from, offset: options.offset, last: options.last, lastLines: options.lastLines });
  checkInteger('offset', options.offset);
  checkInteger('last', options.last, 1);
  checkInteger('lastLines', options.lastLines, 1);
  checkInteger('timeout', options.timeout);
  checkInteger('heartbeat', options.heartbeat);
  checkInteger('retryFor', options.retryFor);
  if (typeof options.waitForServer === 'number') checkInteger('waitForServer', options.waitForServer);
  return closable((signal) => new Follower(transport, path, options, signal).records(), options.signal);
}

/**
 * Makes a generator that can be closed at any time. An async generator handles `return()` only when it next yields,
 * which on an idle stream is never. So it is aborted first, and leaving a loop takes effect at once.
 */
function closable(
  start: (signal: AbortSignal) => AsyncGenerator<FollowRecord, void, void>,
  outer: AbortSignal | undefined,
): AsyncIterableIterator<FollowRecord> {
  const closing = new AbortController();
  const records = start(anySignal(closing.signal, outer) ?? closing.signal);
  const done = { done: true, value: undefined } as const;
  return {
    async next() {
      try {
        return await records.next();
      } catch (error) {
        if (closing.signal.aborted) return done;
        throw error;
      }
    },
    async return() {
      closing.abort();
      await records.return();
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

class Follower {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: FollowOptions;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff | undefined;
  /** How the next connection is requested. */
  #mode: 'start' | 'resume' | 'restart' = 'start';
  /** The offset of the next byte, once it is known. */
  #cursor: number | undefined;
  #generation: string | undefined;
  /** When the last byte arrived, or following began, by the monotonic clock. */
  #lastData = performance.now();
  #failingSince: number | undefined;

  constructor(transport: Transport, path: string, options: FollowOptions, signal: AbortSignal) {
    this.#transport = transport;
    this.#path = path;
    this.#options = options;
    this.#signal = signal;
    const reconnect = options.reconnect ?? true;
    if (reconnect !== false) this.#backoff = new Backoff(reconnect === true ? {} : reconnect);
    else if (this.#firstWait > 0) this.#backoff = new Backoff();
  }

  async *records(): AsyncGenerator<FollowRecord, void, void> {
    let again = 0;
    while (true) {
      const failure = yield* this.#connection(new AbortController());
      if (failure === 'done') return;
      if (failure === 'again') {
        again += 1;
        if (again <= MAX_IMMEDIATE_RECONNECTS) continue;
        throw new StreamFSClientError('protocol', 'the server contradicts itself about the generation of the stream');
      }
      again = 0;
      const wait = this.#backoff?.next(failure.retryAfter);
      if (wait === undefined || this.#isTooLong(wait)) throw failure;
      if (this.#timeLeft() <= 0) {
        yield { type: 'end', offset: this.#cursor ?? 0, reason: 'timeout' };
        return;
      }
      const attempt = this.#backoff?.made ?? 0;
      yield { type: 'reconnecting', offset: this.#cursor, attempt, delay: wait, error: failure };
      await delay(Math.min(wait, Math.max(0, this.#timeLeft())), this.#signal);
    }
  }

  /**
   * One connection, from its request to its end. Returns `done` when the stream has ended, `again` to reconnect without
   * a delay, or an error to reconnect after a delay. Throws errors that a retry cannot fix.
   */
  async *#connection(
    controller: AbortController,
  ): AsyncGenerator<FollowRecord, StreamFSClientError | 'done' | 'again'> {
    let response: FetchResponse;
    try {
      response = await this.#connect(controller);
    } catch (error) {
      return this.#judge(error);
    }
    try {
      const opened = this.#opened(response);
      if (opened === 'again') return 'again';
      yield* opened;
      if (isFramed(response)) return yield* this.#readFrames(response, controller);
      return yield* this.#readRaw(response);
    } finally {
      // Also reached when the caller leaves its loop: the connection must not outlive it.
      controller.abort();
    }
  }

  async #connect(controller: AbortController): Promise<FetchResponse> {
    const tooLate = new StreamFSClientError('unreachable', `${this.#transport.base} does not answer`);
    const timer = setTimeout(() => controller.abort(tooLate), HEAD_TIMEOUT_MS);
    try {
      return await this.#transport.request('GET', '/files', {
        query: this.#query(),
        headers: { accept: `${FRAMES_MEDIA_TYPE}, ${OCTET_STREAM};q=0.5` },
        signal: AbortSignal.any([controller.signal, this.#signal]),
      });
    } catch (error) {
      throw controller.signal.aborted && !this.#signal.aborted ? tooLate : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #query(): Query {
    const { from, offset, last, lastLines, onExpired, generation, create, join, onLag, heartbeat, timeout } =
      this.#options;
    const common = {
      path: this.#path,
      stream: true,
      format: 'frames',
      on_lag: onLag,
      heartbeat: heartbeat === undefined ? undefined : `${heartbeat}ms`,
      // The remaining time: a cut does not restart the timeout.
      timeout: timeout ? `${Math.max(1, Math.ceil(this.#timeLeft()))}ms` : timeout,
    };
    switch (this.#mode) {
      case 'start':
        return {
          ...common,
          from,
          offset,
          last,
          last_lines: lastLines,
          on_expired: onExpired,
          generation,
          create,
          join,
        };
      case 'resume':
        // create=false: a stream that is gone must not look like an empty one. A reader with the policy `disconnect`
        // must not get a gap because of a cut.
        return {
          ...common,
          offset: this.#cursor,
          generation: this.#generation,
          on_expired: onLag === 'disconnect' ? 'error' : 'skip',
          create: false,
        };
      case 'restart':
        return { ...common, from: 'earliest', create, join };
    }
  }

  /** Milliseconds to wait for the first connection. */
  get #firstWait(): number {
    const { waitForServer = false } = this.#options;
    return typeof waitForServer === 'number' ? waitForServer : waitForServer ? Number.POSITIVE_INFINITY : 0;
  }

  /** Whether failing would exceed `retryFor` after another wait. */
  #isTooLong(wait: number): boolean {
    const now = performance.now();
    this.#failingSince ??= now;
    const { retryFor = Number.POSITIVE_INFINITY } = this.#options;
    return now + wait - this.#failingSince > (this.#mode === 'start' ? this.#firstWait : retryFor);
  }

  #timeLeft(): number {
    const { timeout } = this.#options;
    // 0 means not to wait at the live end; it does not limit how long it takes to get there.
    return timeout ? timeout - (performance.now() - this.#lastData) : Number.POSITIVE_INFINITY;
  }

  /**
   * Handles a failed request: returns the error to retry after a delay, `again` to retry in another way at once, or
   * throws.
   */
  #judge(error: unknown): StreamFSClientError | 'again' {
    if (this.#signal.aborted) throw this.#signal.reason;
    if (!(error instanceof StreamFSClientError)) throw error;
    const isTransient =
      (error.kind === 'unreachable' || error.status >= 502 || error.status === 429) && !isPermanent(error);
    if (this.#mode === 'start') {
      if (isTransient && this.#firstWait > 0) return error;
      throw error;
    }
    if (error.code === 'STREAM_RECREATED' && this.#mode === 'resume') {
      this.#mode = 'restart';
      return 'again';
    }
    if (error.status === 404) {
      if (this.#mode === 'restart') return error;
      this.#mode = 'restart';
      return 'again';
    }
    if (isTransient || error.kind === 'cut') return error;
    throw error;
  }

  /** Processes the head of a response; `again` if it shows that the request must be made in another way. */
  #opened(response: FetchResponse): FollowRecord[] | 'again' {
    const records: FollowRecord[] = [];
    const generation = response.headers.get(HEADERS.streamGeneration) ?? undefined;
    const offset = offsetHeader(response);
    const known = this.#generation;
    if (this.#mode === 'start') {
      // If an offset was requested, the first frame may be a gap that starts there; the header then names an offset
      // after the gap.
      this.#cursor = isFramed(response) ? (this.#options.offset ?? offset) : (offset ?? 0);
      this.#generation = generation;
    } else if (generation === known) {
      // The same generation is back: resume at the cursor.
      if (this.#mode === 'restart') {
        this.#mode = 'resume';
        return 'again';
      }
    } else if (this.#mode === 'resume' || generation === undefined) {
      this.#mode = 'restart';
      if (generation !== undefined) return 'again';
      throw new StreamFSClientError('protocol', 'the server no longer names the generation of the stream');
    } else {
      records.push({ type: 'recreated', previous: known ?? '', generation, lastOffset: this.#cursor ?? 0 });
      this.#generation = generation;
      this.#cursor = offset;
    }
    this.#mode = 'resume';
    records.push({ type: 'open', offset: this.#cursor, generation: this.#generation });
    return records;
  }

  async *#readFrames(
    response: FetchResponse,
    controller: AbortController,
  ): AsyncGenerator<FollowRecord, StreamFSClientError | 'done'> {
    const reader = bodyReader(response.body);
    const decoder = new FrameDecoder();
    const silence = (this.#options.heartbeat ?? DEFAULT_HEARTBEAT) * MISSED_HEARTBEATS;
    try {
      while (true) {
        let piece: Uint8Array | undefined;
        const forget = onSilence(silence, () => controller.abort());
        try {
          piece = await reader.next();
        } catch (error) {
          const why = controller.signal.aborted ? `nothing arrived for ${silence} ms` : describeFailure(error);
          return this.#cut(why, error);
        } finally {
          forget();
        }
        if (piece === undefined) return this.#cut('it closed before the end of the stream');
        if (piece.length > 0) {
          this.#backoff?.reset();
          this.#failingSince = undefined;
        }
        for (const frame of decoder.push(piece)) {
          const record = this.#checked(frame);
          if (record === undefined) continue;
          if (record.type === 'end' && record.reason === 'shutdown' && this.#options.reconnect !== false) {
            return this.#cut('the server shut down', undefined, frame.type === 'end' ? frame.retryAfter : undefined);
          }
          yield record;
          if (record.type === 'end') return 'done';
        }
      }
    } finally {
      reader.cancel();
    }
  }

  /** Unframed content: a file read as a stream, such as a README. It has an end and cannot be resumed. */
  async *#readRaw(response: FetchResponse): AsyncGenerator<FollowRecord, StreamFSClientError | 'done'> {
    const reader = bodyReader(response.body);
    let offset = this.#cursor ?? 0;
    try {
      while (true) {
        let data: Uint8Array | undefined;
        try {
          data = await reader.next();
        } catch (error) {
          throw this.#cut(describeFailure(error), error);
        }
        if (data === undefined) break;
        if (data.length === 0) continue;
        yield { type: 'data', offset, data };
        offset += data.length;
        this.#cursor = offset;
      }
    } finally {
      reader.cancel();
    }
    yield { type: 'end', offset, reason: 'ended' };
    return 'done';
  }

  /** Checks that a frame begins where the previous one ended, and converts it to a record. */
  #checked(frame: Frame): FollowRecord | undefined {
    // A header belongs to a byte that has not arrived yet, possibly after a gap.
    if (frame.type === 'header') return frame;
    this.#cursor ??= frame.offset;
    if (frame.offset !== this.#cursor) {
      const kind = frame.offset > this.#cursor ? 'leaves a hole' : 'overlaps';
      const message = `the server sent a ${frame.type} frame at offset ${frame.offset} where ${this.#cursor} is next: it ${kind}`;
      throw new StreamFSClientError('protocol', message, { details: { offset: this.#cursor, got: frame.offset } });
    }
    switch (frame.type) {
      case 'data':
        this.#cursor += frame.data.length;
        this.#lastData = performance.now();
        return frame;
      case 'gap':
        this.#cursor = frame.to;
        return { type: 'gap', from: frame.offset, to: frame.to, chunks: frame.chunks };
      case 'caught-up':
        return frame;
      case 'end':
        return {
          type: 'end',
          offset: frame.offset,
          reason: endReason(frame.reason, frame.offset),
          status: frame.status,
        };
      case 'heartbeat':
        return this.#options.heartbeats === true ? frame : undefined;
    }
  }

  /** The error of a lost connection: thrown if following must not continue, else returned for a retry. */
  #cut(reason: string, cause?: unknown, retryAfter?: number): StreamFSClientError {
    if (this.#signal.aborted) throw this.#signal.reason;
    const at = this.#cursor === undefined ? '' : ` at offset ${this.#cursor}`;
    const error = new StreamFSClientError('cut', `the connection was cut${at}: ${reason}`, {
      details: { offset: this.#cursor, generation: this.#generation },
      retryAfter,
      cause,
    });
    // Without a generation, another stream may exist by now: continuing could mix the two.
    if (this.#options.reconnect === false || this.#generation === undefined || this.#cursor === undefined) throw error;
    return error;
  }
}

/**
 * Calls `callback` after `silence` milliseconds (0: never) unless it is cancelled. Data that has already arrived is
 * read first: in a process that was suspended for a while, the timer and the data are due at the same time.
 */
function onSilence(silence: number, callback: () => void): () => void {
  if (silence === 0) return () => {};
  let timer = setTimeout(() => {
    timer = setTimeout(callback, Math.min(silence, READ_GRACE_MS));
  }, silence);
  return () => clearTimeout(timer);
}
