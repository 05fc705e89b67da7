/** Facts of a line that nobody will read need not be put together. */
import type { PluginLogger } from './plugin.ts';

/** Whether lines of a level are written; of a logger that does not say, all are. */
export function writes(logger: PluginLogger, level: 'debug' | 'info' | 'warn' | 'error'): boolean {
  return logger.writes === undefined || logger.writes(level);
}
