/**
 * Writing over WebSocket: each message corresponds to the body of one PUT, and is appended as a whole or not at all
 * (contract 101). Messages are handled one after the other; while the stream makes its writers wait, the socket is not
 * read.
 */
import { createError, isStreamFSError, StreamFSError } from '../../errors/index.ts';
import { abortWrite } from '../../fs/abort-write.ts';
import { type Appender, type FileSystem, type FileWriter, openAppender, type StoredStream } from '../../fs/index.ts';
import { stackOf } from '../../logging/index.ts';
import { CLOSE_CODES, END_STATUS_RULE, isEndStatus, WEBSOCKET_SUBPROTOCOLS } from '../../protocol/index.ts';
import type { Exchange, UpgradeOffer } from '../http/route.ts';
import { closeCodeOf } from './close-codes.ts';
import { type ConnectionUser, WebSocketConnection } from './connection.ts';
import { acceptHandshake, type Handshake } from './handshake.ts';
import { type WriteRequest, writeRequestOf } from './write-request.ts';

/** The stream that messages are appended to. */
interface Target {
  readonly fileSystem: FileSystem;
  /** The path within the file system. */
  readonly path: string;
  readonly stored: StoredStream;
  /** A writer that keeps the stream from expiring and is notified of its end. Undefined if the stream has ended. */
  readonly presence: FileWriter | undefined;
}

export async function write(exchange: Exchange, offer: UpgradeOffer, handshake: Handshake): Promise<void> {
  const { limits } = exchange.server;
  if (handshake.subprotocol !== WEBSOCKET_SUBPROTOCOLS.records) {
    throw createError('BAD_REQUEST', { reason: `with mode=write ${WEBSOCKET_SUBPROTOCOLS.records} is required` });
  }
  const request = writeRequestOf(exchange.query);
  const target = await openTarget(exchange, request);
  if (offer.socket.destroyed) {
    await target.presence?.abort();
    return;
  }
  exchange.isLive = true;
  acceptHandshake(exchange, handshake, {});
  const writer = new MessageWriter(exchange, offer, target, request);
  writer.begin(
    new WebSocketConnection(offer.socket, writer, { limits, maxMessageBytes: limits.values.messageSize || MAX_LENGTH }),
  );
}

/** Used if messages may have any length: no buffer can be longer. */
const MAX_LENGTH = 2 ** 31 - 1;

/** @throws NOT_SUPPORTED for a file that is not a stream; otherwise as a write, including STREAM_RECREATED */
async function openTarget(exchange: Exchange, request: WriteRequest): Promise<Target> {
  const { caller, server } = exchange;
  const { generation, producer, seq, create, settings, atomic } = request;
  const { fileSystem, mountPath, path } = server.mounts.resolve(request.path);
  const store = fileSystem.streams?.();
  if (store === undefined)
    throw createError('NOT_SUPPORTED', { operation: 'writing over WebSocket', plugin: mountPath });
  // With `seq` above 0 the stream must exist: a new stream would only be created to report a sequence gap.
  const options = { ...caller?.creating, settings, atomic, create: seq > 0 ? false : create };
  let presence: FileWriter | undefined;
  try {
    presence = await fileSystem.openWrite(path, options);
  } catch (error) {
    // Appends of a producer that were applied before are acknowledged even after the end.
    if (producer === undefined || !isStreamFSError(error, 'STREAM_CLOSED')) throw error;
  }
  const actual = presence?.generation;
  if (presence !== undefined && generation !== undefined && actual !== generation) {
    await presence.abort();
    throw createError('STREAM_RECREATED', { actual: actual ?? 'none', expected: generation });
  }
  const stored = await store.find(path);
  return { fileSystem, path, stored, presence };
}

class MessageWriter implements ConnectionUser {
  private readonly exchange: Exchange;
  private readonly offer: UpgradeOffer;
  private readonly target: Target;
  private readonly request: WriteRequest;
  private connection: WebSocketConnection | undefined;
  private appender: Appender | undefined;
  /** The sequence number of the next message. */
  private seq: number;
  private isOver = false;

  constructor(exchange: Exchange, offer: UpgradeOffer, target: Target, request: WriteRequest) {
    this.exchange = exchange;
    this.offer = offer;
    this.target = target;
    this.request = request;
    this.seq = request.seq;
  }

  begin(connection: WebSocketConnection): void {
    this.connection = connection;
    const { presence, stored } = this.target;
    const { stream, settings } = stored;
    connection.send({
      type: 'open',
      offset: stream.endOffset,
      generation: stream.generation,
      content_type: settings.type,
      seq: this.seq,
    });
    if (presence !== undefined) presence.onStop = () => this.streamEnded();
    connection.begin(this.offer.rest);
  }

  // ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────

  message(bytes: Buffer, isText: boolean): void | Promise<void> {
    try {
      if (isText && !this.request.text) return this.control(bytes.toString());
      const { producer } = this.request;
      return producer === undefined ? this.append(bytes) : this.appendOnce(Buffer.from(bytes), producer);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  private append(bytes: Buffer): void | Promise<void> {
    const { fileSystem, path, stored } = this.target;
    const { atomic } = this.request;
    this.appender ??= openAppender(fileSystem, path, { ...this.exchange.caller?.creating, atomic, create: false });
    const { appender } = this;
    if (appender === undefined || appender.generation !== stored.stream.generation) throw createError('STREAM_CLOSED');
    const waiting = bytes.length === 0 ? undefined : appender.append(bytes);
    if (waiting === undefined) return this.acknowledge(appender.endOffset);
    return waiting.then(
      (endOffset) => this.acknowledge(endOffset),
      (error) => this.fail(error),
    );
  }

  /** Appends a message under its sequence number, so that it is applied once however often it is sent. */
  private async appendOnce(bytes: Buffer, { id, epoch }: NonNullable<WriteRequest['producer']>): Promise<void> {
    const { fileSystem, path, stored } = this.target;
    const { atomic } = this.request;
    const { generation } = stored.stream;
    try {
      const options = { ...this.exchange.caller?.creating, atomic, generation, create: false };
      const writer = await fileSystem.openProducerWrite!(path, { id, epoch, seq: this.seq }, options);
      try {
        await writer.write(bytes);
      } catch (error) {
        await abortWrite(writer, error);
      }
      await writer.close();
      this.acknowledge(writer.endOffset!, writer.producer?.isRepeated === true || undefined);
    } catch (error) {
      this.fail(error);
    }
  }

  private acknowledge(offset: number, repeated?: true): void {
    this.connection!.send({ type: 'ack', seq: this.seq++, offset, repeated });
  }

  /** `{"type": "end"}`, with an optional `status`. */
  private control(text: string): void | Promise<void> {
    const status = endOf(text);
    const { presence } = this.target;
    if (presence === undefined) return this.streamEnded();
    return presence.close({ end: true, endStatus: status }).catch((error: unknown) => this.fail(error));
  }

  // ── how it ends ────────────────────────────────────────────────────────────────────────────────────────────────

  private streamEnded(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { stream } = this.target.stored;
    const reason = stream.endReason ?? 'ended';
    const connection = this.connection!;
    connection.send({ type: 'end', reason, offset: stream.endOffset, status: stream.endStatus });
    connection.close(closeCodeOf(reason), reason);
    this.leave(false);
  }

  private fail(error: unknown): void {
    if (this.isOver) return;
    if (
      isStreamFSError(error, 'STREAM_CLOSED', 'STREAM_SHUT_DOWN') &&
      this.target.stored.stream.endReason !== undefined
    ) {
      this.streamEnded();
      return;
    }
    this.isOver = true;
    const known = isStreamFSError(error) ? error : createError('INTERNAL');
    if (known !== error) {
      this.exchange.server.logger.error('request failed', { path: this.request.path, error: stackOf(error) });
    }
    // The error has the number of the failed message; the messages before it are acknowledged.
    const { code, message, details } = known;
    this.connection!.refuse(new StreamFSError(code, message, { ...details, seq: this.seq }));
    this.leave(false);
  }

  closed(code: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.leave(this.request.end && (code === CLOSE_CODES.normal || code === CLOSE_CODES.none));
  }

  /** An incomplete message is not appended. */
  halfClosed(): void {
    this.closed(CLOSE_CODES.abnormal);
    this.connection!.close(CLOSE_CODES.normal, 'closed');
  }

  private leave(end: boolean): void {
    const { presence } = this.target;
    if (presence === undefined) return;
    presence.onStop = undefined;
    const { endStatus } = this.request;
    const over = end ? presence.close({ end, endStatus }) : presence.abort();
    over.catch((error: unknown) => {
      this.exchange.server.logger.error('ending a write failed', { path: this.request.path, error: stackOf(error) });
    });
  }

  check(): void {
    try {
      this.offer.requireStillAdmitted();
    } catch (error) {
      this.fail(error);
    }
  }
}

/** The status of an end record. @throws INVALID_MESSAGE for any other text */
function endOf(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { type, status } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (type !== 'end') {
    throw createError('INVALID_MESSAGE', {
      reason:
        'a text message must be {"type":"end"}; send data as binary messages, or open the connection with text=true',
    });
  }
  if (status === undefined) return undefined;
  if (typeof status === 'string' && isEndStatus(status)) return status;
  throw createError('INVALID_MESSAGE', { reason: `status ${END_STATUS_RULE}` });
}
