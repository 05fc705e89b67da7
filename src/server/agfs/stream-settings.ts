/** The parameters that set a stream's settings, shared by all routes that may create one (contract 98, 99). */
import { LAG_POLICIES } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import type { StreamSettings } from '../../fs/index.ts';
import { ATOMIC, CONTAINERS, listedContentType, READER_BLOCK } from '../../protocol/index.ts';
import type { Query } from '../http/query.ts';
import type { RouteParameter } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { optional } from './parameters.ts';

const OF_NEW = "Of a new stream: see [settings](protocol.md#settings-of-a-stream). Default: the mount's.";

/** All except `atomic`, which has another meaning for a write. */
export const SETTINGS: readonly RouteParameter[] = [
  optional('ring_buffer_size', 'size', `How many bytes are retained for late joiners. ${OF_NEW}`),
  optional('channel_buffer_size', 'size', `How far a reader may fall behind, in bytes. ${OF_NEW}`),
  optional(
    'on_lag',
    'string',
    `What happens to a reader that falls too far behind: ${LAG_POLICIES.join(', ')}. ${OF_NEW}`,
    undefined,
    {
      values: LAG_POLICIES,
    },
  ),
  optional(
    'reader_block',
    'string',
    `Which readers may ask for the policy block: ${READER_BLOCK.join(', ')}. ${OF_NEW}`,
    undefined,
    {
      values: READER_BLOCK,
    },
  ),
  optional('type', 'string', `The content type of live reads and snapshots, such as audio/ogg. ${OF_NEW}`),
  optional(
    'container',
    'string',
    `Where readers may begin: by the content type (auto), anywhere (none), or by one format: ${CONTAINERS.slice(2).join(', ')}. ${OF_NEW}`,
    undefined,
    { values: CONTAINERS },
  ),
  optional(
    'ttl',
    'duration',
    `The time without writes and readers after which the stream expires; 0: never. ${OF_NEW}`,
  ),
];

export const ATOMIC_SETTING = optional(
  'atomic',
  'string',
  `The unit of a write that is never interleaved with other writers: ${ATOMIC.join(', ')}. ${OF_NEW}`,
  undefined,
  { values: ATOMIC },
);

/** The requested settings, including `atomic`; undefined if there are none. @throws INVALID_PARAMETER */
export function settingsOf(query: Query): StreamSettings | undefined {
  const settings: StreamSettings = {
    ...otherSettingsOf(query),
    atomic: query.oneOf('atomic', ATOMIC),
  };
  return isEmpty(settings) ? undefined : settings;
}

/** The settings requested by a write, where `atomic=lines` applies to this writer and not to an existing stream. */
export function settingsOfWrite(query: Query): StreamSettings | undefined {
  const atomic = query.oneOf('atomic', ATOMIC);
  const settings: StreamSettings = { ...otherSettingsOf(query), atomic: atomic === 'lines' ? undefined : atomic };
  return isEmpty(settings) ? undefined : settings;
}

function otherSettingsOf(query: Query): StreamSettings {
  return {
    ringBufferSize: query.size('ring_buffer_size'),
    channelBufferSize: query.size('channel_buffer_size'),
    onLag: query.oneOf('on_lag', LAG_POLICIES),
    readerBlock: query.oneOf('reader_block', READER_BLOCK),
    type: typeOf(query),
    container: query.oneOf('container', CONTAINERS),
    ttl: query.duration('ttl'),
  };
}

function isEmpty(settings: StreamSettings): boolean {
  return Object.values(settings).every((value) => value === undefined);
}

function typeOf(query: Query): string | undefined {
  const asked = query.text('type');
  if (asked === undefined) return undefined;
  const listed = listedContentType(asked);
  if (listed !== undefined) return listed;
  throw createError('INVALID_PARAMETER', {
    name: 'type',
    reason:
      'must be one of a fixed list: plain text, CSV, JSON, NDJSON, raster images, sound, video or application/octet-stream, ' +
      `such as text/plain; charset=utf-8 or audio/ogg; never one in which scripts run. Got ${shorten(asked)}`,
  });
}
