/** The default mounts, as the configuration loader returns them. */
import { defaultConfig } from '../../src/config/index.ts';

export function defaultMounts(): { plugin: string; path: string }[] {
  return defaultConfig().mounts.map(({ plugin, path }) => ({ plugin, path }));
}
