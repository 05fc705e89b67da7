/**
 * Cold reads over server-sent events: the bytes before the ring are read from disk as they are sent, without a reader.
 * When the read reaches the ring the response ends, as every such response does from time to time: the client
 * reconnects and continues there.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { internalOf, type RingStream } from '../../core/internal.ts';
import { isStreamFSError } from '../../errors/index.ts';
import type { StoredStream } from '../../fs/index.ts';
import { writePiece } from '../egress/index.ts';
import { bytesBetween, unfinishedBytes } from '../encoding/event-stream.ts';
import type { Encoding } from '../encoding/index.ts';
import type { Limits } from '../limits/index.ts';
import { formOf } from './form.ts';
import { type Span, spanFrom } from './page.ts';

/** Maximum length of an event, in bytes, unless a single append or message is longer. */
const MAX_EVENT_BYTES = 128 * 1024;
/** Maximum number of further appends that are added to a text event so that it does not end inside a character. */
const MAX_JOINED = 8;

export interface HistoryRead {
  readonly stored: StoredStream;
  readonly from: number;
  readonly encoding: Encoding;
  readonly headers: OutgoingHttpHeaders;
  readonly limits: Limits;
}

/** @throws OFFSET_GONE, MEMORY_LIMIT if nothing has been sent yet */
export async function sendHistory(
  res: ServerResponse,
  { encoding, from, headers, limits, stored }: HistoryRead,
): Promise<void> {
  const stream = internalOf(stored.stream);
  for (let at = from; at < stream.startOffset && !res.destroyed; ) {
    let span: Span;
    try {
      span = await eventFrom(stored, at);
    } catch (error) {
      // A client that reconnects gets the error as its response.
      if (!res.headersSent || !isStreamFSError(error)) throw error;
      break;
    }
    const event = eventOf(encoding, span, stream);
    limits.sharedBuffers.hold(event);
    try {
      if (!res.headersSent) res.writeHead(200, headers);
      await writePiece(res, event);
    } finally {
      limits.sharedBuffers.release(event);
    }
    at = span.to;
  }
  res.end();
}

async function eventFrom(stored: StoredStream, from: number): Promise<Span> {
  let span = await spanFrom(stored, from, MAX_EVENT_BYTES);
  if (formOf(stored.settings.type) !== 'text') return span;
  const { withHistory } = internalOf(stored.stream);
  for (let n = 0; n < MAX_JOINED && endsInsideCharacter(span); n++) {
    const to = await withHistory.chunkEnd(span.to);
    if (to === span.to) break;
    span = { from, to, parts: [...span.parts, await withHistory.bytes(span.to, to)] };
  }
  return span;
}

function endsInsideCharacter({ from, parts, to }: Span): boolean {
  return unfinishedBytes(bytesBetween(parts, Math.max(0, to - from - 4), to - from)) > 0;
}

function eventOf({ body }: Encoding, { from, parts, to }: Span, stream: RingStream): Buffer {
  const run = { type: 'run', offset: from, length: to - from, parts } as const;
  const event = Buffer.allocUnsafeSlow(body!.maxLength(run, run.length, stream));
  return event.subarray(0, body!.encode(event, 0, run, run.length, stream));
}
