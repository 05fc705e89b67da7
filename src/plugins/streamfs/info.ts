/** What stat and listings say about streams, directories and README (contract 39-42). */
import type { StreamStats } from '../../core/index.ts';
import type { RingStream } from '../../core/internal.ts';
import type { Capabilities, FileInfo, StreamSettingsInForce } from '../../fs/index.ts';
import { baseName } from '../../fs/path.ts';
import type { StreamState } from '../../logs/index.ts';
import type { Entry } from './entry.ts';
import { type WrittenSettings, writtenSettings } from './stream-settings.ts';

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

/** What a stream is, whoever keeps it. */
type Life = Pick<StreamStats, 'generation' | 'startOffset' | 'endOffset' | 'totalWritten' | 'totalChunks'> &
  Pick<StreamStats, 'modifiedAt' | 'ended' | 'endStatus'>;

/** What readers on this node have got of it. */
type Reading = Pick<StreamStats, 'readers' | 'deliveredBytes' | 'maxReaderLag' | 'memory'> &
  Pick<StreamStats, 'skippedBytes' | 'skippedChunks'>;

/** Of a stream without readers on this node. */
const NOTHING_READ: Reading = {
  ...{ readers: 0, deliveredBytes: 0, maxReaderLag: 0, skippedBytes: 0, skippedChunks: 0, memory: 0 },
};

/**
 * What a log says of a stream, with what there is of its readers here.
 *
 * @param mirror of this node, where there is one
 * @param idleTimeout the mount's, in milliseconds
 */
export function statedInfo(
  { chunkCount, end, endOffset, generation, modifiedAt, path, startOffset }: StreamState,
  settings: StreamSettingsInForce,
  mirror: RingStream | undefined,
  idleTimeout: number,
): FileInfo {
  const life: Life = {
    ...{ generation, startOffset, endOffset, totalWritten: endOffset, totalChunks: chunkCount, modifiedAt },
    ...{ ended: end?.reason, endStatus: end?.status },
  };
  return infoOf(path, life, startOffset, mirror?.stats() ?? NOTHING_READ, settings, idleTimeout, undefined);
}

/** @param idleTimeout the mount's, in milliseconds */
export function streamInfo({ log, path, settings, stream }: Entry, idleTimeout: number): FileInfo {
  const stats = stream.stats();
  // A copy on disk reaches further back than the ring.
  return infoOf(path, stats, stream.whole.startOffset, stats, settings, idleTimeout, log?.known.diskBytes);
}

/** Listings say this of thousands of streams: facts are added by name, in the order in which they are shown. */
function infoOf(
  path: string,
  life: Life,
  startOffset: number,
  reading: Reading,
  settings: StreamSettingsInForce,
  idleTimeout: number,
  diskBytes: number | undefined,
): FileInfo {
  const facts: Record<string, string> = {
    active_readers: String(reading.readers),
    total_written: String(life.totalWritten),
    total_chunks: String(life.totalChunks),
    start_offset: String(startOffset),
    end_offset: String(life.endOffset),
    delivered_bytes: String(reading.deliveredBytes),
    max_lag: String(reading.maxReaderLag),
    skipped_bytes: String(reading.skippedBytes),
    skipped_chunks: String(reading.skippedChunks),
    memory: String(reading.memory),
  };
  if (diskBytes !== undefined) facts.disk_bytes = String(diskBytes);
  facts.generation = life.generation;
  facts.state = life.ended ?? 'open';
  if (life.endStatus !== undefined) facts.end_status = life.endStatus;
  addSettings(facts, settingsText(settings, idleTimeout));
  return {
    ...{ name: baseName(path), size: life.totalWritten, mode: 0o644, modTime: new Date(life.modifiedAt), isDir: false },
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

/** Settings are shared by many streams, and written once. */
const settingsTexts = new WeakMap<StreamSettingsInForce, { idleTimeout: number; written: WrittenSettings }>();

function settingsText(settings: StreamSettingsInForce, idleTimeout: number): WrittenSettings {
  const known = settingsTexts.get(settings);
  if (known?.idleTimeout === idleTimeout) return known.written;
  const written = writtenSettings(settings, idleTimeout);
  settingsTexts.set(settings, { idleTimeout, written });
  return written;
}
