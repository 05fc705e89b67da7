/** Parameters that several routes share, so that they are described once. */
import { createError } from '../../errors/index.ts';
import { END_STATUS_RULE, isEndStatus, type QueryParameter } from '../../protocol/index.ts';
import type { Query } from '../http/query.ts';
import type { RouteParameter } from '../http/route.ts';

export const PATH: RouteParameter = {
  name: 'path',
  in: 'query',
  type: 'string',
  required: true,
  description: 'Absolute path of the file, such as `/streamfs/live`.',
};

export const GENERATION: RouteParameter = {
  name: 'generation',
  in: 'query',
  type: 'string',
  required: false,
  description: 'Refuse with 409 STREAM_RECREATED if the stream is not this generation.',
};

/** What is said of how a stream ends (contract 100). */
export const END_STATUS = optional(
  'end_status',
  'string',
  `Where the stream ends: how its writer did, such as \`exit 3\`. It ${END_STATUS_RULE}.`,
);

/** @throws INVALID_PARAMETER */
export function endStatusOf(query: Query): string | undefined {
  const status = query.text('end_status');
  if (status === undefined || isEndStatus(status)) return status;
  throw createError('INVALID_PARAMETER', { name: 'end_status', reason: END_STATUS_RULE });
}

/** What a link has beside its path; see links.ts in access. */
export const LINK: readonly RouteParameter[] = [
  optional('expires', 'integer', 'Of a link: until when it is good, in seconds since 1970.'),
  optional('signature', 'string', 'Of a link: what makes it good without a token. It counts where no token is sent.'),
];

/** What a value may be, beside its type. */
type Range = Pick<RouteParameter, 'values' | 'min' | 'max'>;

/** A query parameter that may be left out. */
export function optional(
  name: QueryParameter,
  type: RouteParameter['type'],
  description: string,
  standard?: string,
  range: Range = {},
): RouteParameter {
  return {
    ...range,
    name,
    in: 'query',
    type,
    required: false,
    description,
    default: standard,
  };
}

/** A field of a JSON body. */
export function field(
  name: string,
  type: RouteParameter['type'],
  required: boolean,
  description: string,
  standard?: string,
  range: Range = {},
): RouteParameter {
  return { ...range, name, in: 'body', type, required, description, default: standard };
}
