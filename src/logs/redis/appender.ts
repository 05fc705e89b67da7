/**
 * Sends this node's appends to one generation of a stream to Redis. Appends of one turn go out in one call; those that
 * arrive while it is in flight go out with the next. A second call is sent before the reply to the first only if many
 * bytes wait. It names the first call, so that the order is kept if both are repeated.
 */
import { producerGap } from '../../core/internal.ts';
import { createError, type StreamFSError } from '../../errors/index.ts';
import type { Appended, LogBatch, LogEnd, LogLimits, StreamState } from '../log.ts';
import type { CallBuffers } from './call-buffers.ts';
import type { Argument, Reply } from './driver.ts';
import type { Follower } from './follower.ts';
import { textOfLengths } from './lengths.ts';
import { parseState, partsOf, streamStateOf, textOf } from './replies.ts';
import { SCRIPTS, type Script } from './scripts.ts';

/**
 * Maximum bytes per call, unless a single batch has more. Longer calls cost more per byte at both ends, because they
 * exceed the CPU caches.
 */
const MAX_CALL_BYTES = 256 * 1024;

/**
 * Maximum parts per call. A batch with a producer, an order, an expected end or an end is a separate part; consecutive
 * other batches form one part.
 */
const MAX_PARTS = 64;

/** Waiting bytes from which a second call is sent while one is in flight. */
const MIN_SECOND_CALL_BYTES = MAX_CALL_BYTES;

/** Milliseconds before a refused call is repeated. */
const RETRY_MS = 20;

const MAX_OFFSET = 2 ** 53 - 1;

/** The services that an appender uses. */
export interface AppenderHost {
  readonly name: string;
  readonly limits: LogLimits;
  readonly deadline: number;
  keys(path: string, generation: string): string[];
  run(script: Script, keys: readonly string[], args: readonly Argument[], deadline: number): Promise<Reply>;
  readonly buffers: CallBuffers;
  newTag(): string;
  follower(path: string, generation: string): Follower | undefined;
  expire(path: string, generation: string): Promise<unknown>;
  retried(): void;
  /** Called when nothing is in flight. */
  idle(appender: Appender): void;
}

interface AppendJob {
  readonly type: 'append';
  readonly batch: LogBatch;
  readonly length: number;
  readonly until: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

interface FinishJob {
  readonly type: 'finish';
  readonly end: LogEnd;
  readonly until: number;
  readonly resolve: (state: StreamState) => void;
  readonly reject: (error: unknown) => void;
}

export class Appender {
  readonly path: string;
  readonly generation: string;
  readonly #host: AppenderHost;
  readonly #keys: readonly string[];
  readonly #queue: (AppendJob | FinishJob)[] = [];
  #queuedBytes = 0;
  #isScheduled = false;
  #isFinishing = false;
  /** Calls without a reply, in order, two at most. */
  readonly #inFlight: Call[] = [];

  constructor(host: AppenderHost, path: string, generation: string) {
    this.#host = host;
    this.path = path;
    this.generation = generation;
    this.#keys = host.keys(path, generation);
  }

  append(batch: LogBatch): Promise<Appended> {
    const length = batch.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return new Promise((resolve, reject) =>
      this.#add({ type: 'append', batch, length, until: this.#until(), resolve, reject }),
    );
  }

  finish(end: LogEnd): Promise<StreamState> {
    return new Promise((resolve, reject) => this.#add({ type: 'finish', end, until: this.#until(), resolve, reject }));
  }

  #until(): number {
    return performance.now() + this.#host.deadline;
  }

  #add(job: AppendJob | FinishJob): void {
    this.#queue.push(job);
    if (job.type === 'append') this.#queuedBytes += job.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#advance();
    });
  }

  #advance(): void {
    for (let job = this.#queue[0]; job !== undefined && this.#mayCall(job); job = this.#queue[0]) {
      if (job.type === 'append') void this.#append(this.#takeJobs());
      else void this.#finishAlone(job);
    }
    if (this.#queue.length === 0 && this.#inFlight.length === 0 && !this.#isFinishing) this.#host.idle(this);
  }

  #mayCall(job: AppendJob | FinishJob): boolean {
    if (this.#isFinishing) return false;
    if (this.#inFlight.length === 0) return true;
    return job.type === 'append' && this.#inFlight.length === 1 && this.#queuedBytes >= MIN_SECOND_CALL_BYTES;
  }

  async #finishAlone(job: FinishJob): Promise<void> {
    this.#queue.shift();
    this.#isFinishing = true;
    await this.#finish(job).then(job.resolve, job.reject);
    this.#isFinishing = false;
    this.#advance();
  }

  /** Takes as many appends from the front of the queue as fit into one call. */
  #takeJobs(): AppendJob[] {
    let bytes = 0;
    let parts = 0;
    let isPlain = false;
    let count = 0;
    for (const job of this.#queue) {
      if (job.type !== 'append') break;
      bytes += job.length;
      const isAlone = !isPlainBatch(job.batch);
      if (isAlone || !isPlain) parts++;
      if (count > 0 && (bytes > MAX_CALL_BYTES || parts > MAX_PARTS)) break;
      isPlain = !isAlone;
      count++;
    }
    const jobs = this.#queue.splice(0, count) as AppendJob[];
    for (const { length } of jobs) this.#queuedBytes -= length;
    return jobs;
  }

  async #append(jobs: readonly AppendJob[]): Promise<void> {
    const parts = partsOfJobs(jobs, this.#host.buffers);
    const chunks = parts.length === 1 ? parts[0]!.chunks : parts.flatMap((part) => part.chunks);
    const until = Math.max(...jobs.map((job) => job.until));
    const call: Call = { tag: this.#host.newTag(), parts, chunks, until };
    this.#inFlight.push(call);
    try {
      const results = await this.#send(call);
      for (const [n, part] of parts.entries()) {
        const result = results[n] ?? '';
        if (!this.#completeAgain(part, result)) settle(part, result, this);
        this.#noteCompleted(part, result);
      }
      // The call has been sent, and its reply has arrived: nothing reads these buffers any more.
      for (const { bytes, chunks } of parts) if (chunks.length > 1) this.#host.buffers.release(bytes);
    } catch (error) {
      for (const job of jobs) job.reject(error);
    }
    this.#inFlight.splice(this.#inFlight.indexOf(call), 1);
    this.#advance();
  }

  #noteCompleted({ jobs }: Part, result: string): void {
    const { batch, length } = jobs[0]!;
    const { producer } = batch;
    if (producer?.isLast !== true || result.startsWith('!')) return;
    const { epoch, from, id, seq } = producer;
    const [, , , isRepeated] = result.split(' ');
    if (isRepeated === '0') {
      this.#host.follower(this.path, this.generation)?.complete(id, { epoch, seq, length: from + length });
    }
  }

  /**
   * The engine may have lost that a producer's append was complete, which is not part of any batch, although a node
   * has acknowledged it. Then the producer's next append is refused with a gap: completes the lost one again, and
   * repeats the next one.
   *
   * @returns whether it does so, and will settle the part
   */
  #completeAgain({ jobs }: Part, result: string): boolean {
    const [job] = jobs;
    const { producer } = job!.batch;
    const [code, expected, received] = result.split(' ');
    if (producer === undefined || code !== '!GAP' || Number(received) !== Number(expected) + 1) return false;
    const { epoch, id } = producer;
    const known = this.#host.follower(this.path, this.generation)?.completedBy(id);
    if (known === undefined || known.epoch !== epoch || known.seq !== Number(expected)) return false;
    const { path, generation } = this;
    const completion = { epoch, id, seq: known.seq, from: known.length, isLast: true };
    this.append({ path, generation, chunks: [], producer: completion }).then(
      () => this.append(job!.batch).then(job!.resolve, job!.reject),
      () => settle({ jobs }, result, this),
    );
    return true;
  }

  /**
   * Repeats a call until it has a reply and the mirror has its batches.
   *
   * @returns a result for each part
   */
  async #send(call: Call): Promise<string[]> {
    const { tag, chunks } = call;
    let keeper: Follower | undefined;
    try {
      for (;;) {
        const follower = this.#host.follower(this.path, this.generation);
        if (follower !== keeper) {
          keeper?.release(tag);
          follower?.keep(tag, chunks);
          keeper = follower;
        }
        const results = await this.#call(call, follower);
        if (results !== undefined) return results;
      }
    } finally {
      keeper?.release(tag);
    }
  }

  /** @returns undefined if the call must be repeated */
  async #call(call: Call, follower: Follower | undefined): Promise<string[] | undefined> {
    const { parts, tag, until } = call;
    const { limits } = this.#host;
    const numbers = [String(Math.min(limits.maxProducers, MAX_OFFSET)), String(limits.producerTtl)];
    const joined = follower?.hasJoined === true ? follower : undefined;
    const seen = joined === undefined ? ['', ''] : [String(joined.position), joined.tag ?? ''];
    const left = until - performance.now();
    if (left <= 0) throw this.#unavailable('the append was not confirmed in time');
    const args = parts.flatMap(({ bytes, lengths, producer, more }) => [bytes, lengths, producer, more]);
    const [first] = this.#inFlight;
    const predecessor = first === undefined || first === call ? '' : first.tag.slice(first.tag.lastIndexOf('.') + 1);
    const reply = await this.#host.run(
      SCRIPTS.append,
      this.#keys,
      [this.generation, tag, ...seen, ...numbers, predecessor, ...args],
      left,
    );
    const { code, rest } = partsOf(reply);
    if (code !== 'OK') {
      await this.#refused(code, rest, follower);
      return undefined;
    }
    const [committed, ...results] = textOf(rest[0]).split(';');
    if (follower === undefined) return results;
    const end = Number(committed);
    const chunkCount = textOf(rest[2]);
    if (end > 0 && chunkCount !== '' && parts.length === 1 && isPlainBatch(parts[0]!.jobs[0]!.batch)) {
      follower.confirm({ end, tag, before: textOf(rest[1]), chunkCount: Number(chunkCount) });
    }
    return (await this.#reached(follower, end, tag, results, until)) ? results : undefined;
  }

  /** Whether the mirror has the appended bytes; false if they were lost and must be sent again. */
  async #reached(
    follower: Follower,
    end: number,
    tag: string,
    results: readonly string[],
    until: number,
  ): Promise<boolean> {
    const offsets = results.filter((result) => !result.startsWith('!')).map((result) => Number.parseInt(result, 10));
    const wait = end > 0 ? follower.waitFor(end, tag) : follower.waitFor(Math.max(0, ...offsets), undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), Math.max(0, until - performance.now()));
    });
    const outcome = await Promise.race([wait, late]);
    clearTimeout(timer);
    if (outcome === 'late') throw this.#unavailable('the append was not confirmed in time');
    if (outcome === 'lost') this.#host.retried();
    if (outcome === 'over' && follower.isReplaced) throw this.#recreated();
    return outcome !== 'lost';
  }

  /**
   * Resolves the cause of a refusal, so that the call can be repeated.
   *
   * @throws if it cannot be repeated
   */
  async #refused(code: string, rest: readonly Reply[], follower: Follower | undefined): Promise<void> {
    const { path } = this;
    switch (code) {
      case 'RECREATED':
        throw this.#recreated(textOf(rest[0]));
      case 'EXPIRED':
        await this.#host.expire(path, this.generation);
        throw createError('STREAM_NOT_FOUND', { path });
      case 'NOSTREAM':
        // Without a tombstone the stream was not removed but lost, and is restored from the mirror.
        if (follower?.hasJoined !== true || textOf(rest[0]) !== '') throw createError('STREAM_NOT_FOUND', { path });
        break;
      case 'STALE':
        throw this.#unavailable('another process uses the name of this node');
      default:
    }
    this.#host.retried();
    if (code !== 'WAIT') await follower?.read();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }

  async #finish({ end, until }: FinishJob): Promise<StreamState> {
    for (;;) {
      const follower = this.#host.follower(this.path, this.generation);
      const joined = follower?.hasJoined === true ? follower : undefined;
      const seen = joined === undefined ? ['', ''] : [String(joined.position), joined.tag ?? ''];
      const left = until - performance.now();
      if (left <= 0) throw this.#unavailable('it has lost bytes that this node could not restore');
      const status = end.status === undefined ? ['0', ''] : ['1', end.status];
      const reply = await this.#host.run(
        SCRIPTS.finish,
        this.#keys,
        [this.generation, end.reason, ...status, ...seen],
        left,
      );
      const { code, rest } = partsOf(reply);
      if (code === 'OK' || code === 'NOTDUE') return streamStateOf(this.path, parseState(rest[0]!));
      if (code === 'NOSTREAM' && textOf(rest[0]).startsWith(`${this.generation} `) && end.reason !== 'ended') {
        return this.#removedBefore(textOf(rest[0]));
      }
      await this.#refused(code, rest, follower);
    }
  }

  /** The result of a removal that has already happened, such as by the same call over a connection that was cut. */
  #removedBefore(mark: string): StreamState {
    const [generation, end, chunks, start] = mark.split(' ');
    const ending = mark.slice([generation, end, chunks, start].join(' ').length + 1);
    const at = ending.indexOf('\n');
    return {
      path: this.path,
      generation: generation!,
      startOffset: Number(start),
      endOffset: Number(end),
      chunkCount: Number(chunks),
      createdAt: 0,
      modifiedAt: 0,
      end: {
        reason: (at < 0 ? ending : ending.slice(0, at)) as LogEnd['reason'],
        status: at < 0 ? undefined : ending.slice(at + 1),
      },
      facts: '',
    };
  }

  #unavailable(reason: string): StreamFSError {
    return createError('LOG_UNAVAILABLE', { log: this.#host.name, reason });
  }

  #recreated(actual = 'another'): StreamFSError {
    return createError('STREAM_RECREATED', { expected: this.generation, actual });
  }
}

/** A call in flight. */
interface Call {
  readonly tag: string;
  readonly parts: readonly Part[];
  readonly chunks: readonly Uint8Array[];
  readonly until: number;
}

/** A part of a call, which the script accepts or refuses as a whole. */
interface Part {
  readonly jobs: readonly AppendJob[];
  readonly chunks: readonly Uint8Array[];
  readonly bytes: Buffer;
  /** The number of chunks, and their lengths. */
  readonly lengths: string;
  readonly producer: string;
  /** Whether the stream ends with the part, its order, and the expected end offset. */
  readonly more: string;
}

/** Whether a batch can be merged with its neighbours. */
function isPlainBatch({ expectedEnd, isEnd, order, producer }: LogBatch): boolean {
  return producer === undefined && order === undefined && expectedEnd === undefined && isEnd !== true;
}

function partsOfJobs(jobs: readonly AppendJob[], buffers: CallBuffers): Part[] {
  const parts: Part[] = [];
  let plain: AppendJob[] = [];
  const flush = () => {
    if (plain.length > 0) parts.push(partOf(plain, '', '', buffers));
    plain = [];
  };
  for (const job of jobs) {
    if (isPlainBatch(job.batch)) {
      plain.push(job);
      continue;
    }
    flush();
    const { expectedEnd = '', isEnd = false, order = '', producer } = job.batch;
    const whose =
      producer === undefined
        ? ''
        : `${producer.epoch} ${producer.seq} ${producer.from} ${producer.isLast ? 1 : 0} ${producer.id}`;
    const more = `${isEnd ? 1 : 0} ${Buffer.from(order).toString('hex')} ${expectedEnd}`;
    parts.push(partOf([job], whose, more, buffers));
  }
  flush();
  return parts;
}

function partOf(jobs: readonly AppendJob[], producer: string, more: string, buffers: CallBuffers): Part {
  const chunks = jobs.length === 1 ? jobs[0]!.batch.chunks : jobs.flatMap((job) => job.batch.chunks);
  const length = jobs.reduce((sum, job) => sum + job.length, 0);
  const [only] = chunks;
  const bytes =
    chunks.length === 1 && only !== undefined
      ? Buffer.from(only.buffer, only.byteOffset, only.length)
      : buffers.concat(chunks, length);
  return { jobs, chunks, bytes, lengths: `${chunks.length} ${textOfLengths(chunks)}`, producer, more };
}

function settle({ jobs }: Pick<Part, 'jobs'>, result: string, { generation, path }: Appender): void {
  if (result.startsWith('!')) {
    const error = errorOf(result.slice(1).split(' '), jobs[0]!.batch, generation, path);
    for (const job of jobs) job.reject(error);
    return;
  }
  const [end, applied, lastSeq, isRepeated] = result.split(' ').map(Number) as [number, number, number, number];
  // The first job ends where the next one begins.
  let at = end - jobs.reduce((sum, job) => sum + job.length, 0);
  for (const job of jobs) {
    at += job.length;
    job.resolve({
      endOffset: job.batch.producer === undefined ? at : end,
      applied,
      lastSeq,
      isRepeated: isRepeated === 1,
    });
  }
}

function errorOf(words: readonly string[], batch: LogBatch, generation: string, path: string): StreamFSError {
  const [code, first, second, third] = words;
  const [a, b] = [Number(first), Number(second)];
  switch (code) {
    case 'CLOSED':
      return createError('STREAM_CLOSED');
    case 'ORDER': {
      const last = Buffer.from(first ?? '', 'hex').toString();
      return createError('STREAM_SEQ_ORDER', { seq: batch.order ?? '', last });
    }
    case 'EXPECTED':
      return createError('EXPECTED_OFFSET', { end: a });
    case 'FULL':
      return createError('STREAM_FULL', { max: MAX_OFFSET });
    case 'FENCED':
      return createError('PRODUCER_FENCED', { epoch: a, current: b }, { epoch: b });
    case 'START':
      return createError('PRODUCER_EPOCH_START', { epoch: a, seq: b });
    case 'GAP':
      return producerGap(a, b, third === undefined ? undefined : Number(third));
    case 'MISMATCH':
      return createError('PRODUCER_MISMATCH', { length: a, applied: b }, { applied: b });
    default:
      throw new Error(`unknown result ${code} for ${path} ${generation} ${batch.chunks.length}`);
  }
}
