/** The plugin `streamfs`: byte streams as files, broadcast (contract 80). */
import type { Plugin } from '../../fs/index.ts';
import { StreamFileSystem } from './file-system.ts';
import { PLUGIN_NAME } from './info.ts';
import { README } from './readme.ts';
import { CONFIG_PARAMETERS, parseSettings } from './settings.ts';
import { openShared } from './shared/instance.ts';

export const streamfsPlugin: Plugin = {
  name: PLUGIN_NAME,
  readme: README,
  configParameters: CONFIG_PARAMETERS,
  validate: (config) => {
    parseSettings(config);
  },
  initialize: async (config, context) => {
    const settings = parseSettings(config);
    if (settings.log !== undefined) return openShared(settings, settings.log, context);
    const fileSystem = await StreamFileSystem.open(settings, context);
    return {
      fileSystem,
      totals: () => fileSystem.totals(),
      disk: () => fileSystem.disk(),
      shutdown: () => fileSystem.shutdown(),
    };
  },
};
