export { bootId, DirectoryLock } from './directory-lock.ts';
export { DEFAULT_SIZES, DiskStore } from './disk-store.ts';
export type { KnownStream } from './known-stream.ts';
export type { LoggedStream } from './logged-stream.ts';
export { NodeDisk } from './node-disk.ts';
export { parseSyncPolicy, type SyncPolicy } from './sync-policy.ts';
