/** Parameters that several routes share. */
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

/** The parameter that says how a stream ended (contract 100). */
export const END_STATUS = optional(
  'end_status',
  'string',
  `With the end of the stream: the result of its writer, such as \`exit 3\`. It ${END_STATUS_RULE}.`,
);

/** @throws INVALID_PARAMETER */
export function endStatusOf(query: Query): string | undefined {
  const status = query.text('end_status');
  if (status === undefined || isEndStatus(status)) return status;
  throw createError('INVALID_PARAMETER', { name: 'end_status', reason: END_STATUS_RULE });
}

/** The parameters of a signed link, in addition to its path; see `auth/links.ts`. */
export const LINK: readonly RouteParameter[] = [
  optional('expires', 'integer', 'Of a link: the time at which it expires, in seconds since 1970.'),
  optional('signature', 'string', 'Of a link: its signature. Ignored if the request has a token.'),
];

/** Constraints on a value, in addition to its type. */
type Range = Pick<RouteParameter, 'values' | 'min' | 'max'>;

/** An optional query parameter. */
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
