/** Polls all streams that the caller may see, directory by directory and page by page. */
import { batch, signal } from '@preact/signals';
import { isClientError, type Mount, type StreamFSClient } from '../../src/client/index.ts';
import { append, type GrowingHistory, type History, newHistory } from './history.ts';
import { Poller } from './poller.ts';
import { Rates } from './rates.ts';
import { isSameRow, type StreamRow, streamRow } from './stream-row.ts';

/** Directory listings requested concurrently: the page has few connections. */
const PARALLEL = 2;

/** Errors of a directory that has changed since its parent was listed. */
const GONE = ['STREAM_NOT_FOUND', 'NOT_A_DIRECTORY', 'MOUNT_NOT_READY', 'MOUNT_FAILED', 'FORBIDDEN'];
/** Errors of a mount that cannot be asked now: its streams stay as they were last seen. */
const UNAVAILABLE = ['LOG_UNAVAILABLE'];

export class StreamsFeed {
  readonly rows = signal<readonly StreamRow[]>([]);
  /** Mounts that contain streams, by their paths. */
  readonly mounts = signal<readonly Mount[]>([]);
  /** Bytes per second written, by path. */
  get activity(): ReadonlyMap<string, History> {
    return this.#activity;
  }
  readonly #activity = new Map<string, GrowingHistory>();
  readonly poller: Poller;
  readonly #api: StreamFSClient;
  readonly #rates = new Rates();

  constructor(api: StreamFSClient) {
    this.#api = api;
    this.poller = new Poller((signal) => this.poll(signal));
  }

  /** Fetches everything once; called repeatedly by the poller. */
  async poll(signal: AbortSignal): Promise<void> {
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
        if (isClientError(error, ...UNAVAILABLE)) rows.push(...this.#knownBelow(directory));
        else if (!isClientError(error, ...GONE)) throw error;
      }
    };
    while (directories.length > 0) {
      signal.throwIfAborted();
      await Promise.all(directories.splice(0, PARALLEL).map(visit));
    }
    this.#rates.endRound();
    this.#remember(rows);
    batch(() => {
      this.mounts.value = mounts;
      this.#show(rows);
    });
  }

  #knownBelow(directory: string): StreamRow[] {
    const prefix = directory === '/' ? '/' : `${directory}/`;
    return this.rows.peek().filter(({ path }) => path.startsWith(prefix));
  }

  /** Unchanged rows remain the same objects, so that they are not rendered again. */
  #show(rows: readonly StreamRow[]): void {
    const before = this.rows.peek();
    const known = new Map(before.map((row) => [row.path, row]));
    const next = rows.map((row) => {
      const old = known.get(row.path);
      return old !== undefined && isSameRow(old, row) ? old : row;
    });
    if (next.length !== before.length || next.some((row, at) => row !== before[at])) this.rows.value = next;
  }

  #remember(rows: readonly StreamRow[]): void {
    const now = Date.now();
    const present = new Set<string>();
    for (const { path, incoming } of rows) {
      present.add(path);
      const history = this.#activity.get(path) ?? newHistory();
      this.#activity.set(path, history);
      append(history, now, incoming);
    }
    for (const path of this.#activity.keys()) {
      if (!present.has(path)) this.#activity.delete(path);
    }
  }
}
