/**
 * The list of readers: every live read, and every handle with a position in a stream. Nothing is stored for it: each
 * list is built from the current readers, sockets and handles.
 */
import type { Socket } from 'node:net';
import type { Reader } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import { isWithin } from '../../fs/index.ts';
import type { ReaderInfo, ReaderList, ReaderState } from '../../protocol/index.ts';
import type { ServerContext } from '../http/route.ts';
import type { LiveRead } from '../limits/live-reads.ts';

/** Milliseconds without progress after which a peer is called stalled: longer than the interval of the sweep. */
const STALLED_AFTER_MS = 2000;

/** One reader, with its connection and its handle, if any. */
interface ReaderEntry {
  reader: Reader;
  live: LiveRead | undefined;
  handle: number | undefined;
  address: string | undefined;
}

type Server = Pick<ServerContext, 'limits' | 'handles' | 'mounts'>;

function* allReaders({ limits, handles }: Server): Generator<ReaderEntry> {
  const live = new Map<Reader, LiveRead>();
  for (const read of limits.reads) live.set(read.reader, read);
  for (const { id, reader, address } of handles.readers()) {
    const read = live.get(reader);
    live.delete(reader);
    yield { reader, live: read, handle: id, address: read === undefined ? address : addressOf(read.socket) };
  }
  for (const [reader, read] of live) {
    yield { reader, live: read, handle: undefined, address: addressOf(read.socket) };
  }
}

/** The remote address of a socket, as `host:port`. */
export function addressOf({ remoteAddress, remotePort, remoteFamily }: Socket): string | undefined {
  if (remoteAddress === undefined) return undefined;
  return remoteFamily === 'IPv6' ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

export interface ReaderQuery {
  /** Normalised: readers of this path and of everything below it. Default: all. */
  path: string | undefined;
  /** Only those with a larger id. */
  after: number;
  /** Maximum number. */
  limit: number;
}

/** The readers in order of their ids. `count` is the number of all matching readers, on this page or not. */
export function listReaders(server: Server, { path, after, limit }: ReaderQuery): ReaderList {
  const matching = [...allReaders(server)].filter(({ reader }) => {
    return path === undefined || isWithin(reader.stream.name ?? '', path);
  });
  const rest = matching.filter(({ reader }) => reader.id > after).sort((a, b) => a.reader.id - b.reader.id);
  const page = rest.slice(0, limit);
  const readers = page.map((found) => infoOf(found, server));
  return {
    readers,
    node: nodeOf(server),
    count: matching.length,
    // Where the next page begins, if there is one.
    ...(rest.length > page.length ? { next: readers.at(-1)!.id } : {}),
  };
}

function infoOf({ reader, live, handle, address }: ReaderEntry, server: Server): ReaderInfo {
  return {
    id: reader.id,
    path: reader.stream.name ?? '',
    address: address ?? null,
    since: new Date(reader.openedAt).toISOString(),
    kind: live === undefined ? 'handle' : live.kind,
    handle,
    policy: reader.policy,
    state: stateOf(reader, live, server),
    offset: reader.cursor,
    lag: reader.lag,
    allowed_lag: reader.allowedLag,
    bytes: reader.receivedBytes,
    skipped_bytes: reader.skippedBytes,
    skipped_chunks: reader.skippedChunks,
    generation: reader.stream.generation,
  };
}

function stateOf(reader: Reader, live: LiveRead | undefined, { limits }: Server): ReaderState {
  if (live !== undefined && limits.connections.stalledForMs(live.socket) >= STALLED_AFTER_MS) return 'stalled';
  if (reader.stream.endReason !== undefined) return 'ending';
  return reader.hasCaughtUp ? 'live' : 'catching-up';
}

/** The name of this server among those that share a log. */
export function nodeOf({ mounts }: Server): string | undefined {
  return mounts.logs()[0]?.log.node;
}

/**
 * Ends a reader: a live read ends with the reason `kicked`, a handle is closed. A peer that takes no bytes, not even
 * the reason, is disconnected a moment later. Returns the last state of the reader.
 *
 * @throws READER_NOT_FOUND
 */
export async function kickReader(server: Server, id: number): Promise<ReaderInfo> {
  for (const found of allReaders(server)) {
    if (found.reader.id !== id) continue;
    const info = infoOf(found, server);
    found.live?.kick();
    if (found.handle !== undefined) await server.handles.close(found.handle);
    return info;
  }
  throw createError('READER_NOT_FOUND', { id });
}
