/**
 * What comes before memory, over server-sent events: read from disk as it is sent, without a reader. Where that has come
 * to memory the answer ends, as it does from time to time: its client comes back, and goes on there.
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

/** The most bytes of an event, unless what may not be divided is longer. */
const MAX_EVENT_BYTES = 128 * 1024;
/** Appends that are put together so that an event of text ends with a character, if that is any. */
const MAX_JOINED = 8;

export interface PastRead {
  readonly stored: StoredStream;
  readonly from: number;
  readonly encoding: Encoding;
  readonly headers: OutgoingHttpHeaders;
  readonly limits: Limits;
}

/** @throws OFFSET_GONE, MEMORY_LIMIT where nothing could be sent */
export async function sendPast(
  res: ServerResponse,
  { encoding, from, headers, limits, stored }: PastRead,
): Promise<void> {
  const stream = internalOf(stored.stream);
  for (let at = from; at < stream.startOffset && !res.destroyed; ) {
    let span: Span;
    try {
      span = await eventFrom(stored, at);
    } catch (error) {
      // A client that comes back gets the error in an answer of its own.
      if (!res.headersSent || !isStreamFSError(error)) throw error;
      break;
    }
    const event = eventOf(encoding, span, stream);
    limits.held.hold(event);
    try {
      if (!res.headersSent) res.writeHead(200, headers);
      await writePiece(res, event);
    } finally {
      limits.held.release(event);
    }
    at = span.to;
  }
  res.end();
}

async function eventFrom(stored: StoredStream, from: number): Promise<Span> {
  let span = await spanFrom(stored, from, MAX_EVENT_BYTES);
  if (formOf(stored.settings.type) !== 'text') return span;
  const { whole } = internalOf(stored.stream);
  for (let n = 0; n < MAX_JOINED && endsInsideCharacter(span); n++) {
    const to = await whole.chunkEnd(span.to);
    if (to === span.to) break;
    span = { from, to, parts: [...span.parts, await whole.bytes(span.to, to)] };
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
