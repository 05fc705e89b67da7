/** Stops the parts of a server together, and stops waiting for them at a deadline that always holds (contract 28). */
import type { PluginLogger } from '../fs/index.ts';

export interface Stoppable {
  readonly name: string;
  /** `deadline` is how long it may take, in milliseconds; afterwards it is not waited for. */
  stop(deadline: number): Promise<void>;
}

/** The share of the deadline that parts of the server get; the rest is for closing what they cut off then. */
const TOLD = 0.9;

/**
 * Stops all parts at once: the server waits for its readers, and these get their end from the streams. What fails or
 * is not done in time is logged; this promise never rejects, and settles within `deadline`, in milliseconds.
 */
export async function stopWithin(parts: readonly Stoppable[], deadline: number, logger: PluginLogger): Promise<void> {
  const unfinished = new Set(parts.map((part) => part.name));
  const stops = parts.map(async (part) => {
    try {
      await part.stop(deadline * TOLD);
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
