/** Sends what a path streams as the answer to a request: a live reader, or a content that has an end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Reader } from '../../core/index.ts';
import type { StreamSource } from '../../fs/index.ts';
import { listenOnlyForItsEnd } from '../net/discard-input.ts';
import { sendContent } from './content.ts';
import { frameEncoding, rawEncoding } from './encoding.ts';
import { joinFanout } from './fanout.ts';
import { type SendOptions, streamHeaders } from './options.ts';
import { Sink } from './sink.ts';
import { chunkedTransfer, closeTransfer } from './transfer.ts';

/** Trailers of a live read (docs/protocol.md). */
const TRAILERS = 'X-Stream-End, X-Stream-End-Offset, X-Stream-Skipped';

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
): Promise<void> {
  if (source.kind === 'live') {
    await beginLive(req, res, source.reader, options, onOver);
    return;
  }
  try {
    await sendContent(res, source.content, options);
  } finally {
    onOver();
  }
}

async function beginLive(
  req: IncomingMessage,
  res: ServerResponse,
  reader: Reader,
  options: SendOptions,
  onOver: () => void,
): Promise<void> {
  const chunked = req.httpVersionMinor >= 1;
  res.writeHead(200, {
    ...liveHeaders(options.format, chunked),
    'X-Stream-Offset': firstOffset(reader, options.format),
    'X-Stream-Generation': reader.stream.generation,
  });
  // At once, also on an idle stream (contract 69).
  res.flushHeaders();
  const { socket } = res;
  if (socket === null || socket.destroyed) {
    reader.close();
    onOver();
    return;
  }
  // The answer has said that it is the last.
  listenOnlyForItsEnd(socket);
  startLive(socket, reader, chunked, options, onOver);
}

/** Headers of all live reads. `chunked` where the client speaks HTTP/1.1. */
export function liveHeaders(format: SendOptions['format'], chunked: boolean): Record<string, string> {
  return {
    ...streamHeaders(format),
    ...(chunked ? { Trailer: TRAILERS, 'Transfer-Encoding': 'chunked' } : {}),
    Connection: 'close',
  };
}

/** Where a live read begins: a raw one cannot show the gap it may begin with, and its first byte is what comes after. */
export function firstOffset(reader: Reader, format: SendOptions['format']): number {
  return format === 'frames' ? reader.cursor : reader.nextOffset;
}

/**
 * Sends a reader's bytes to a socket, behind the head of the answer. From here on the socket is written directly: nothing
 * of node:http runs per run of bytes and reader.
 *
 * @param onOver called once when the answer is over, however it ends
 */
export function startLive(
  socket: Socket,
  reader: Reader,
  chunked: boolean,
  options: SendOptions,
  onOver: () => void,
): void {
  const encoding = options.format === 'frames' ? frameEncoding : rawEncoding;
  const fanout = joinFanout(reader.stream, encoding, chunked ? chunkedTransfer : closeTransfer);
  new Sink(reader, socket, fanout, options, onOver).pump();
}

export type { SendOptions } from './options.ts';
