/** The parameters of a connection that writes. */
import { createError } from '../../errors/index.ts';
import type { StreamSettings } from '../../fs/index.ts';
import { ATOMIC } from '../../protocol/index.ts';
import { endStatusOf } from '../agfs/parameters.ts';
import { settingsOfWrite } from '../agfs/stream-settings.ts';
import type { Query } from '../http/query.ts';
import { PRODUCER_ID } from '../ingest/producer-headers.ts';

export interface WriteRequest {
  readonly path: string;
  /** Undefined: as the mount is configured. */
  readonly create: boolean | undefined;
  readonly generation: string | undefined;
  readonly settings: StreamSettings | undefined;
  readonly atomic: 'lines' | undefined;
  /** Text messages are data. */
  readonly text: boolean;
  /** The stream ends when the peer closes cleanly. */
  readonly end: boolean;
  readonly endStatus: string | undefined;
  /** Undefined: messages are not numbered. */
  readonly producer: { readonly id: string; readonly epoch: number } | undefined;
  /** The sequence number of the first message. */
  readonly seq: number;
}

/** @throws INVALID_PARAMETER */
export function writeRequestOf(query: Query): WriteRequest {
  const generation = query.text('generation');
  const end = query.boolean('end') ?? false;
  const endStatus = endStatusOf(query);
  if (endStatus !== undefined && !end) throw invalid('end_status', 'needs end=true');
  const producer = producerOf(query);
  const seq = query.integer('seq', { min: 0 });
  if (seq !== undefined && producer === undefined) throw invalid('seq', 'needs producer and epoch');
  return {
    path: query.path(),
    // A stream created by this request would have a new generation, which the client cannot have named.
    create: generation === undefined ? query.boolean('create') : false,
    generation,
    settings: settingsOfWrite(query),
    atomic: query.oneOf('atomic', ATOMIC) === 'lines' ? 'lines' : undefined,
    text: query.boolean('text') ?? false,
    end,
    endStatus,
    producer,
    seq: seq ?? 0,
  };
}

function producerOf(query: Query): WriteRequest['producer'] {
  const id = query.text('producer');
  const epoch = query.integer('epoch', { min: 0 });
  if (id === undefined && epoch === undefined) return undefined;
  if (id === undefined) throw invalid('epoch', 'needs producer');
  if (epoch === undefined) throw invalid('producer', 'needs epoch, a whole number from 0');
  if (!PRODUCER_ID.pattern.test(id)) throw invalid('producer', `must be ${PRODUCER_ID.text}`);
  return { id, epoch };
}

function invalid(name: string, reason: string) {
  return createError('INVALID_PARAMETER', { name, reason });
}
