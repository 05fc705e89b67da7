import type { CommandContext } from '../context.ts';
import { printable } from '../io.ts';

interface Options {
  right?: 'read' | 'write' | undefined;
  /** Milliseconds. */
  for?: number | undefined;
}

/** `streamfs link PATH`: prints an address that works without a token. */
export async function link(context: CommandContext, path: string, options: Options): Promise<undefined> {
  const client = await context.client();
  const { right, for: expiresIn } = options;
  const made = await client.createLink(path, {
    right,
    expiresIn,
  });
  if (context.global.json) {
    await context.printJson(made);
    return;
  }
  if (context.chatty)
    context.messages.note(`anyone who has it can ${made.right} ${made.path} until ${made.expires_at}`);
  await context.print(printable(made.url));
}
