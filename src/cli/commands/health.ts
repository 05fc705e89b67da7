import type { CommandContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

/** `streamfs health`: exits with 0 if the server reports that it is ready, else with 1. */
export async function health(context: CommandContext): Promise<number> {
  const client = await context.client();
  const response = await client.health();
  if (context.global.json) {
    await context.printJson(response);
  } else {
    const { disks, logs, mounts } = response;
    await context.print(`status: ${response.status}`);
    await context.print(`ready: ${response.ready ? 'yes' : 'no'}`);
    await context.print(`version: ${response.version}`);
    await context.print(
      `mounts: ${mounts.mounted} of ${mounts.total} mounted, ${mounts.pending} pending, ${mounts.failed} failed`,
    );
    if (disks !== undefined) {
      const { failed, full, total } = disks;
      await context.print(`disks: ${total - full - failed} of ${total} can be written, ${full} full, ${failed} failed`);
    }
    if (logs !== undefined) await context.print(`shared logs: ${logs.connected} of ${logs.total} connected`);
  }
  return response.ready ? EXIT.ok.code : EXIT.failed.code;
}
