/**
 * The only description of a configuration file: it validates, fills in defaults, and generates the JSON schema for
 * editors. The `config` of a plugin is validated by the plugin, so it passes through unchanged.
 */
import { z } from 'zod';
import { createError } from '../errors/index.ts';
import { formatDuration, parseDuration, parseSize } from '../units/index.ts';
import { parseAddress } from './address.ts';
import { access, links, token, tokenLimits } from './auth-schema.ts';
import { DEFAULT_SERVER, LOG_FORMATS, LOG_LEVELS, SHARED_READS } from './defaults.ts';
import { durableStreams, durableStreamsSetting } from './durable-streams.ts';
import { bounds, limits } from './limits-schema.ts';
import { parseMountPath } from './mount-path.ts';
import { parsedWith } from './parsed-with.ts';
import { cors, tls, wire } from './wire-schema.ts';

const size = parsedWith(
  z.union([z.string(), z.number()], { error: () => "must be a size string (e.g., '64MB') or number" }),
  parseSize,
);
const duration = parsedWith(
  z.union([z.string(), z.number()], { error: () => "must be a duration string (e.g., '5s') or number of seconds" }),
  parseDuration,
);

/** The system counts it in whole seconds, at most 32,767. */
function parseKeepAlive(milliseconds: number): number {
  if (milliseconds === 0 || (milliseconds >= 1000 && milliseconds <= 9 * 3_600_000)) return milliseconds;
  throw createError('CONFIG_INVALID', {
    reason: `invalid duration: ${formatDuration(milliseconds)} (expected 0, or 1s to 9h)`,
  });
}

const server = z.strictObject({
  address: parsedWith(z.string(), parseAddress)
    .prefault(DEFAULT_SERVER.address)
    .describe('Where to listen, as HOST:PORT. :PORT alone is loopback; 0.0.0.0:PORT is every interface.'),
  log_level: z
    .enum(LOG_LEVELS)
    .default(DEFAULT_SERVER.log_level)
    .describe('The lowest level of messages that are logged.'),
  log_format: z
    .enum(LOG_FORMATS)
    .default(DEFAULT_SERVER.log_format)
    .describe('Format of the log: JSON or readable text; auto is readable text on a terminal, else JSON.'),
  max_request_body_bytes: size
    .prefault(DEFAULT_SERVER.max_request_body_bytes)
    .describe('Maximum size of a request body, except for writes to streams, which have no limit.'),
  max_json_body_bytes: size
    .prefault(DEFAULT_SERVER.max_json_body_bytes)
    .describe('Maximum size of a JSON body; four times that if it contains data to write.'),
  shutdown_timeout: duration
    .prefault(DEFAULT_SERVER.shutdown_timeout)
    .describe('How long open connections may take to finish at shutdown before they are cut.'),
  tcp_keepalive: parsedWith(duration, parseKeepAlive)
    .prefault(DEFAULT_SERVER.tcp_keepalive)
    .describe(
      'Silence after which a TCP keep-alive probe is sent; a peer that does not respond for 10 s is disconnected. 0: never.',
    ),
  shared_reads: z
    .enum(SHARED_READS)
    .default(DEFAULT_SERVER.shared_reads)
    .describe(
      'auto: all connections without TLS are read into one shared buffer, which halves the cost of heavy writing, where Node allows it. off: each connection has its own buffer.',
    ),
  no_auth: z
    .boolean()
    .default(DEFAULT_SERVER.no_auth)
    .describe('Allow listening on an address that others can reach, without tokens.'),
  ui: z
    .boolean()
    .default(DEFAULT_SERVER.ui)
    .describe('The web page at /ui/, to which / redirects browsers; false turns it off.'),
  durable_streams: durableStreamsSetting,
  ...wire,
  ...access,
  ...bounds,
});

const instance = z.strictObject({
  name: z.string().optional().describe('The name of this instance.'),
  enabled: z.boolean().default(true).describe('false: not mounted.'),
  path: parsedWith(z.string(), parseMountPath)
    .optional()
    .describe('Where to mount it. Default: / and the name of the plugin.'),
  config: z.record(z.string(), z.unknown()).default({}).describe("The plugin's own parameters."),
});

/** Two instances cannot share the default path. */
const listed = instance.extend({
  path: parsedWith(z.string(), parseMountPath).describe('Where to mount it.'),
});

/** In a list the plugin's name is not a key, so each item gives it: as `plugin`, or, as in AGFS, as `name`. */
const named = instance.extend({
  plugin: z.string().optional().describe('The plugin. Default: the one named by `name`.'),
});

const plugins = z.union([z.record(z.string(), z.union([instance, z.array(listed)])), z.array(named)]);

export const schema = z.strictObject({
  server: server.prefault({}).describe('The HTTP server.'),
  plugins: plugins
    .optional()
    .describe(
      'Mounts: by name of the plugin, one instance or a list of them. Default: every built-in plugin. ' +
        'devfs is mounted at /dev even if it is not named, unless it has `enabled: false`.',
    ),
});

/** A configuration as a user may write it. */
export type ConfigInput = z.input<typeof schema>;

/** Sections of `server`. */
const SECTIONS = { limits, links, tls, cors, durable_streams: durableStreams };

/** The keys that a mapping at `path` may have, for suggestions. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(schema.shape);
  if (path[0] === 'server' && path[1] === 'tokens') {
    return Object.keys((path[3] === 'limits' ? tokenLimits : token).shape);
  }
  if (path[0] === 'server') return Object.keys((SECTIONS[path[1] as keyof typeof SECTIONS] ?? server).shape);
  return Object.keys(typeof path[1] === 'number' ? named.shape : instance.shape);
}

/** The JSON schema of a configuration file, for editors and the documentation. */
export function configSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { io: 'input' }), title: 'StreamFS configuration' };
}
