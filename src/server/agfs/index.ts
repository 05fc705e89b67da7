/** The routes of the AGFS API, in the order of the documentation. */
import type { Route } from '../http/route.ts';
import { digest } from './digest.ts';
import { listAlias, listDirectory, makeAlias, makeDirectory } from './directories.ts';
import { createFile, removeDirectory, removeFile } from './files.ts';
import { grep } from './grep.ts';
import { readHandle, writeHandle } from './handle-io.ts';
import {
  closeHandle,
  getHandle,
  listHandles,
  openHandle,
  renewHandle,
  seekHandle,
  statHandle,
  streamHandle,
  syncHandle,
  truncateHandle,
} from './handles.ts';
import { createLink } from './links.ts';
import { chmod, readlink, rename, stat, symlink, touch, truncate } from './metadata.ts';
import { metrics, metricsAlias } from './metrics.ts';
import { listMounts, listPlugins, loadPlugin, mount, unloadPlugin, unmount } from './mounts.ts';
import { readFile } from './read.ts';
import { kick, readers } from './readers.ts';
import { capabilities, health, ready, root, stats, version } from './status.ts';
import { end, write, writeFile } from './write.ts';

export const AGFS_ROUTES: readonly Route[] = [
  readFile,
  writeFile,
  createFile,
  removeFile,
  write,
  end,
  stat,
  truncate,
  touch,
  rename,
  chmod,
  symlink,
  readlink,
  listDirectory,
  listAlias,
  makeDirectory,
  makeAlias,
  removeDirectory,
  digest,
  grep,
  openHandle,
  listHandles,
  getHandle,
  closeHandle,
  renewHandle,
  readHandle,
  writeHandle,
  seekHandle,
  syncHandle,
  statHandle,
  truncateHandle,
  streamHandle,
  createLink,
  readers,
  kick,
  listMounts,
  mount,
  unmount,
  listPlugins,
  loadPlugin,
  unloadPlugin,
  root,
  health,
  ready,
  stats,
  metrics,
  metricsAlias,
  version,
  capabilities,
];
