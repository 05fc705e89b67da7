/**
 * The contract of a plugin, as test cases for any test runner. A new file system is complete when they pass:
 *
 *   for (const { name, run } of pluginContract({ plugin, traits })) test(name, run);
 *
 * The cases test only what a plugin's traits and capabilities claim. Each case uses separate instances and shuts them
 * down.
 */
import { capabilityCases } from './capability-cases.ts';
import { fileCases } from './file-cases.ts';
import { handleCases } from './handle-cases.ts';
import { interfaceCases } from './interface-cases.ts';
import { lifecycleCases } from './lifecycle-cases.ts';
import type { ContractCase, ContractOptions } from './types.ts';

export type { ContractCase, ContractOptions, PluginTraits } from './types.ts';

/**
 * Returns the cases for a plugin. Names are unique; cases are independent and may run in any order, but one at a time.
 */
export function pluginContract(options: ContractOptions): ContractCase[] {
  const { files, content, present } = options.traits;
  if (files === 'fixed' && present === undefined) throw new TypeError('traits.present is needed where files are fixed');
  if (files === 'free' && content === 'read-only') throw new TypeError('files that are read-only must be fixed');
  return [
    ...interfaceCases(options),
    ...capabilityCases(options),
    ...fileCases(options),
    ...handleCases(options),
    ...lifecycleCases(options),
  ];
}
