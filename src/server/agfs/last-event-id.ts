/**
 * `Last-Event-ID`: the id of the last event that a reconnecting page has received (WHATWG HTML, "Server-sent events").
 * It is `GENERATION:OFFSET`, the form of the ids that this server sends, or an offset alone.
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
  // A page that has received no id sends no header, or an empty one.
  if (text === undefined || text === '') return undefined;
  const [, generation, digits] = ID.exec(text) ?? [];
  const offset = Number(digits);
  if (Number.isSafeInteger(offset)) return { generation, offset };
  throw createError('INVALID_LAST_EVENT_ID', { id: shorten(text) });
}

/** Options that resume a read. The id overrides the start in the URL, which was that of the first connection. */
export function resumed(options: OpenStreamOptions, { generation, offset }: LastEventId): OpenStreamOptions {
  return {
    ...options,
    start: { offset, onExpired: 'skip' },
    generation: generation ?? options.generation,
  };
}

/** Options that read the new stream at this path from its earliest retained byte. */
export function restarted(options: OpenStreamOptions): OpenStreamOptions {
  return { ...options, start: { from: 'earliest' }, generation: undefined };
}
