/**
 * The defaults, as a user would write them. This is the only place that defines them: the schema, the sample
 * configuration and the JSON schema are derived from it.
 */

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Of `server.shared_reads`. */
export const SHARED_READS = ['auto', 'off'] as const;

export const DEFAULT_SERVER = {
  address: '127.0.0.1:8080',
  log_level: 'info',
  log_format: 'auto',
  max_request_body_bytes: '64MB',
  max_json_body_bytes: '1MB',
  shutdown_timeout: '5s',
  tcp_keepalive: '30s',
  shared_reads: 'auto',
  no_auth: false,
  ui: true,
} as const;

/** Of `server.links`. */
export const DEFAULT_LINKS = { key_file: '', max_lifetime: '24h' } as const;

/** Of `server.durable_streams`; its mount is the first streamfs. */
export const DEFAULT_DURABLE_STREAMS = { prefixes: ['/v1/stream'], long_poll_timeout: '30s' } as const;

/** What is mounted if the configuration has no `plugins`. */
export const DEFAULT_MOUNTS = [
  { plugin: 'streamfs', path: '/streamfs' },
  { plugin: 'memfs', path: '/memfs' },
  { plugin: 'devfs', path: '/dev' },
] as const;

/** Mounted even if `plugins` does not name it, unless something else has its path (contract 92). */
export const ALWAYS_MOUNTED = DEFAULT_MOUNTS.filter(({ plugin }) => plugin === 'devfs');

/** The mount path of a plugin for which the configuration names no path. */
export function defaultPath(plugin: string): string {
  return DEFAULT_MOUNTS.find((mount) => mount.plugin === plugin)?.path ?? `/${plugin}`;
}
