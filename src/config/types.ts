/** A configuration as the program uses it: complete, validated, in bytes and milliseconds. */
import type { Address } from './address.ts';
import type { LogFormat, LogLevel, SHARED_READS } from './defaults.ts';
import type { BoundsConfig, TokenLimits } from './limits.ts';

export interface Config {
  server: ServerConfig;
  /** In the order of the configuration. No two have the same path. */
  mounts: readonly MountConfig[];
  /** Settings that were ignored because they exist only in AGFS, one line each. */
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
  /** Whether the page at `/ui/` is served. */
  ui: boolean;
  /** Empty: requests need no token. */
  tokens: readonly TokenConfig[];
  links: LinksConfig;
  /** Host names, in addition to loopback addresses, that a server on loopback answers to. */
  allowedHosts: readonly string[];
  /** Undefined: no TLS. */
  tls?: TlsConfig | undefined;
  /** Origins, in addition to its own, whose pages may use the server. */
  corsOrigins: readonly string[];
  /** Undefined: not served. */
  durableStreams: DurableStreamsConfig | undefined;
  /** Memory, timeouts, and maximum numbers and sizes. */
  bounds: BoundsConfig;
}

export interface DurableStreamsConfig {
  /** Path of a mount. */
  mount: string;
  prefixes: readonly string[];
  /** Milliseconds. */
  longPollTimeout: number;
  /** The origins under which clients reach this server through proxies that change `Host`. */
  publicOrigins: readonly string[];
}

export interface LinksConfig {
  /** A file that contains the key. Without one, the server generates a key that is valid while it runs. */
  keyFile?: string | undefined;
  /** Milliseconds. */
  maxLifetime: number;
}

/** Absolute paths of files. */
export interface TlsConfig {
  certificate: string;
  key: string;
}

export interface TokenConfig {
  name: string;
  /** SHA-256 of the token, 64 hexadecimal digits: the token itself is not stored. */
  sha256: string;
  rights: readonly ('read' | 'write' | 'admin')[];
  /** Path patterns. */
  paths: readonly string[];
  /** Limits of this token. */
  limits: TokenLimits;
}

export interface MountConfig {
  plugin: string;
  path: string;
  /** Checked by the plugin: only the plugin knows which keys are valid. */
  config: Readonly<Record<string, unknown>>;
  /** The name of this instance in the configuration. */
  name?: string | undefined;
  /** Where it was configured, as `file:line`. */
  where?: string | undefined;
}
