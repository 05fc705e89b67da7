/**
 * Durable Streams, a second protocol over the same streams: each URL is a stream. Its routes serve one mount, below
 * each configured prefix.
 */
import { EVENT_STREAM_MEDIA_TYPE } from '../../protocol/index.ts';
import { APPEND_ERRORS, BYTES, PRODUCER_ERRORS } from '../http/responses.ts';
import type { Route, RouteParameter } from '../http/route.ts';
import type { DurableReadRoute } from './live.ts';
import type { DurableStreamsOptions } from './options.ts';
import { describe, MODES, openLive, read } from './read.ts';
import { pathOfStream } from './target.ts';
import { append, create, type DurableAppendRoute, openAppend, remove } from './write.ts';

const READ_PARAMETERS: readonly RouteParameter[] = [
  {
    name: 'offset',
    in: 'query',
    type: 'string',
    required: false,
    default: '-1',
    description: 'Where to begin: an offset from a response, `-1` for everything retained, `now` for the end.',
  },
  {
    name: 'live',
    in: 'query',
    type: 'string',
    required: false,
    values: MODES,
    description: '`long-poll`: wait for the next bytes; `sse`: follow live, as server-sent events.',
  },
  {
    name: 'cursor',
    in: 'query',
    type: 'string',
    required: false,
    description: 'With `live`: the last cursor from a response.',
  },
];

const WRITE_ERRORS = [
  ...APPEND_ERRORS,
  ...PRODUCER_ERRORS,
  ...(['CONTENT_TYPE_DIFFERS', 'STREAM_SEQ_ORDER', 'EXPECTED_OFFSET', 'STREAM_SOURCE_GONE', 'INVALID_OFFSET'] as const),
  ...(['OFFSET_GONE', 'OFFSET_OF_ANOTHER', 'OFFSET_BEYOND_END', 'INVALID_BODY', 'PRECONDITION_FAILED'] as const),
];

type DurableRoute = Route | DurableReadRoute | DurableAppendRoute;

export function durableStreamRoutes(options: DurableStreamsOptions): readonly DurableRoute[] {
  const pathOf = ({ rest = '' }: Readonly<Record<string, string>>) => pathOfStream(rest, options);
  return options.prefixes.flatMap((prefix): readonly DurableRoute[] => {
    const pattern = `${prefix}/*`;
    return [
      {
        method: 'PUT',
        pattern,
        pathOf,
        summary: 'Creates a stream, or confirms that it exists with the same settings.',
        permission: 'write',
        answers: [
          { status: 200, description: 'It exists, with the same settings.' },
          { status: 201, description: 'It was created.' },
        ],
        errors: WRITE_ERRORS,
        body: 'content',
        parameters: [],
        evaluatesConditions: true,
        handle: (exchange) => create(exchange, options),
      },
      {
        method: 'POST',
        pattern,
        pathOf,
        summary: 'Appends the body, and closes the stream if requested.',
        permission: 'write',
        answers: [
          { status: 200, description: 'The append of a producer was applied.' },
          { status: 204, description: 'It was appended.' },
        ],
        errors: WRITE_ERRORS,
        body: 'content',
        parameters: [],
        evaluatesConditions: true,
        handle: append,
        openAppend,
      } satisfies DurableAppendRoute,
      {
        method: 'GET',
        pattern,
        pathOf,
        summary: 'Reads from an offset: a page, or live.',
        permission: 'read',
        answers: [
          {
            status: 200,
            description: 'A page, or events.',
            content: { ...BYTES, [EVENT_STREAM_MEDIA_TYPE]: 'text' },
          },
          { status: 204, description: 'A long poll: no bytes until the timeout, or the stream is closed.' },
          { status: 304, description: 'The client already has this page.' },
        ],
        errors: [
          'OFFSET_GONE',
          'OFFSET_BEYOND_END',
          'INVALID_OFFSET',
          'OFFSET_OF_ANOTHER',
          'READER_KICKED',
          'PARAMETER_REQUIRED',
          'STREAM_READER_LIMIT',
          'READER_LIMIT',
        ],
        link: 'read',
        navigable: true,
        parameters: READ_PARAMETERS,
        handle: (exchange) => read(exchange, options),
        openLive: (query, caller, server) => openLive(query, caller, server, options),
        head: describe,
      } satisfies DurableReadRoute,
      {
        method: 'DELETE',
        pattern,
        pathOf,
        summary: 'Removes a stream.',
        permission: 'admin',
        answers: [{ status: 204, description: 'It was removed.' }],
        parameters: [],
        evaluatesConditions: true,
        handle: remove,
      },
    ];
  });
}

export { type DurableReadRoute, isDurableRead } from './live.ts';
export type { DurableStreamsOptions } from './options.ts';
export { durabilityHeader, tailValue } from './response.ts';
export { isDurableAppend } from './write.ts';
