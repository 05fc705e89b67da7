/** Parameters that several routes share, so that they are described once. */
import type { RouteParameter } from '../route.ts';

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

/** A query parameter that may be left out. */
export function optional(
  name: string,
  type: RouteParameter['type'],
  description: string,
  standard?: string,
): RouteParameter {
  return {
    name,
    in: 'query',
    type,
    required: false,
    description,
    ...(standard === undefined ? {} : { default: standard }),
  };
}

/** A field of a JSON body. */
export function field(
  name: string,
  type: RouteParameter['type'],
  required: boolean,
  description: string,
  standard?: string,
): RouteParameter {
  return { name, in: 'body', type, required, description, ...(standard === undefined ? {} : { default: standard }) };
}
