/**
 * The disk operations that a log needs. One implementation is the real disk; one for tests loses and tears unsynced
 * writes.
 */

export interface DiskFile {
  /** Writes at a position and returns the number of bytes written, which may be fewer than all. */
  write(parts: readonly Uint8Array[], position: number): Promise<number>;
  /** Fills `into` and returns the number of bytes read: fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Makes the written bytes survive a power cut. The file's name survives only if its directory was synced. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  /** Whether the file still has a name: writes to a removed file are lost with its last open handle. */
  hasName(): boolean;
  close(): Promise<void>;
}

export type OpenMode =
  /** The file must exist. */
  | 'read'
  /** For reading and writing; creates a missing file. */
  | 'write'
  /** For reading and writing; the file must exist. */
  | 'change'
  /** For writing; the file must not exist. */
  | 'make';

/** Paths are relative to the directory of the log, with `/`. Errors have Node's `code`. */
export interface Disk {
  /** The name used in messages. */
  readonly name: string;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** The names in a directory. */
  list(path: string): Promise<string[]>;
  /** Creates a directory and its parents. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes created, renamed and removed names survive a power cut. */
  syncDirectory(path: string): Promise<void>;
}

/** Writes all parts, repeating after partial writes. */
export async function writeAll(file: DiskFile, parts: readonly Uint8Array[], position: number): Promise<number> {
  let rest = parts;
  let at = position;
  for (;;) {
    const written = await file.write(rest, at);
    at += written;
    rest = without(rest, written);
    if (rest.length === 0) return at;
    // The disk accepted nothing and reported no error.
    if (written === 0) throw Object.assign(new Error('the disk takes no more bytes'), { code: 'ENOSPC' });
  }
}

/**
 * Like {@link writeAll}, appending to the existing bytes of a file.
 *
 * @throws ENOENT if the file has been removed in the meantime
 */
export async function appendAt(
  file: DiskFile,
  path: string,
  parts: readonly Uint8Array[],
  position: number,
): Promise<number> {
  if (position > 0 && !file.hasName()) throw Object.assign(new Error(`${path} has been removed`), { code: 'ENOENT' });
  return writeAll(file, parts, position);
}

function without(parts: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  let left = length;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    if (left < part.length) return [part.subarray(left), ...parts.slice(index + 1)];
    left -= part.length;
  }
  return [];
}

/** Reads `length` bytes of a file; returns undefined if the file is shorter. */
export async function readExactly(file: DiskFile, position: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(length);
  return (await file.read(bytes, position)) === length ? bytes : undefined;
}

/** Reads a whole file; returns undefined if it does not exist. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  const file = await openIfExists(disk, path);
  if (file === undefined) return undefined;
  try {
    return await readExactly(file, 0, await file.size());
  } finally {
    await file.close();
  }
}

export async function openIfExists(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'read');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Creates or replaces a file atomically, so that the result survives a power cut. */
export async function replaceFile(disk: Disk, path: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}.new`;
  const file = await disk.open(temporary, 'write');
  try {
    await file.truncate(0);
    await writeAll(file, parts, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory('');
}

/** Node's error code. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the disk is full, a condition that may pass. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Whether no file can be opened because too many are open, a condition that may pass. */
export function lacksDescriptors(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Whether a file cannot be opened for now, a condition that may pass. */
export function isOpenRefused(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'EACCES' || code === 'EPERM' || lacksDescriptors(error);
}

/** Whether the disk accepts no writes for now, a condition that may pass. Synced and unsynced bytes stay as they are. */
export function isWriteRefused(error: unknown): boolean {
  return codeOf(error) === 'EROFS' || isOpenRefused(error);
}
