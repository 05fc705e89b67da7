/**
 * What a piece of work leaves running: timers, sockets, watchers, processes, also those that keep no process alive
 * (contract 22). Only what was begun inside the work counts, so that a test runner's own timers do not.
 */
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

const KINDS: ReadonlySet<string> = new Set([
  'Timeout',
  'TCPWRAP',
  'TCPSERVERWRAP',
  'UDPWRAP',
  'PIPEWRAP',
  'PIPESERVERWRAP',
  'FSEVENTWRAP',
  'STATWATCHER',
  'PROCESSWRAP',
  'WORKER',
]);

/** Turns of the event loop that what was closed may take to be gone. */
const TURNS = 100;

/** Does `work`, and gives the kinds of what is still there afterwards. */
export async function leftRunning(work: () => Promise<void>): Promise<string[]> {
  const inside = new AsyncLocalStorage<true>();
  const alive = new Map<number, string>();
  const hook = createHook({
    init(id, kind) {
      if (KINDS.has(kind) && inside.getStore()) alive.set(id, kind);
    },
    destroy(id) {
      alive.delete(id);
    },
  });
  hook.enable();
  try {
    await inside.run(true, work);
    for (let turn = 0; turn < TURNS && alive.size > 0; turn += 1) await nextTurn();
    return [...alive.values()];
  } finally {
    hook.disable();
  }
}
