/**
 * One reader's socket: the only place that writes the bytes of a live read.
 *
 *     reader.borrowRun ─► fanout.send ─► reader.advance ─► … until the socket is full (drain) or no bytes are left (wake)
 *
 * At most one run waits in a socket. If the peer stops reading, only that run is kept for it. Its reader falls behind
 * like any other, without an effect on other readers.
 */
import type { Socket } from 'node:net';
import type { CaughtUpRecord } from '../../core/index.ts';
import type { BorrowedRun, CursorReader, Pin } from '../../core/internal.ts';
import { isStreamFSError } from '../../errors/index.ts';
import { type Clock, type PluginLogger, systemClock } from '../../fs/index.ts';
import { stackOf, writes } from '../../logging/index.ts';
import type { ReadEndReason } from '../../protocol/index.ts';
import { longestRun, usualRun } from '../encoding/index.ts';
import type { LiveRead, LiveReads } from '../limits/live-reads.ts';
import { PooledBuffer } from './buffer-pool.ts';
import type { Fanout } from './fanout.ts';
import { now, nowRoundedUp, Ticker, type Ticking } from './ticker.ts';

/** The most bytes given to a socket at once: a stalled socket keeps the slabs they are stored in alive, at most two. */
const MAX_RUN_BYTES = 256 * 1024;
/**
 * The same for a cold read through history, where a reader is alone and longer writes are faster. It matches the
 * default send buffer that the system keeps for a socket.
 */
const MAX_HISTORY_RUN_BYTES = 4 * 1024 * 1024;
/** Runs sent before other sockets get their turn; one run of history counts as all of them. */
const RUNS_PER_TURN = 4;
/** How long a kicked peer has to receive the bytes already sent and the end, in milliseconds. */
const KICK_GRACE_MS = 5000;
/** While bytes wait, a timeout is rechecked at growing intervals of at most this many milliseconds. */
const MAX_RECHECK_MS = 256;
const EMPTY = Buffer.alloc(0);

/** Options shared by all reads with the same request. */
export interface SinkOptions {
  /** Milliseconds without data after which a read ends; undefined: never. */
  readonly timeout: number | undefined;
  /** Milliseconds of silence after which a heartbeat is sent, if the encoding has one; 0: never. */
  readonly heartbeat: number;
  /** Milliseconds after which a read ends even while data arrives; undefined: never. Checked with each heartbeat. */
  readonly lifetime?: number | undefined;
  /** Maximum random addition to the lifetime, which spreads out readers that connected together. Default 0. */
  readonly lifetimeJitter?: number | undefined;
  /** Lists the read while it lasts, and counts it afterwards; the clock measures the grace period of a kicked peer. */
  readonly limits?: { readonly reads: LiveReads; readonly clock?: Clock | undefined } | undefined;
  readonly logger?: PluginLogger | undefined;
}

/** The owner of a read. */
export interface SinkOwner {
  /** Called once, when the read is over and the reader closed. */
  readEnded(end: ReadEndReason | 'cut'): void;
}

export class Sink implements LiveRead, Ticking {
  readonly reader: CursorReader;
  readonly socket: Socket;
  /** The memory that waits in the socket, if any: a buffer shared with other readers, or the run's own memory. */
  private queued: PooledBuffer | BorrowedRun | undefined;
  private pin: Pin | undefined;
  readonly shared: Fanout;
  private readonly options: SinkOptions;
  private readonly owner: SinkOwner;
  private ticker: Ticker | undefined;
  dueAt = 0;
  private readonly period: number;
  /** Milliseconds until the next check of a timeout that cannot have expired yet. */
  private recheckMs = 1;
  /** Used only by the timers: when data was last sent, and when anything was, in milliseconds of {@link now}. */
  private lastData = 0;
  private lastSent = 0;
  /** When the read ends even while data arrives, by the same clock. */
  private readonly endsAt: number;
  /** Number of bytes that the encoding holds back until more arrive: they do not delay a heartbeat. */
  private heldBack = 0;
  private done = false;
  /** The peer has closed its sending side. */
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
    const durationMs = Math.floor(lifetime + Math.random() * lifetimeJitter);
    this.endsAt = durationMs === Number.POSITIVE_INFINITY ? durationMs : now() + durationMs;
    if (period !== Number.POSITIVE_INFINITY) {
      this.lastData = this.lastSent = nowRoundedUp();
      this.ticker = Ticker.of(period);
      this.ticker.add(this);
    }
    // One function for both events, so that an idle reader needs fewer objects.
    socket.on('close', this.onLeave).on('end', this.onLeave);
    options.limits?.reads.add(this);
    reader.watcher = this;
  }

  /** Sends what is readable. Called when bytes arrive, and when the socket has room again. */
  readonly pump = (): void => {
    const { reader, socket, shared: fanout } = this;
    const { body, control } = fanout.encoding;
    for (let runs = 0; !this.done; ) {
      if (socket.writableLength > 0) {
        this.waitForRoom();
        return;
      }
      if (this.queued !== undefined) this.releaseQueued();
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
            const caughtUp = reader.announceCaughtUp(record.offset + record.length);
            if (caughtUp !== undefined) this.sendCaughtUp(caughtUp);
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
          if (this.ticker !== undefined) this.lastData = this.lastSent = nowRoundedUp();
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

  /** How many bytes of a run are sent now. Bytes held back wait for those that follow them. */
  private sendableLength(run: BorrowedRun): number {
    const length = this.shared.sendableLength(run, this.reader.isLastBefore(run.offset + run.length));
    this.heldBack = length === 0 ? run.length : 0;
    return length;
  }

  /** Keeps the memory of bytes that the system has not taken yet. */
  private hold(sent: PooledBuffer | BorrowedRun): void {
    if (this.socket.writableLength === 0) return;
    this.queued = sent;
    if (sent instanceof PooledBuffer) sent.pin();
    else this.pin = this.reader.pin(sent);
  }

  private releaseQueued(): void {
    if (this.queued instanceof PooledBuffer) this.queued.unpin();
    this.pin?.release();
    this.pin = undefined;
    this.queued = undefined;
  }

  socketOnlyMemory(): readonly Uint8Array[] {
    const { queued, reader } = this;
    if (queued === undefined) return [];
    if (queued instanceof PooledBuffer) return queued.isForgotten ? [queued.bytes] : [];
    // In the ring its memory is already charged.
    return reader.isEvicted(queued.offset) ? queued.parts : [];
  }

  /** The reader was disconnected because it was too slow. */
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

  /** The reader is a late joiner and far from the live end. */
  private get isInHistory(): boolean {
    const { reader } = this;
    return !reader.hasCaughtUp && reader.lag > MAX_RUN_BYTES;
  }

  /** The next record. Ends the read if the reader cannot continue. */
  private next() {
    try {
      const { encoding, stream } = this.shared;
      if (encoding.body !== undefined) {
        const record = this.reader.borrowRun(usualRun(encoding, this.reader.nextOffset), false);
        if (record?.type !== 'run' || record.length === this.reader.unread || this.sendableLength(record) > 0)
          return record;
        // A unit that must not be divided is longer than the usual run.
        return this.reader.borrowRun(longestRun(encoding, record.offset, stream), false);
      }
      return this.reader.borrowRun(
        Math.min(this.shared.maxRunBytes, this.isInHistory ? MAX_HISTORY_RUN_BYTES : MAX_RUN_BYTES),
      );
    } catch (error) {
      if (isStreamFSError(error, 'READER_TOO_SLOW')) this.finish('too-slow');
      // Its handle was closed, or its mount was removed.
      else if (isStreamFSError(error, 'READER_CLOSED')) this.finish('closed');
      else this.cut(error);
      return undefined;
    }
  }

  /**
   * A socket emits `drain` only after a write that filled it up; after a smaller one, the callback of the next write is
   * used. A socket that is being destroyed still counts its waiting bytes, and fails writes immediately, before any
   * other event is handled: retrying in a loop would block the event loop, including the socket's own `close`.
   */
  private waitForRoom(): void {
    if (this.socket.writableNeedDrain) this.socket.once('drain', this.pump);
    else {
      this.socket.write(EMPTY, (error) => {
        if (!error) this.pump();
      });
    }
  }

  /** Called when the timer is due: ends the read, or sends a heartbeat. */
  tick(): void {
    if (this.done || this.ticker === undefined) return;
    const { timeout, heartbeat } = this.options;
    const at = now();
    if (at >= this.endsAt) {
      this.finish('timeout');
      return;
    }
    // Queued bytes are not silence, and after the response has ended nothing would watch the socket. Bytes that a log has
    // not saved yet are silence.
    if (this.reader.unread > this.heldBack || this.socket.writableLength > 0) {
      this.recheckMs = Math.min(MAX_RECHECK_MS, this.recheckMs * 2);
      this.ticker = Ticker.of(Math.max(this.period, this.recheckMs));
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
      this.lastSent = nowRoundedUp();
    }
    this.ticker.add(this);
  }

  /**
   * Ends the response cleanly, after the bytes that wait in the socket. The reader is closed at once. The peer may take
   * its time to receive the rest, as long as it makes progress (`stall_timeout`) and there is memory.
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
    // Metrics and the log count this as a client that has disconnected.
    this.reportEnd(this.isSideClosed && reason === 'closed' ? 'cut' : reason);
  }

  /** A fault of the server ends only this read. Its peer sees a broken connection, and can resume at its offset. */
  private cut(error: unknown): void {
    const { id, stream, cursor } = this.reader;
    this.options.logger?.error('read failed', { reader: id, stream: stream.name, cursor, error: stackOf(error) });
    this.release();
    this.socket.destroy();
    this.reportEnd('cut');
  }

  /** The peer has ended the read. Bytes that wait in the socket are still sent, and no others. */
  stop(): void {
    if (this.done) return;
    const { queued } = this;
    this.release();
    this.leaveQueued(queued);
    this.reportEnd('cut');
  }

  /** Memory that waits in the socket stays charged after the end of the read, until the peer has taken it. */
  private leaveQueued(queued: PooledBuffer | BorrowedRun | undefined): void {
    if (queued === undefined || this.socket.writableLength === 0) return;
    this.queued = queued;
    this.options.limits?.reads.drain(this);
  }

  /**
   * If the peer has disconnected, its reader is closed at once (contract 26). If it has only closed its sending side,
   * it may have disconnected too: it gets the available bytes, and the read does not wait for more
   * (docs/adr/0021-finish-half-closed-connections.md).
   */
  private readonly onLeave = (): void => {
    if (this.done) return;
    if (this.socket.destroyed) {
      this.release();
      this.reportEnd('cut');
      return;
    }
    this.isSideClosed = true;
    if (this.reader.cancelWait()) this.finish('closed');
  };

  private reportEnd(end: ReadEndReason | 'cut'): void {
    const { limits, logger } = this.options;
    limits?.reads.ended(end);
    if (logger !== undefined && writes(logger, 'debug')) {
      const { id, stream, cursor, receivedBytes, skippedBytes } = this.reader;
      const facts = { reader: id, stream: stream.name, end, cursor, bytes: receivedBytes, skipped: skippedBytes };
      logger.debug('read over', facts);
    }
    this.owner.readEnded(end);
  }

  private release(): void {
    this.done = true;
    // Bytes that still wait in the socket stay pinned: their memory must not be reused.
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
