/**
 * The configuration of a server started without one. It is built without the schema, so that a start without a
 * configuration file loads no parser. A test compares it with the schema's result for an empty configuration.
 */
import { parseDuration, parseSize } from '../units/index.ts';
import { parseAddress } from './address.ts';
import { DEFAULT_DURABLE_STREAMS, DEFAULT_LINKS, DEFAULT_MOUNTS, DEFAULT_SERVER } from './defaults.ts';
import { defaultBounds } from './limits.ts';
import type { Config } from './types.ts';

export function defaultConfig(): Config {
  return {
    server: {
      address: parseAddress(DEFAULT_SERVER.address),
      logLevel: DEFAULT_SERVER.log_level,
      logFormat: DEFAULT_SERVER.log_format,
      maxRequestBodyBytes: parseSize(DEFAULT_SERVER.max_request_body_bytes),
      maxJsonBodyBytes: parseSize(DEFAULT_SERVER.max_json_body_bytes),
      shutdownTimeout: parseDuration(DEFAULT_SERVER.shutdown_timeout),
      tcpKeepAlive: parseDuration(DEFAULT_SERVER.tcp_keepalive),
      sharedReads: DEFAULT_SERVER.shared_reads,
      noAuth: DEFAULT_SERVER.no_auth,
      ui: DEFAULT_SERVER.ui,
      tokens: [],
      links: { maxLifetime: parseDuration(DEFAULT_LINKS.max_lifetime) },
      allowedHosts: [],
      corsOrigins: [],
      durableStreams: {
        mount: DEFAULT_MOUNTS.find(({ plugin }) => plugin === 'streamfs')!.path,
        prefixes: [...DEFAULT_DURABLE_STREAMS.prefixes],
        longPollTimeout: parseDuration(DEFAULT_DURABLE_STREAMS.long_poll_timeout),
        publicOrigins: [],
      },
      bounds: defaultBounds(),
    },
    mounts: DEFAULT_MOUNTS.map(({ plugin, path }) => ({ plugin, path, config: {} })),
    warnings: [],
  };
}
