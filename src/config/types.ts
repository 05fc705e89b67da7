/** A configuration as the program uses it: complete, checked, in bytes and milliseconds. */
import type { Address } from './address.ts';
import type { LogFormat, LogLevel, SHARED_READS } from './defaults.ts';
import type { BoundsConfig, TokenLimits } from './limits.ts';

export interface Config {
  server: ServerConfig;
  /** In the order of the configuration. No two have the same path. */
  mounts: readonly MountConfig[];
  /** What was left out because it exists in AGFS only, a line each. */
  warnings: readonly string[];
}

interface ServerConfig {
  address: Address;
  logLevel: LogLevel;
  logFormat: LogFormat;
  /** Bytes. */
  maxRequestBodyBytes: number;
  maxJsonBodyBytes: number;
  /** Milliseconds. */
  shutdownTimeout: number;
  /** Milliseconds, 0 for none. */
  tcpKeepAlive: number;
  sharedReads: (typeof SHARED_READS)[number];
  /** Listening off loopback is allowed without tokens. */
  noAuth: boolean;
  /** Whether there is a page at `/ui/`. */
  ui: boolean;
  /** Empty: requests need no token. */
  tokens: readonly TokenConfig[];
  links: LinksConfig;
  /** Names beside addresses that a server on loopback answers to. */
  allowedHosts: readonly string[];
  /** Absent: no TLS. */
  tls?: TlsConfig | undefined;
  /** Origins whose pages may use the server, beside its own. */
  corsOrigins: readonly string[];
  /** Undefined: it is not served. */
  durableStreams: DurableStreamsConfig | undefined;
  /** Memory, timeouts, and how much of everything there may be. */
  bounds: BoundsConfig;
}

export interface DurableStreamsConfig {
  /** A mount's path. */
  mount: string;
  prefixes: readonly string[];
  /** Milliseconds. */
  longPollTimeout: number;
  /** Under which clients reach this server through proxies that change `Host`. */
  publicOrigins: readonly string[];
}

export interface LinksConfig {
  /** A file that holds the key. Without one, the server makes up a key for as long as it runs. */
  keyFile?: string | undefined;
  /** Milliseconds. */
  maxLifetime: number;
}

/** Files, as absolute paths. */
export interface TlsConfig {
  certificate: string;
  key: string;
}

export interface TokenConfig {
  name: string;
  /** SHA-256 of the token, 64 hexadecimal digits: the token itself is kept nowhere. */
  sha256: string;
  rights: readonly ('read' | 'write' | 'admin')[];
  /** Patterns of paths. */
  paths: readonly string[];
  /** How much of each it may hold. */
  limits: TokenLimits;
}

export interface MountConfig {
  plugin: string;
  path: string;
  /** For the plugin to check: nothing but the plugin knows what may be in it. */
  config: Readonly<Record<string, unknown>>;
  /** What the configuration calls this instance. */
  name?: string | undefined;
  /** Where it was configured, as `file:line`. */
  where?: string | undefined;
}
