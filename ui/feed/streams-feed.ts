/** All streams that the caller may see, looked at again and again: directory by directory and page by page, as they are told. */
import { signal } from '@preact/signals';
import { isClientError, type Mount, type StreamFSClient } from '../../src/client/index.ts';
import { EMPTY, extended, type History } from './history.ts';
import { Poller } from './poller.ts';
import { Rates } from './rates.ts';
import { type StreamRow, streamRow } from './stream-row.ts';

/** Lists that are asked for at the same time: the page has few connections. */
const PARALLEL = 2;

/** What may have happened to a directory since it was listed. */
const GONE = ['STREAM_NOT_FOUND', 'NOT_A_DIRECTORY', 'MOUNT_NOT_READY', 'MOUNT_FAILED', 'FORBIDDEN'];

export class StreamsFeed {
  readonly rows = signal<readonly StreamRow[]>([]);
  /** Mounts that have streams, by their paths. */
  readonly mounts = signal<readonly Mount[]>([]);
  /** Bytes a second that came in, by path. */
  readonly activity = new Map<string, History>();
  readonly poller: Poller;
  readonly #api: StreamFSClient;
  readonly #rates = new Rates();

  constructor(api: StreamFSClient) {
    this.#api = api;
    this.poller = new Poller((signal) => this.look(signal));
  }

  /** Asks for all of it once; the poller does it again and again. */
  async look(signal: AbortSignal): Promise<void> {
    const mounts = (await this.#api.mounts()).filter(({ pluginName }) => pluginName === 'streamfs');
    const rows: StreamRow[] = [];
    const directories = mounts.filter(({ status }) => status === 'mounted').map(({ path }) => path);
    const visit = async (directory: string) => {
      try {
        let after: string | undefined;
        do {
          const page = await this.#api.listPage(directory, { after, signal });
          const time = performance.now();
          for (const info of page.files) {
            const path = `${directory === '/' ? '' : directory}/${info.name}`;
            const row = streamRow(path, info, this.#rates, time);
            if (row !== undefined) rows.push(row);
            else if (info.isDir && info.meta.Name === 'streamfs') directories.push(path);
          }
          after = page.next;
        } while (after !== undefined);
      } catch (error) {
        if (!isClientError(error, ...GONE)) throw error;
      }
    };
    while (directories.length > 0) {
      signal.throwIfAborted();
      await Promise.all(directories.splice(0, PARALLEL).map(visit));
    }
    this.#rates.turn();
    this.mounts.value = mounts;
    this.#remember(rows);
    this.rows.value = rows;
  }

  #remember(rows: readonly StreamRow[]): void {
    const now = Date.now();
    const present = new Set<string>();
    for (const { path, incoming } of rows) {
      present.add(path);
      this.activity.set(path, extended(this.activity.get(path) ?? EMPTY, now, incoming));
    }
    for (const path of this.activity.keys()) {
      if (!present.has(path)) this.activity.delete(path);
    }
  }
}
