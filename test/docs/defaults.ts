/** What is mounted where nothing is configured, as the loader of configurations gives it. */
import { defaultConfig } from '../../src/config/index.ts';

export function defaultMounts(): { plugin: string; path: string }[] {
  return defaultConfig().mounts.map(({ plugin, path }) => ({ plugin, path }));
}
