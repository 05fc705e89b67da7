/**
 * The headers by which a producer makes its appends safe to repeat, and those it is answered with: names and rules
 * are those of the Durable Streams protocol, "Idempotent Producers" (contract 72).
 */

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { AppendId } from '../../core/index.ts';
import { createError, isStreamFSError } from '../../errors/index.ts';
import type { ProducerFacts } from '../../fs/index.ts';
import { HEADERS, REQUEST_HEADERS } from '../../protocol/index.ts';
import { parseInteger } from '../../units/index.ts';

const NAMES = [HEADERS.producerId, HEADERS.producerEpoch, HEADERS.producerSeq] as const;

/** What a protocol lets producers be called. */
export interface ProducerIdRule {
  readonly pattern: RegExp;
  /** What `pattern` asks for, in words. */
  readonly text: string;
}

export const PRODUCER_ID: ProducerIdRule = {
  pattern: /^[\x21-\x7e]{1,128}$/,
  text: '1 to 128 visible ASCII characters, without spaces',
};

/**
 * The append a request is, or undefined if it says nothing of a producer.
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
      `${NAMES.join(', ')} come together: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
    );
  }
  if (typeof id !== 'string' || !idRule.pattern.test(id)) {
    throw invalid(`${HEADERS.producerId} must be ${idRule.text}`);
  }
  return { id, epoch: whole(HEADERS.producerEpoch, epoch), seq: whole(HEADERS.producerSeq, seq) };
}

function whole(name: string, text: string | string[]): number {
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

/** What a refusal says in headers beside its JSON. */
export function refusalHeaders(error: unknown): OutgoingHttpHeaders {
  if (isStreamFSError(error, 'PRODUCER_FENCED')) return { [HEADERS.producerEpoch]: Number(error.details.epoch) };
  if (!isStreamFSError(error, 'PRODUCER_GAP')) return {};
  const { expected_seq: expected, received_seq: received } = error.details;
  return { [HEADERS.producerExpectedSeq]: Number(expected), [HEADERS.producerReceivedSeq]: Number(received) };
}
