/** The configuration of a memfs mount, parsed once. */
import { createError, isStreamFSError } from '../../errors/index.ts';
import { type ConfigParameter, normalizePath, type PluginConfig } from '../../fs/index.ts';
import { formatSize } from '../../units/index.ts';
import { refuseUnknownKeys } from '../config-keys.ts';
import { readValues, sizeValue, textValue } from '../config-values.ts';

/** The default maximum file size in bytes. */
const DEFAULT_MAX_FILE_SIZE = 64 * 1024 * 1024;

/** The upper limit of `max_file_size`: a file is one buffer, which doubles when it grows. */
const LARGEST_MAX_FILE_SIZE = 1024 ** 3;

export const MEMFS_PARAMETERS: readonly ConfigParameter[] = [
  {
    name: 'init_dirs',
    type: 'array',
    required: false,
    default: '',
    description: 'Directories created at startup, with their parents',
  },
  {
    name: 'max_file_size',
    type: 'string',
    required: false,
    default: '64MB',
    description: 'The maximum size of a file (e.g., "64MB", or a number of bytes), at most 1GB',
  },
  {
    name: 'mount_path',
    type: 'string',
    required: false,
    default: '',
    description: 'Accepted and ignored: the mount knows its path',
  },
];

export interface MemfsConfig {
  /** Normalised. */
  initDirs: readonly string[];
  /** In bytes. */
  maxFileSize: number;
}

/** Throws CONFIG_INVALID with the fault and the remedy. */
export function readConfig(config: PluginConfig): MemfsConfig {
  const names = MEMFS_PARAMETERS.map((parameter) => parameter.name);
  const { initDirs, maxFileSize } = readValues({
    known: () => refuseUnknownKeys(config, names),
    mountPath: () => textValue(config, 'mount_path'),
    initDirs: () => initDirsOf(config.init_dirs),
    maxFileSize: () => maxFileSizeOf(config),
  });
  return { initDirs, maxFileSize };
}

function maxFileSizeOf(config: PluginConfig): number {
  const maxFileSize = sizeValue(config, 'max_file_size', '64MB') ?? DEFAULT_MAX_FILE_SIZE;
  if (maxFileSize > LARGEST_MAX_FILE_SIZE) {
    const most = formatSize(LARGEST_MAX_FILE_SIZE);
    throw createError('CONFIG_INVALID', {
      reason: `max_file_size must be at most ${most}: ${formatSize(maxFileSize)}`,
    });
  }
  return maxFileSize;
}

function initDirsOf(value: unknown): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    throw createError('CONFIG_INVALID', { reason: "init_dirs must be a list of paths (e.g., ['/home', '/tmp'])" });
  }
  return value.map((path: unknown) => {
    if (typeof path !== 'string') throw createError('CONFIG_INVALID', { reason: 'init_dirs must hold paths only' });
    try {
      return normalizePath(path);
    } catch (error) {
      if (isStreamFSError(error))
        throw createError('CONFIG_INVALID', { reason: `invalid init_dirs: ${error.message}` });
      throw error;
    }
  });
}
