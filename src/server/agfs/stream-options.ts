/** The parameters that say where and how a stream is read, shared by live reads and snapshots (contract 20, 25). */
import { LAG_POLICIES, type ReaderStart } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import type { OpenStreamOptions } from '../../fs/index.ts';
import type { Principal } from '../auth/index.ts';
import type { SendOptions } from '../egress/index.ts';
import { ENCODINGS, type Encoding } from '../encoding/index.ts';
import { preferredType } from '../http/accept.ts';
import type { Query } from '../http/query.ts';
import type { RouteParameter, ServerContext } from '../http/route.ts';
import { GENERATION, optional } from './parameters.ts';

const DEFAULT_HEARTBEAT = 15_000;
const FROM = ['earliest', 'live'] as const;
const ON_EXPIRED = ['error', 'skip'] as const;
const FORMS = ['text', 'base64'] as const;

/** The format of a live read, of a path or a handle. */
export const FORM_PARAMETERS: readonly RouteParameter[] = [
  optional('timeout', 'duration', 'End the response after this long without data. Default: never.'),
  optional(
    'format',
    'string',
    '`raw` bytes; `frames`, which carry offsets, gaps and the end; `sse`: server-sent events. Default: the media type that `Accept` prefers.',
    'raw',
    { values: ENCODINGS.map(({ name }) => name) },
  ),
  optional(
    'encoding',
    'string',
    "With `format=sse`: `text`, or `base64` for bytes of any kind. Default: by the stream's content type.",
    undefined,
    { values: FORMS },
  ),
  optional('lines', 'boolean', 'With `format=sse`: one event for each complete line of text.', 'false'),
  optional(
    'heartbeat',
    'duration',
    'With `frames` and `sse`: send a heartbeat after this long without data; 0 for none.',
    '15s',
  ),
];

const SNAPSHOT_PARAMETERS: readonly RouteParameter[] = [
  optional(
    'offset',
    'integer',
    'Start at an absolute offset; a read beyond the end waits, or gets 416 if the stream has ended.',
    undefined,
    { min: 0 },
  ),
  optional('last', 'size', 'Start with this many of the last retained bytes, or all if there are fewer.'),
  optional('last_lines', 'integer', 'Start with this many of the last retained lines.', undefined, { min: 0 }),
  optional(
    'on_expired',
    'string',
    'If `offset` is no longer retained: `error` (410 OFFSET_GONE), or `skip` to the earliest byte and report a gap.',
    'error',
    { values: ON_EXPIRED },
  ),
  GENERATION,
];

export const STREAM_PARAMETERS: readonly RouteParameter[] = [
  optional('from', 'string', '`earliest`: everything retained, then live. `live`: only new bytes.', 'earliest', {
    values: FROM,
  }),
  ...SNAPSHOT_PARAMETERS,
  optional('create', 'boolean', 'Create an absent stream, or respond with 404. Default: as the mount is configured.'),
  optional(
    'on_lag',
    'string',
    `What happens when this reader falls too far behind: ${LAG_POLICIES.join(', ')}. Default: the stream's policy.`,
    undefined,
    { values: LAG_POLICIES },
  ),
  ...FORM_PARAMETERS,
];

const JOINS = ['boundary', 'any'] as const;

export const JOIN = optional(
  'join',
  'string',
  'Of sound and video: `boundary` begins where a player can, after the header of the format; `any` at the exact ' +
    'byte. Default: `boundary` for raw bytes without an `offset`, else `any`.',
  undefined,
  { values: JOINS },
);

/** Whether a read begins where a decoder of the format can begin. A read with an offset resumes at that exact byte. */
export function joinOf(query: Query, { control }: Encoding): 'boundary' | 'any' {
  return query.oneOf('join', JOINS) ?? (control === undefined && !query.has('offset') ? 'boundary' : 'any');
}

/** Options of a live read. @param caller the client's rights, if tokens are configured */
export function streamOptions(query: Query, encoding: Encoding, caller: Principal | undefined): OpenStreamOptions {
  const create = query.boolean('create');
  const onLag = query.oneOf('on_lag', LAG_POLICIES);
  const role = onLag === 'block' ? caller?.roleAt(query.path()) : undefined;
  return {
    ...snapshotOptions(query),
    reportTrimmed: encoding.control !== undefined,
    create,
    onLag,
    role,
    ...caller?.creating,
  };
}

/**
 * Options of a live read by navigation, which any page can cause: it creates no stream, and no writer waits for it,
 * whatever the policy of the stream.
 */
export function navigationOptions(query: Query, encoding: Encoding, caller: Principal | undefined): OpenStreamOptions {
  const { onLag = 'drop-oldest', ...options } = streamOptions(query, encoding, caller);
  if (onLag === 'block') {
    throw createError('INVALID_PARAMETER', {
      name: 'on_lag',
      reason:
        'a browser that follows a link may not make writers wait: leave it out, or send the request from a program',
    });
  }
  return { ...options, onLag, create: false };
}

/** Options of a snapshot: its start, and the generation that the stream must have. */
export function snapshotOptions(query: Query): OpenStreamOptions {
  const start = readerStart(query);
  const generation = query.text('generation');
  return { start, generation };
}

/** The offset at which content that is not a stream begins in its file. */
export function contentOffsetOf({ start }: OpenStreamOptions): number {
  return start !== undefined && 'offset' in start ? start.offset : 0;
}

function readerStart(query: Query): ReaderStart | undefined {
  const given = (['from', 'offset', 'last', 'last_lines'] as const).filter((name) => query.has(name));
  if (given.length > 1) {
    throw createError('INVALID_PARAMETER', {
      name: given[1]!,
      reason: `only one of from, offset, last and last_lines may be given, got ${given.join(' and ')}`,
    });
  }
  const onExpired = query.oneOf('on_expired', ON_EXPIRED);
  const from = query.oneOf('from', FROM);
  if (from !== undefined) return { from };
  const offset = query.integer('offset', { min: 0 });
  if (offset !== undefined) return { offset, onExpired };
  const lastBytes = query.size('last');
  if (lastBytes !== undefined) return { lastBytes };
  const lastLines = query.integer('last_lines', { min: 0 });
  return lastLines === undefined ? undefined : { lastLines };
}

/** How a stream is sent. `format` takes precedence over the `Accept` header. */
export function sendOptions(accept: string | undefined, query: Query, server: ServerContext): SendOptions {
  return sendingOf(formOf(encodingOf(accept, query, server.encodings), query), query, server);
}

/** The same for a known encoding. */
export function sendingOf(
  encoding: Encoding,
  query: Query,
  { limits, logger }: Pick<ServerContext, 'limits' | 'logger'>,
): SendOptions {
  const heartbeat = query.duration('heartbeat') ?? DEFAULT_HEARTBEAT;
  return {
    encoding,
    heartbeat: encoding.control === undefined ? 0 : heartbeat,
    timeout: query.duration('timeout'),
    limits,
    logger,
  };
}

/** The encoding that `format` names, else the one that `Accept` prefers, else the default. */
function encodingOf(accept: string | undefined, query: Query, encodings: ServerContext['encodings']): Encoding {
  const [standard, ...others] = encodings;
  const asked = query.oneOf(
    'format',
    encodings.map(({ name }) => name),
  );
  if (asked !== undefined) return encodings.find(({ name }) => name === asked)!;
  if (accept === undefined) return standard;
  const types = others.map(({ mediaType }) => mediaType);
  const type = preferredType(accept, standard.mediaType, types);
  return others.find(({ mediaType }) => mediaType === type) ?? standard;
}

/** The form of an encoding that `encoding` or `lines` selects. By default the stream's content type decides. */
function formOf(asked: Encoding, query: Query): Encoding {
  const form = query.oneOf('encoding', FORMS);
  const lines = query.boolean('lines');
  const { forms } = asked;
  if (forms === undefined) {
    const name = form === undefined ? 'lines' : 'encoding';
    if (form === undefined && lines !== true) return asked;
    throw createError('INVALID_PARAMETER', { name, reason: 'it is for server-sent events: add format=sse' });
  }
  if (lines === true && form === 'base64') {
    throw createError('INVALID_PARAMETER', { name: 'lines', reason: 'lines are text: leave out encoding=base64' });
  }
  if (lines === true) return forms.lines;
  return form === undefined ? asked : forms[form];
}
