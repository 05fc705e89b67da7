/** The data shown by `top`: responses of the server at one moment. */
import type { FileInfo, ReaderInfo, StreamFSClient } from '../../client/index.ts';
import { isClientError } from '../../client/index.ts';
import { type StreamFacts, streamFacts } from '../stream-facts.ts';

export interface StreamRow extends StreamFacts {
  path: string;
  /** Bytes per second since the previous sample; 0 in the first. */
  rate: number;
}

export interface Sample {
  /** By `performance.now`. */
  at: number;
  streams: StreamRow[];
  /** Readers that lag, have lost data or are stalled: the worst first. */
  slow: ReaderInfo[];
  readers: number;
  /** Errors of directories that could not be listed, such as a mount whose shared log cannot be reached. */
  failures: unknown[];
}

/** Directory requests in flight at once. */
const PARALLEL = 8;
/** Maximum number of readers examined; of more, only the oldest are. */
const MAX_READERS = 5000;

/** @param path a stream, directory or mount; undefined for all */
export async function takeSample(
  client: StreamFSClient,
  path: string | undefined,
  before: Sample | undefined,
  signal: AbortSignal,
): Promise<Sample> {
  const { streams: found, failures } = await streamsBelow(client, path ?? '/');
  const { readers, count } = await readersBelow(client, path, signal);
  const at = performance.now();
  const earlier = new Map(before?.streams.map((row) => [row.path, row.written]));
  const seconds = before === undefined ? 1 : Math.max(0.001, (at - before.at) / 1000);
  const streams = found.map(([streamPath, facts]): StreamRow => {
    const since = facts.written - (earlier.get(streamPath) ?? (before === undefined ? facts.written : 0));
    return { ...facts, path: streamPath, rate: Math.max(0, since) / seconds };
  });
  const slow = readers
    .filter(({ lag, skipped_bytes, state }) => lag > 0 || skipped_bytes > 0 || state === 'stalled')
    .sort((a, b) => b.lag - a.lag || b.skipped_bytes - a.skipped_bytes || a.id - b.id);
  return { at, streams, slow, readers: count, failures };
}

async function streamsBelow(client: StreamFSClient, path: string) {
  const failures: unknown[] = [];
  const streams: [string, StreamFacts][] = [];
  const directories: string[] = [];
  const now = Date.now();
  const take = (at: string, info: FileInfo) => {
    const facts = streamFacts(info, now);
    if (facts !== undefined) streams.push([at, facts]);
    // Other file systems are not shown, so they need not be listed.
    else if (info.isDir && (info.meta.Name === 'streamfs' || info.meta.Name === '')) directories.push(at);
  };
  const visit = async (directory: string) => {
    try {
      const prefix = directory === '/' ? '/' : `${directory}/`;
      for (const info of await client.list(directory)) take(prefix + info.name, info);
    } catch (error) {
      if (isClientError(error, 'NOT_A_DIRECTORY')) take(directory, await client.stat(directory));
      else if (directory === path || !isClientError(error) || error.kind !== 'http') throw error;
      // It may have been removed since it was listed, or its mount failed to start.
      else if (!isClientError(error, 'STREAM_NOT_FOUND', 'MOUNT_NOT_READY', 'MOUNT_FAILED')) failures.push(error);
    }
  };
  await visit(path === '/' ? path : path.replace(/\/+$/, ''));
  while (directories.length > 0) await Promise.all(directories.splice(0, PARALLEL).map(visit));
  return { streams, failures };
}

async function readersBelow(client: StreamFSClient, path: string | undefined, signal: AbortSignal) {
  const readers: ReaderInfo[] = [];
  let count = 0;
  for (let after: number | undefined = 0; after !== undefined && readers.length < MAX_READERS; ) {
    const page = await client.readers({ after, signal, path });
    readers.push(...page.readers);
    count = page.count;
    after = page.next;
  }
  return { readers, count };
}
