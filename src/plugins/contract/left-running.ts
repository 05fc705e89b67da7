/**
 * Detects resources that are still active after some work: timers, sockets, watchers and processes, including
 * unreferenced ones (contract 22). Only resources created within the work count, so timers of the test runner are
 * ignored.
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

/** Turns of the event loop that closed resources may take to disappear. */
const TURNS = 100;

/** Runs `work` and returns the kinds of resources that remain afterwards. */
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
