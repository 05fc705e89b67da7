/**
 * Converts a file, a text or an object to a {@link Config}: parsed, checked against the schema, with defaults. Every
 * failure is one CONFIG_INVALID that names the file, the lines and the keys (contract 84).
 */
import { dirname, resolve } from 'node:path';
import { createError, isStreamFSError, shownName } from '../errors/index.ts';
import { withoutAgfsOnly } from './agfs-only.ts';
import { tokensOf } from './auth-schema.ts';
import { defaultConfig } from './default-config.ts';
import { ALWAYS_MOUNTED, defaultPath } from './defaults.ts';
import { isMapping, type KeyPath } from './document.ts';
import { durableStreamsOf } from './durable-streams.ts';
import { parseDocument } from './format.ts';
import { boundsOf } from './limits.ts';
import { parseMountPath } from './mount-path.ts';
import type { Problem } from './problem.ts';
import { configError, firstOf, formatProblems, problemsOf, type Source, whereText } from './problems.ts';
import { type ConfigInput, schema } from './schema.ts';
import type { Config, LinksConfig, MountConfig, TlsConfig } from './types.ts';
import { readUserFile } from './user-file.ts';

/**
 * Reads a configuration file, YAML or TOML. `own`: names of plugins in addition to the built-in ones. An error about the
 * file as a whole has only the file in its details.
 */
export async function loadConfig(file: string, own: readonly string[] = [], signal?: AbortSignal): Promise<Config> {
  let bytes: Uint8Array;
  try {
    bytes = await readUserFile(file, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const reason = `cannot read ${shownName(file)}: ${(error as Error).message}`;
    throw createError('CONFIG_INVALID', { reason }, { file });
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw createError('CONFIG_INVALID', { reason: `${shownName(file)}: expected text in UTF-8` }, { file });
  }
  return parseConfig(text, file, own);
}

/** Parses the text of a configuration. `file` names it in errors, and its extension decides between YAML and TOML. */
export function parseConfig(text: string, file: string, own: readonly string[] = []): Config {
  const result = parseDocument(text, file);
  if ('problems' in result) {
    const lines = result.problems.map((problem) => problem.line);
    const source: Source = { file, lineOf: ([index]) => lines[Number(index)] };
    const messages = result.problems.map((problem) => `${whereText(source, problem.line)}: ${problem.text}`);
    const reason = firstOf(messages, source).join('\n');
    throw createError('CONFIG_INVALID', { reason }, { file, ...(lines[0] ? { line: lines[0] } : {}) });
  }
  return check(result.document.value, { file, lineOf: result.document.lineOf }, own);
}

/** Checks a configuration given as an object, with the keys of a configuration file. */
export function configOf(input: ConfigInput, own: readonly string[] = []): Config {
  return check(input, { lineOf: () => undefined }, own);
}

function check(value: unknown, source: Source, own: readonly string[]): Config {
  const { value: written, warnings } = withoutAgfsOnly(withoutEmptySections(value), own);
  const result = schema.safeParse(written);
  if (!result.success) throw configError(source, problemsOf(result.error.issues, written));
  const { server, plugins } = result.data;
  const bounds = boundsOf(server);
  const mounts = plugins === undefined ? defaultConfig().mounts : mountsOf(plugins, source);
  const durable = durableStreamsOf(server.durable_streams, mounts);
  if (durable !== undefined && 'text' in durable) throw configError(source, [durable]);
  return {
    server: {
      address: server.address,
      logLevel: server.log_level,
      logFormat: server.log_format,
      maxRequestBodyBytes: server.max_request_body_bytes,
      maxJsonBodyBytes: server.max_json_body_bytes,
      shutdownTimeout: server.shutdown_timeout,
      tcpKeepAlive: server.tcp_keepalive,
      sharedReads: server.shared_reads,
      noAuth: server.no_auth,
      ui: server.ui,
      tokens: tokensOf(server.tokens, bounds.token),
      links: linksOf(server.links, source),
      allowedHosts: server.allowed_hosts,
      corsOrigins: server.cors.origins,
      durableStreams: durable,
      ...(server.tls === undefined ? {} : { tls: filesOf(server.tls, source) }),
      bounds,
    },
    mounts,
    warnings: formatProblems(source, warnings),
  };
}

function linksOf(
  { key_file, max_lifetime }: (typeof schema)['_output']['server']['links'],
  source: Source,
): LinksConfig {
  return { maxLifetime: max_lifetime, ...(key_file === '' ? {} : { keyFile: relativeToConfig(key_file, source) }) };
}

function filesOf({ certificate, key }: TlsConfig, source: Source): TlsConfig {
  return { certificate: relativeToConfig(certificate, source), key: relativeToConfig(key, source) };
}

/** File names are relative to the configuration file. */
function relativeToConfig(name: string, { file }: Source): string {
  return resolve(file === undefined ? '.' : dirname(file), name);
}

type Plugins = NonNullable<(typeof schema)['_output']['plugins']>;
type Instance = Extract<Plugins, readonly unknown[]>[number];

/**
 * The enabled mounts, in order, and those always mounted unless disabled. All problems with them are reported at once.
 */
function mountsOf(plugins: Plugins, source: Source): MountConfig[] {
  const problems: Problem[] = [];
  const taken = new Map<string, number | undefined>();
  const mounts: MountConfig[] = [];
  const written = new Set<string>();
  for (const { plugin, entry, at } of entriesOf(plugins)) {
    if (plugin === undefined) {
      problems.push({ path: at, text: "the name of a plugin is missing, such as 'name: streamfs'" });
      continue;
    }
    written.add(plugin);
    if (!entry.enabled) continue;
    const path = entry.path ?? pathOfPlugin(plugin, at, problems);
    if (path === undefined) continue;
    const line = source.lineOf([...at, 'path']);
    if (taken.has(path)) {
      const other = taken.get(path);
      problems.push({ path: [...at, 'path'], text: `${path} is taken already${other ? `, in line ${other}` : ''}` });
    }
    taken.set(path, line);
    mounts.push({
      plugin,
      path,
      config: entry.config,
      name: entry.name,
      ...(source.file === undefined ? {} : { where: whereText(source, source.lineOf(at)) }),
    });
  }
  if (problems.length > 0) throw configError(source, problems);
  for (const { plugin, path } of ALWAYS_MOUNTED) {
    if (!written.has(plugin) && !taken.has(path)) mounts.push({ plugin, path, config: {} });
  }
  return mounts;
}

/** The mount path of a plugin that names none; not every name gives a valid path. */
function pathOfPlugin(plugin: string, at: KeyPath, problems: Problem[]): string | undefined {
  try {
    return parseMountPath(defaultPath(plugin));
  } catch (error) {
    if (!isStreamFSError(error)) throw error;
    problems.push({ path: at, text: `needs a path: ${error.message}` });
    return undefined;
  }
}

/** Every instance, in any of the three forms. */
function* entriesOf(plugins: Plugins): Generator<{ plugin: string | undefined; entry: Instance; at: KeyPath }> {
  if (Array.isArray(plugins)) {
    for (const [index, entry] of plugins.entries()) {
      yield { plugin: entry.plugin ?? entry.name, entry, at: ['plugins', index] };
    }
    return;
  }
  for (const [plugin, entries] of Object.entries(plugins)) {
    if (!Array.isArray(entries)) {
      yield { plugin, entry: entries, at: ['plugins', plugin] };
      continue;
    }
    for (const [index, entry] of entries.entries()) yield { plugin, entry, at: ['plugins', plugin, index] };
  }
}

/** `server:` with nothing after it is null in YAML; it means an empty section. */
function withoutEmptySections(value: unknown): unknown {
  if (value === undefined || value === null) return {};
  if (!isMapping(value)) return value;
  const { server, plugins, ...rest } = value;
  return {
    ...rest,
    ...(server == null ? {} : { server: withoutEmptySettings(server) }),
    ...(plugins == null ? {} : { plugins: withEmptyInstances(plugins) }),
  };
}

const OPTIONAL_SECTIONS = new Set(['limits', 'links', 'cors', 'durable_streams']);

/** TLS is not among them: a `tls` section turns TLS on. */
function withoutEmptySettings(server: unknown): unknown {
  if (!isMapping(server)) return server;
  const isEmpty = ([key, value]: [string, unknown]) => value === null && OPTIONAL_SECTIONS.has(key);
  return Object.fromEntries(Object.entries(server).filter((entry) => !isEmpty(entry)));
}

function withEmptyInstances(plugins: unknown): unknown {
  if (Array.isArray(plugins)) return plugins.map(withEmptyConfig);
  if (!isMapping(plugins)) return plugins;
  const filled = Object.entries(plugins).map(([plugin, entry]) => {
    return [plugin, entry === null ? {} : Array.isArray(entry) ? entry.map(withEmptyConfig) : withEmptyConfig(entry)];
  });
  return Object.fromEntries(filled);
}

function withEmptyConfig(entry: unknown): unknown {
  return isMapping(entry) && entry.config === null ? { ...entry, config: {} } : entry;
}
