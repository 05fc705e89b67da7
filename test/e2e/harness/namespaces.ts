/**
 * Two machines with a cable between them: network namespaces that only this test sees, removed with the test. Needs root;
 * {@link canHaveNamespaces} says whether they are available.
 */
import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });

export interface Machine {
  readonly address: string;
  /** A command prefix that runs the command there. */
  readonly run: readonly string[];
}

export interface Cable {
  readonly left: Machine;
  readonly right: Machine;
  /** Removes the right machine's address: from then on nothing there answers, not even with a refusal. */
  unplug(): void;
}

/** Whether this user of this machine may create namespaces. @throws in CI, where the program for it has to exist */
export function canHaveNamespaces(): boolean {
  if (process.env.CI === 'true') execFileSync('ip', ['-V'], { stdio: 'ignore' });
  const name = `streamfs-try-${process.pid}`;
  try {
    ip('netns', 'add', name);
    ip('netns', 'del', name);
    return true;
  } catch {
    return false;
  }
}

export function cable(): Cable {
  const [left, right] = ['l', 'r'].map((side) => `streamfs-${process.pid}-${side}`) as [string, string];
  onTestFinished(() => {
    for (const name of [left, right]) ip('netns', 'del', name);
  });
  for (const name of [left, right]) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  ip('link', 'add', 'cable', 'netns', left, 'type', 'veth', 'peer', 'name', 'cable', 'netns', right);
  const machine = (name: string, address: string): Machine => {
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'cable');
    ip('-n', name, 'link', 'set', 'cable', 'up');
    return { address, run: ['ip', 'netns', 'exec', name] };
  };
  return {
    left: machine(left, '10.99.0.1'),
    right: machine(right, '10.99.0.2'),
    unplug: () => void ip('-n', right, 'addr', 'flush', 'dev', 'cable'),
  };
}
