export { LimitCounters } from '../errors/index.ts';
export type { MountCounts } from '../protocol/index.ts';
export { Account, type AccountLimits, type Counted, DEFAULT_ACCOUNT_LIMITS } from './account.ts';
export { type Clock, systemClock } from './clock.ts';
export { BLOCK_BYTES, contentOfParts, sizedContent } from './content.ts';
export { DEFAULT_HANDLE_IDLE, DEFAULT_LEASE, type HandleInfo, MAX_LEASE } from './handle-entry.ts';
export {
  DEFAULT_MAX_HANDLES,
  type HandleReader,
  HandleTable,
  type HandleTableOptions,
  type OpenOptions,
} from './handle-table.ts';
export {
  type MountInfo,
  type MountOptions,
  MountTable,
  type MountTableOptions,
  type PluginInfo,
  type UnmountListener,
} from './mount-table.ts';
export type { MountStatus } from './mount-tree.ts';
export type { RenameListener, ResolvedPath } from './mounted-file-system.ts';
export { openAppender } from './open-appender.ts';
export {
  baseName,
  DEFAULT_PATH_LIMITS,
  isWithin,
  joinPath,
  MAX_PART_BYTES,
  NO_PATH_LIMITS,
  normalizePath,
  type PathLimits,
  parentPath,
  pathInside,
  splitPath,
} from './path.ts';
export type * from './plugin.ts';
export { PluginRegistry } from './plugin-registry.ts';
export type * from './stream-settings.ts';
export type * from './stream-store.ts';
export type * from './types.ts';
