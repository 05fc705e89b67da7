import { install, shellOf } from '../completion/install.ts';
import { SCRIPTS, type Shell } from '../completion/scripts.ts';
import type { CommandContext } from '../context.ts';

/** `streamfs completion [bash|zsh|fish]`: prints the script for a shell, or installs it for the user. */
export async function completion(
  context: CommandContext,
  shell: Shell | undefined,
  options: { install?: true | undefined },
): Promise<undefined> {
  const which = shell ?? shellOf(context.io.env);
  if (options.install !== true) {
    await context.output.write(SCRIPTS[which], context.signal);
    return;
  }
  const { file, next } = await install(which, context.io.env);
  await context.print(`Written to ${file}. ${next}`);
}
