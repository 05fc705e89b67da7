import type { GroupCommit } from './logged-stream.ts';

/** Creates a promise for a group commit, together with the functions that settle it. */
export function newGroupCommit(): GroupCommit {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const done = new Promise<void>((onDone, onFailure) => {
    resolve = onDone;
    reject = onFailure;
  });
  // The promise may have no other handlers.
  done.catch(() => undefined);
  return { done, resolve, reject };
}
