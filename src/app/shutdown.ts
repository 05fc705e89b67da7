/** Stops the parts of a server concurrently, and stops waiting for them at a fixed deadline (contract 28). */
import type { PluginLogger } from '../fs/index.ts';

export interface Stoppable {
  readonly name: string;
  /** `deadline` is the time available, in milliseconds; after that the caller no longer waits. */
  stop(deadline: number): Promise<void>;
}

/** The share of the deadline that the parts get; the rest is for closing the connections that they cut off then. */
const PARTS_SHARE = 0.9;

/**
 * Stops all parts at once: the server waits for its readers, and the streams send them the end. A part that fails or is
 * late is logged. The promise never rejects, and settles within `deadline` milliseconds.
 */
export async function stopWithin(parts: readonly Stoppable[], deadline: number, logger: PluginLogger): Promise<void> {
  const unfinished = new Set(parts.map((part) => part.name));
  const stops = parts.map(async (part) => {
    try {
      await part.stop(deadline * PARTS_SHARE);
    } catch (error) {
      logger.error('failed to stop', { part: part.name, error: String(error) });
    }
    unfinished.delete(part.name);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadline);
  });
  await Promise.race([Promise.all(stops), late]);
  clearTimeout(timer);
  if (unfinished.size > 0) logger.warn('stopped without waiting any longer', { unfinished: [...unfinished] });
  else logger.info('stopped');
}
