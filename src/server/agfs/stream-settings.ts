/** The parameters that give a stream its settings, shared by all that may make one (contract 98, 99). */
import { LAG_POLICIES } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import type { StreamSettings } from '../../fs/index.ts';
import { ATOMIC, CONTAINERS, listedContentType, READER_BLOCK } from '../../protocol/index.ts';
import type { Query } from '../http/query.ts';
import type { RouteParameter } from '../http/route.ts';
import { shorten } from '../http/shorten.ts';
import { optional } from './parameters.ts';

const OF_NEW = "Of a stream that is made: see [settings](protocol.md#settings-of-a-stream). Default: the mount's.";

/** All but `atomic`, which a write has a meaning of its own for. */
export const SETTINGS: readonly RouteParameter[] = [
  optional('ring_buffer_size', 'size', `How many bytes are kept for those who join. ${OF_NEW}`),
  optional('channel_buffer_size', 'size', `How far a reader may fall behind, in bytes. ${OF_NEW}`),
  optional('on_lag', 'string', `What happens to one that does: ${LAG_POLICIES.join(', ')}. ${OF_NEW}`, undefined, {
    values: LAG_POLICIES,
  }),
  optional(
    'reader_block',
    'string',
    `Which readers may ask for block: ${READER_BLOCK.join(', ')}. ${OF_NEW}`,
    undefined,
    {
      values: READER_BLOCK,
    },
  ),
  optional('type', 'string', `The content type of live reads and snapshots, such as audio/ogg. ${OF_NEW}`),
  optional(
    'container',
    'string',
    `Where readers may begin: as the type says (auto), anywhere (none), or as one format says: ${CONTAINERS.slice(2).join(', ')}. ${OF_NEW}`,
    undefined,
    { values: CONTAINERS },
  ),
  optional('ttl', 'duration', `The time without a write or a reader after which it expires; 0: never. ${OF_NEW}`),
];

export const ATOMIC_SETTING = optional(
  'atomic',
  'string',
  `What stays whole of what several writers write: ${ATOMIC.join(', ')}. ${OF_NEW}`,
  undefined,
  { values: ATOMIC },
);

/** What is asked for, `atomic` included; undefined where nothing is. @throws INVALID_PARAMETER */
export function settingsOf(query: Query): StreamSettings | undefined {
  const settings: StreamSettings = {
    ...otherSettingsOf(query),
    atomic: query.oneOf('atomic', ATOMIC),
  };
  return isEmpty(settings) ? undefined : settings;
}

/** The same of a write, where `atomic=lines` asks nothing of a stream that is there: it is for this writer. */
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
