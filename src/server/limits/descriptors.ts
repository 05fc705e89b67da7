/** File descriptors of this process, on systems that report them (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** Number of open descriptors. */
export function openDescriptors(): number | undefined {
  try {
    // Listing them opens one.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** Maximum number of descriptors. */
export function descriptorLimit(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
