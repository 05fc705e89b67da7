import type { CommandContext } from '../context.ts';
import { type SettingOptions, settingsOf } from '../setting-options.ts';
import { eachPath } from './each-path.ts';

/** `streamfs create PATH...`: creates streams, optionally with settings, or empty files. */
export async function create(
  context: CommandContext,
  paths: readonly string[],
  options: SettingOptions,
): Promise<number> {
  const client = await context.client();
  const settings = settingsOf(options);
  return eachPath(context, paths, (path) => client.create(path, settings));
}
