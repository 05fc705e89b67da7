/**
 * The configuration of a mount. One list of parameters provides the defaults, the checks, `GET /plugins` and the table
 * in README (contract 80-82).
 */
import { resolve } from 'node:path';
import { LAG_POLICIES, type LagPolicy } from '../../core/index.ts';
import { createError, isStreamFSError } from '../../errors/index.ts';
import type { ConfigParameter, PluginConfig } from '../../fs/index.ts';
import { isLogScheme, LOG_SCHEMES } from '../../logs/index.ts';
import { parseSyncPolicy, type SyncPolicy } from '../../persist/index.ts';
import {
  ATOMIC,
  type Atomic,
  LISTED_CONTENT_TYPES,
  listedContentType,
  OCTET_STREAM,
  READER_BLOCK,
  type ReaderBlock,
} from '../../protocol/index.ts';
import { formatSize, isIntegerFrom, parseDuration, parseSize, requireType } from '../../units/index.ts';
import { refuseUnknownKeys } from '../config-keys.ts';
import { readValues, sizeValue, textValue } from '../config-values.ts';

/** The default for the maximum sizes of a stream, unless the mount's own sizes are larger. */
const DEFAULT_MAX_SIZE = '1GB';
const UNSPECIFIED = 0;

/** Ten years, in milliseconds. */
const MAX_AGE = 10 * 365 * 24 * 60 * 60 * 1000;

/** With less, journals would take most of the space. */
const MIN_TOTAL_BYTES = 128 * 1024 * 1024;

export interface PersistSettings {
  directory: string;
  sync: SyncPolicy;
  /** Bytes of each stream retained on disk. */
  retention: number;
  /** Milliseconds for which bytes are retained; Infinity for ever. */
  maxAge: number;
  /** Limit of the bytes of all streams on disk; Infinity for none. */
  maxTotal: number;
}

export interface LogSettings {
  /** The address, with credentials: must never be logged. */
  url: URL;
  /** If undefined, derived from the path of the mount. */
  prefix: string | undefined;
  /** If undefined, derived from the host name. */
  node: string | undefined;
  /** Milliseconds to wait for the log. */
  deadline: number;
  /** Whether the server is not ready while the log is unreachable. */
  isRequired: boolean;
}

export interface Settings {
  /** Bytes that a reader that has caught up may fall behind. */
  maxLag: number;
  /** Number of newest bytes retained for late joiners. */
  retention: number;
  onLag: LagPolicy;
  /** Milliseconds for which writers wait for a reader with the policy `block`. */
  blockTimeout: number;
  /** Which readers may request `block`: all, those that may also write, or none. Readers with a link never may. */
  readerBlock: ReaderBlock;
  /** Which units of concurrent writers are never interleaved. */
  atomic: Atomic;
  /** The content type of live reads and snapshots. */
  type: string;
  /** The maximum `retention` and `maxLag` that a stream may request, in bytes. */
  maxRetention: number;
  maxChannel: number;
  /** The maximum `ttl` that a stream may request, in milliseconds; 0 for no limit. */
  maxTtl: number;
  /** Whether opening an absent path creates it, unless the request decides that. */
  autoCreate: boolean;
  /** Limit of streams; Infinity for none. */
  maxStreams: number;
  /** Limit of readers per stream, including open handles; Infinity for none. */
  maxReaders: number;
  /** Milliseconds without a write after which a stream expires; 0 for never. */
  idleTimeout: number;
  /** Maximum number of producers remembered per stream. */
  maxProducers: number;
  /** Milliseconds after which an idle producer is forgotten; 0 for never. */
  producerTtl: number;
  /** Milliseconds for which the unfinished line of an interrupted append waits for a repetition; 0 for not at all. */
  lineTimeout: number;
  /** The settings of persistence; undefined: in memory only. */
  persist: PersistSettings | undefined;
  /** The shared log that orders appends of several nodes; undefined: this process is alone. */
  log: LogSettings | undefined;
  /**
   * The offset of the first byte of each stream. Not configurable: for programs that continue another program's
   * streams.
   */
  firstOffset?: number | undefined;
}

export const CONFIG_PARAMETERS: readonly ConfigParameter[] = [
  {
    name: 'channel_buffer_size',
    type: 'string',
    required: false,
    default: '6MB',
    description: "How far a reader that has caught up may fall behind before on_lag applies (e.g., '512KB', '1MB')",
  },
  {
    name: 'ring_buffer_size',
    type: 'string',
    required: false,
    default: '6MB',
    description: "How much of each stream is retained for late joiners (e.g., '1MB', '10MB')",
  },
  {
    name: 'on_lag',
    type: 'string',
    required: false,
    default: 'drop-oldest',
    description: `What happens to a reader that falls further behind: ${LAG_POLICIES.join(', ')}`,
  },
  {
    name: 'block_timeout',
    type: 'string',
    required: false,
    default: '5s',
    description:
      "How long writers wait for a reader with the policy 'block' before it is cut off (e.g., '500ms', '5s')",
  },
  {
    name: 'reader_block',
    type: 'string',
    required: false,
    default: 'writers',
    description:
      "Which readers may request 'block' if it is not the policy of the mount: always, writers (those that may also write; all if no tokens are required), never",
  },
  {
    name: 'atomic',
    type: 'string',
    required: false,
    default: 'none',
    description: `Which units of concurrent writers are never interleaved: ${ATOMIC.join(', ')}`,
  },
  {
    name: 'type',
    type: 'string',
    required: false,
    default: OCTET_STREAM,
    description: 'The content type that live reads and snapshots are sent with (e.g., text/plain; charset=utf-8)',
  },
  {
    name: 'max_ring_buffer_size',
    type: 'string',
    required: false,
    default: '',
    description: `The maximum ring_buffer_size that a stream may request; if not given, ${DEFAULT_MAX_SIZE}, or the mount's own value if that is larger`,
  },
  {
    name: 'max_channel_buffer_size',
    type: 'string',
    required: false,
    default: '',
    description: 'The same for channel_buffer_size',
  },
  {
    name: 'max_ttl',
    type: 'string',
    required: false,
    default: '0s',
    description:
      "The longest ttl that a stream may request (e.g., '24h'); 0 for no limit. A ttl takes precedence over idle_timeout",
  },
  {
    name: 'auto_create',
    type: 'boolean',
    required: false,
    default: 'true',
    description: 'Whether writing to or opening an absent path creates the stream, unless the request decides that',
  },
  {
    name: 'max_streams',
    type: 'number',
    required: false,
    default: '10000',
    description: 'Maximum number of streams; 0 for no limit',
  },
  {
    name: 'max_readers',
    type: 'number',
    required: false,
    default: '0',
    description: 'Maximum number of readers per stream, including open handles; 0 for no limit',
  },
  {
    name: 'idle_timeout',
    type: 'string',
    required: false,
    default: '0s',
    description: "Time without a write after which a stream expires (e.g., '10m', '24h'); 0 for never",
  },
  {
    name: 'max_producers',
    type: 'number',
    required: false,
    default: '256',
    description:
      'How many idle producers are remembered per stream; beyond that, the one idle for longest is forgotten',
  },
  {
    name: 'producer_ttl',
    type: 'string',
    required: false,
    default: '1h',
    description: "How long a producer without an open append is remembered (e.g., '10m', '24h'); 0 for ever",
  },
  {
    name: 'line_timeout',
    type: 'string',
    required: false,
    default: '10s',
    description:
      "With atomic=lines: how long the unfinished line of a producer's interrupted append is kept for a repetition, before it is completed with a newline (e.g., '2s', '1m')",
  },
  {
    name: 'persist',
    type: 'string',
    required: false,
    default: '',
    description:
      'A directory in which the streams are stored, so that they survive a restart; if not given, they are in memory only',
  },
  {
    name: 'persist_sync',
    type: 'string',
    required: false,
    default: '1s',
    description:
      "With persist, what an acknowledged write means: always, it is synced to disk; a time (e.g., '1s'), the operating system has it and syncs it within that time; none, it is in memory and will be written",
  },
  {
    name: 'persist_retention',
    type: 'string',
    required: false,
    default: '10GB',
    description:
      'With persist, how much of each stream is retained on disk; older bytes are removed in files of up to an eighth of that',
  },
  {
    name: 'persist_max_age',
    type: 'string',
    required: false,
    default: '0s',
    description:
      "With persist, the age at which bytes are removed from disk and memory (e.g., '12h', '168h'); 0 for never",
  },
  {
    name: 'persist_total',
    type: 'string',
    required: false,
    default: '',
    description:
      'With persist, how much all streams of the mount together may take on disk; beyond that, the oldest bytes of any stream are removed; if not given, there is no limit',
  },
  {
    name: 'log',
    type: 'string',
    required: false,
    default: '',
    description:
      "The address of a log that several servers share to serve the same streams (e.g., 'redis://redis.internal:6379?password_env=REDIS_PASSWORD'); if not given, the streams are only on this server",
  },
  {
    name: 'log_prefix',
    type: 'string',
    required: false,
    default: '',
    description:
      'With log, the prefix of all keys there, the same on all servers; if not given, derived from the path of the mount',
  },
  {
    name: 'log_node',
    type: 'string',
    required: false,
    default: '',
    description:
      'With log, the name of this server, unique among those that share the log; if not given, the host name and some random digits',
  },
  {
    name: 'log_deadline',
    type: 'string',
    required: false,
    default: '10s',
    description: 'With log, how long a request waits for an unreachable log before it fails with 503 LOG_UNAVAILABLE',
  },
  {
    name: 'log_required',
    type: 'boolean',
    required: false,
    default: 'false',
    description: 'With log, whether GET /ready returns 503 while the log is unreachable',
  },
  {
    name: 'mount_path',
    type: 'string',
    required: false,
    default: '',
    description: 'Accepted and ignored: the mount knows its path',
  },
];

const DEFAULTS = Object.fromEntries(CONFIG_PARAMETERS.map(({ name, default: value }) => [name, value]));

/** @throws CONFIG_INVALID, naming the parameter, what was wrong and what would be right */
export function parseSettings(given: PluginConfig): Settings {
  requireType('config', given, 'object');
  const config = { ...DEFAULTS, ...given };
  const names = CONFIG_PARAMETERS.map(({ name }) => name);
  const { settings } = readValues({
    known: () => refuseUnknownKeys(given, names),
    mountPath: () => textValue(given, 'mount_path'),
    settings: () =>
      readValues<Settings>({
        atomic: () => oneOf('atomic', config.atomic, ATOMIC),
        type: () => contentType(config),
        maxRetention: () => largest(config, 'max_ring_buffer_size'),
        maxChannel: () => largest(config, 'max_channel_buffer_size'),
        maxTtl: () => duration(config, 'max_ttl'),
        maxLag: () => size(config, 'channel_buffer_size', '512KB'),
        retention: () => size(config, 'ring_buffer_size', '1MB'),
        onLag: () => oneOf('on_lag', config.on_lag, LAG_POLICIES),
        blockTimeout: () => duration(config, 'block_timeout'),
        readerBlock: () => oneOf('reader_block', config.reader_block, READER_BLOCK),
        autoCreate: () => flag(config, 'auto_create'),
        maxStreams: () => count(config, 'max_streams'),
        maxReaders: () => count(config, 'max_readers'),
        idleTimeout: () => duration(config, 'idle_timeout'),
        maxProducers: () => count(config, 'max_producers'),
        producerTtl: () => duration(config, 'producer_ttl'),
        lineTimeout: () => duration(config, 'line_timeout'),
        persist: () => persistence(config, given),
        log: () => sharedLog(config, given),
      }),
  });
  const { maxChannel, maxLag, maxRetention, retention } = settings;
  const bounds = readValues({
    maxRetention: () => requireWithin('ring_buffer_size', retention, maxRetention),
    maxChannel: () => requireWithin('channel_buffer_size', maxLag, maxChannel),
  });
  return Object.assign(settings, bounds);
}

/** `example` appears in the error, as in the original (contract 81). */
function size(config: PluginConfig, key: string, example: string): number {
  const bytes = sizeValue(config, key, example);
  if (bytes === undefined) throw invalid(`${key} is missing`);
  return bytes;
}

/** The maximum of a size that a stream may request, if configured. */
function largest(config: PluginConfig, key: string): number {
  return config[key] === '' ? UNSPECIFIED : size(config, key, '64MB');
}

/** The mount's own size must not exceed the maximum for streams. */
function requireWithin(name: string, own: number, most: number): number {
  if (most === UNSPECIFIED) return Math.max(own, parseSize(DEFAULT_MAX_SIZE));
  if (most >= own) return most;
  throw invalid(`max_${name} must be at least ${name}, which is ${formatSize(own)}; got ${formatSize(most)}`);
}

function contentType(config: PluginConfig): string {
  const { type } = config;
  const listed = typeof type === 'string' ? listedContentType(type) : undefined;
  if (listed === undefined) throw invalid(`type must be one of ${LISTED_CONTENT_TYPES.join(', ')}`);
  return listed;
}

function duration(config: PluginConfig, key: string, max?: number): number {
  const value = config[key];
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw invalid(`${key} must be a duration (e.g., '500ms', '5s') or a number of seconds`);
  }
  try {
    return parseDuration(value, max);
  } catch (error) {
    if (isStreamFSError(error)) throw invalid(`invalid ${key}: ${error.message}`);
    throw error;
  }
}

/** An integer for which 0 means no limit. */
function count(config: PluginConfig, key: string): number {
  const value = config[key];
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  if (!isIntegerFrom(0, number)) {
    throw invalid(`${key} must be a whole number from 0, where 0 means no limit`);
  }
  return number === 0 ? Number.POSITIVE_INFINITY : number;
}

function persistence(config: PluginConfig, given: PluginConfig): PersistSettings | undefined {
  requireContent(given, 'persist', 'a directory, or leave persist out to keep the streams in memory only');
  const directory = textValue(config, 'persist') ?? '';
  const sync = parseSyncPolicy('persist_sync', config.persist_sync);
  const retention = size(config, 'persist_retention', '10GB');
  const maxAge = duration(config, 'persist_max_age', MAX_AGE) || Number.POSITIVE_INFINITY;
  const maxTotal = config.persist_total === '' ? Number.POSITIVE_INFINITY : size(config, 'persist_total', '100GB');
  if (maxTotal < MIN_TOTAL_BYTES) {
    const least = formatSize(MIN_TOTAL_BYTES);
    throw invalid(
      `persist_total must be at least ${least}, since journals use a part of it; got ${formatSize(maxTotal)}`,
    );
  }
  if (directory !== '') return { directory: resolve(directory), sync, retention, maxAge, maxTotal };
  for (const name of ['persist_sync', 'persist_max_age', 'persist_total']) {
    if (!isChanged(given, name)) continue;
    throw invalid(`${name} requires persist: set persist to a directory for the streams`);
  }
  return undefined;
}

/** An empty text is usually an unset variable of a script, and must not turn durability off. */
function requireContent(given: PluginConfig, name: string, expected: string): void {
  if (given[name] === '') throw invalid(`${name} is empty: give ${expected}`);
}

/** Whether a parameter differs from its default, which is compared in the notation of the configuration. */
function isChanged(given: PluginConfig, name: string): boolean {
  return given[name] !== undefined && String(given[name]) !== DEFAULTS[name];
}

const LOG_KEYS = ['log_prefix', 'log_node', 'log_deadline', 'log_required'] as const;
/** Characters allowed in key names. */
const LOG_NAME = /^[\w./-]{1,64}$/;

/** No error text contains the address, because it may include a password. */
function sharedLog(config: PluginConfig, given: PluginConfig): LogSettings | undefined {
  requireContent(given, 'log', 'the address of a log, or leave log out to keep the streams on this server only');
  const address = textValue(config, 'log') ?? '';
  const prefix = logName(config, 'log_prefix');
  const node = logName(config, 'log_node');
  const deadline = duration(config, 'log_deadline');
  const isRequired = flag(config, 'log_required');
  if (address === '') {
    const named = LOG_KEYS.find((key) => isChanged(given, key));
    if (named === undefined) return undefined;
    throw invalid(`${named} requires log: set log to the address of a shared log`);
  }
  if ((textValue(config, 'persist') ?? '') !== '') {
    throw invalid('log and persist exclude each other: a log that servers share keeps the streams itself');
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !isLogScheme(url.protocol.slice(0, -1)) || url.hostname === '') {
    const known = LOG_SCHEMES.map((scheme) => `${scheme}://HOST:PORT`).join(' or ');
    const escaped = address.includes('@') ? '; in a password, / ? # @ and % are %2F %3F %23 %40 and %25' : '';
    throw invalid(`log must be an address such as ${known}${escaped}`);
  }
  if (deadline === 0) throw invalid("log_deadline must be longer than 0 (e.g., '10s')");
  return { url, prefix, node, deadline, isRequired };
}

function logName(config: PluginConfig, key: 'log_prefix' | 'log_node'): string | undefined {
  const name = textValue(config, key) ?? '';
  if (name === '') return undefined;
  if (!LOG_NAME.test(name)) throw invalid(`${key} must be 1 to 64 letters, digits, or any of _ . / -`);
  return name;
}

function flag(config: PluginConfig, key: string): boolean {
  const value = config[key];
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw invalid(`${key} must be true or false`);
}

function oneOf<Word extends string>(key: string, value: unknown, words: readonly Word[]): Word {
  const known = words.find((word) => word === value);
  if (known === undefined) throw invalid(`${key} must be one of ${words.join(', ')}`);
  return known;
}

function invalid(reason: string) {
  return createError('CONFIG_INVALID', { reason });
}
