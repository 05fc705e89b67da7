/** A mounted streamfs without a server, and helpers for its tests. */
import { type CursorReader, internalOf } from '../../../src/core/internal.ts';
import { StreamFSError } from '../../../src/errors/index.ts';
import type { FileSystem, PluginConfig, PluginInstance, PluginLogger } from '../../../src/fs/index.ts';
import { streamfsPlugin } from '../../../src/plugins/index.ts';

export interface LogLine {
  level: Exclude<keyof PluginLogger, 'writes'>;
  message: string;
  facts: Record<string, unknown>;
}

export function recorder(): { lines: LogLine[]; logger: PluginLogger } {
  const lines: LogLine[] = [];
  const at =
    (level: Exclude<keyof PluginLogger, 'writes'>) =>
    (message: string, facts: Record<string, unknown> = {}) => {
      lines.push({ level, message, facts });
    };
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

export async function mount(
  config: PluginConfig = {},
  logger = recorder().logger,
): Promise<{ fs: FileSystem; instance: PluginInstance }> {
  streamfsPlugin.validate(config);
  const instance = await streamfsPlugin.initialize(config, { mountPath: '/streamfs', logger });
  return { fs: instance.fileSystem, instance };
}

export const bytes = (text: string) => new TextEncoder().encode(text);
export const text = (data: Uint8Array) => new TextDecoder().decode(data);

export async function openReader(fs: FileSystem, path: string, options = {}): Promise<CursorReader> {
  const source = await fs.openStream(path, options);
  if (source.kind !== 'live') throw new Error(`${path} is not a live stream`);
  return internalOf(source.reader);
}

/** The error with which an action fails, as `CODE text`. */
export async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof StreamFSError) return `${error.code} ${error.status} ${error.message}`;
    throw error;
  }
  throw new Error('it did not fail');
}
