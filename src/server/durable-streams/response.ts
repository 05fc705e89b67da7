/** Headers of responses about a stream. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { internalOf } from '../../core/internal.ts';
import { isStreamFSError } from '../../errors/index.ts';
import type { StoredStream } from '../../fs/index.ts';
import { DURABLE_HEADERS as H, HEADERS } from '../../protocol/index.ts';
import { durableOffset } from '../encoding/durable-offsets.ts';
import { READ_HEADERS, RESPONSE_HEADERS } from '../http/headers.ts';
import { refusalHeaders } from '../ingest/producer-headers.ts';
import { earliestOf } from './position.ts';

/**
 * For responses whose media type was chosen by the creator of the stream: under this policy no script runs, whatever
 * the type, even if a browser opens the URL.
 */
export const BODY_HEADERS = {
  ...READ_HEADERS,
  'Content-Security-Policy': `${READ_HEADERS['Content-Security-Policy']}; sandbox`,
} as const;

/** Only a deliberate end is reported as closed: a removed or expired stream is reported as not found. */
export function isClosed({ stream }: Pick<StoredStream, 'stream'>): boolean {
  return stream.endReason === 'ended';
}

/** The offset of the tail, and whether the stream is closed. */
export function tailHeaders(stored: StoredStream): OutgoingHttpHeaders {
  const { stream } = stored;
  return {
    [H.nextOffset]: durableOffset(stream, stream.endOffset),
    ...(isClosed(stored) ? { [H.closed]: 'true' } : {}),
  };
}

/** The durability of an acknowledged write, if the stream is kept on disk. */
export function durabilityHeader({ stream }: Pick<StoredStream, 'stream'>): Record<string, string> {
  const { durability } = internalOf(stream);
  return durability === undefined ? {} : { [HEADERS.streamDurable]: durability };
}

/** The value of the header {@link DURABLE_HEADERS.nextOffset} as text, followed by the other {@link tailHeaders}. */
export function tailValue(stored: Pick<StoredStream, 'stream'>, endOffset = stored.stream.endOffset): string {
  const offset = durableOffset(stored.stream, endOffset);
  return isClosed(stored) && endOffset === stored.stream.endOffset ? `${offset}\r\n${H.closed}: true` : offset;
}

export function sendEmpty(res: ServerResponse, status: number, headers: OutgoingHttpHeaders): void {
  res
    .writeHead(status, {
      ...RESPONSE_HEADERS,
      ...headers,
      ...(status === 204 || status === 304 ? {} : { 'Content-Length': 0 }),
    })
    .end();
}

/** Sets the headers that belong to a refusal. */
export async function setRefusalHeaders(
  res: ServerResponse,
  error: unknown,
  stored: StoredStream | undefined,
): Promise<void> {
  const headers: OutgoingHttpHeaders = refusalHeaders(error);
  if (stored !== undefined && isStreamFSError(error, 'STREAM_CLOSED', 'STREAM_SEQ_ORDER', 'EXPECTED_OFFSET'))
    Object.assign(headers, tailHeaders(stored));
  if (stored !== undefined && isStreamFSError(error, 'OFFSET_GONE', 'OFFSET_OF_ANOTHER')) {
    // The offset after the bytes lost on disk, if the request asked for lost bytes.
    const { earliest } = error.details as { earliest?: unknown };
    const offset = typeof earliest === 'number' ? earliest : await earliestOf(stored);
    headers[H.earliestOffset] = durableOffset(stored.stream, offset);
  }
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value as string | number);
}
