/**
 * The address of Redis as a URL:
 *
 *     redis://user:password@host:6379/0            one server, or a fixed master
 *     rediss://host:6380?ca=/etc/redis/ca.pem      the same, encrypted
 *     redis://host:26379?sentinel=NAME&node=host2:26379
 *     redis://host:6379?cluster=true&node=host2:6379
 *
 * Passwords may come from files and environment variables instead: `password_file`, `password_env`, and for Sentinel
 * `sentinel_password_file`, `sentinel_password_env`.
 */
import { readFileSync } from 'node:fs';
import { createError, hint } from '../../errors/index.ts';
import { parseInteger } from '../../units/index.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Certificates, as PEM. */
export interface TlsOptions {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The expected name in the certificate; undefined for the host name. */
  readonly servername: string | undefined;
}

export interface RedisAddress {
  /** Without credentials. */
  readonly name: string;
  readonly mode: 'server' | 'sentinel' | 'cluster';
  /** Servers, Sentinels, or some of the cluster's nodes. */
  readonly nodes: readonly ServerAddress[];
  /** The name of the master that Sentinels monitor. */
  readonly master: string;
  readonly credentials: Credentials;
  readonly sentinelCredentials: Credentials;
  readonly database: number;
  readonly tls: TlsOptions | undefined;
}

const PARAMETERS = [
  'sentinel',
  'cluster',
  'node',
  'password_file',
  'password_env',
  'sentinel_username',
  'sentinel_password_file',
  'sentinel_password_env',
  'ca',
  'cert',
  'key',
  'servername',
];

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26379;

/** @throws CONFIG_INVALID; its text contains nothing from before the host */
export function parseRedisUrl(url: URL, env: Readonly<Record<string, string | undefined>> = process.env): RedisAddress {
  const parameters = url.searchParams;
  if (hasLostCredentials(url)) throw invalid(ESCAPES);
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw invalid(`unknown parameter ${name} (${hint(name, PARAMETERS)})`);
  }
  const { protocol, hostname } = url;
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw invalid(`${protocol}// is not supported: use redis:// or rediss://`);
  if (hostname === '') throw invalid('a host is missing: redis://HOST:PORT');

  const sentinel = parameters.get('sentinel');
  const cluster = parameters.get('cluster');
  if (sentinel === '') throw invalid('sentinel= needs the name of the master, such as mymaster');
  if (cluster !== null && cluster !== 'true' && cluster !== 'false') throw invalid('cluster= is true or false');
  if (sentinel !== null && cluster === 'true') throw invalid('sentinel= and cluster=true exclude each other');
  const mode = sentinel !== null ? 'sentinel' : cluster === 'true' ? 'cluster' : 'server';
  if (mode === 'server' && parameters.has('node')) throw invalid('node= is for sentinel= and cluster=true');

  const defaultPort = mode === 'sentinel' ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT;
  const first = { host: unbracketed(hostname), port: url.port === '' ? defaultPort : Number(url.port) };
  const nodes = [first, ...parameters.getAll('node').map((node) => parseNode(node, defaultPort))];
  const database = parseDatabase(url.pathname, mode);
  const tls = protocol === 'rediss:' ? parseTls(parameters) : undefined;
  if (tls === undefined) {
    for (const name of ['ca', 'cert', 'key', 'servername']) {
      if (parameters.has(name)) throw invalid(`${name}= is for rediss://`);
    }
  }
  return {
    name: nameOf(protocol, nodes, mode, sentinel, database),
    mode,
    nodes,
    master: sentinel ?? '',
    credentials: {
      username: url.username === '' ? undefined : unescaped(url.username),
      password: passwordOf(url.password, 'password', parameters, env),
    },
    sentinelCredentials: {
      username: parameters.get('sentinel_username') ?? undefined,
      password: passwordOf('', 'sentinel_password', parameters, env),
    },
    database,
    tls,
  };
}

function invalid(reason: string): Error {
  return createError('CONFIG_INVALID', { reason: `invalid address of Redis: ${reason}` });
}

function unbracketed(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

function parseNode(text: string, defaultPort: number): ServerAddress {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:@/]+)(?::(\d+))?$/.exec(text) ?? [];
  const number = port === undefined ? defaultPort : parseInteger(port, 1);
  if (host === undefined || number === undefined || number > 65535) throw invalid('node= is HOST:PORT');
  return { host: unbracketed(host), port: number };
}

function parseDatabase(path: string, mode: RedisAddress['mode']): number {
  if (path === '' || path === '/') return 0;
  const number = parseInteger(path.slice(1));
  if (number === undefined)
    throw invalid('after the host only the number of a database is allowed, as in redis://HOST:PORT/1');
  if (mode === 'cluster' && number !== 0) throw invalid('a cluster has no databases except 0');
  return number;
}

function parseTls(parameters: URLSearchParams): TlsOptions {
  const file = (name: string, content: 'CERTIFICATE' | 'PRIVATE KEY') => {
    const path = parameters.get(name);
    if (path === null) return undefined;
    const text = readFile(name, path);
    // TLS would ignore a file without it, and fail later for another reason.
    if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${content}-----`).test(text)) {
      throw invalid(`${name}= names a file without a ${content.toLowerCase()} in PEM format: ${path}`);
    }
    return text;
  };
  return {
    ca: file('ca', 'CERTIFICATE'),
    cert: file('cert', 'CERTIFICATE'),
    key: file('key', 'PRIVATE KEY'),
    servername: parameters.get('servername') ?? undefined,
  };
}

function readFile(parameter: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(`${parameter}= names a file that cannot be read: ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function passwordOf(
  inUrl: string,
  parameter: string,
  parameters: URLSearchParams,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const path = parameters.get(`${parameter}_file`);
  const variable = parameters.get(`${parameter}_env`);
  if ([inUrl === '' ? null : inUrl, path, variable].filter((each) => each !== null).length > 1) {
    throw invalid(`the password is given more than once: before the host, ${parameter}_file or ${parameter}_env`);
  }
  if (path !== null) return readFile(`${parameter}_file`, path).replace(/\r?\n$/, '');
  if (variable !== null) {
    const value = env[variable];
    if (value === undefined) throw invalid(`${parameter}_env names a variable that is not set: ${variable}`);
    return value;
  }
  return inUrl === '' ? undefined : unescaped(inUrl);
}

const ESCAPES = 'in a user name or a password, / ? # @ and % are %2F %3F %23 %40 and %25';

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(ESCAPES);
  }
}

/** Whether part of a password ended up after the host, because one of its characters is not escaped. */
function hasLostCredentials({ hash, pathname, searchParams }: URL): boolean {
  return `${pathname}${hash}`.includes('@') || [...searchParams.keys()].some((name) => name.includes('@'));
}

function nameOf(
  protocol: string,
  nodes: readonly ServerAddress[],
  mode: RedisAddress['mode'],
  sentinel: string | null,
  database: number,
): string {
  const hosts = nodes.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  const kind = mode === 'sentinel' ? ` (Sentinel, ${sentinel})` : mode === 'cluster' ? ' (Cluster)' : '';
  return `${protocol}//${hosts}${database === 0 ? '' : `/${database}`}${kind}`;
}
