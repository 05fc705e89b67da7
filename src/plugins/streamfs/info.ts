/** The results of stat and listings for streams, directories and README (contract 39-42). */
import type { StreamStats } from '../../core/index.ts';
import type { RingStream } from '../../core/internal.ts';
import type { Capabilities, FileInfo, StreamSettingsInForce } from '../../fs/index.ts';
import { baseName } from '../../fs/path.ts';
import type { StreamState } from '../../logs/index.ts';
import type { Entry } from './entry.ts';
import { type WrittenSettings, writtenSettings } from './stream-settings.ts';

export const PLUGIN_NAME = 'streamfs';
export const README_NAME = 'README';

/** README does not change, neither while the server runs nor across restarts (contract 43). */
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

/** The capabilities of a path in a mount of streams. */
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

/** Facts of a stream, independent of where it is stored. */
type StreamSummary = Pick<StreamStats, 'generation' | 'startOffset' | 'endOffset' | 'totalWritten' | 'totalChunks'> &
  Pick<StreamStats, 'modifiedAt' | 'ended' | 'endStatus'>;

/** Facts of the readers on this node. */
type ReaderSummary = Pick<StreamStats, 'readers' | 'deliveredBytes' | 'maxReaderLag' | 'memory'> &
  Pick<StreamStats, 'skippedBytes' | 'skippedChunks'>;

/** For a stream without readers on this node. */
const NO_READERS: ReaderSummary = {
  ...{ readers: 0, deliveredBytes: 0, maxReaderLag: 0, skippedBytes: 0, skippedChunks: 0, memory: 0 },
};

/**
 * Combines the log's state of a stream with facts of the readers on this node.
 *
 * @param mirror of this node, if there is one
 * @param idleTimeout the mount's, in milliseconds
 */
export function statedInfo(
  { chunkCount, end, endOffset, generation, modifiedAt, path, startOffset }: StreamState,
  settings: StreamSettingsInForce,
  mirror: RingStream | undefined,
  idleTimeout: number,
): FileInfo {
  const summary: StreamSummary = {
    ...{ generation, startOffset, endOffset, totalWritten: endOffset, totalChunks: chunkCount, modifiedAt },
    ...{ ended: end?.reason, endStatus: end?.status },
  };
  return infoOf(path, summary, startOffset, mirror?.stats() ?? NO_READERS, settings, idleTimeout, undefined);
}

/** @param idleTimeout the mount's, in milliseconds */
export function streamInfo({ log, path, settings, stream }: Entry, idleTimeout: number): FileInfo {
  const stats = stream.stats();
  // A copy on disk reaches further back than the ring.
  return infoOf(path, stats, stream.withHistory.startOffset, stats, settings, idleTimeout, log?.known.diskBytes);
}

/** Called for thousands of streams per listing. Facts are added individually, in the order in which they are shown. */
function infoOf(
  path: string,
  summary: StreamSummary,
  startOffset: number,
  readers: ReaderSummary,
  settings: StreamSettingsInForce,
  idleTimeout: number,
  diskBytes: number | undefined,
): FileInfo {
  const facts: Record<string, string> = {
    active_readers: String(readers.readers),
    total_written: String(summary.totalWritten),
    total_chunks: String(summary.totalChunks),
    start_offset: String(startOffset),
    end_offset: String(summary.endOffset),
    delivered_bytes: String(readers.deliveredBytes),
    max_lag: String(readers.maxReaderLag),
    skipped_bytes: String(readers.skippedBytes),
    skipped_chunks: String(readers.skippedChunks),
    memory: String(readers.memory),
  };
  if (diskBytes !== undefined) facts.disk_bytes = String(diskBytes);
  facts.generation = summary.generation;
  facts.state = summary.ended ?? 'open';
  if (summary.endStatus !== undefined) facts.end_status = summary.endStatus;
  addSettings(facts, settingsText(settings, idleTimeout));
  return {
    ...{
      name: baseName(path),
      size: summary.totalWritten,
      mode: 0o644,
      modTime: new Date(summary.modifiedAt),
      isDir: false,
    },
    meta: { Name: PLUGIN_NAME, Type: 'stream', Content: facts },
  };
}

function addSettings(facts: Record<string, string>, written: WrittenSettings): void {
  facts.ring_buffer_size = written.ring_buffer_size;
  facts.channel_buffer_size = written.channel_buffer_size;
  facts.on_lag = written.on_lag;
  facts.reader_block = written.reader_block;
  facts.atomic = written.atomic;
  facts.type = written.type;
  facts.container = written.container;
  facts.ttl = written.ttl;
  if (written.expires_at !== undefined) facts.expires_at = written.expires_at;
}

/** Many streams share the same settings, which are formatted once. */
const settingsTexts = new WeakMap<StreamSettingsInForce, { idleTimeout: number; written: WrittenSettings }>();

function settingsText(settings: StreamSettingsInForce, idleTimeout: number): WrittenSettings {
  const known = settingsTexts.get(settings);
  if (known?.idleTimeout === idleTimeout) return known.written;
  const written = writtenSettings(settings, idleTimeout);
  settingsTexts.set(settings, { idleTimeout, written });
  return written;
}
