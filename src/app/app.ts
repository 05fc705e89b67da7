/**
 * The composition root: the only module that knows all parts. It creates them from a configuration, starts them in
 * order and stops them within a deadline. Signals, exit codes and output are the command line's business.
 *
 *   configuration ─► logger ─► registry ─► mounts ─► handles ─► server: listen ─► start the mounts
 *   shutdown:        no new requests, streams end, readers get the end, the rest is cut at the deadline
 */
import { resolve } from 'node:path';
import { isLoopback, parseAddress, refuseExposure } from '../config/address.ts';
import { defaultConfig } from '../config/default-config.ts';
import { LOG_FORMATS } from '../config/defaults.ts';
import type { Config, ConfigInput, LogFormat } from '../config/index.ts';
import { MemoryBudget } from '../core/index.ts';
import { createError } from '../errors/index.ts';
import { HandleTable, LimitCounters, MountTable, type Plugin, type PluginLogger, PluginRegistry } from '../fs/index.ts';
import { builtinPlugins } from '../plugins/index.ts';
import { createServer, HostCheck, Origins, Tokens } from '../server/index.ts';
import { type OptionNames, requireArray, requireMethods, requireOptions, requireType } from '../units/index.ts';
import { serverLimits } from './limits.ts';
import { linkOptions } from './link-key.ts';
import { listenError, urlOf } from './listen.ts';
import { createLogger } from './logger.ts';
import { type Stoppable, stopWithin } from './shutdown.ts';
import { factsOf, loadTls, warnOfValidity } from './tls.ts';
import { builtUiFolder } from './ui-folder.ts';
import { version } from './version.ts';

export interface AppOptions {
  /** A configuration file, YAML or TOML. */
  configFile?: string | undefined;
  /** A configuration as an object, with the keys of a file. Not together with `configFile`. Default: none. */
  config?: ConfigInput | undefined;
  /** `HOST:PORT` or `:PORT`. Overrides the configuration. */
  address?: string | undefined;
  /** Bytes that streams, files and bodies may use together; 0 for no limit. Overrides the configuration. */
  maxMemory?: number | undefined;
  /** Allow listening off loopback without tokens. */
  noAuth?: boolean | undefined;
  /** Format of the log. Overrides the configuration. */
  logFormat?: LogFormat | undefined;
  /** Default: a logger that writes lines to stderr. */
  logger?: PluginLogger | undefined;
  /** File system plugins in addition to the built-in ones. */
  plugins?: readonly Plugin[] | undefined;
  /** Aborts the startup with the signal's reason. It has no effect after startup: call `shutdown`. */
  signal?: AbortSignal | undefined;
}

export interface App {
  /** Where the server can be reached, such as `http://127.0.0.1:8080`; `https:` with TLS. */
  readonly url: string;
  /** Address of the web page; undefined if it is turned off, or missing because the program was bundled without it. */
  readonly pageUrl: string | undefined;
  /** The address the server listens on. If port 0 was requested, this is the port the system chose. */
  readonly address: { readonly host: string; readonly port: number };
  readonly mounts: MountTable;
  readonly handles: HandleTable;
  readonly logger: PluginLogger;
  /**
   * Reads the configuration file, the certificate and its key again. Tokens, origins and link settings apply to every
   * request from now on, the certificate to every new connection. Other changes take effect at the next start. A file
   * that cannot be used changes nothing.
   *
   * @throws CONFIG_INVALID
   */
  reload(): Promise<void>;
  /**
   * Ends every stream, so that readers get the end, and closes everything (contract 28). Settles within
   * `server.shutdown_timeout` even if a part hangs; never rejects. Idempotent.
   */
  shutdown(): Promise<void>;
}

/**
 * Starts a server. It listens, and answers `/health`, before the mounts start. When the promise settles, every mount
 * has started or failed; a failed mount leaves the server running, but degraded (contract 76).
 *
 * @throws CONFIG_INVALID for a configuration that cannot be used or an address that is refused, LISTEN_FAILED if the
 * address is in use or not available. Nothing is left running in either case
 * @example
 * ```ts
 * import { startApp } from 'streamfsd';
 *
 * const app = await startApp({
 *   address: '127.0.0.1:0',
 *   config: { plugins: { streamfs: { path: '/live', config: { ring_buffer_size: '512KB' } } } },
 * });
 * await app.mounts.write('/live/news', new TextEncoder().encode('first'));
 * const response = await fetch(`${app.url}/api/v1/files?path=/live/news&snapshot=true`);
 * console.log(await response.text()); // first
 * await app.shutdown();
 * ```
 */
export async function startApp(options: AppOptions = {}): Promise<App> {
  checkOptions(options);
  const config = await configFor(options);
  const { server: settings } = config;
  const links = await linkOptions(settings.links);
  const logger = options.logger ?? createLogger(settings.logLevel, options.logFormat ?? settings.logFormat);
  logConfig(options, config, logger);
  const { bounds } = settings;
  const { limits } = bounds;
  const memory = new MemoryBudget(bounds.maxMemory);
  const counters = new LimitCounters();
  const pathLimits = {
    length: limits.pathLength || Number.POSITIVE_INFINITY,
    depth: limits.pathDepth || Number.POSITIVE_INFINITY,
  };
  const mounts = new MountTable({
    registry: new PluginRegistry([...builtinPlugins, ...(options.plugins ?? [])]),
    logger,
    memory,
    limits: counters,
    maxMounts: limits.mounts,
    pathLimits,
  });
  const handles = new HandleTable({ mounts, logger, memory, max: limits.handles, idle: limits.handleIdleTimeout });
  const tokens = new Tokens(settings.tokens, links, pathLimits);
  const origins = new Origins(settings.corsOrigins);
  const tls = settings.tls === undefined ? undefined : await loadTls(settings.tls);
  const uiFolder = settings.ui ? builtUiFolder() : undefined;
  const server = createServer({
    ...{ mounts, handles, logger, version, memory, counters },
    maxRequestBodyBytes: settings.maxRequestBodyBytes,
    maxJsonBodyBytes: settings.maxJsonBodyBytes,
    tcpKeepAlive: settings.tcpKeepAlive,
    sharedReads: settings.sharedReads,
    limits: serverLimits(bounds, logger),
    durableStreams: settings.durableStreams,
    uiFolder,
    ...{ tokens, origins },
    tls,
    ...(isLoopback(settings.address.host) ? { hosts: new HostCheck(settings.allowedHosts) } : {}),
  });

  let stopping: Promise<void> | undefined;
  const parts: Stoppable[] = [
    { name: 'server', stop: (deadline) => server.close(deadline) },
    { name: 'mounts', stop: () => mounts.shutdown() },
    { name: 'handles', stop: () => handles.shutdown() },
  ];
  const shutdown = () => {
    stopping ??= stopWithin(parts, settings.shutdownTimeout, logger);
    return stopping;
  };

  const applyReload = async () => {
    const nextConfig = await configFor(options);
    const { server: next } = nextConfig;
    // An empty file is often one that is being written, or a pipe that has been read; its address is not the one in use.
    if (tokens.areAsked && next.tokens.length === 0) {
      throw createError('CONFIG_INVALID', {
        reason: 'server.tokens is missing, and no longer requiring tokens takes effect only at the next start',
      });
    }
    const nextLinks = await linkOptions(next.links);
    const nextTls = next.tls === undefined ? undefined : await loadTls(next.tls);
    tokens.replace(next.tokens, nextLinks);
    origins.replace(next.corsOrigins);
    if ((nextTls === undefined) !== (tls === undefined)) {
      logger.warn('turning TLS on or off takes effect at the next start', { now: tls !== undefined });
    } else if (nextTls !== undefined) {
      server.replaceTls(nextTls);
      warnOfValidity(nextTls, logger);
    }
    for (const warning of nextConfig.warnings) logger.warn(warning);
    const { length: listed } = next.corsOrigins;
    logger.info('the configuration was read again', {
      tokens: next.tokens.length,
      origins: listed,
      ...factsOf(nextTls),
    });
  };

  // Reloads run one after the other, so that the last one started takes effect.
  let reloading: Promise<unknown> = Promise.resolve();
  const reload = () => {
    const next = reloading.then(applyReload);
    reloading = next.catch(() => undefined);
    return next;
  };

  try {
    for (const { plugin, path, config: parameters, name, where } of config.mounts) {
      mounts.declare(plugin, path, parameters, {
        instance: name,
        where,
      });
    }
    options.signal?.throwIfAborted();
    const address = await server.listen(settings.address.host, settings.address.port).catch((error: unknown) => {
      throw listenError(settings.address, error);
    });
    const url = urlOf(address, tls !== undefined);
    logger.info('listening', { url, ...version });
    if (tls !== undefined) warnOfValidity(tls, logger);
    else if (tokens.areAsked && !isLoopback(settings.address.host)) {
      logger.warn(
        'tokens travel in clear text: configure server.tls, or put a proxy that speaks TLS before this server',
      );
    }
    await untilAborted(mounts.startDeclared(), options.signal);
    const pageUrl = uiFolder === undefined ? undefined : `${url}/ui/`;
    return { url, pageUrl, address, mounts, handles, logger, reload, shutdown };
  } catch (error) {
    await shutdown();
    throw error;
  }
}

const OPTIONS: OptionNames<AppOptions> = {
  ...{ configFile: true, config: true, address: true, maxMemory: true, noAuth: true },
  ...{ logFormat: true, logger: true, plugins: true, signal: true },
};

/** @throws TypeError, CONFIG_INVALID */
function checkOptions(options: AppOptions): void {
  requireOptions('startApp', options, OPTIONS);
  requireType('configFile', options.configFile, 'string', true);
  requireType('address', options.address, 'string', true);
  requireType('noAuth', options.noAuth, 'boolean', true);
  if (options.plugins !== undefined) requireArray('plugins', options.plugins);
  if (options.logger !== undefined) requireMethods('logger', options.logger, ['debug', 'info', 'warn', 'error']);
  if (options.signal !== undefined) requireMethods('signal', options.signal, ['throwIfAborted', 'addEventListener']);
  if (options.logFormat !== undefined && !LOG_FORMATS.includes(options.logFormat)) {
    throw createError('CONFIG_INVALID', { reason: `logFormat must be one of ${LOG_FORMATS.join(', ')}` });
  }
}

async function configFor(options: AppOptions): Promise<Config> {
  if (options.configFile !== undefined && options.config !== undefined) {
    throw createError('CONFIG_INVALID', { reason: 'expected configFile or config, not both' });
  }
  const config = await writtenConfig(options);
  const address = options.address === undefined ? config.server.address : parseAddress(options.address);
  const noAuth = options.noAuth ?? config.server.noAuth;
  refuseExposure(address, noAuth || config.server.tokens.length > 0);
  const maxMemory = options.maxMemory ?? config.server.bounds.maxMemory;
  return { ...config, server: { ...config.server, address, noAuth, bounds: { ...config.server.bounds, maxMemory } } };
}

/** The configuration as given. The schema and the parsers are loaded only if there is something to read. */
async function writtenConfig({ configFile, config, plugins = [], signal }: AppOptions): Promise<Config> {
  if (configFile === undefined && config === undefined) return defaultConfig();
  const { configOf, loadConfig } = await import('../config/load.ts');
  const own = plugins.map(({ name }) => name);
  return configFile === undefined ? configOf(config ?? {}, own) : loadConfig(configFile, own, signal);
}

/** Logs which file is used, and the warnings about it. */
function logConfig({ configFile }: AppOptions, config: Config, logger: PluginLogger): void {
  if (configFile !== undefined) logger.info('configuration', { file: resolve(configFile) });
  for (const warning of config.warnings) logger.warn(warning);
}

async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
