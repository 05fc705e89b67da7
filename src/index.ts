/**
 * StreamFS as a library (contract 87): streams and readers, file systems and handles, and a server made of them.
 * The client is separate, as `streamfsd/client`, because it also runs without Node.
 */
export { type App, type AppOptions, startApp } from './app/index.ts';
export type { ConfigInput } from './config/index.ts';
export * from './core/index.ts';
export { ERRORS, type ErrorCode, isStreamFSError, StreamFSError } from './errors/index.ts';
export type { Plugin, PluginConfig, PluginContext, PluginInstance, PluginLogger } from './fs/index.ts';
export { HandleTable, MountTable, PluginRegistry } from './fs/index.ts';
export { builtinPlugins } from './plugins/index.ts';
export { createServer } from './server/index.ts';
export { formatDuration, formatSize, parseDuration, parseSize } from './units/index.ts';
