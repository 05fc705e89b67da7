export { checkLog, type LogReport, type OpenedLog, openToRead } from './check.ts';
export { bootId, DirectoryLock } from './directory-lock.ts';
export { DEFAULT_SIZES, DiskStore } from './disk-store.ts';
export { type DumpedRecord, dumpLog, streamBytes } from './dump.ts';
export type { KnownStream } from './known-stream.ts';
export type { LoggedStream } from './logged-stream.ts';
export { NodeDisk } from './node-disk.ts';
export { describeDamage } from './recovery.ts';
export { parseSyncPolicy, type SyncPolicy } from './sync-policy.ts';
