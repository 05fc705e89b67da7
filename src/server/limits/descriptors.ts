/** File descriptors of this process, where the system tells (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** How many are open. */
export function openDescriptors(): number | undefined {
  try {
    // Listing them takes one.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** How many there may be. */
export function descriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
