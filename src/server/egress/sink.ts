/**
 * One reader's socket: the only place that writes the bytes of a live read.
 *
 *     reader.borrowRun ─► fanout.send ─► reader.advance ─► … until the socket is full (drain) or nothing is left (wake)
 *
 * At most one run waits in a socket: a peer that stops reading keeps that much, and its reader falls behind like any
 * other, without an effect on other readers.
 */
import type { Socket } from 'node:net';
import type { CaughtUpRecord } from '../../core/index.ts';
import type { BorrowedRun, CursorReader, Pin } from '../../core/internal.ts';
import { isStreamFSError } from '../../errors/index.ts';
import { type Clock, type PluginLogger, systemClock } from '../../fs/index.ts';
import { writes } from '../../logging/index.ts';
import type { ReadEndReason } from '../../protocol/index.ts';
import { longestRun, usualRun } from '../encoding/index.ts';
import type { LiveRead, LiveReads } from '../limits/live-reads.ts';
import { PooledBuffer } from './buffer-pool.ts';
import type { Fanout } from './fanout.ts';
import { now, Ticker, type Ticking, thisMoment } from './ticker.ts';

/** The most bytes given to a socket at once: one that stalls keeps alive the slabs they lie in, which are two at most. */
const MAX_RUN_BYTES = 256 * 1024;
/**
 * The same on the way through history: there a reader is alone, and gets on faster by longer sends. As much as the
 * system keeps for a socket by default.
 */
const MAX_HISTORY_RUN_BYTES = 4 * 1024 * 1024;
/** Runs sent in one go before other sockets get their turn; one of history is as much. */
const RUNS_PER_TURN = 4;
/** How long a peer that is kicked has to take in what was sent before, and the end, in milliseconds. */
const KICK_GRACE_MS = 5000;
/** While bytes wait, a timeout is checked again after growing intervals of at most this many milliseconds. */
const MAX_RECHECK_MS = 256;
const EMPTY = Buffer.alloc(0);

/** Of all reads that were asked for alike. */
export interface SinkOptions {
  /** Milliseconds after which a read that got nothing ends; undefined: never. */
  readonly timeout: number | undefined;
  /** Milliseconds of silence after which a heartbeat is sent, where the encoding has one; 0: never. */
  readonly heartbeat: number;
  /** Milliseconds after which a read ends with what it has got; undefined: never. Checked with each heartbeat. */
  readonly lifetime?: number | undefined;
  /** How much longer it may last, at random: readers that came together come apart. Default 0. */
  readonly lifetimeJitter?: number | undefined;
  /** Where it is listed while it lasts, and counted afterwards; the clock that a kicked peer's time is taken by. */
  readonly limits?: { readonly reads: LiveReads; readonly clock?: Clock | undefined } | undefined;
  readonly logger?: PluginLogger | undefined;
}

/** Whose a read is. */
export interface SinkOwner {
  /** Called once, when the read is over and the reader closed. */
  over(end: ReadEndReason | 'cut'): void;
}

export class Sink implements LiveRead, Ticking {
  readonly reader: CursorReader;
  readonly socket: Socket;
  /** What waits in the socket, while something does: a piece others are sent too, or the run's own memory. */
  private queued: PooledBuffer | BorrowedRun | undefined;
  private pin: Pin | undefined;
  readonly shared: Fanout;
  private readonly options: SinkOptions;
  private readonly owner: SinkOwner;
  private ticker: Ticker | undefined;
  dueAt = 0;
  private readonly period: number;
  /** The next look at a timeout that cannot be over yet. */
  private look = 1;
  /** For the timers only: when bytes were last sent, and when anything was, in milliseconds of {@link now}. */
  private lastData = 0;
  private lastSent = 0;
  /** When it ends with what it has got, by the same clock. */
  private readonly endsAt: number;
  /** Bytes that the encoding holds back until more has come: no heartbeat waits for them. */
  private heldBack = 0;
  private done = false;
  /** The peer will send nothing any more. */
  private isSideClosed: boolean;

  constructor(reader: CursorReader, socket: Socket, fanout: Fanout, options: SinkOptions, owner: SinkOwner) {
    this.reader = reader;
    this.socket = socket;
    this.shared = fanout;
    this.options = options;
    this.owner = owner;
    this.isSideClosed = socket.readableEnded;
    const { timeout = Number.POSITIVE_INFINITY, lifetime = Number.POSITIVE_INFINITY, lifetimeJitter = 0 } = options;
    const period = Math.min(timeout, lifetime, options.heartbeat || Number.POSITIVE_INFINITY);
    this.period = period;
    const lasts = Math.floor(lifetime + Math.random() * lifetimeJitter);
    this.endsAt = lasts === Number.POSITIVE_INFINITY ? lasts : now() + lasts;
    if (period !== Number.POSITIVE_INFINITY) {
      this.lastData = this.lastSent = thisMoment();
      this.ticker = Ticker.of(period);
      this.ticker.add(this);
    }
    // One function for both: an idle reader has few things of its own.
    socket.on('close', this.onLeave).on('end', this.onLeave);
    options.limits?.reads.add(this);
    reader.watcher = this;
  }

  /** Sends what there is. Called when there is something, and when the socket has room again. */
  readonly pump = (): void => {
    const { reader, socket, shared: fanout } = this;
    const { body, control } = fanout.encoding;
    for (let runs = 0; !this.done; ) {
      if (socket.writableLength > 0) {
        this.waitForRoom();
        return;
      }
      if (this.queued !== undefined) this.letGo();
      if (runs === RUNS_PER_TURN) {
        setImmediate(this.pump);
        return;
      }
      const record = this.next();
      if (record === undefined) {
        if (this.done) return;
        if (this.isSideClosed) this.finish('closed');
        else reader.whenReadable(this.pump);
        return;
      }
      switch (record.type) {
        case 'run': {
          const length = body === undefined ? record.length : this.sendableLength(record);
          if (length === 0) {
            const news = reader.announceCaughtUp(record.offset + record.length);
            if (news !== undefined) this.sendCaughtUp(news);
            reader.whenReadable(this.pump);
            return;
          }
          if (this.isInHistory && body === undefined) {
            fanout.sendAlone(socket, record);
            this.hold(record);
            runs = RUNS_PER_TURN;
          } else {
            this.hold(fanout.send(socket, record, length) ?? record);
            runs++;
          }
          reader.advance(length);
          if (this.ticker !== undefined) this.lastData = this.lastSent = thisMoment();
          break;
        }
        case 'gap':
          if (control !== undefined) fanout.sendControl(socket, control.gap(record, fanout.stream));
          fanout.sendHeader(socket, reader.headerLostIn(record), record.to);
          break;
        case 'caught-up':
          this.sendCaughtUp(record);
          break;
        case 'end':
          this.finish(record.reason, record.status);
          break;
      }
    }
  };

  private sendCaughtUp({ offset }: CaughtUpRecord): void {
    const { shared: fanout } = this;
    const { control } = fanout.encoding;
    if (control === undefined || (control.isCaughtUpInData && this.reader.receivedBytes > 0)) return;
    fanout.sendControl(this.socket, control.caughtUp(offset, fanout.stream));
  }

  /** How many bytes of a run go out now. What is held back waits for the bytes that follow it. */
  private sendableLength(run: BorrowedRun): number {
    const length = this.shared.sendableLength(run, this.reader.isLastBefore(run.offset + run.length));
    this.heldBack = length === 0 ? run.length : 0;
    return length;
  }

  /** Remembers what the system has not taken yet. */
  private hold(sent: PooledBuffer | BorrowedRun): void {
    if (this.socket.writableLength === 0) return;
    this.queued = sent;
    if (sent instanceof PooledBuffer) sent.pin();
    else this.pin = this.reader.pin(sent);
  }

  private letGo(): void {
    if (this.queued instanceof PooledBuffer) this.queued.unpin();
    this.pin?.release();
    this.pin = undefined;
    this.queued = undefined;
  }

  stranded(): readonly Uint8Array[] {
    const { queued, reader } = this;
    if (queued === undefined) return [];
    if (queued instanceof PooledBuffer) return queued.isForgotten ? [queued.bytes] : [];
    // While it is in the ring it costs nothing more.
    return reader.isEvicted(queued.offset) ? queued.parts : [];
  }

  /** The reader was cut off. */
  readerFailed(): void {
    this.finish('too-slow');
  }

  get kind(): string {
    return this.shared.kind;
  }

  kick(): void {
    if (this.done) return;
    const { socket } = this;
    this.finish('kicked');
    const clock = this.options.limits?.clock ?? systemClock;
    socket.once(
      'close',
      clock.schedule(() => socket.destroy(), KICK_GRACE_MS),
    );
  }

  /** It has come late and is far from where the others are. */
  private get isInHistory(): boolean {
    const { reader } = this;
    return !reader.hasCaughtUp && reader.lag > MAX_RUN_BYTES;
  }

  /** What is next; ends the read where the reader can go no further. */
  private next() {
    try {
      const { encoding, stream } = this.shared;
      if (encoding.body !== undefined) {
        const record = this.reader.borrowRun(usualRun(encoding, this.reader.nextOffset), false);
        if (record?.type !== 'run' || record.length === this.reader.lag || this.sendableLength(record) > 0)
          return record;
        // What must not be divided is longer.
        return this.reader.borrowRun(longestRun(encoding, record.offset, stream), false);
      }
      return this.reader.borrowRun(
        Math.min(this.shared.maxRunBytes, this.isInHistory ? MAX_HISTORY_RUN_BYTES : MAX_RUN_BYTES),
      );
    } catch (error) {
      if (isStreamFSError(error, 'READER_TOO_SLOW')) this.finish('too-slow');
      // Its handle was closed, or the mount is gone.
      else if (isStreamFSError(error, 'READER_CLOSED')) this.finish('closed');
      else throw error;
      return undefined;
    }
  }

  /**
   * A socket says that it has room only after a write that filled it up; of a smaller one, the next write tells. One that
   * is being destroyed still counts what waited in it, and refuses writes at once, before anything else has its turn: to
   * ask it again and again would hold up everything, its own `close` included.
   */
  private waitForRoom(): void {
    if (this.socket.writableNeedDrain) this.socket.once('drain', this.pump);
    else {
      this.socket.write(EMPTY, (error) => {
        if (!error) this.pump();
      });
    }
  }

  /** The time has come to look whether anything was sent. */
  tick(): void {
    if (this.done || this.ticker === undefined) return;
    const { timeout, heartbeat } = this.options;
    const at = now();
    if (at >= this.endsAt) {
      this.finish('timeout');
      return;
    }
    // Bytes still queued are not silence; and nothing would watch the socket of an answer that is over.
    if (this.reader.lag > this.heldBack || this.socket.writableLength > 0) {
      this.look = Math.min(MAX_RECHECK_MS, this.look * 2);
      this.ticker = Ticker.of(Math.max(this.period, this.look));
      this.ticker.add(this);
      return;
    }
    if (timeout !== undefined && at - this.lastData >= timeout) {
      this.finish('timeout');
      return;
    }
    const { control } = this.shared.encoding;
    if (control !== undefined && heartbeat > 0 && at - this.lastSent >= heartbeat) {
      this.shared.sendControl(this.socket, control.heartbeat(this.reader.cursor, this.shared.stream));
      this.lastSent = thisMoment();
    }
    this.ticker.add(this);
  }

  /**
   * Ends the answer as it should be ended, behind what waits in the socket. The reader is closed at once; the peer may
   * take its time to take in the rest, as long as it takes any (`stall_timeout`) and there is memory.
   */
  private finish(reason: ReadEndReason, status?: string): void {
    if (this.done) return;
    const { queued, reader, socket, shared: fanout } = this;
    this.release();
    const { cursor: offset, skippedBytes } = reader;
    const { control } = fanout.encoding;
    const retryAfterMs = reason === 'shutdown' ? this.options.limits?.reads.spreadMs : undefined;
    const summary = { reason, status, offset, skippedBytes, retryAfterMs };
    if (control !== undefined) fanout.sendControl(socket, control.end(summary, fanout.stream));
    socket.write(fanout.transfer.last(summary));
    if (fanout.transfer.endsConnection) socket.destroySoon();
    this.leaveQueued(queued);
    // Metrics and log count this as a client that has left.
    this.over(this.isSideClosed && reason === 'closed' ? 'cut' : reason);
  }

  /** The peer has said that it wants no more. What waits in the socket is still sent, and nothing behind it. */
  stop(): void {
    if (this.done) return;
    const { queued } = this;
    this.release();
    this.leaveQueued(queued);
    this.over('cut');
  }

  /** What waits in the socket of a read that is over is memory like any other until its peer has taken it. */
  private leaveQueued(queued: PooledBuffer | BorrowedRun | undefined): void {
    if (queued === undefined || this.socket.writableLength === 0) return;
    this.queued = queued;
    this.options.limits?.reads.drain(this);
  }

  /**
   * The peer is gone: so is its reader, at once (contract 26). Or it has closed its side, and may be gone as well: it gets
   * what is there, and nothing is waited for any more (docs/adr/0021-finish-half-closed-connections.md).
   */
  private readonly onLeave = (): void => {
    if (this.done) return;
    if (this.socket.destroyed) {
      this.release();
      this.over('cut');
      return;
    }
    this.isSideClosed = true;
    if (this.reader.cancelWait()) this.finish('closed');
  };

  private over(end: ReadEndReason | 'cut'): void {
    const { limits, logger } = this.options;
    limits?.reads.ended(end);
    if (logger !== undefined && writes(logger, 'debug')) {
      const { id, stream, cursor, receivedBytes, skippedBytes } = this.reader;
      const facts = { reader: id, stream: stream.name, end, cursor, bytes: receivedBytes, skipped: skippedBytes };
      logger.debug('read over', facts);
    }
    this.owner.over(end);
  }

  private release(): void {
    this.done = true;
    // What still waits in the socket stays pinned: its memory must not be used again.
    this.queued = undefined;
    this.pin = undefined;
    this.options.limits?.reads.delete(this);
    this.ticker?.delete(this);
    this.reader.watcher = undefined;
    this.reader.cancelWait();
    this.reader.close();
    this.socket.off('close', this.onLeave);
    this.socket.off('end', this.onLeave);
    this.socket.off('drain', this.pump);
    this.shared.leave();
  }
}
