/**
 * memfs: ordinary files in memory, gone with their mount. It is for clients that expect plain files next to the
 * streams, and demonstrates that the plugin interface is not limited to streams.
 */
import type { Plugin } from '../../fs/index.ts';
import { MEMFS_PARAMETERS, readConfig } from './config.ts';
import { MemFileSystem } from './file-system.ts';
import { Tree } from './tree.ts';

const README = `memfs - files in memory

Files and directories in memory, which are gone with their mount.
Mounts do not share files.

CONFIGURATION

  init_dirs      directories created at startup, e.g. ["/home", "/tmp"]
  max_file_size  the maximum size of a file, e.g. "64MB" (the default), at most 1GB

WHAT IT DOES

  Directories, reading and writing at any offset, append, truncate, rename, chmod, touch, handles.
  A gap between the old end of a file and a write beyond it reads as zeros.
  A body that replaces a file takes effect when it is complete; an interrupted one changes nothing.
  Reading a file as a stream returns its content at the start of the read.
  Renaming to an existing path is refused.

WHAT IT DOES NOT

  Symbolic links. Streams: a file has an end, and is not followed live.
`;

export const memfsPlugin: Plugin = {
  name: 'memfs',
  readme: README,
  configParameters: MEMFS_PARAMETERS,
  validate(config) {
    readConfig(config);
  },
  async initialize(config, { memory }) {
    const { initDirs, maxFileSize } = readConfig(config);
    const tree = new Tree(maxFileSize, memory);
    for (const path of initDirs) tree.addDirectories(path);
    return {
      fileSystem: new MemFileSystem(tree),
      async shutdown() {
        tree.clear();
      },
    };
  },
};
