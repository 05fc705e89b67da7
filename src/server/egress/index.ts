/** Sends what a path streams as the answer to a request: a live reader, or a content that has an end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Reader } from '../../core/index.ts';
import { type StreamSource, writes } from '../../fs/index.ts';
import { listenOnlyForItsEnd } from '../last-answer.ts';
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
  res.writeHead(200, liveHeaders(reader, options.format, chunked));
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

/** Headers of a live read. `chunked` where the client speaks HTTP/1.1. */
export function liveHeaders(reader: Reader, format: SendOptions['format'], chunked: boolean): Record<string, string> {
  return {
    ...streamHeaders(format),
    ...(chunked ? { Trailer: TRAILERS, 'Transfer-Encoding': 'chunked' } : {}),
    // A raw read cannot show the gap it may begin with: its first byte is what comes after.
    'X-Stream-Offset': String(format === 'frames' ? reader.cursor : reader.nextOffset),
    'X-Stream-Generation': reader.stream.generation,
    Connection: 'close',
  };
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
  const { bounds, logger, timeout } = options;
  const sink = new Sink(reader, socket, fanout, {
    timeout,
    reads: bounds.reads,
    heartbeat: options.format === 'frames' ? options.heartbeat : 0,
    onDone: (end) => {
      bounds.reads.ended(end);
      if (writes(logger, 'debug')) logger.debug('read over', overFacts(reader, end));
      onOver();
    },
  });
  sink.pump();
}

function overFacts(reader: Reader, end: string): Record<string, unknown> {
  const { id, stream, cursor, receivedBytes, skippedBytes } = reader;
  return { reader: id, stream: stream.name, end, cursor, bytes: receivedBytes, skipped: skippedBytes };
}

export type { SendOptions } from './options.ts';
