/**
 * What every plugin must do, as a list of cases that any test runner can run. A new file system is done when they
 * pass:
 *
 *   for (const { name, run } of pluginContract({ plugin, traits })) test(name, run);
 *
 * It asks only for what a plugin's traits and capabilities claim, and works on instances of its own, each shut down after
 * its case.
 */
import { capabilityCases } from './capability-cases.ts';
import { fileCases } from './file-cases.ts';
import { handleCases } from './handle-cases.ts';
import { interfaceCases } from './interface-cases.ts';
import { lifecycleCases } from './lifecycle-cases.ts';
import type { ContractCase, ContractOptions } from './types.ts';

export type { ContractCase, ContractOptions, PluginTraits } from './types.ts';

/** The cases for a plugin. Names are unique; cases are independent and may run in any order, but one at a time. */
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
