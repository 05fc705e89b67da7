import type { CommandContext } from '../context.ts';
import { UsageError } from '../exit-codes.ts';

/** `streamfs mount FSTYPE PATH [key=value...]` */
export async function mount(
  context: CommandContext,
  fstype: string,
  path: string,
  config: readonly string[],
): Promise<undefined> {
  const parameters: Record<string, string | number | boolean> = {};
  for (const text of config) {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`invalid parameter ${text}: it should look like ring_buffer_size=1MB`);
    const key = text.slice(0, at);
    if (Object.hasOwn(parameters, key)) throw new UsageError(`the parameter ${key} is given twice`);
    parameters[key] = readValue(text.slice(at + 1));
  }
  const client = await context.client();
  await client.mount(fstype, path, parameters);
}

/** Converts a value as YAML would: booleans and plain numbers; anything else is a string. */
function readValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return /^-?\d+(\.\d+)?$/.test(text) && (Number.isSafeInteger(number) || text.includes('.')) ? number : text;
}
