/** Sends batches from this node to the log: counts and bounds them, and waits until the mirror has them. */
import { closedError } from '../../../core/internal.ts';
import { isStreamFSError } from '../../../errors/index.ts';
import type { Appended, Log, LogBatch, LogEnd, ProducerPart, StreamState } from '../../../logs/index.ts';
import { Backlog } from './backlog.ts';
import type { Mirror } from './mirror.ts';

/** Maximum bytes of a mount that may wait for the log. */
const MAX_MOUNT_BACKLOG_BYTES = 64 * 1024 * 1024;

export class Sender {
  readonly log: Log;
  /** Counters since startup. */
  appendedBytes = 0;
  batches = 0;
  private readonly deadline: number;
  private readonly backlog = new Backlog(MAX_MOUNT_BACKLOG_BYTES);

  /** @param deadline milliseconds for which a writer waits until its bytes have reached this node */
  constructor(log: Log, deadline: number) {
    this.log = log;
    this.deadline = deadline;
  }

  get waitingBytes(): number {
    return this.backlog.bytes;
  }

  took(mirror: Mirror, bytes: number): void {
    this.backlog.take(bytes);
    mirror.backlog.take(bytes);
  }

  gave(mirror: Mirror, bytes: number): void {
    this.backlog.give(bytes);
    mirror.backlog.give(bytes);
  }

  isFull(mirror: Mirror): boolean {
    return this.backlog.isFull || mirror.backlog.isFull;
  }

  whenRoom(mirror: Mirror): Promise<void> {
    return mirror.backlog.isFull ? mirror.backlog.whenRoom() : this.backlog.whenRoom();
  }

  /** @param terms conditions and effects decided in the same step */
  async append(
    mirror: Mirror,
    chunks: readonly Uint8Array[],
    producer: ProducerPart | undefined,
    terms: Pick<LogBatch, 'expectedEnd' | 'isEnd' | 'order'> = {},
  ): Promise<Appended> {
    const { generation } = mirror.stream;
    const { expectedEnd, isEnd, order } = terms;
    this.batches++;
    const appended = await this.orRemoved(
      mirror,
      this.log.append({ path: mirror.entry.path, generation, chunks, producer, isEnd, order, expectedEnd }),
    );
    for (const { length } of chunks) this.appendedBytes += length;
    const { endOffset } = appended;
    if (mirror.endOffset < endOffset) await mirror.until(() => mirror.endOffset >= endOffset, this.deadline, this.log);
    if (isEnd === true) await mirror.until(() => mirror.stream.closedBy !== undefined, this.deadline, this.log);
    return appended;
  }

  async finish(mirror: Mirror, end: LogEnd): Promise<StreamState> {
    const { entry, stream } = mirror;
    await mirror.completeLines();
    const state = await this.orRemoved(mirror, this.log.finish(entry.path, stream.generation, end));
    await mirror.until(() => mirror.stream.closedBy !== undefined, this.deadline, this.log);
    return state;
  }

  /** If a node has removed the stream, waits until its mirror has ended; then all pending writes fail with that end. */
  private async orRemoved<T>(mirror: Mirror, doing: Promise<T>): Promise<T> {
    try {
      return await doing;
    } catch (error) {
      if (!isStreamFSError(error, 'STREAM_NOT_FOUND', 'STREAM_RECREATED')) throw error;
      await mirror.until(() => mirror.isOver, this.deadline, this.log);
      throw closedError(mirror.stream.endReason ?? 'removed');
    }
  }
}
