/**
 * The children of a directory, by name. Streams that are due are expired on the way, and directories that become empty
 * disappear.
 */
import type { DirectoryPage, FileInfo } from '../../fs/index.ts';
import type { Expiry } from './expiry.ts';
import { directoryInfo, README_NAME, readmeInfo, streamInfo } from './info.ts';
import { README_BYTES } from './readme-file.ts';
import type { StreamTable } from './stream-table.ts';

export class Listing {
  private readonly table: StreamTable;
  private readonly expiry: Expiry;
  private readonly idleTimeout: number;

  constructor(table: StreamTable, expiry: Expiry, idleTimeout: number) {
    this.table = table;
    this.expiry = expiry;
    this.idleTimeout = idleTimeout;
  }

  /** Whether a directory exists and contains streams that are not due. */
  isDirectory(path: string): boolean {
    return this.table.isDirectory(path) && !this.isOver(path);
  }

  /** README first, then by name. */
  page(path: string, { after, limit }: DirectoryPage): FileInfo[] {
    const infos: FileInfo[] = [];
    if (path === '/' && after === undefined) infos.push(readmeInfo(README_BYTES.length));
    let cursor = path === '/' && after === README_NAME ? undefined : after;
    for (let isMore = true; isMore && this.table.isDirectory(path); ) {
      const wanted = limit - infos.length;
      const found = this.table.children(path, cursor, wanted);
      for (const { path: child, entry } of found) {
        if (entry === undefined) {
          if (!this.isOver(child)) infos.push(directoryInfo(child));
        } else if (!this.expiry.expireIfDue(entry)) infos.push(streamInfo(entry, this.idleTimeout));
      }
      // Some streams may have expired: fill up the page with others.
      isMore = infos.length < limit && found.length === wanted;
      cursor = found.at(-1)?.path.slice(path === '/' ? 1 : path.length + 1);
    }
    return infos;
  }

  /** Whether all streams in a directory were due. Expires them, stopping at the first that is not due. */
  private isOver(directory: string): boolean {
    if (directory === '/') return false;
    while (this.table.isDirectory(directory)) {
      const first = this.table.children(directory, undefined, 1)[0]!;
      const isDue = first.entry === undefined ? this.isOver(first.path) : this.expiry.expireIfDue(first.entry);
      if (!isDue) return false;
    }
    return true;
  }
}
