/**
 * Writes a body to a shared stream. Pieces that arrive while a batch is in flight go into the next one. A body never
 * has a hole: if a batch fails, nothing after it is sent. A body is acknowledged once this node's mirror has it.
 */
import { type AppendId, MAX_CHUNK } from '../../../core/index.ts';
import { createError } from '../../../errors/index.ts';
import type { CloseOptions, FileWriter, ProducerFacts } from '../../../fs/index.ts';
import type { ProducerPart } from '../../../logs/index.ts';
import type { Mirror } from './mirror.ts';
import type { Sender } from './sender.ts';

const NEWLINE = 10;

/** Maximum bytes appended together. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** Limit for batches of several pieces: longer ones cost more per byte. */
const GROUP_BYTES = 256 * 1024;
/** Bytes of one body that may wait, in addition to the batch in flight. */
const MAX_BODY_BACKLOG_BYTES = MAX_BATCH_BYTES;

export interface LogWriterOptions {
  sender: Sender;
  mirror: Mirror;
  /** Whether only whole lines arrive, none of which may be torn: a batch ends with a newline. */
  isLines: boolean;
  producer: AppendId | undefined;
  onDone: (writer: LogWriter) => void;
}

/** Chunks that are appended together. */
interface Unit {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
}

export class LogWriter implements FileWriter {
  written = 0;
  onStop: ((error: Error) => void) | undefined;
  readonly generation: string;
  readonly keepsLines: boolean;
  readonly producer: ProducerFacts | undefined;
  private end: number;
  private readonly options: LogWriterOptions;
  private units: Unit[] = [];
  private waitingBytes = 0;
  /** Sent bytes of a producer's append. */
  private sent = 0;
  private isRepeated = false;
  private lastSeq: number;
  private inFlight: Promise<void> | undefined;
  private failure: unknown;
  private isDone = false;
  private wake: (() => void)[] = [];

  constructor(options: LogWriterOptions) {
    this.options = options;
    const { mirror, producer, isLines } = options;
    this.generation = mirror.stream.generation;
    this.end = mirror.stream.endOffset;
    this.keepsLines = isLines;
    this.lastSeq = producer?.seq ?? -1;
    this.producer = producer === undefined ? undefined : producerFacts(producer, this);
  }

  /** The end offset of the last byte of the body that has been appended. */
  get endOffset(): number {
    return this.end;
  }

  /** The final state of the producer's append. */
  get repetition(): { isRepeated: boolean; seq: number } {
    return { isRepeated: this.isRepeated, seq: this.lastSeq };
  }

  /** Whether a batch has failed, so that nothing more can be written. */
  get hasFailed(): boolean {
    return this.failure !== undefined;
  }

  write(piece: Uint8Array): void | Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.options.mirror.stream.requireOpen();
    try {
      for (const unit of this.unitsOf(piece)) this.queue(unit);
    } finally {
      // If a line is too long, those before it are appended, as if they had arrived in an earlier piece.
      this.send();
    }
    const { mirror, sender } = this.options;
    const isBehind = this.waitingBytes >= MAX_BODY_BACKLOG_BYTES || sender.isFull(mirror);
    const blocked = mirror.stream.whenRoom(piece.length);
    if (!isBehind && blocked === undefined) return undefined;
    return this.untilRoom(blocked);
  }

  private queue(unit: Unit): void {
    const { mirror, sender } = this.options;
    this.units.push(unit);
    this.written += unit.length;
    this.waitingBytes += unit.length;
    sender.took(mirror, unit.length);
  }

  private async untilRoom(blocked: void | Promise<void>): Promise<void> {
    await blocked;
    const { mirror, sender } = this.options;
    while (this.failure === undefined && (this.waitingBytes >= MAX_BODY_BACKLOG_BYTES || sender.isFull(mirror))) {
      await Promise.race([sender.whenRoom(mirror), this.whenSent()]);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  private whenSent(): Promise<void> {
    return new Promise((resolve) => this.wake.push(resolve));
  }

  /** Waiting bytes are copied, because the caller may reuse its memory. */
  private *unitsOf(piece: Uint8Array): Generator<Unit> {
    const bytes = new Uint8Array(piece);
    for (let at = 0; at < bytes.length; ) {
      const to = this.options.isLines ? lineEnd(bytes, at) : Math.min(bytes.length, at + MAX_CHUNK);
      yield { chunks: chunksOf(bytes.subarray(at, to)), length: to - at };
      at = to;
    }
  }

  private send(): void {
    if (this.inFlight !== undefined || this.units.length === 0) return;
    this.inFlight = this.sendAll();
  }

  private async sendAll(): Promise<void> {
    try {
      while (this.units.length > 0) await this.sendBatch(false);
    } catch (error) {
      this.fail(error);
    } finally {
      this.inFlight = undefined;
      this.sentSome();
    }
  }

  private async sendBatch(isLast: boolean): Promise<void> {
    const { mirror, producer, sender } = this.options;
    const units = nextUnits(this.units);
    const length = units.reduce((sum, unit) => sum + unit.length, 0);
    const part: ProducerPart | undefined =
      producer === undefined ? undefined : { ...producer, from: this.sent, isLast: isLast && this.units.length === 0 };
    try {
      const appended = await sender.append(
        mirror,
        units.flatMap(({ chunks }) => chunks),
        part,
      );
      this.end = appended.endOffset;
      this.sent += length;
      if (part === undefined) return;
      this.isRepeated = appended.isRepeated;
      this.lastSeq = Math.max(appended.lastSeq, appended.isRepeated ? 0 : part.seq);
    } finally {
      this.waitingBytes -= length;
      sender.gave(mirror, length);
      this.sentSome();
    }
  }

  private sentSome(): void {
    const { wake } = this;
    this.wake = [];
    for (const go of wake) go();
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    const left = this.units.reduce((sum, { length }) => sum + length, 0);
    this.units = [];
    this.waitingBytes -= left;
    this.options.sender.gave(this.options.mirror, left);
    if (error instanceof Error) this.onStop?.(error);
  }

  /** Stops in favour of a newer attempt; resolves when it is known what has been applied. */
  async supersede(): Promise<void> {
    this.fail(createError('PRODUCER_SUPERSEDED'));
    await this.inFlight;
  }

  /**
   * Resolves when everything written has been appended.
   *
   * @throws the error of a failed batch
   */
  async flush(): Promise<void> {
    while (this.inFlight !== undefined) await this.inFlight;
    if (this.failure !== undefined) throw this.failure;
  }

  async close({ end = false, endStatus }: CloseOptions = {}): Promise<void> {
    const { mirror, producer, sender } = this.options;
    try {
      await this.flush();
      // The last part completes a producer's append; it includes bytes still to be sent.
      if (producer !== undefined) await this.sendBatch(true);
      if (end) await sender.finish(mirror, { reason: 'ended', status: endStatus });
    } finally {
      this.done();
    }
  }

  /** Bytes already written stay (contract 72). */
  async abort(): Promise<void> {
    try {
      await this.flush();
    } catch {
      // The caller reports another error.
    } finally {
      this.done();
    }
  }

  private done(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.options.onDone(this);
  }
}

/** Discards the body of a repeated append. */
export class RepeatedLogWriter implements FileWriter {
  written = 0;
  readonly endOffset: number;
  readonly generation: string;
  readonly producer: ProducerFacts;
  private readonly finish: (status: string | undefined) => Promise<void>;

  constructor(
    mirror: Mirror,
    { endOffset, producer }: { endOffset: number; producer: ProducerFacts },
    finish: (status: string | undefined) => Promise<void>,
  ) {
    this.generation = mirror.stream.generation;
    this.endOffset = endOffset;
    this.producer = producer;
    this.finish = finish;
  }

  write(piece: Uint8Array): void {
    this.written += piece.length;
  }

  /** The first attempt may not have ended the stream, which was part of the append. */
  async close({ end = false, endStatus }: CloseOptions = {}): Promise<void> {
    if (end) await this.finish(endStatus);
  }

  async abort(): Promise<void> {}
}

/** Uses getters, because the facts are final only when the writer is closed: another attempt may have been faster. */
function producerFacts({ epoch }: AppendId, writer: Pick<LogWriter, 'repetition'>): ProducerFacts {
  return {
    epoch,
    get isRepeated() {
      return writer.repetition.isRepeated;
    },
    get seq() {
      return writer.repetition.seq;
    },
  };
}

export function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += MAX_CHUNK) chunks.push(bytes.subarray(at, at + MAX_CHUNK));
  return chunks;
}

/**
 * The end of the lines that fit into a chunk together, or of a single longer line.
 *
 * @throws APPEND_TOO_LARGE for a line that does not fit into a batch
 */
function lineEnd(bytes: Uint8Array, from: number): number {
  const last = bytes.subarray(from, from + MAX_CHUNK).lastIndexOf(NEWLINE);
  if (last >= 0) return from + last + 1;
  const next = bytes.indexOf(NEWLINE, from);
  const to = next < 0 ? bytes.length : next + 1;
  if (to - from > MAX_BATCH_BYTES) throw createError('APPEND_TOO_LARGE', { size: to - from, max: MAX_BATCH_BYTES });
  return to;
}

/**
 * @param held bytes of the first line that precede the given ones
 * @throws APPEND_TOO_LARGE for a line that does not fit into a batch
 */
export function requireLinesFit(bytes: Uint8Array, held: number): void {
  for (let at = 0, before = held; before + bytes.length - at > MAX_BATCH_BYTES; before = 0) {
    const to = bytes.indexOf(NEWLINE, at) + 1 || bytes.length;
    const size = before + to - at;
    if (size > MAX_BATCH_BYTES) throw createError('APPEND_TOO_LARGE', { size, max: MAX_BATCH_BYTES });
    at = to;
  }
}

function nextUnits(units: Unit[]): Unit[] {
  let bytes = 0;
  let count = 0;
  for (const { length } of units) {
    if (count > 0 && bytes + length > GROUP_BYTES) break;
    bytes += length;
    count++;
  }
  return units.splice(0, count);
}
