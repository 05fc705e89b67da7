import type { Round } from './logged-stream.ts';

/** A future write, awaited until it is done. */
export function newRound(): Round {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const done = new Promise<void>((onDone, onFailure) => {
    resolve = onDone;
    reject = onFailure;
  });
  // It may not be awaited at all.
  done.catch(() => undefined);
  return { done, resolve, reject };
}
