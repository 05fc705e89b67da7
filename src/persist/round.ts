import type { Round } from './logged-stream.ts';

/** A write that is to come, for those who wait until it is done. */
export function newRound(): Round {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const done = new Promise<void>((onDone, onFailure) => {
    resolve = onDone;
    reject = onFailure;
  });
  // There may be nobody who waits.
  done.catch(() => undefined);
  return { done, resolve, reject };
}
