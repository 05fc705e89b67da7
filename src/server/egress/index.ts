/** Sends a path as the response to a request: a live reader, or content that has an end. */
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

/** The start of a live read. */
export interface LiveBeginning {
  readonly reader: Reader;
  readonly encoding: Encoding;
  /** The requested generation, if the stream has been recreated since. */
  readonly recreatedFrom?: string | undefined;
}

/** Facts about a read, in addition to its source. */
export interface ReadFacts {
  /** The offset at which content that is not a stream begins in its file. Default 0. */
  readonly contentOffset?: number | undefined;
  /** See {@link LiveBeginning}. */
  readonly recreatedFrom?: string | undefined;
}

/** The names of the trailers, announced in the head of the response (RFC 9110 section 6.6.2). */
const TRAILERS = Object.values(READ_TRAILERS).join(', ');

/**
 * Responds with the source. Settles once a live read has begun, so that nothing of its request stays in memory for the
 * duration of the read: for thousands of idle readers that would be most of the memory.
 *
 * @param onEnded called once when the response has ended, for whatever reason
 */
export async function sendSource(
  req: IncomingMessage,
  res: ServerResponse,
  source: StreamSource,
  options: SendOptions,
  onEnded: () => void = () => undefined,
  { contentOffset, recreatedFrom }: ReadFacts = {},
): Promise<void> {
  if (source.kind === 'live') {
    const { reader, type } = source;
    const encoding = encodingFor(options.encoding, type);
    const headers = readerHeaders(source, encoding, req.httpVersionMinor >= 1);
    sendReader(req, res, { reader, encoding, recreatedFrom }, headers, options, onEnded);
    return;
  }
  try {
    await sendContent(res, source.content, options, contentOffset);
  } finally {
    onEnded();
  }
}

/** Responds with everything that a reader reads. The headers must say that the connection closes after the response. */
export function sendReader(
  req: IncomingMessage,
  res: ServerResponse,
  beginning: LiveBeginning,
  headers: OutgoingHttpHeaders,
  options: SinkOptions,
  onEnded: () => void,
): void {
  res.writeHead(200, headers);
  // At once, even on an idle stream (contract 69).
  res.flushHeaders();
  const { socket } = res;
  if (socket === null || socket.destroyed) {
    beginning.reader.close();
    onEnded();
    return;
  }
  // The response has announced that the connection closes.
  discardInput(socket);
  startLive(socket, beginning, req.httpVersionMinor >= 1 ? chunkedTransfer : closeTransfer, options, {
    readEnded: onEnded,
  });
}

function readerHeaders({ reader, type }: LiveSource, encoding: Encoding, chunked: boolean): OutgoingHttpHeaders {
  return {
    ...liveHeaders(encoding, chunked, type),
    [HEADERS.streamOffset]: firstOffset(reader, encoding),
    [HEADERS.streamGeneration]: reader.stream.generation,
    ...formatHeader(reader, encoding),
  };
}

/** Headers of a response with a source, in the requested encoding. @param chunked whether the client speaks HTTP/1.1 */
export function sourceHeaders(
  source: StreamSource,
  encoding: Encoding,
  chunked: boolean,
  { contentOffset }: ReadFacts = {},
): OutgoingHttpHeaders {
  if (source.kind === 'live') return readerHeaders(source, encodingFor(encoding, source.type), chunked);
  return contentHeaders(encodingFor(encoding), chunked, contentOffset);
}

/** Headers of all live reads of streams with a content type. @param chunked whether the client speaks HTTP/1.1 */
export function liveHeaders(encoding: Encoding, chunked: boolean, type?: string): Record<string, string> {
  return {
    ...streamHeaders(encoding, type),
    ...(chunked ? { Trailer: TRAILERS, 'Transfer-Encoding': 'chunked' } : {}),
    Connection: 'close',
  };
}

/** The length of the format's header that precedes the stream's bytes, in encodings that do not mark it. */
export function formatHeader(reader: Reader, encoding: Encoding): Record<string, string> {
  const { header } = internalOf(reader);
  return header === undefined || encoding.control !== undefined
    ? {}
    : { [HEADERS.streamHeader]: String(header.length) };
}

/** The first offset of a live read: after an initial gap, if the encoding cannot report gaps. */
export function firstOffset(reader: Reader, encoding: Encoding): number {
  return encoding.control === undefined ? reader.nextOffset : reader.cursor;
}

/**
 * Starts sending a reader's bytes to a socket, after the head of the response. From here on the socket is written
 * directly: no code of node:http runs per run of bytes and reader.
 *
 * @param owner notified once when the response has ended, for whatever reason
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

export { withChargedParts } from './charged-parts.ts';
export { ChargedText } from './charged-text.ts';
export { encodedContent } from './content.ts';
export { encodingFor, type SendOptions } from './options.ts';
export { writePiece } from './piece-writer.ts';
export { Sink, type SinkOptions, type SinkOwner } from './sink.ts';
export { sendSized } from './sized-response.ts';
export { chunkedTransfer, type Transfer } from './transfer.ts';
