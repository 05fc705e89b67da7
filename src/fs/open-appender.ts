import type { Appender } from './appender.ts';
import type { AppendOptions, FileSystem } from './types.ts';

/**
 * Opens an appender; undefined if the file system has no streams.
 *
 * @throws TypeError if a plugin returns a promise, whether or not it rejects
 */
export function openAppender(fileSystem: FileSystem, path: string, options?: AppendOptions): Appender | undefined {
  const appender: Appender | Promise<unknown> | undefined = fileSystem.openAppend?.(path, options);
  if (!(appender instanceof Promise)) return appender;
  appender.catch(ignore);
  throw new TypeError('openAppend of a file system must give an appender at once, not a promise');
}

function ignore(): void {}
