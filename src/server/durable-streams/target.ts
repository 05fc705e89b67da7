/** Maps URLs to paths of streams. */
import { createError } from '../../errors/index.ts';
import { type FileSystem, joinPath, type MountTable, type StreamStore } from '../../fs/index.ts';
import { DURABLE_HEADERS } from '../../protocol/index.ts';
import { hostOfAddress, relativeTarget, withoutDefaultPort } from '../http/message-rules.ts';
import { shorten } from '../http/shorten.ts';
import type { DurableStreamsOptions } from './options.ts';

/** A name that the protocol reserves for subscriptions. */
const RESERVED = '__ds';

/** The path of the stream for the rest of a URL after the prefix; `%2F` is a slash. */
export function pathOfStream(rest: string, { mount }: DurableStreamsOptions): string {
  if (rest === RESERVED || rest.startsWith(`${RESERVED}/`)) {
    throw createError('NOT_SUPPORTED', { operation: 'subscriptions (__ds)', plugin: 'this server' });
  }
  return joinPath(mount, rest);
}

/**
 * The path of the stream that `Stream-Forked-From` names: a URL of this server, or only its path.
 *
 * @param host the host that the request was sent to
 * @throws INVALID_PARAMETER
 */
export function pathOfSource(text: string, host: string | undefined, options: DurableStreamsOptions): string {
  requireThisServer(text, host, options);
  const address = relativeTarget(text).split(/[?#]/)[0]!;
  const prefix = options.prefixes.find((one) => address.startsWith(`${one}/`));
  if (prefix === undefined) {
    throw invalidSource(
      `must begin with ${options.prefixes.map((one) => `${one}/`).join(' or ')}, got ${shorten(text)}`,
    );
  }
  try {
    return pathOfStream(decodeURIComponent(address.slice(prefix.length + 1)), options);
  } catch (error) {
    if (error instanceof URIError) throw invalidSource(`malformed percent-encoding: ${shorten(text)}`);
    throw error;
  }
}

/**
 * This server is the Host of the request and the configured origins. The headers in which a proxy reports the client's
 * original host (`X-Forwarded-Host`) do not count, because any client can send them.
 */
function requireThisServer(text: string, own: string | undefined, options: DurableStreamsOptions): void {
  const named = hostOfAddress(text);
  if (named === undefined) return;
  if ([own, ...publicHosts(options)].some((host) => host !== undefined && isSameHost(named, host))) return;
  const here = own === undefined ? '' : `, which is ${shorten(own)} to this request`;
  throw invalidSource(
    `the stream must be one of this server${here}, not of ${shorten(named.host)}; its path alone will do, and server.durable_streams.public_origins names other origins of this server`,
  );
}

function publicHosts({ publicOrigins = [] }: DurableStreamsOptions): string[] {
  return publicOrigins.map((origin) => hostOfAddress(origin)!.host);
}

/** The scheme is not compared, because TLS may end at a proxy. */
function isSameHost({ host, scheme }: { host: string; scheme: string }, other: string): boolean {
  return withoutDefaultPort(host, scheme) === withoutDefaultPort(other, scheme);
}

/** The origin of a stream's URL in responses to requests for a host. */
export function addressOriginOf(
  scheme: 'http' | 'https',
  host: string,
  { publicOrigins = [] }: Pick<DurableStreamsOptions, 'publicOrigins'>,
): string {
  const same = publicOrigins.find((origin) => isSameHost(hostOfAddress(origin)!, host));
  return same ?? publicOrigins[0] ?? `${scheme}://${host}`;
}

function invalidSource(reason: string) {
  return createError('INVALID_PARAMETER', { name: DURABLE_HEADERS.forkedFrom, reason });
}

/** The store that a path belongs to, and the path within it. */
export interface StreamTarget {
  readonly store: StreamStore;
  readonly fileSystem: FileSystem;
  readonly path: string;
}

/** @throws as `resolve` of the mounts; NOT_SUPPORTED if the file system has no streams */
export function targetOf(mounts: MountTable, path: string): StreamTarget {
  const at = mounts.resolve(path);
  const store = at.fileSystem.streams?.();
  if (store === undefined) throw createError('NOT_SUPPORTED', { operation: 'Durable Streams', plugin: at.mountPath });
  return { store, fileSystem: at.fileSystem, path: at.path };
}
