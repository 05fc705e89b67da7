/** The sample configuration, including the parameters that the plugins describe. */
import { sampleConfig as sampleOf } from '../config/sample.ts';
import { builtinPlugins } from '../plugins/index.ts';

/** A commented YAML configuration that loads back to exactly the defaults (contract 84). */
export function sampleConfig(): string {
  return sampleOf(Object.fromEntries(builtinPlugins.map((plugin) => [plugin.name, plugin.configParameters])));
}
