/** How programs wait: for as long as they like, and without leaving anything behind. */
import { createError } from '../errors/index.ts';
import type { ReadOptions } from './types.ts';

/** The longest time a timer can wait, in milliseconds. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** What is waited for: `begin` is given what to call when it has come, `end` takes that back, however the wait ended. */
export interface Wakeable {
  begin: (wake: () => void) => void;
  end: (wake: () => void) => void;
}

/**
 * Waits until it is woken, and gives true; or until the time is up, and gives false. Leaves no timer and no listener
 * behind, and does not keep an otherwise finished process alive (contract 22).
 *
 * @param milliseconds undefined: for as long as it takes
 * @throws the signal's reason when that aborts
 */
export function waitToBeWoken(
  { begin, end }: Wakeable,
  milliseconds: number | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (act: () => void) => () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      end(wake);
      act();
    };
    const wake = settle(() => resolve(true));
    const abort = settle(() => reject(signal?.reason));
    if (milliseconds !== undefined) {
      const wait = Math.min(Math.max(0, milliseconds), MAX_TIMER_MS);
      timer = setTimeout(
        settle(() => resolve(false)),
        wait,
      ).unref();
    }
    signal?.addEventListener('abort', abort, { once: true });
    begin(wake);
  });
}

/**
 * Waits until there is something to take, however often it is woken in vain.
 *
 * @throws READ_TIMEOUT, or the signal's reason
 */
export async function waitToTake<T>(
  news: Wakeable,
  take: () => T | undefined,
  { timeout, signal }: ReadOptions,
): Promise<T> {
  if (timeout === 0) throw createError('READ_TIMEOUT');
  const deadline = timeout === undefined ? undefined : performance.now() + timeout;
  for (;;) {
    const left = deadline === undefined ? undefined : deadline - performance.now();
    if (!(await waitToBeWoken(news, left, signal))) throw createError('READ_TIMEOUT');
    const taken = take();
    if (taken !== undefined) return taken;
  }
}
