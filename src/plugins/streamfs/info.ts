/** What stat and listings say about streams, directories and README (contract 39-42). */

import type { FileInfo } from '../../fs/index.ts';
import { baseName } from '../../fs/path.ts';
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

/** @param idleTimeout the mount's, in milliseconds */
export function streamInfo({ log, path, settings, stream }: Entry, idleTimeout: number): FileInfo {
  const stats = stream.stats();
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
        start_offset: String(stream.whole.startOffset),
        end_offset: String(stats.endOffset),
        delivered_bytes: String(stats.deliveredBytes),
        max_lag: String(stats.maxReaderLag),
        skipped_bytes: String(stats.skippedBytes),
        skipped_chunks: String(stats.skippedChunks),
        memory: String(stats.memory),
        ...(log === undefined ? {} : { disk_bytes: String(log.known.diskBytes) }),
        generation: stats.generation,
        state: stats.ended ?? 'open',
        ...(stats.endStatus === undefined ? {} : { end_status: stats.endStatus }),
        ...Object.fromEntries(writtenSettings(settings, idleTimeout)),
      },
    },
  };
}
