/** The plugins that come with StreamFS. */
import type { Plugin } from '../fs/index.ts';
import { devfsPlugin } from './devfs/index.ts';
import { memfsPlugin } from './memfs/index.ts';
import { streamfsPlugin } from './streamfs/index.ts';

export { devfsPlugin, memfsPlugin, streamfsPlugin };

/** All of them, for a registry. */
export const builtinPlugins: readonly Plugin[] = [devfsPlugin, memfsPlugin, streamfsPlugin];
