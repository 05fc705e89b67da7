import { createInterface } from 'node:readline';
import { LOST_STATUS } from '../child/constants.ts';
import type { EndWatchMessage } from '../child/end-watch.ts';
import type { CommandContext } from '../context.ts';

/** How long to retry while the server is unreachable, in milliseconds. */
const RETRY_FOR_MS = 10 * 60_000;

/**
 * `streamfs end-watch`, started by `exec`: ends its streams when its standard input closes, because then `exec` has
 * ended.
 */
export async function endWatch(context: CommandContext): Promise<undefined> {
  const client = await context.client();
  const openStreams = new Map<string, string | undefined>();
  let endStatus = LOST_STATUS;
  for await (const line of createInterface({ input: context.io.stdin })) {
    const message = JSON.parse(line) as EndWatchMessage;
    if ('path' in message) openStreams.set(message.path, message.generation);
    else if ('status' in message) endStatus = message.status;
    else openStreams.delete(message.done);
  }
  const ends = [...openStreams].map(([path, generation]) =>
    client.write(path, new Uint8Array(0), {
      ...{ reconnect: true, waitForServer: true, retryFor: RETRY_FOR_MS, create: false, end: true, endStatus },
      generation,
    }),
  );
  await Promise.allSettled(ends);
}
