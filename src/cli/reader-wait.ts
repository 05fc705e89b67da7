/** Waits for readers of a stream before its first byte is written. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isClientError, type StreamFSClient } from '../client/index.ts';
import type { CommandContext } from './context.ts';
import { printable } from './io.ts';

/** Milliseconds between two polls. */
const POLL_MS = 100;

export interface ReaderWait {
  context: CommandContext;
  client: StreamFSClient;
  path: string;
  /** The number of readers to wait for. */
  readers: number;
}

/** `source`, once that many readers have joined; it is not read before that. */
export function afterReadersJoin(source: AsyncIterable<Uint8Array>, wait: ReaderWait): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = source[Symbol.asyncIterator]();
      const stopped = new AbortController();
      let arrived: Promise<void> | undefined;
      return {
        async next() {
          arrived ??= untilReadersJoined(wait, stopped.signal);
          await arrived;
          return stopped.signal.aborted ? { done: true, value: undefined } : await pieces.next();
        },
        async return() {
          stopped.abort();
          return (await pieces.return?.()) ?? { done: true, value: undefined };
        },
      };
    },
  };
}

async function untilReadersJoined(wait: ReaderWait, stopped: AbortSignal): Promise<void> {
  const { context, path, readers } = wait;
  const signal = AbortSignal.any([context.signal, stopped]);
  const name = printable(path);
  for (let reported: number | undefined; !signal.aborted; ) {
    const count = await readersOf(wait);
    if (count !== reported && context.chatty) {
      const wanted = `${readers} reader${readers === 1 ? '' : 's'}`;
      const text = count >= readers ? `${wanted} joined: starting` : `waiting for ${wanted}: ${count} joined`;
      context.messages.note(`${name}: ${text}`);
    }
    reported = count;
    if (count >= readers) return;
    // An abort ends the wait, and the loop.
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/**
 * The number of readers; 0 if the stream or its server does not exist at the moment, which the write itself reports.
 */
async function readersOf({ client, path }: ReaderWait): Promise<number> {
  try {
    const { meta } = await client.stat(path);
    return Number(meta.Content?.active_readers ?? 0);
  } catch (error) {
    if (isClientError(error) && (error.kind !== 'http' || error.status === 404 || error.status >= 500)) return 0;
    throw error;
  }
}
