/**
 * The headers that make a producer's appends idempotent, in requests and responses: their names and rules are those of
 * the Durable Streams protocol, "Idempotent Producers" (contract 72).
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { AppendId } from '../../core/index.ts';
import { createError, isStreamFSError } from '../../errors/index.ts';
import type { ProducerFacts } from '../../fs/index.ts';
import { HEADERS, REQUEST_HEADERS } from '../../protocol/index.ts';
import { parseInteger } from '../../units/index.ts';

const NAMES = [HEADERS.producerId, HEADERS.producerEpoch, HEADERS.producerSeq] as const;

/** The rule of a protocol for the ids of producers. */
export interface ProducerIdRule {
  readonly pattern: RegExp;
  /** The rule in words. */
  readonly text: string;
}

export const PRODUCER_ID: ProducerIdRule = {
  pattern: /^[\x21-\x7e]{1,128}$/,
  text: '1 to 128 visible ASCII characters, without spaces',
};

/**
 * The append id of a request, or undefined if it has no producer headers.
 *
 * @throws PRODUCER_HEADERS
 */
export function appendIdOf(headers: IncomingHttpHeaders, idRule = PRODUCER_ID): AppendId | undefined {
  const id = headers[REQUEST_HEADERS.producerId];
  const epoch = headers[REQUEST_HEADERS.producerEpoch];
  const seq = headers[REQUEST_HEADERS.producerSeq];
  if (id === undefined && epoch === undefined && seq === undefined) return undefined;
  if (id === undefined || epoch === undefined || seq === undefined) {
    const missing = NAMES.filter((name) => headers[name.toLowerCase()] === undefined);
    throw invalid(
      `${NAMES.join(', ')} must be sent together: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
    );
  }
  if (typeof id !== 'string' || !idRule.pattern.test(id)) {
    throw invalid(`${HEADERS.producerId} must be ${idRule.text}`);
  }
  return { id, epoch: wholeNumber(HEADERS.producerEpoch, epoch), seq: wholeNumber(HEADERS.producerSeq, seq) };
}

function wholeNumber(name: string, text: string | string[]): number {
  const value = typeof text === 'string' && text.length <= 16 ? parseInteger(text) : undefined;
  if (value !== undefined) return value;
  throw invalid(`${name} must be a whole number from 0 to 2^53 - 1`);
}

function invalid(reason: string) {
  return createError('PRODUCER_HEADERS', { reason });
}

export function producerHeaders({ epoch, seq }: ProducerFacts): OutgoingHttpHeaders {
  return { [HEADERS.producerEpoch]: epoch, [HEADERS.producerSeq]: seq };
}

/** The headers of a refusal, in addition to its JSON. */
export function refusalHeaders(error: unknown): OutgoingHttpHeaders {
  if (isStreamFSError(error, 'PRODUCER_FENCED')) return { [HEADERS.producerEpoch]: Number(error.details.epoch) };
  if (!isStreamFSError(error, 'PRODUCER_GAP')) return {};
  const { expected_seq: expected, received_seq: received } = error.details;
  return { [HEADERS.producerExpectedSeq]: Number(expected), [HEADERS.producerReceivedSeq]: Number(received) };
}
