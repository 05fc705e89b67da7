/**
 * A connection that is served directly, from its socket's bytes to the stream and back, as long as it requests only
 * appends and live reads (docs/adr/0014-serve-appends-and-live-reads-without-node-http.md).
 *
 *               ┌─────────── responded ◄────────────┐
 *               ▼                                   │
 *     ──────► head ──► body, short: buffered until complete, then appended
 *              │ ├───► upload, long: passed on as it arrives ──► responded
 *              │ ├───► live read: from here on the sink owns the socket
 *              │ └───► anything else, and anything invalid: handed to node:http, from this head on
 *              ▼
 *            closed
 *
 * An append that has to wait, for a log, already has its place in its stream. So while appends are in flight, the next
 * short appends begin as well; every other request waits until all have their responses.
 *
 * A request that is handed over has had no effect yet, so node:http handles it as if it had arrived there. A later
 * error, in the middle of a body, gets its response here and ends the connection.
 */
import type { Socket } from 'node:net';
import { MAX_CHUNK } from '../../core/index.ts';
import { createError, isStreamFSError, type StreamFSError } from '../../errors/index.ts';
import type { FileWriter } from '../../fs/index.ts';
import { stackOf } from '../../logging/index.ts';
import type { Principal } from '../auth/index.ts';
import { CLIENT_CLOSED_REQUEST } from '../http/exchange.ts';
import { requestTimeout } from '../http/respond.ts';
import { canRespond, errorText, writtenParts } from '../http/response-text.ts';
import { bodyBrokeOff, receiveBody, track, type Upload, untrack } from '../ingest/receive.ts';
import { clearConsumer, KEEP_ALIVE_TIMEOUT_MS, setConsumer } from '../net/index.ts';
import { AppendTarget } from './append-target.ts';
import { beginRead, giveUpRead, openRead } from './follow.ts';
import { isHeadBegun, MAX_HEAD_BYTES } from './head.ts';
import type { FastPathHost } from './host.ts';
import { IdleTimer } from './idle-timer.ts';
import { requestOf } from './parse-request.ts';
import { RequestLog } from './request-log.ts';
import type { AppendRequest, FollowRequest, OpenAppend } from './requests.ts';
import { ResponseBuffer } from './response-buffer.ts';
import { ShortBody } from './short-body.ts';
import { UploadBody } from './upload-body.ts';

/**
 * `busy`: waits for an operation, and reads nothing; `refused`: discards input until the client has disconnected;
 * `left`: handed to node:http or to a sink, or closed.
 */
type State = 'head' | 'body' | 'upload' | 'busy' | 'refused' | 'left';

const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
/** Maximum number of appends of one connection that wait to be saved or sent to a log at the same time. */
const MAX_APPENDS_IN_FLIGHT = 256;
/** How long a refused client may keep sending, in milliseconds. */
const REFUSED_LINGER_MS = 2000;

export class FastPathConnection implements Upload {
  private readonly socket: Socket;
  private readonly server: FastPathHost;
  private readonly exchanges: RequestLog;
  private state: State = 'head';
  /** Bytes that have arrived and are not processed yet. */
  private rest: Buffer = EMPTY;
  private readonly responses: ResponseBuffer;
  /** The target of the last short body. */
  private target: AppendTarget | undefined;
  private body: ShortBody | undefined;
  private upload: UploadBody | undefined;
  private readonly idleTimer = new IdleTimer();

  constructor(socket: Socket, server: FastPathHost) {
    this.socket = socket;
    this.server = server;
    this.exchanges = new RequestLog(socket, server);
    this.responses = new ResponseBuffer(socket, this.proceed);
    setConsumer(socket, this.onData);
    socket.on('end', this.onEnd).on('close', this.onClose).on('error', ignore);
    server.context.limits.connections.setOwner(socket, this);
  }

  // ── bytes in, responses out ─────────────────────────────────────────────────────────────────────────────────────

  private readonly onData = (bytes: Buffer): void => {
    if (this.rest.length === 0) this.take(bytes, false);
    else this.take(Buffer.concat([this.rest, bytes]), true);
  };

  /** @param isOurs false if the memory of the bytes will be reused */
  private take(bytes: Buffer, isOurs: boolean): void {
    this.rest = EMPTY;
    this.exchanges.began = performance.now();
    let at = 0;
    for (let from = -1; at < bytes.length && at > from; ) {
      from = at;
      if (this.state === 'head') at = this.takeHead(bytes, at);
      else if (this.state === 'body') at = this.takeBody(bytes, at);
      else if (this.state === 'upload' || this.state === 'refused') at = this.takeUpload(bytes, at);
    }
    if (this.state === 'left') return;
    if (at < bytes.length) {
      const rest = bytes.subarray(at);
      // A small rest is copied, so that it does not keep a large buffer alive.
      this.rest = isOurs && rest.length > at ? rest : Buffer.from(rest);
    }
    this.settle();
    if (!this.isReading) this.socket.pause();
  }

  /** Continues with buffered bytes, after a wait. */
  private readonly proceed = (): void => {
    if (this.rest.length > 0 && this.isReading) this.take(this.rest, true);
    if (this.isReading) this.socket.resume();
    if (this.socket.readableEnded) this.onEnd();
  };

  private get isReading(): boolean {
    if (this.responses.areWaiting || this.state === 'busy' || this.state === 'left') return false;
    return this.state !== 'upload' || !this.upload!.isPaused;
  }

  /** Sends the pending responses; only then the connection may count as idle. */
  private settle(): void {
    this.responses.send();
    if (this.state === 'head') {
      if (!this.hasAppendsInFlight) this.exchanges.idle();
    } else if (this.state === 'body') {
      this.exchanges.busy();
      track(this.socket, this);
    }
  }

  // ── heads ──────────────────────────────────────────────────────────────────────────────────────────────────────

  private takeHead(bytes: Buffer, at: number): number {
    const { target, server } = this;
    if (target?.isAt(bytes, at, server.version) && !server.isClosing && !target.isRefused) {
      return this.beginBody(target, bytes, at + target.head.length);
    }
    const length = bytes.subarray(at, at + MAX_HEAD_BYTES).indexOf(HEAD_END);
    if (length < 0) {
      if (bytes.length - at >= MAX_HEAD_BYTES || !isHeadBegun(bytes, at)) return this.handOver(bytes, at);
      return at;
    }
    const bodyAt = at + length + HEAD_END.length;
    const request = requestOf(bytes.toString('latin1', at, at + length), server);
    if (request === undefined || !this.claim(request.caller)) return this.handOver(bytes, at);
    if (this.hasAppendsInFlight && !isShortAppend(request)) return this.waitForAppends(at);
    const raw = Buffer.from(bytes.subarray(at, bodyAt));
    if (request.kind === 'follow') {
      this.wait();
      void this.follow(request, raw);
      return bodyAt;
    }
    const open = openAppend(request);
    if (open === undefined) return this.handOver(bytes, at);
    const { length: size, expectsContinue } = request.head;
    if (isShort(size)) {
      this.target = new AppendTarget(request, raw, size, open, server.version, server.varyLine);
      return this.beginBody(this.target, bytes, bodyAt);
    }
    this.target = undefined;
    this.wait();
    void this.receive(request, raw, expectsContinue && bodyAt === bytes.length);
    return bodyAt;
  }

  /** Counts the connection for the account. False if the account may have no more: then node:http refuses it. */
  private claim(caller: Principal | undefined): boolean {
    try {
      this.server.context.limits.connections.claim(this.socket, caller?.account);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Hands the connection to node:http, which continues with the bytes from `at`. The end of the client's input cannot
   * have been seen here, because a paused socket does not read.
   */
  private handOver(bytes: Buffer, at: number): number {
    if (this.hasAppendsInFlight) return this.waitForAppends(at);
    this.settle();
    this.leave();
    const { socket } = this;
    this.server.handOver(socket);
    if (at < bytes.length) socket.unshift(Buffer.from(bytes.subarray(at)));
    socket.resume();
    return at;
  }

  // ── appends ────────────────────────────────────────────────────────────────────────────────────────────────────

  private beginBody(target: AppendTarget, bytes: Buffer, at: number): number {
    this.state = 'body';
    this.exchanges.begin(target.request);
    this.body = new ShortBody(target.length);
    if (target.expectsContinue && at === bytes.length) this.responses.add(CONTINUE);
    return at;
  }

  private takeBody(bytes: Buffer, from: number): number {
    const target = this.target!;
    const body = this.body!;
    const at = body.take(bytes, from);
    if (body.piece === undefined) return at;
    untrack(this.socket);
    this.state = 'head';
    let waiting: Promise<string> | undefined;
    try {
      waiting = target.append(body.piece);
    } catch {
      // node:http runs into the same error, and responds with it: the request goes there from its head on.
      this.rest = Buffer.concat([target.head, body.piece, bytes.subarray(at)]);
      body.release();
      this.handOver(this.rest, 0);
      return bytes.length;
    }
    body.release();
    if (waiting === undefined) {
      this.responses.add(target.response());
      this.exchanges.responded(target.request.status);
    } else this.respondLater(target, waiting);
    return at;
  }

  /** Responds to an append when it is complete. Until then the next may begin, if it cannot overtake this one. */
  private respondLater({ isPlaced, request }: AppendTarget, waiting: Promise<string>): void {
    const { responses, exchanges } = this;
    const { path, route, status } = request;
    const logged = { path, route, began: exchanges.began };
    const response = responses.reserve();
    exchanges.busy();
    const complete = (text: string, status: number) => {
      exchanges.responded(status, logged);
      responses.fill(response, text);
      this.appendResponded();
    };
    waiting.then(
      (text) => complete(text, status),
      (error) => {
        const known = this.knownError(error, path);
        complete(errorText(known, this.server.varyLine, false), known.status);
      },
    );
    if (!isPlaced || responses.reservedCount >= MAX_APPENDS_IN_FLIGHT) this.wait();
  }

  private get hasAppendsInFlight(): boolean {
    return this.responses.reservedCount > 0;
  }

  /** Leaves the request at `at` for later. */
  private waitForAppends(at: number): number {
    this.wait();
    return at;
  }

  /** Sends the responses that are known, and continues once all appends have responses if something waits for that. */
  private appendResponded(): void {
    if (this.state === 'left') return;
    if (this.state === 'refused') {
      if (!this.hasAppendsInFlight) this.closeRefused();
      return;
    }
    const { responses, hasAppendsInFlight, socket } = this;
    if (this.state === 'busy' && !hasAppendsInFlight) {
      this.state = 'head';
      this.settle();
      this.proceed();
      return;
    }
    responses.send();
    if (this.state !== 'head' || hasAppendsInFlight) return;
    this.exchanges.idle();
    if (socket.readableEnded) this.onEnd();
  }

  private async receive(request: AppendRequest, raw: Buffer, isAsked: boolean): Promise<void> {
    this.exchanges.begin(request);
    const { socket } = this;
    const { path, head, caller } = request;
    let writer: FileWriter;
    try {
      writer = await this.server.context.mounts.openWrite(path, caller?.creating);
    } catch {
      if (!this.isGone) this.handOver(Buffer.concat([raw, this.rest]), 0);
      return;
    }
    if (this.isGone) return writer.abort();
    if (isAsked) socket.write(CONTINUE);
    this.upload = new UploadBody(socket, head.length, this.proceed);
    this.state = 'upload';
    try {
      const received = receiveBody(this.upload, writer);
      this.proceed();
      const written = await received;
      const parts = writtenParts(written, writer.generation!, writer.durability, this.server.varyLine);
      this.responses.add(parts.join(String(writer.endOffset)));
      this.done(request.status);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Continues reading a long body; the rest of a refused body is discarded. */
  private takeUpload(bytes: Buffer, from: number): number {
    const { upload } = this;
    if (upload === undefined || upload.isBroken) return bytes.length;
    const at = upload.take(bytes, from);
    if (!upload.isOver) return at;
    if (this.state === 'upload') this.state = 'busy';
    else this.socket.destroySoon();
    return at;
  }

  /** Whether the body is appended as it arrives; a body that must be complete first may stall for less time. */
  get isForStream(): boolean {
    return this.target?.request.keepsPartialBody !== false;
  }

  isWaiting(): boolean {
    return false;
  }

  private breakOff(): void {
    this.refuse(bodyBrokeOff(this.keepPart()));
  }

  abort(why: (written: number) => StreamFSError): void {
    this.refuse(why(this.keepPart()));
  }

  /** Appends the received part of an incomplete short body (contract 72). Returns its length. */
  private keepPart(): number {
    const part = this.body!.part();
    this.body!.release();
    if (part === undefined) return 0;
    try {
      return this.target!.appendPart(part);
    } catch {
      return 0;
    }
  }

  // ── live reads ─────────────────────────────────────────────────────────────────────────────────────────────────

  private async follow(request: FollowRequest, raw: Buffer): Promise<void> {
    const { socket, exchanges } = this;
    const { context, varyLine } = this.server;
    const source = await openRead(request, context);
    if (source === undefined) {
      if (!this.isGone) this.handOver(Buffer.concat([raw, this.rest]), 0);
    } else if (this.isGone) giveUpRead(source, request, context);
    else {
      exchanges.follow(request);
      this.leave();
      socket.on('error', ignore);
      setConsumer(socket, ignore);
      beginRead(source, socket, exchanges, varyLine);
      socket.resume();
    }
  }

  // ── how requests and connections end ───────────────────────────────────────────────────────────────────────────

  /** Reads nothing until a pending operation has completed. */
  private wait(): void {
    this.state = 'busy';
    this.exchanges.busy();
    this.socket.pause();
  }

  /** The pending operation has completed, and its response is buffered. */
  private done(status: number): void {
    this.exchanges.responded(status);
    if (this.isGone) return;
    this.state = 'head';
    this.upload = undefined;
    this.settle();
    this.proceed();
  }

  /** Responds with an error and stops serving the connection. */
  private refuse(error: unknown): void {
    if (this.isGone) {
      this.exchanges.responded(CLIENT_CLOSED_REQUEST);
      return;
    }
    const { socket } = this;
    const known = this.knownError(error, this.exchanges.path);
    if (!canRespond(socket)) return void socket.destroy();
    if (this.state !== 'head') this.exchanges.responded(known.status);
    this.state = 'refused';
    untrack(socket);
    this.responses.add(errorText(known, this.server.varyLine));
    if (!this.hasAppendsInFlight) this.closeRefused();
  }

  /** Counts an error that is about to be sent, and logs one that is not from the error table. */
  private knownError(error: unknown, path: string): StreamFSError {
    const { limits, logger } = this.server.context;
    const known = isStreamFSError(error) ? error : createError('INTERNAL');
    if (known !== error) logger.error('request failed', { path, error: stackOf(error) });
    limits.countRefusal(known);
    return known;
  }

  /** Sends the last response and closes the connection. */
  private closeRefused(): void {
    const { socket, upload } = this;
    this.responses.sendLast();
    if (upload === undefined || upload.isOver || upload.isBroken) {
      socket.destroySoon();
      return;
    }
    // Closing at once could make the client's system discard the response it has just received.
    const timer = setTimeout(() => socket.destroy(), REFUSED_LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
    this.proceed();
  }

  /** Called by the sweep: closes a connection that is idle, or late with a head. */
  check(now: number): void {
    const { count } = this.exchanges;
    const isHeadDue = count === 0 || this.rest.length > 0;
    const waited = this.idleTimer.waitedFor(`${this.state} ${count} ${isHeadDue}`, now);
    if (this.state !== 'head' || this.hasAppendsInFlight) return;
    const { headerTimeout } = this.server.context.limits.values;
    if (!isHeadDue && waited >= KEEP_ALIVE_TIMEOUT_MS) this.socket.destroySoon();
    else if (isHeadDue && headerTimeout > 0 && waited >= headerTimeout) this.refuse(requestTimeout(headerTimeout));
  }

  /** Bytes that are buffered until more arrive, or an operation completes. */
  held(): number {
    return this.rest.length + (this.body?.held ?? 0);
  }

  private get isGone(): boolean {
    return this.state === 'left' || this.state === 'refused';
  }

  /** The client has closed its sending side: the requests it has sent still get responses, in order. */
  private readonly onEnd = (): void => {
    if (!this.isReading) return;
    if (this.state === 'body') this.breakOff();
    else if (this.hasAppendsInFlight) return;
    else if (this.state === 'upload') this.upload!.cut();
    else if (this.state === 'head' && this.rest.length > 0) {
      this.refuse(createError('BAD_REQUEST', { reason: 'the connection was closed in the middle of the headers' }));
    } else this.socket.destroySoon();
  };

  private readonly onClose = (): void => {
    const { state } = this;
    this.leave();
    if (state === 'body') {
      this.keepPart();
      this.exchanges.responded(CLIENT_CLOSED_REQUEST);
    } else if (state === 'upload') this.upload!.cut();
  };

  /** The socket no longer belongs to this connection. */
  private leave(): void {
    const { socket } = this;
    this.state = 'left';
    untrack(socket);
    this.exchanges.idle();
    clearConsumer(socket, this.onData);
    socket.off('end', this.onEnd).off('close', this.onClose).off('error', ignore);
    this.server.context.limits.connections.clearOwner(socket);
  }
}

/** Whether a body is appended in one piece. */
function isShort(length: number | undefined): length is number {
  return length !== undefined && length <= MAX_CHUNK;
}

function isShortAppend(request: AppendRequest | FollowRequest): boolean {
  return request.kind === 'append' && isShort(request.head.length);
}

/** Undefined if the path is invalid: the route that handles the request instead reports the error. */
function openAppend(request: AppendRequest): OpenAppend | undefined {
  try {
    return request.open();
  } catch {
    return undefined;
  }
}

function ignore(): void {}
