/** Sends what a path streams as the answer to a request: a live reader, or a content that has an end. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Reader } from '../../core/index.ts';
import { internalOf } from '../../core/internal.ts';
import type { StreamSource } from '../../fs/index.ts';
import { HEADERS, READ_TRAILERS } from '../../protocol/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { discardInput } from '../net/index.ts';
import { contentHeaders, sendContent } from './content.ts';
import { joinFanout } from './fanout.ts';
import { encodingFor, type SendOptions, streamHeaders } from './options.ts';
import { Sink, type SinkOptions, type SinkOwner } from './sink.ts';
import { chunkedTransfer, closeTransfer, type Transfer } from './transfer.ts';

export type LiveSource = Extract<StreamSource, { kind: 'live' }>;

/** A live read that begins. */
export interface LiveBeginning {
  readonly reader: Reader;
  readonly encoding: Encoding;
  /** The generation that was asked for, where the stream is another one by now. */
  readonly recreatedFrom?: string | undefined;
}

/** What is known of a read beside its source. */
export interface ReadFacts {
  /** Where a content that is no stream begins in its file. Default 0. */
  readonly contentOffset?: number | undefined;
  /** See {@link LiveBeginning}. */
  readonly recreatedFrom?: string | undefined;
}

/** The names of the trailers, announced by the head of the answer (RFC 9110 section 6.6.2). */
const TRAILERS = Object.values(READ_TRAILERS).join(', ');

/**
 * Answers with the source. Settles once a live read has begun, so that nothing of its request is kept for as long as it
 * lasts: of thousands of idle readers that would be most of the memory.
 *
 * @param onOver called once when the answer is over, however it ends
 */
export async function sendSource(
  req: IncomingMessage,
  res: ServerResponse,
  source: StreamSource,
  options: SendOptions,
  onOver: () => void = () => undefined,
  { contentOffset, recreatedFrom }: ReadFacts = {},
): Promise<void> {
  if (source.kind === 'live') {
    const { reader, type } = source;
    const encoding = encodingFor(options.encoding, type);
    const headers = readerHeaders(source, encoding, req.httpVersionMinor >= 1);
    sendReader(req, res, { reader, encoding, recreatedFrom }, headers, options, onOver);
    return;
  }
  try {
    await sendContent(res, source.content, options, contentOffset);
  } finally {
    onOver();
  }
}

/** Answers with all that a reader reads, under headers that say that the answer is the last on its connection. */
export function sendReader(
  req: IncomingMessage,
  res: ServerResponse,
  beginning: LiveBeginning,
  headers: OutgoingHttpHeaders,
  options: SinkOptions,
  onOver: () => void,
): void {
  res.writeHead(200, headers);
  // At once, also on an idle stream (contract 69).
  res.flushHeaders();
  const { socket } = res;
  if (socket === null || socket.destroyed) {
    beginning.reader.close();
    onOver();
    return;
  }
  // The answer has said that it is the last.
  discardInput(socket);
  startLive(socket, beginning, req.httpVersionMinor >= 1 ? chunkedTransfer : closeTransfer, options, { over: onOver });
}

function readerHeaders({ reader, type }: LiveSource, encoding: Encoding, chunked: boolean): OutgoingHttpHeaders {
  return {
    ...liveHeaders(encoding, chunked, type),
    [HEADERS.streamOffset]: firstOffset(reader, encoding),
    [HEADERS.streamGeneration]: reader.stream.generation,
    ...formatHeader(reader, encoding),
  };
}

/** The headers of an answer with a source, in an encoding as it was asked for. `chunked` where the client speaks HTTP/1.1. */
export function sourceHeaders(
  source: StreamSource,
  encoding: Encoding,
  chunked: boolean,
  { contentOffset }: ReadFacts = {},
): OutgoingHttpHeaders {
  if (source.kind === 'live') return readerHeaders(source, encodingFor(encoding, source.type), chunked);
  return contentHeaders(encodingFor(encoding), chunked, contentOffset);
}

/** Headers of all live reads of streams with a content type. `chunked` where the client speaks HTTP/1.1. */
export function liveHeaders(encoding: Encoding, chunked: boolean, type?: string): Record<string, string> {
  return {
    ...streamHeaders(encoding, type),
    ...(chunked ? { Trailer: TRAILERS, 'Transfer-Encoding': 'chunked' } : {}),
    Connection: 'close',
  };
}

/** How many bytes of the format's header come before the stream's own, where they are not told from them. */
export function formatHeader(reader: Reader, encoding: Encoding): Record<string, string> {
  const { header } = internalOf(reader);
  return header === undefined || encoding.control !== undefined
    ? {}
    : { [HEADERS.streamHeader]: String(header.length) };
}

/** Where a live read begins. An encoding that cannot show the gap it may begin with begins behind it. */
export function firstOffset(reader: Reader, encoding: Encoding): number {
  return encoding.control === undefined ? reader.nextOffset : reader.cursor;
}

/**
 * Sends a reader's bytes to a socket, behind the head of the answer, and gives what does. From here on the socket is written directly: nothing
 * of node:http runs per run of bytes and reader.
 *
 * @param owner told once when the answer is over, however it ends
 */
export function startLive(
  socket: Socket,
  { reader, encoding, recreatedFrom }: LiveBeginning,
  transfer: Transfer,
  options: SinkOptions,
  owner: SinkOwner,
): Sink {
  const { stream } = reader;
  const fanout = joinFanout(stream, encoding, transfer);
  const opening = encoding.control?.begin?.({ offset: reader.cursor, recreatedFrom }, stream);
  if (opening !== undefined) fanout.sendControl(socket, opening);
  const inner = internalOf(reader);
  fanout.sendHeader(socket, inner.header, inner.nextOffset);
  const sink = new Sink(inner, socket, fanout, options, owner);
  sink.pump();
  return sink;
}

export { encodedContent } from './content.ts';
export { withParts } from './held-parts.ts';
export { HeldText } from './held-text.ts';
export { encodingFor, type SendOptions } from './options.ts';
export { writePiece } from './pieces.ts';
export { Sink, type SinkOptions, type SinkOwner } from './sink.ts';
export { sendSized } from './sized.ts';
export { chunkedTransfer, type Transfer } from './transfer.ts';
