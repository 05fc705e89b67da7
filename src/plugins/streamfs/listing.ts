/** What lies in a directory, by name. Streams that are due go when they are come across, and directories with them. */
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

  /** Whether there is a directory, and not only for streams that are due. */
  isDirectory(path: string): boolean {
    return this.table.isDirectory(path) && !this.isOver(path);
  }

  /** README first, then by name. */
  page(path: string, { after, limit }: DirectoryPage): FileInfo[] {
    const infos: FileInfo[] = [];
    if (path === '/' && after === undefined) infos.push(readmeInfo(README_BYTES.length));
    let behind = path === '/' && after === README_NAME ? undefined : after;
    for (let isMore = true; isMore && this.table.isDirectory(path); ) {
      const wanted = limit - infos.length;
      const found = this.table.children(path, behind, wanted);
      for (const { path: child, entry } of found) {
        if (entry === undefined) {
          if (!this.isOver(child)) infos.push(directoryInfo(child));
        } else if (!this.expiry.expireIfDue(entry)) infos.push(streamInfo(entry, this.idleTimeout));
      }
      // Some may have been over: others come in their place.
      isMore = infos.length < limit && found.length === wanted;
      behind = found.at(-1)?.path.slice(path === '/' ? 1 : path.length + 1);
    }
    return infos;
  }

  /** Whether a directory is there only for streams that are due, which go now. No more are looked at than needed. */
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
