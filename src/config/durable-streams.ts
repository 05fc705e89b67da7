/** `server.durable_streams`: which streams the Durable Streams protocol serves, and at which paths. */
import { z } from 'zod';
import { createError } from '../errors/index.ts';
import { parseDuration } from '../units/index.ts';
import { DEFAULT_DURABLE_STREAMS } from './defaults.ts';
import { parseMountPath } from './mount-path.ts';
import { parsedWith } from './parsed-with.ts';
import type { Problem } from './problem.ts';
import type { DurableStreamsConfig, MountConfig } from './types.ts';
import { originOf } from './wire-schema.ts';

/** Paths that the server uses itself. */
const RESERVED = ['api', 'metrics', 'ui'];

/** A long poll must end before proxies time out. */
const MAX_WAIT_MS = 5 * 60_000;

export const durableStreams = z.strictObject({
  mount: parsedWith(z.string(), parseMountPath)
    .optional()
    .describe('The streamfs mount whose streams are served. Default: the first streamfs mount.'),
  prefixes: z
    .array(parsedWith(z.string(), prefixOf))
    .min(1)
    .prefault([...DEFAULT_DURABLE_STREAMS.prefixes])
    .describe('Paths below which an address is a stream: /v1/stream/a/b is the stream /a/b of the mount.'),
  long_poll_timeout: parsedWith(z.union([z.string(), z.number()]), waitOf)
    .prefault(DEFAULT_DURABLE_STREAMS.long_poll_timeout)
    .describe('How long a long poll waits for data, from 10ms to 5m.'),
  public_origins: z
    .array(parsedWith(z.string(), originOf))
    .prefault([])
    .describe(
      'Origins under which clients reach this server through proxies that change Host, such as https://streams.example. `Stream-Forked-From` may name them; `Location` names the first.',
    ),
});

/** Key of `server`. */
export const durableStreamsSetting = z
  .union([z.literal(false), durableStreams], {
    error: () => 'must be false, or a section with mount, prefixes, long_poll_timeout and public_origins',
  })
  .prefault({})
  .describe('Durable Streams, a second protocol over the streams of one mount; false turns it off.');

function prefixOf(text: string): string {
  const path = parseMountPath(text);
  const first = path.split('/')[1]!;
  const reason = RESERVED.includes(first)
    ? `the server has its own paths below /${first}`
    : /[?#%*:]/.test(path)
      ? 'expected plain parts, without ?, #, %, * and :'
      : undefined;
  if (reason === undefined) return path;
  throw createError('CONFIG_INVALID', { reason: `invalid prefix: ${JSON.stringify(text.slice(0, 100))} (${reason})` });
}

function waitOf(value: string | number): number {
  const milliseconds = parseDuration(value);
  if (milliseconds >= 10 && milliseconds <= MAX_WAIT_MS) return milliseconds;
  throw createError('CONFIG_INVALID', { reason: `invalid duration: ${value} (expected 10ms to 5m)` });
}

/** The settings resolved for these mounts. Undefined if it is turned off, or there is no streamfs. */
export function durableStreamsOf(
  written: z.output<typeof durableStreamsSetting>,
  mounts: readonly MountConfig[],
): DurableStreamsConfig | Problem | undefined {
  if (written === false) return undefined;
  const { long_poll_timeout: longPollTimeout, prefixes, public_origins: publicOrigins } = written;
  const mount = written.mount ?? mounts.find(({ plugin }) => plugin === 'streamfs')?.path;
  if (mount === undefined) return undefined;
  if (!mounts.some(({ path }) => path === mount)) {
    return {
      path: ['server', 'durable_streams', 'mount'],
      text: `nothing is mounted at ${mount}: name the path of a streamfs mount`,
    };
  }
  return { mount, prefixes, longPollTimeout, publicOrigins };
}
