/** Waiting with a timeout and an abort signal, without leaking timers or listeners. */
import { createError } from '../errors/index.ts';
import type { ReadOptions } from './types.ts';

/** The longest timeout of a timer, in milliseconds. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** An event to wait for: `begin` registers the callback, `end` removes it, however the wait ended. */
export interface Wakeable {
  begin: (wake: () => void) => void;
  end: (wake: () => void) => void;
}

/**
 * Waits until woken and returns true, or until the timeout and returns false. Leaves no timer and no listener behind,
 * and does not keep an otherwise finished process alive (contract 22).
 *
 * @param milliseconds undefined: no timeout
 * @throws the abort reason of the signal
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
 * Waits until `take` returns something, however many wake-ups are spurious.
 *
 * @throws READ_TIMEOUT, or the abort reason of the signal
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
