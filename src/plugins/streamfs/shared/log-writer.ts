/**
 * A body on its way into a stream that a log decides. What comes while a batch is on its way goes with the next, so a body
 * never has a hole: where a batch fails, nothing behind it is sent. It is acknowledged once this node's mirror has it.
 */
import { type AppendId, MAX_CHUNK } from '../../../core/index.ts';
import { createError } from '../../../errors/index.ts';
import type { CloseOptions, FileWriter, ProducerFacts } from '../../../fs/index.ts';
import type { ProducerPart } from '../../../logs/index.ts';
import type { Mirror } from './mirror.ts';
import type { Sender } from './sender.ts';

const NEWLINE = 10;

/** The most that is appended together. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** Where several pieces go together, no more than this: longer batches cost each byte more. */
const GROUP_BYTES = 256 * 1024;
/** Bytes of one body that may wait, beside what is on its way. */
const MAX_BODY_BACKLOG_BYTES = MAX_BATCH_BYTES;

export interface LogWriterOptions {
  sender: Sender;
  mirror: Mirror;
  /** Whether only whole lines come, of which none may be torn: a batch ends behind a newline. */
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
  /** Bytes of a producer's append that have been sent. */
  private sent = 0;
  private isRepeated = false;
  private lastSeq: number;
  private underWay: Promise<void> | undefined;
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

  /** Of the last byte of the body that has been appended. */
  get endOffset(): number {
    return this.end;
  }

  /** What is said of the producer's append at the end. */
  get repetition(): { isRepeated: boolean; seq: number } {
    return { isRepeated: this.isRepeated, seq: this.lastSeq };
  }

  write(piece: Uint8Array): void | Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.options.mirror.stream.requireOpen();
    for (const unit of this.unitsOf(piece)) {
      this.units.push(unit);
      this.waitingBytes += unit.length;
      this.options.sender.took(this.options.mirror, unit.length);
    }
    this.written += piece.length;
    this.send();
    const { mirror, sender } = this.options;
    const isBehind = this.waitingBytes >= MAX_BODY_BACKLOG_BYTES || sender.isFull(mirror);
    const blocked = mirror.stream.whenRoom(piece.length);
    if (!isBehind && blocked === undefined) return undefined;
    return this.untilRoom(blocked);
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

  /** The caller may reuse its memory: what waits is copied. */
  private *unitsOf(piece: Uint8Array): Generator<Unit> {
    const bytes = new Uint8Array(piece);
    for (let at = 0; at < bytes.length; ) {
      const to = this.options.isLines ? lineEnd(bytes, at) : Math.min(bytes.length, at + MAX_CHUNK);
      yield { chunks: chunksOf(bytes.subarray(at, to)), length: to - at };
      at = to;
    }
  }

  private send(): void {
    if (this.underWay !== undefined || this.units.length === 0) return;
    this.underWay = this.sendAll();
  }

  private async sendAll(): Promise<void> {
    try {
      while (this.units.length > 0) await this.sendBatch(false);
    } catch (error) {
      this.fail(error);
    } finally {
      this.underWay = undefined;
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

  /** A newer attempt goes on in its place, once it is known what this one has applied. */
  async supersede(): Promise<void> {
    this.fail(createError('PRODUCER_SUPERSEDED'));
    await this.underWay;
  }

  /** Settles when all that was written is there. @throws what it failed with */
  async flush(): Promise<void> {
    while (this.underWay !== undefined) await this.underWay;
    if (this.failure !== undefined) throw this.failure;
  }

  async close({ end = false, endStatus }: CloseOptions = {}): Promise<void> {
    const { mirror, producer, sender } = this.options;
    try {
      await this.flush();
      // Its last part makes a producer's append whole; what is still to be sent goes with it.
      if (producer !== undefined) await this.sendBatch(true);
      if (end) await sender.finish(mirror, { reason: 'ended', status: endStatus });
    } finally {
      this.done();
    }
  }

  /** What has come stays (contract 72). */
  async abort(): Promise<void> {
    try {
      await this.flush();
    } catch {
      // Its caller has an error of its own to tell.
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

/** Lets the body of a repeated append go by. */
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

  /** The end that was part of the append may not have been reached before. */
  async close({ end = false, endStatus }: CloseOptions = {}): Promise<void> {
    if (end) await this.finish(endStatus);
  }

  async abort(): Promise<void> {}
}

/** What is known of a producer's append changes until its writer is closed: another attempt may have been faster. */
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

/** Where lines end that fit into a chunk together, or one that does not. @throws APPEND_TOO_LARGE for one that fits into no batch */
function lineEnd(bytes: Uint8Array, from: number): number {
  const last = bytes.subarray(from, from + MAX_CHUNK).lastIndexOf(NEWLINE);
  if (last >= 0) return from + last + 1;
  const next = bytes.indexOf(NEWLINE, from);
  const to = next < 0 ? bytes.length : next + 1;
  if (to - from > MAX_BATCH_BYTES) throw createError('APPEND_TOO_LARGE', { size: to - from, max: MAX_BATCH_BYTES });
  return to;
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
