/**
 * One WebSocket connection, of a reader or a writer: frames in, control frames out, and the close handshake.
 *
 *     open ──► closing: our close frame is sent; waits for the peer's, at most two seconds ──► closed
 *      └─────► closed: the peer's close frame was answered, or the peer has disconnected
 *
 * Each frame is written to the socket in one call, so that frames of a read and frames of this file are never
 * interleaved.
 */
import type { Socket } from 'node:net';
import type { StreamFSError } from '../../errors/index.ts';
import { CLOSE_CODES, type WebSocketRecord } from '../../protocol/index.ts';
import type { Limits } from '../limits/index.ts';
import { setConsumer } from '../net/index.ts';
import { closeCodeOfError } from './close-codes.ts';
import { type CloseReason, type FrameHandler, FrameParser } from './frame-parser.ts';
import { closeFrame, errorRecord, PING_FRAME, pongFrame, recordFrame } from './frame-writer.ts';

/** Interval between pings, in milliseconds. */
const PING_INTERVAL_MS = 30_000;
/** Pings that may stay unanswered. */
const MAX_MISSED_PONGS = 2;
/** How long to wait for the peer's close frame, in milliseconds. */
const CLOSE_WAIT_MS = 2000;

const EMPTY = Buffer.alloc(0);

/** The user of a connection: a read or a write. */
export interface ConnectionUser {
  /** Handles a message, whose bytes are valid only during the call. Reading pauses until a returned promise settles. */
  message(bytes: Buffer, isText: boolean): void | Promise<void>;
  /**
   * Nothing may be sent any more. The code is the peer's, 1005 if it gave none, 1006 if it did not close. Called at most
   * once.
   */
  closed(code: number): void;
  /** The peer has closed its sending side without a close frame. It can still receive. */
  halfClosed(): void;
  /** Called once a second. */
  check(): void;
}

export interface ConnectionOptions {
  readonly limits: Limits;
  readonly maxMessageBytes: number;
  /** The reason for refusing messages, if none are accepted. */
  readonly refusal?: CloseReason | undefined;
}

export class WebSocketConnection implements FrameHandler {
  readonly socket: Socket;
  private readonly limits: Limits;
  private readonly user: ConnectionUser;
  private readonly frames: FrameParser;
  private state: 'open' | 'closing' | 'closed' = 'open';
  /** Bytes that have arrived and are not parsed yet, while an operation is in progress. */
  private rest = EMPTY;
  /** A message is being handled. */
  isWaiting = false;
  /** The response to the newest ping, while the socket is full: one is enough (RFC 6455 section 5.5.3). */
  private pendingPong: Buffer | undefined;
  /** By the clock of {@link check}, which stops while the event loop is blocked. */
  private nextPing = 0;
  private missedPongs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, user: ConnectionUser, { limits, maxMessageBytes, refusal }: ConnectionOptions) {
    this.socket = socket;
    this.user = user;
    this.limits = limits;
    this.frames = new FrameParser(this, { maxMessageBytes, refusal });
  }

  /** Begins to read, starting with the bytes that followed the handshake. */
  begin(first: Buffer): void {
    const { socket, limits } = this;
    socket.on('end', this.onEnd).on('close', this.onClose);
    limits.connections.setOwner(socket, this);
    const buffered = (socket.read() as Buffer | null) ?? EMPTY;
    setConsumer(socket, this.onData);
    if (first.length + buffered.length > 0) this.take(Buffer.concat([first, buffered]));
    if (!this.isWaiting) socket.resume();
    if (socket.readableEnded) this.onEnd();
  }

  // ── in ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private readonly onData = (bytes: Buffer): void => {
    this.take(this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]));
  };

  private take(bytes: Buffer): void {
    this.rest = EMPTY;
    this.missedPongs = 0;
    // Responses to all frames of one read are sent together.
    this.socket.cork();
    const used = this.frames.take(bytes);
    this.socket.uncork();
    // The bytes are in a read buffer that will be reused.
    if (used < bytes.length) this.rest = Buffer.from(bytes.subarray(used));
    if (this.isWaiting) this.socket.pause();
  }

  message(bytes: Buffer, isText: boolean): void {
    if (this.state !== 'open') return;
    const done = this.user.message(bytes, isText);
    if (done === undefined) this.waitForRoom();
    else {
      this.isWaiting = true;
      void done.finally(this.proceed);
    }
  }

  /** Stops reading while the peer does not take the responses. */
  private waitForRoom(): void {
    if (!this.socket.writableNeedDrain) return;
    this.isWaiting = true;
    this.socket.once('drain', this.proceed);
  }

  private readonly proceed = (): void => {
    this.isWaiting = false;
    if (this.state === 'closed') return;
    if (this.rest.length > 0) this.take(this.rest);
    if (!this.isWaiting) this.socket.resume();
  };

  ping(payload: Buffer): void {
    if (this.state !== 'open') return;
    const isPending = this.pendingPong !== undefined;
    const pong = pongFrame(payload);
    if (!this.socket.writableNeedDrain) {
      this.socket.write(pong);
      return;
    }
    this.pendingPong = pong;
    if (!isPending) this.socket.once('drain', this.sendPendingPong);
  }

  private readonly sendPendingPong = (): void => {
    if (this.pendingPong !== undefined && this.state === 'open') this.socket.write(this.pendingPong);
    this.pendingPong = undefined;
  };

  pong(): void {}

  closed(code: number): void {
    if (this.state === 'open') {
      this.user.closed(code);
      this.socket.write(closeFrame(code));
    }
    this.state = 'closed';
    this.socket.destroySoon();
  }

  failed({ code, reason }: CloseReason): void {
    if (this.state === 'open') {
      this.user.closed(CLOSE_CODES.abnormal);
      if (code === CLOSE_CODES.tooBig) this.limits.counters.hit('message_size');
      this.close(code, reason);
    }
    // The peer's close frame could not be parsed either, so the connection is ended.
    this.socket.end();
  }

  // ── out ────────────────────────────────────────────────────────────────────────────────────────────────────────

  get isOpen(): boolean {
    return this.state === 'open';
  }

  send(record: WebSocketRecord): void {
    if (this.isOpen) this.socket.write(recordFrame(record));
  }

  /** Closes with an error, the one that HTTP would have responded with. */
  refuse(error: StreamFSError): void {
    if (!this.isOpen) return;
    this.limits.countRefusal(error);
    this.send(errorRecord(error));
    this.close(closeCodeOfError(error), error.message);
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.socket.write(closeFrame(code, reason));
    this.awaitClose();
  }

  /** Our close frame has been sent: waits for the peer's. */
  awaitClose(): void {
    if (!this.isOpen) return;
    this.state = 'closing';
    const { socket } = this;
    if (socket.readableEnded) {
      socket.destroySoon();
      return;
    }
    // The timeout starts when the bytes before it have been sent: the peer may take its time as long as it makes
    // progress.
    socket.write(EMPTY, () => {
      if (this.state === 'closing') this.timer = setTimeout(() => socket.destroy(), CLOSE_WAIT_MS);
    });
    // An abandoned message must not prevent the peer's close frame from being read.
    if (this.isWaiting) this.proceed();
  }

  // ── how it ends ────────────────────────────────────────────────────────────────────────────────────────────────

  /** The peer has closed its sending side. A proper close sends a close frame before. */
  private readonly onEnd = (): void => {
    if (this.isOpen) this.user.halfClosed();
    // A connection that is still open has bytes to send, and ends after them.
    if (!this.isOpen) this.socket.destroySoon();
  };

  private readonly onClose = (): void => {
    clearTimeout(this.timer);
    this.limits.connections.clearOwner(this.socket);
    this.socket.off('drain', this.proceed).off('drain', this.sendPendingPong);
    const wasOpen = this.isOpen;
    this.state = 'closed';
    if (wasOpen) this.user.closed(CLOSE_CODES.abnormal);
  };

  /** For the sweep: bytes that have arrived and are not processed yet. */
  held(): number {
    return this.rest.length + this.frames.held;
  }

  /** For the sweep: pings a silent peer, and disconnects one that does not answer. */
  check(now: number): void {
    if (!this.isOpen) return;
    this.user.check();
    if (!this.isOpen) return;
    if (this.nextPing === 0) this.nextPing = now + PING_INTERVAL_MS;
    // Waiting bytes must be taken first; a peer that takes none is disconnected for that. While reading is paused,
    // pongs cannot arrive.
    if (now < this.nextPing || this.isWaiting || this.socket.writableLength > 0) return;
    if (this.missedPongs >= MAX_MISSED_PONGS) {
      this.socket.destroy();
      return;
    }
    this.missedPongs++;
    this.nextPing = now + PING_INTERVAL_MS;
    this.socket.write(PING_FRAME);
  }
}
