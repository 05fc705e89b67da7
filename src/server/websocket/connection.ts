/**
 * One WebSocket connection, of a reader or a writer: frames in, control frames out, and the close handshake.
 *
 *     open ──► closing: our close frame is sent; the peer's is waited for, at most two seconds ──► closed
 *      └─────► closed: the peer's close frame was answered, or the peer has gone
 *
 * Each frame is written to the socket in one go, so that those of a read and those of this file never mix.
 */
import type { Socket } from 'node:net';
import type { StreamFSError } from '../../errors/index.ts';
import { CLOSE_CODES, type WebSocketRecord } from '../../protocol/index.ts';
import type { Limits } from '../limits/index.ts';
import { takeFrom } from '../net/index.ts';
import { closeCodeOfError } from './close-codes.ts';
import { type CloseReason, FrameParser, type FrameTaker } from './frame-parser.ts';
import { closeFrame, errorRecord, PING_FRAME, pongFrame, recordFrame } from './outgoing.ts';

/** How long a peer may be silent before it is asked whether it is there, in milliseconds. */
const PING_INTERVAL_MS = 30_000;
/** Pings that may stay without an answer. */
const MAX_MISSED_PONGS = 2;
/** How long the peer's close frame is waited for, in milliseconds. */
const CLOSE_WAIT_MS = 2000;

const EMPTY = Buffer.alloc(0);

/** What a connection is for. */
export interface ConnectionUser {
  /** Takes a message, whose bytes are others after it has returned. Nothing more is read until a promise has settled. */
  message(bytes: Buffer, isText: boolean): void | Promise<void>;
  /** Nothing may be sent any more. The peer's close code, 1005 where it gave none, 1006 where it did not close. At most once. */
  left(code: number): void;
  /** The peer sends nothing any more, though it has not closed. It may still be sent something. */
  sideClosed(): void;
  /** Looked at once a second. */
  check(): void;
}

export interface ConnectionOptions {
  readonly limits: Limits;
  readonly maxMessageBytes: number;
  /** What messages are refused with, where none are wanted. */
  readonly refusal?: CloseReason | undefined;
}

export class WebSocketConnection implements FrameTaker {
  readonly socket: Socket;
  private readonly limits: Limits;
  private readonly user: ConnectionUser;
  private readonly frames: FrameParser;
  private state: 'open' | 'closing' | 'closed' = 'open';
  /** What has come and has not been read, while something is waited for. */
  private rest = EMPTY;
  /** A message has been taken and is not done with. */
  isWaiting = false;
  /** The answer to the newest ping, while the socket is full: one is enough (RFC 6455 section 5.5.3). */
  private owedPong: Buffer | undefined;
  /** By the clock of {@link check}, which stands still while the event loop does. */
  private nextPing = 0;
  private missedPongs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, user: ConnectionUser, { limits, maxMessageBytes, refusal }: ConnectionOptions) {
    this.socket = socket;
    this.user = user;
    this.limits = limits;
    this.frames = new FrameParser(this, { maxMessageBytes, refusal });
  }

  /** Begins to read, from what had come behind the handshake on. */
  begin(first: Buffer): void {
    const { socket, limits } = this;
    socket.on('end', this.onEnd).on('close', this.onClose);
    limits.connections.attend(socket, this);
    const buffered = (socket.read() as Buffer | null) ?? EMPTY;
    takeFrom(socket, this.onData);
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
    // What is said in answer goes out together.
    this.socket.cork();
    const used = this.frames.take(bytes);
    this.socket.uncork();
    // It lies in memory that is read into again.
    if (used < bytes.length) this.rest = Buffer.from(bytes.subarray(used));
    if (this.isWaiting) this.socket.pause();
  }

  message(bytes: Buffer, isText: boolean): void {
    if (this.state !== 'open') return;
    const done = this.user.message(bytes, isText);
    if (done === undefined) this.waitForRoom();
    else {
      this.isWaiting = true;
      void done.finally(this.goOn);
    }
  }

  /** Where the peer does not take in what it is answered, nothing more is read of it. */
  private waitForRoom(): void {
    if (!this.socket.writableNeedDrain) return;
    this.isWaiting = true;
    this.socket.once('drain', this.goOn);
  }

  private readonly goOn = (): void => {
    this.isWaiting = false;
    if (this.state === 'closed') return;
    if (this.rest.length > 0) this.take(this.rest);
    if (!this.isWaiting) this.socket.resume();
  };

  ping(payload: Buffer): void {
    if (this.state !== 'open') return;
    const isOwed = this.owedPong !== undefined;
    const pong = pongFrame(payload);
    if (!this.socket.writableNeedDrain) {
      this.socket.write(pong);
      return;
    }
    this.owedPong = pong;
    if (!isOwed) this.socket.once('drain', this.sendOwedPong);
  }

  private readonly sendOwedPong = (): void => {
    if (this.owedPong !== undefined && this.state === 'open') this.socket.write(this.owedPong);
    this.owedPong = undefined;
  };

  pong(): void {}

  closed(code: number): void {
    if (this.state === 'open') {
      this.user.left(code);
      this.socket.write(closeFrame(code));
    }
    this.state = 'closed';
    this.socket.destroySoon();
  }

  failed({ code, reason }: CloseReason): void {
    if (this.state === 'open') {
      this.user.left(CLOSE_CODES.abnormal);
      if (code === CLOSE_CODES.tooBig) this.limits.counters.hit('message_size');
      this.close(code, reason);
    }
    // Its close frame would not be understood either: it sees the end of the connection.
    this.socket.end();
  }

  // ── out ────────────────────────────────────────────────────────────────────────────────────────────────────────

  get isOpen(): boolean {
    return this.state === 'open';
  }

  send(record: WebSocketRecord): void {
    if (this.isOpen) this.socket.write(recordFrame(record));
  }

  /** Closes with an error, as HTTP would have answered with it. */
  refuse(error: StreamFSError): void {
    if (!this.isOpen) return;
    this.limits.note(error);
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
    // The peer may take its time to take in what comes before, as long as it takes any.
    socket.write(EMPTY, () => {
      if (this.state === 'closing') this.timer = setTimeout(() => socket.destroy(), CLOSE_WAIT_MS);
    });
    // A message that is waited for no more must not keep the peer's close frame from being read.
    if (this.isWaiting) this.goOn();
  }

  // ── how it ends ────────────────────────────────────────────────────────────────────────────────────────────────

  /** The peer has closed its side. A proper close sends a close frame before. */
  private readonly onEnd = (): void => {
    if (this.isOpen) this.user.sideClosed();
    // A connection that is still open has bytes to send, and ends after them.
    if (!this.isOpen) this.socket.destroySoon();
  };

  private readonly onClose = (): void => {
    clearTimeout(this.timer);
    this.limits.connections.unattend(this.socket);
    this.socket.off('drain', this.goOn).off('drain', this.sendOwedPong);
    const wasOpen = this.isOpen;
    this.state = 'closed';
    if (wasOpen) this.user.left(CLOSE_CODES.abnormal);
  };

  /** For the sweep: bytes that have come and wait. */
  held(): number {
    return this.rest.length + this.frames.held;
  }

  /** For the sweep: asks a silent peer whether it is still there, and cuts one that does not answer. */
  check(now: number): void {
    if (!this.isOpen) return;
    this.user.check();
    if (!this.isOpen) return;
    if (this.nextPing === 0) this.nextPing = now + PING_INTERVAL_MS;
    // What waits in the socket must be taken first; a peer that takes nothing is cut for that. And one that is made to wait is not heard.
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
