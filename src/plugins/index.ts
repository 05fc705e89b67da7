/** The built-in plugins, and base classes for others. */
import type { Plugin } from '../fs/index.ts';
import { devfsPlugin } from './devfs/index.ts';
import { memfsPlugin } from './memfs/index.ts';
import { streamfsPlugin } from './streamfs/index.ts';

export {
  BaseFileSystem,
  BodyWriter,
  type BodyWriterOptions,
  createError,
  FixedFileSystem,
  readValues,
  refuseUnknownKeys,
  sizeValue,
  textValue,
} from './base/index.ts';
export { devfsPlugin, memfsPlugin, streamfsPlugin };

/** All built-in plugins, for a registry. */
export const builtinPlugins: readonly Plugin[] = [devfsPlugin, memfsPlugin, streamfsPlugin];
