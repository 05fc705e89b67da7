/**
 * Durable Streams, a second protocol over the same streams: an address is a stream. Its routes are those of one mount,
 * below each prefix that is configured.
 */
import type { Route, RouteParameter } from '../http/route.ts';
import type { DurableStreamsOptions } from './options.ts';
import { describe, read } from './read.ts';
import { pathOfStream } from './target.ts';
import { append, create, remove } from './write.ts';

const READ_PARAMETERS: readonly RouteParameter[] = [
  {
    name: 'offset',
    in: 'query',
    type: 'string',
    required: false,
    default: '-1',
    description: 'Where to begin: an offset that an answer gave, `-1` for all that is retained, `now` for the end.',
  },
  {
    name: 'live',
    in: 'query',
    type: 'string',
    required: false,
    description: '`long-poll`: wait for what comes next; `sse`: all that comes, as server-sent events.',
  },
  {
    name: 'cursor',
    in: 'query',
    type: 'string',
    required: false,
    description: 'With `live`: the last cursor that an answer gave.',
  },
];

export function durableStreamRoutes(options: DurableStreamsOptions): readonly Route[] {
  const pathOf = ({ rest = '' }: Readonly<Record<string, string>>) => pathOfStream(rest, options);
  return options.prefixes.flatMap((prefix): readonly Route[] => {
    const pattern = `${prefix}/*`;
    return [
      {
        method: 'PUT',
        pattern,
        pathOf,
        summary: 'Creates a stream, or finds that it is there as it is asked for.',
        permission: 'write',
        body: 'content',
        parameters: [],
        handle: (exchange) => create(exchange, options),
      },
      {
        method: 'POST',
        pattern,
        pathOf,
        summary: 'Appends the body, and closes the stream where it is asked to.',
        permission: 'write',
        body: 'content',
        parameters: [],
        handle: append,
      },
      {
        method: 'GET',
        pattern,
        pathOf,
        summary: 'Reads from an offset on: a page, or live.',
        permission: 'read',
        link: 'read',
        navigable: true,
        parameters: READ_PARAMETERS,
        handle: (exchange) => read(exchange, options),
        head: describe,
      },
      {
        method: 'DELETE',
        pattern,
        pathOf,
        summary: 'Removes a stream.',
        permission: 'admin',
        parameters: [],
        handle: remove,
      },
    ];
  });
}

export type { DurableStreamsOptions } from './options.ts';
