/** Shared by the tests of plugins. */
import type { FileSystem, Plugin, PluginConfig, PluginLogger, StreamSource } from '../../src/fs/index.ts';

const SILENT: PluginLogger = { debug() {}, info() {}, warn() {}, error() {} };

export async function fileSystemOf(plugin: Plugin, config: PluginConfig = {}): Promise<FileSystem> {
  plugin.validate(config);
  return (await plugin.initialize(config, { mountPath: '/m', logger: SILENT })).fileSystem;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** All bytes of a finite content. */
export async function contentOf(source: StreamSource | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if ('kind' in source && source.kind === 'live') throw new TypeError('a live stream has no end');
  const pieces: Uint8Array[] = [];
  for await (const piece of 'kind' in source ? source.content : source) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
