/** From addresses to paths: which stream a request means. */
import { createError } from '../../errors/index.ts';
import { type FileSystem, joinPath, type MountTable, type StreamStore } from '../../fs/index.ts';
import { DURABLE_HEADERS } from '../../protocol/index.ts';
import { hostOfAddress, plainHost, relativeTarget } from '../http/message-rules.ts';
import { shorten } from '../http/shorten.ts';
import type { DurableStreamsOptions } from './options.ts';

/** What the protocol keeps for subscriptions. */
const RESERVED = '__ds';

/** The path of the stream that has these parts of an address behind the prefix; `%2F` is a slash. */
export function pathOfStream(rest: string, { mount }: DurableStreamsOptions): string {
  if (rest === RESERVED || rest.startsWith(`${RESERVED}/`)) {
    throw createError('NOT_SUPPORTED', { operation: 'subscriptions (__ds)', plugin: 'this server' });
  }
  return joinPath(mount, rest);
}

/**
 * The path of the stream that `Stream-Forked-From` names: an address of this server, or its path alone.
 *
 * @param own the host that the request was sent to, by which this server is told from others
 * @throws INVALID_PARAMETER
 */
export function pathOfSource(text: string, own: string | undefined, options: DurableStreamsOptions): string {
  requireOwn(text, own);
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

/** The scheme is not compared: TLS may end at a proxy. */
function requireOwn(text: string, own: string | undefined): void {
  const named = hostOfAddress(text);
  if (named === undefined) return;
  const { host, scheme } = named;
  if (own !== undefined && plainHost(host, scheme) === plainHost(own, scheme)) return;
  const here = own === undefined ? '' : `, which is ${shorten(own)} to this request`;
  throw invalidSource(`the stream must be one of this server${here}, not of ${shorten(host)}; its path alone will do`);
}

function invalidSource(reason: string) {
  return createError('INVALID_PARAMETER', { name: DURABLE_HEADERS.forkedFrom, reason });
}

/** The streams that a path belongs to, and the path as they know it. */
export interface StreamTarget {
  readonly store: StreamStore;
  readonly fileSystem: FileSystem;
  readonly path: string;
}

/** @throws as `resolve` of the mounts; NOT_SUPPORTED where there are no streams */
export function targetOf(mounts: MountTable, path: string): StreamTarget {
  const at = mounts.resolve(path);
  const store = at.fileSystem.streams?.();
  if (store === undefined) throw createError('NOT_SUPPORTED', { operation: 'Durable Streams', plugin: at.mountPath });
  return { store, fileSystem: at.fileSystem, path: at.path };
}
