/** The sample configuration with the parameters of the plugins in it, from the plugins themselves. */
import { sampleConfig as sampleOf } from '../config/sample.ts';
import { builtinPlugins } from '../plugins/index.ts';

/** A commented YAML configuration that loads back to exactly the defaults (contract 84). */
export function sampleConfig(): string {
  return sampleOf(Object.fromEntries(builtinPlugins.map((plugin) => [plugin.name, plugin.configParameters])));
}
