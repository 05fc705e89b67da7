/**
 * What a page says that reconnects: the id of the last event it has got (WHATWG HTML, "Server-sent events"). It is
 * `GENERATION:OFFSET` as this server gives ids out, or an offset alone.
 */
import type { IncomingMessage } from 'node:http';
import { createError } from '../../errors/index.ts';
import type { OpenStreamOptions } from '../../fs/index.ts';
import { shorten } from '../http/shorten.ts';

export interface LastEventId {
  readonly generation: string | undefined;
  readonly offset: number;
}

const ID = /^(?:([\x21-\x39\x3b-\x7e]{1,128}):)?(\d{1,16})$/;

/** @throws INVALID_LAST_EVENT_ID */
export function lastEventIdOf({ headers }: Pick<IncomingMessage, 'headers'>): LastEventId | undefined {
  const text = headers['last-event-id'] as string | undefined;
  // A page without one sends none, or an empty one.
  if (text === undefined || text === '') return undefined;
  const [, generation, digits] = ID.exec(text) ?? [];
  const offset = Number(digits);
  if (Number.isSafeInteger(offset)) return { generation, offset };
  throw createError('INVALID_LAST_EVENT_ID', { id: shorten(text) });
}

/** Where a read goes on: what the URL says of its start is what it said at first, and counts no more. */
export function resumed(options: OpenStreamOptions, { generation, offset }: LastEventId): OpenStreamOptions {
  return {
    ...options,
    start: { offset, onExpired: 'skip' },
    generation: generation ?? options.generation,
  };
}

/** All that there is of the stream that stands in place of the one that was asked for. */
export function restarted(options: OpenStreamOptions): OpenStreamOptions {
  return { ...options, start: { from: 'earliest' }, generation: undefined };
}
