/** Searches a file, or a tree of files, for lines that match. In a tree, unreadable files are skipped. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isStreamFSError } from '../../errors/index.ts';
import { type FileInfo, type FileSystem, joinPath, normalizePath, type PluginLogger } from '../../fs/index.ts';
import type { GrepMatch } from '../../protocol/index.ts';
import { LineSplitter } from './lines.ts';
import type { Matcher } from './matcher.ts';

export interface Search {
  fileSystem: FileSystem;
  matcher: Matcher;
  logger: PluginLogger;
  signal: AbortSignal;
}

/** Lines sent to the matcher at once; with fewer, matches are found sooner. */
const BATCH = 1000;

/** The matches in one file, in order. `path` is reported as it was given. */
export async function* searchFile(search: Search, path: string): AsyncGenerator<GrepMatch> {
  const splitter = new LineSplitter();
  let line = 1;
  for await (const piece of await search.fileSystem.open(path)) {
    // Content in memory would otherwise be searched in one turn of the event loop.
    await nextTurn();
    if (search.signal.aborted) return;
    for (const lines of batches(splitter.take(piece))) {
      yield* matchesIn(search, path, line, lines);
      line += lines.length;
    }
  }
  yield* matchesIn(search, path, line, splitter.end());
}

async function* matchesIn(search: Search, file: string, first: number, lines: string[]): AsyncGenerator<GrepMatch> {
  search.matcher.check();
  if (lines.length === 0) return;
  for (const index of await search.matcher.match(lines)) {
    yield { file, line: first + index, content: lines[index]! };
  }
}

function* batches(lines: string[]): Generator<string[]> {
  for (let at = 0; at < lines.length; at += BATCH) yield lines.slice(at, at + BATCH);
}

/** The matches in all files below a directory, in listing order. Streams and devices have no end, and are skipped. */
export async function* searchTree(search: Search, directory: string): AsyncGenerator<GrepMatch> {
  // The file system enforces its own limits on paths.
  const root = normalizePath(directory, { length: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY });
  for (const entry of await search.fileSystem.readDir(root)) {
    if (search.signal.aborted) return;
    search.matcher.check();
    const path = joinPath(root, entry.name);
    try {
      if (entry.isDir) yield* searchTree(search, path);
      else if (!isEndless(entry)) yield* searchFile(search, path);
    } catch (error) {
      // If the matcher has failed, the search cannot continue.
      search.matcher.check();
      if (!isStreamFSError(error)) throw error;
      search.logger.debug('search skipped a file', { path, error: error.message });
    }
  }
}

/** Whether reading a file might never come to its end. */
function isEndless(info: FileInfo): boolean {
  return info.meta.Type === 'stream' || info.meta.Type === 'device';
}
