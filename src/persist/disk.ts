/** What a log asks of a disk. One behind it is real; another, for tests, loses and tears what was not synced. */

export interface DiskFile {
  /** Writes at a position, and gives how many bytes were: it may be fewer than all. */
  write(parts: readonly Uint8Array[], position: number): Promise<number>;
  /** Reads into `into`, and gives how many bytes there were: fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** What has been written survives a power cut afterwards. The file's name does only where its directory was synced. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  /** Whether it is in a directory still: what is written to a file that was removed goes with its last user. */
  hasName(): boolean;
  close(): Promise<void>;
}

export type OpenMode =
  /** It must be there. */
  | 'read'
  /** To read and write; made where it is absent. */
  | 'write'
  /** To read and write; it must be there. */
  | 'change'
  /** To write; it must not be there yet. */
  | 'make';

/** Paths are relative to the directory of the log, with `/`. Errors have the `code` that Node gives them. */
export interface Disk {
  /** Its name in messages. */
  readonly name: string;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Names in a directory. */
  list(path: string): Promise<string[]>;
  /** Makes a directory, and those it lies in. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Names that were made, moved and removed in a directory survive a power cut afterwards. */
  syncDirectory(path: string): Promise<void>;
}

/** Writes all of it, however often the disk takes a part only. */
export async function writeAll(file: DiskFile, parts: readonly Uint8Array[], position: number): Promise<number> {
  let rest = parts;
  let at = position;
  for (;;) {
    const written = await file.write(rest, at);
    at += written;
    rest = without(rest, written);
    if (rest.length === 0) return at;
    // A disk that takes nothing and says nothing.
    if (written === 0) throw Object.assign(new Error('the disk takes no more bytes'), { code: 'ENOSPC' });
  }
}

/**
 * The same behind what a file has already.
 *
 * @throws ENOENT where the file has been removed meanwhile
 */
export async function writeBehind(
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

/** The bytes of a file between two positions; undefined where it is shorter. */
export async function readExactly(file: DiskFile, position: number, length: number): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(length);
  return (await file.read(bytes, position)) === length ? bytes : undefined;
}

/** A whole file; undefined where there is none. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  const file = await openIfThere(disk, path);
  if (file === undefined) return undefined;
  try {
    return await readExactly(file, 0, await file.size());
  } finally {
    await file.close();
  }
}

export async function openIfThere(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'read');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Puts a file in place of another, or of none, in one step that survives a power cut. */
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

/** Node's name for what went wrong. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** There is no room, which may change by itself. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
