/** What stat and listings say about streams, directories and README (contract 39-42). */
import type { StreamStats } from '../../core/index.ts';
import type { RingStream } from '../../core/internal.ts';
import type { Capabilities, FileInfo, StreamSettingsInForce } from '../../fs/index.ts';
import { baseName } from '../../fs/path.ts';
import type { StreamState } from '../../logs/index.ts';
import type { Entry } from './entry.ts';
import { writtenSettings } from './stream-settings.ts';

export const PLUGIN_NAME = 'streamfs';
export const README_NAME = 'README';

/** README never changes while the server runs, nor between its runs (contract 43). */
const README_TIME = new Date('2026-01-01T00:00:00.000Z');
const START_TIME = new Date();

export function readmeInfo(size: number): FileInfo {
  const meta = { Name: PLUGIN_NAME, Type: 'doc', Content: null };
  return { name: README_NAME, size, mode: 0o444, modTime: README_TIME, isDir: false, meta };
}

export function directoryInfo(path: string): FileInfo {
  const meta = { Name: PLUGIN_NAME, Type: path === '/' ? '' : 'dir', Content: null };
  return { name: baseName(path), size: 0, mode: 0o755, modTime: START_TIME, isDir: true, meta };
}

/** What can be done with a path of a mount of streams. */
export function capabilitiesOf(what: 'stream' | 'directory' | 'readme'): Capabilities {
  const isStream = what === 'stream';
  return {
    isAppendOnly: isStream,
    isBroadcast: isStream,
    isReadOnly: what === 'readme',
    supportsRandomWrite: false,
    supportsTruncate: isStream,
    supportsRename: false,
    supportsDirectories: false,
    supportsStreamRead: what !== 'directory',
    supportsStreamWrite: isStream,
    supportsFileHandle: what !== 'directory',
    supportsTouch: isStream,
    supportsSymlink: false,
    supportsSync: what !== 'directory',
    isReadDestructive: false,
    isObjectStore: false,
  };
}

/**
 * What a log says of a stream, with what there is of its readers here.
 *
 * @param mirror of this node, where there is one
 * @param idleTimeout the mount's, in milliseconds
 */
export function statedInfo(
  state: StreamState,
  settings: StreamSettingsInForce,
  mirror: RingStream | undefined,
  idleTimeout: number,
): FileInfo {
  const { chunkCount, end, endOffset, generation, modifiedAt, path, startOffset } = state;
  const own = mirror?.stats() ?? NOTHING_READ;
  const stats = {
    ...own,
    ...{ generation, startOffset, endOffset, modifiedAt, totalWritten: endOffset, totalChunks: chunkCount },
    ...{ ended: end?.reason, endStatus: end?.status },
  };
  return infoOf(path, stats, settings, idleTimeout, undefined);
}

/** Of a stream without readers on this node. */
const NOTHING_READ = {
  ...{ readers: 0, deliveredBytes: 0, maxReaderLag: 0, skippedBytes: 0, skippedChunks: 0, memory: 0 },
};

/** @param idleTimeout the mount's, in milliseconds */
export function streamInfo({ log, path, settings, stream }: Entry, idleTimeout: number): FileInfo {
  // A copy on disk reaches further back than the ring.
  const stats = { ...stream.stats(), startOffset: stream.whole.startOffset };
  return infoOf(path, stats, settings, idleTimeout, log?.known.diskBytes);
}

type Told = Pick<
  StreamStats,
  | ('generation' | 'startOffset' | 'endOffset' | 'totalWritten' | 'totalChunks' | 'modifiedAt' | 'ended' | 'endStatus')
  | ('readers' | 'deliveredBytes' | 'maxReaderLag' | 'skippedBytes' | 'skippedChunks' | 'memory')
>;

function infoOf(
  path: string,
  stats: Told,
  settings: StreamSettingsInForce,
  idleTimeout: number,
  diskBytes: number | undefined,
): FileInfo {
  return {
    name: baseName(path),
    size: stats.totalWritten,
    mode: 0o644,
    modTime: new Date(stats.modifiedAt),
    isDir: false,
    meta: {
      Name: PLUGIN_NAME,
      Type: 'stream',
      Content: {
        active_readers: String(stats.readers),
        total_written: String(stats.totalWritten),
        total_chunks: String(stats.totalChunks),
        start_offset: String(stats.startOffset),
        end_offset: String(stats.endOffset),
        delivered_bytes: String(stats.deliveredBytes),
        max_lag: String(stats.maxReaderLag),
        skipped_bytes: String(stats.skippedBytes),
        skipped_chunks: String(stats.skippedChunks),
        memory: String(stats.memory),
        ...(diskBytes === undefined ? {} : { disk_bytes: String(diskBytes) }),
        generation: stats.generation,
        state: stats.ended ?? 'open',
        ...(stats.endStatus === undefined ? {} : { end_status: stats.endStatus }),
        ...Object.fromEntries(writtenSettings(settings, idleTimeout)),
      },
    },
  };
}
