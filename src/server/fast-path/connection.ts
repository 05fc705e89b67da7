/**
 * A connection that is served directly: from its socket's bytes to the stream and back, for as long as it asks for nothing
 * but appends and live reads (docs/adr/0014-serve-appends-and-live-reads-without-node-http.md).
 *
 *               ┌──────────── answered ◄────────────┐
 *               ▼                                   │
 *     ──────► head ──► body, short: kept until whole, then appended
 *              │ ├───► upload, long: given on as it comes ──► answered
 *              │ ├───► live read: the sink owns the socket from here on
 *              │ └───► anything else, and anything invalid: handed to node:http, from this head on
 *              ▼
 *            closed
 *
 * A request that is handed over has had no effect yet, so node:http answers it as if it had arrived there. An error later,
 * in the middle of a body, is answered here and ends the connection.
 */
import type { Socket } from 'node:net';
import { MAX_CHUNK } from '../../core/index.ts';
import { createError, isStreamFSError, type StreamFSError } from '../../errors/index.ts';
import type { FileWriter } from '../../fs/index.ts';
import type { Principal } from '../auth/index.ts';
import { GIVEN_UP } from '../http/exchange.ts';
import { requestTimeout, stackOf } from '../http/respond.ts';
import { canAnswer, errorText, writtenParts } from '../http/response-text.ts';
import { bodyBrokeOff, receiveBody, track, type Upload, untrack } from '../ingest/receive.ts';
import { KEEP_ALIVE_TIMEOUT_MS, takeFrom, takeNoMore } from '../net/index.ts';
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
 * `busy`: something is waited for, and nothing is read; `refused`: what comes is dropped until the client has gone;
 * `left`: handed to node:http or to a sink, or closed.
 */
type State = 'head' | 'body' | 'upload' | 'busy' | 'refused' | 'left';

const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
/** How long a refused client may still send, in milliseconds. */
const REFUSED_LINGER_MS = 2000;

export class FastPathConnection implements Upload {
  private readonly socket: Socket;
  private readonly server: FastPathHost;
  private readonly exchanges: RequestLog;
  private state: State = 'head';
  /** What has come and has not been looked at. */
  private rest: Buffer = EMPTY;
  private readonly answers: ResponseBuffer;
  /** Where the last short body went. */
  private target: AppendTarget | undefined;
  private body: ShortBody | undefined;
  private upload: UploadBody | undefined;
  private readonly patience = new IdleTimer();

  constructor(socket: Socket, server: FastPathHost) {
    this.socket = socket;
    this.server = server;
    this.exchanges = new RequestLog(socket, server);
    this.answers = new ResponseBuffer(socket, this.proceed);
    takeFrom(socket, this.onData);
    socket.on('end', this.onEnd).on('close', this.onClose).on('error', ignore);
    server.context.limits.connections.attend(socket, this);
  }

  // ── bytes in, answers out ──────────────────────────────────────────────────────────────────────────────────────

  private readonly onData = (bytes: Buffer): void => {
    if (this.rest.length === 0) this.take(bytes, false);
    else this.take(Buffer.concat([this.rest, bytes]), true);
  };

  /** @param isOurs false where what the bytes lie in is read into again */
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
      // Where little is left, what it lay in is not kept for it.
      this.rest = isOurs && rest.length > at ? rest : Buffer.from(rest);
    }
    this.settle();
    if (!this.isReading) this.socket.pause();
  }

  /** Goes on with what has come, after something was waited for. */
  private readonly proceed = (): void => {
    if (this.rest.length > 0 && this.isReading) this.take(this.rest, true);
    if (this.isReading) this.socket.resume();
    if (this.socket.readableEnded) this.onEnd();
  };

  private get isReading(): boolean {
    if (this.answers.areWaiting || this.state === 'busy' || this.state === 'left') return false;
    return this.state !== 'upload' || !this.upload!.isPaused;
  }

  /** Sends the answers there are; only then the connection may be idle. */
  private settle(): void {
    this.answers.send();
    if (this.state === 'head') this.exchanges.idle();
    else if (this.state === 'body') {
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
    const raw = Buffer.from(bytes.subarray(at, bodyAt));
    if (request.kind === 'follow') {
      this.wait();
      void this.follow(request, raw);
      return bodyAt;
    }
    const open = openAppend(request);
    if (open === undefined) return this.handOver(bytes, at);
    const { length: size, expectsContinue } = request.head;
    if (size !== undefined && size <= MAX_CHUNK) {
      this.target = new AppendTarget(request, raw, size, open, server.version, server.varyLine);
      return this.beginBody(this.target, bytes, bodyAt);
    }
    this.target = undefined;
    this.wait();
    void this.receive(request, raw, expectsContinue && bodyAt === bytes.length);
    return bodyAt;
  }

  /** Counts the connection to whose the request is; false where that may have no more: node:http's way says so. */
  private claim(caller: Principal | undefined): boolean {
    try {
      this.server.context.limits.connections.claim(this.socket, caller?.account);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Gives the connection to node:http, which goes on with the bytes from `at`. What the client sends has not ended, as far as
   * is known here: a socket that is paused does not read on.
   */
  private handOver(bytes: Buffer, at: number): number {
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
    if (target.expectsContinue && at === bytes.length) this.answers.add(CONTINUE);
    return at;
  }

  private takeBody(bytes: Buffer, from: number): number {
    const target = this.target!;
    const body = this.body!;
    const at = body.take(bytes, from);
    if (body.piece === undefined) return at;
    untrack(this.socket);
    this.state = 'head';
    let waiting: void | Promise<void>;
    try {
      waiting = target.append(body.piece);
    } catch {
      // It is met again there, and answered.
      this.handOver(Buffer.concat([target.head, body.piece, bytes.subarray(at)]), 0);
      body.release();
      return at;
    }
    body.release();
    if (waiting === undefined) {
      this.answers.add(target.answer());
      this.exchanges.answered(target.request.status);
    } else {
      this.wait();
      const answer = () => {
        this.answers.add(target.answer());
        this.done(target.request.status);
      };
      waiting.then(answer, (error) => this.refuse(error));
    }
    return at;
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
      this.answers.add(parts.join(String(writer.endOffset)));
      this.done(request.status);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Reads on in a long body; what comes of one that was refused is dropped. */
  private takeUpload(bytes: Buffer, from: number): number {
    const { upload } = this;
    if (upload === undefined || upload.isBroken) return bytes.length;
    const at = upload.take(bytes, from);
    if (!upload.isOver) return at;
    if (this.state === 'upload') this.state = 'busy';
    else this.socket.destroySoon();
    return at;
  }

  /** Of a body that is appended as it comes; one that has to be whole is given less time to stand still. */
  get isForStream(): boolean {
    return this.target?.request.takesParts !== false;
  }

  isWaiting(): boolean {
    return false;
  }

  private breakOff(): void {
    this.refuse(bodyBrokeOff(this.keepPart()));
  }

  giveUp(why: (written: number) => StreamFSError): void {
    this.refuse(why(this.keepPart()));
  }

  /** Appends what has come of a short body that will not be whole (contract 72). Gives how much that was. */
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
      takeFrom(socket, ignore);
      beginRead(source, socket, exchanges, varyLine);
      socket.resume();
    }
  }

  // ── how requests and connections end ───────────────────────────────────────────────────────────────────────────

  /** Nothing is read until something has happened. */
  private wait(): void {
    this.state = 'busy';
    this.exchanges.busy();
    this.socket.pause();
  }

  /** What was waited for has happened, and its answer is there. */
  private done(status: number): void {
    this.exchanges.answered(status);
    if (this.isGone) return;
    this.state = 'head';
    this.upload = undefined;
    this.settle();
    this.proceed();
  }

  /** Answers with an error, after which nothing is served any more. */
  private refuse(error: unknown): void {
    if (this.isGone) {
      this.exchanges.answered(GIVEN_UP);
      return;
    }
    const { socket, upload, server } = this;
    const { limits, logger } = server.context;
    const known = isStreamFSError(error) ? error : createError('INTERNAL');
    if (known !== error) logger.error('request failed', { path: this.exchanges.path, error: stackOf(error) });
    limits.note(known);
    if (!canAnswer(socket)) return void socket.destroy();
    if (this.state !== 'head') this.exchanges.answered(known.status);
    this.state = 'refused';
    untrack(socket);
    this.answers.add(errorText(known, server.varyLine));
    this.answers.sendLast();
    if (upload === undefined || upload.isOver || upload.isBroken) {
      socket.destroySoon();
      return;
    }
    // Closing at once would make the client's system throw away the answer it has just got.
    const timer = setTimeout(() => socket.destroy(), REFUSED_LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
    this.proceed();
  }

  /** For the sweep: a connection that is late with a head, or idle, is closed. */
  check(now: number): void {
    const { count } = this.exchanges;
    const isHeadDue = count === 0 || this.rest.length > 0;
    const waited = this.patience.waitedFor(`${this.state} ${count} ${isHeadDue}`, now);
    if (this.state !== 'head') return;
    const { headerTimeout } = this.server.context.limits.values;
    if (!isHeadDue && waited >= KEEP_ALIVE_TIMEOUT_MS) this.socket.destroySoon();
    else if (isHeadDue && headerTimeout > 0 && waited >= headerTimeout) this.refuse(requestTimeout(headerTimeout));
  }

  /** Bytes that are kept until more comes, or something has happened. */
  held(): number {
    return this.rest.length + (this.body?.held ?? 0);
  }

  private get isGone(): boolean {
    return this.state === 'left' || this.state === 'refused';
  }

  /** The client has closed its sending side: the requests it has sent are still answered, in order. */
  private readonly onEnd = (): void => {
    if (!this.isReading) return;
    if (this.state === 'body') this.breakOff();
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
      this.exchanges.answered(GIVEN_UP);
    } else if (state === 'upload') this.upload!.cut();
  };

  /** The socket is not ours any more. */
  private leave(): void {
    const { socket } = this;
    this.state = 'left';
    untrack(socket);
    this.exchanges.idle();
    takeNoMore(socket, this.onData);
    socket.off('end', this.onEnd).off('close', this.onClose).off('error', ignore);
    this.server.context.limits.connections.unattend(socket);
  }
}

/** Undefined where something is wrong with the path: the route that is asked instead meets it again, and says so. */
function openAppend(request: AppendRequest): OpenAppend | undefined {
  try {
    return request.open();
  } catch {
    return undefined;
  }
}

function ignore(): void {}
