/**
 * Files in the directory of a log:
 *
 *     FORMAT                          the format version, and the salt of the checksums
 *     LOCK                            the process that uses the log
 *     state                           the checkpoint: all that was known when the oldest journal began
 *     closed                          the snapshot written at the last clean shutdown
 *     reserve                         space that is freed when the disk is full
 *     journal/0000000007.log          all changes since the checkpoint, of all streams
 *     data/00000000002a-00000000000f4240.seg   bytes of stream 0x2a from offset 0xf4240 on
 */
import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { createError } from '../errors/index.ts';
import { type Disk, readWhole, replaceFile } from './disk.ts';

export const STATE_FILE = 'state';
export const SHUTDOWN_SNAPSHOT_FILE = 'closed';
export const RESERVE_FILE = 'reserve';
export const JOURNAL_DIRECTORY = 'journal';
export const DATA_DIRECTORY = 'data';
const FORMAT_FILE = 'FORMAT';
export const LOCK_FILE = 'LOCK';
const FORMAT = 'streamfs-log 1';
const ROOT_NAMES: ReadonlySet<string> = new Set([
  ...[STATE_FILE, SHUTDOWN_SNAPSHOT_FILE, RESERVE_FILE, JOURNAL_DIRECTORY, DATA_DIRECTORY, FORMAT_FILE, LOCK_FILE],
  // Of the root of an ext4 file system.
  'lost+found',
]);

export function journalPath(number: number): string {
  return `${JOURNAL_DIRECTORY}/${String(number).padStart(10, '0')}.log`;
}

/** Whether a log has a file or directory of this name in its directory. `.new` ends the names of unfinished files. */
export function isOfLog(name: string): boolean {
  return ROOT_NAMES.has(name) || name.startsWith(`${LOCK_FILE}.`) || name.endsWith('.new');
}

/** The numbers of the existing journals, ascending. */
export async function journalNumbers(disk: Disk): Promise<number[]> {
  const names = await disk.list(JOURNAL_DIRECTORY);
  const numbers = names
    .map((name) => journalOf(`${JOURNAL_DIRECTORY}/${name}`))
    .filter((number) => number !== undefined);
  return numbers.sort((a, b) => a - b);
}

/** The number of the journal at a path; undefined for any other path. */
export function journalOf(path: string): number | undefined {
  const match = /^journal\/(\d{10})\.log$/.exec(path);
  return match === null ? undefined : Number(match[1]);
}

export function segmentPath(stream: number, base: number): string {
  return `${DATA_DIRECTORY}/${hex(stream, 12)}-${hex(base, 16)}.seg`;
}

/** The stream and base offset in the name of a segment file; undefined for any other file. */
export function segmentOf(name: string): { stream: number; base: number } | undefined {
  const match = /^([0-9a-f]{12})-([0-9a-f]{16})\.seg$/.exec(name);
  if (match === null) return undefined;
  return { stream: Number.parseInt(match[1]!, 16), base: Number.parseInt(match[2]!, 16) };
}

/** Like {@link segmentOf}, for a path. */
export function segmentOfPath(path: string): { stream: number; base: number } | undefined {
  const prefix = `${DATA_DIRECTORY}/`;
  return path.startsWith(prefix) ? segmentOf(path.slice(prefix.length)) : undefined;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

/**
 * Opens the log in a directory, or creates one. Returns the salt of its checksums.
 *
 * @throws DISK_FORMAT for a directory with other content, or a log of another version; the directory is left unchanged
 */
export async function openLayout(disk: Disk): Promise<number> {
  const salt = await readFormat(disk);
  if (salt === undefined) return makeLayout(disk);
  await makeDirectories(disk);
  return salt;
}

/**
 * The salt of the checksums of an existing log; undefined if the directory has no file FORMAT.
 *
 * @throws DISK_FORMAT for a log of another version
 */
export async function readFormat(disk: Disk): Promise<number | undefined> {
  const found = await readWhole(disk, FORMAT_FILE);
  if (found === undefined) return undefined;
  const text = found.toString('utf8');
  const match = /^streamfs-log 1\nsalt ([0-9a-f]{8}) ([0-9a-f]{8})\n$/.exec(text);
  if (match !== null) {
    const salt = Number.parseInt(match[1]!, 16);
    if (formatOf(salt) === text) return salt;
  }
  const [version = ''] = text.split('\n');
  let reason = 'the content of its file FORMAT is unknown to this program';
  // With a wrong salt every record would be invalid, and all of them would be truncated.
  if (version === FORMAT) reason = 'its file FORMAT is damaged';
  else if (version.startsWith('streamfs-log ')) {
    reason = `it is a log of the version "${version.slice(0, 40)}", and this program knows "${FORMAT}": use a newer one`;
  }
  throw createError('DISK_FORMAT', { directory: disk.name, reason });
}

async function makeLayout(disk: Disk): Promise<number> {
  await disk.makeDirectory('');
  const names = (await disk.list('')).filter(
    (name) => name !== LOCK_FILE && !name.endsWith('.new') && name !== 'lost+found',
  );
  const isBegun = names.every((name) => name === JOURNAL_DIRECTORY || name === DATA_DIRECTORY);
  if (names.some((name) => name === STATE_FILE || name === SHUTDOWN_SNAPSHOT_FILE || name === RESERVE_FILE)) {
    throw createError('DISK_FORMAT', { directory: disk.name, reason: 'it is a log, and its file FORMAT is missing' });
  }
  if (!isBegun) {
    const reason = `it holds other files (such as ${names[0]}), and no log`;
    throw createError('DISK_FORMAT', { directory: disk.name, reason });
  }
  await makeDirectories(disk);
  if ((await journalNumbers(disk)).length > 0) {
    throw createError('DISK_FORMAT', {
      directory: disk.name,
      reason: 'it has journals, and its file FORMAT is missing',
    });
  }
  const salt = randomInt(1, 2 ** 32 - 1);
  await replaceFile(disk, FORMAT_FILE, [Buffer.from(formatOf(salt))]);
  return salt;
}

/** The content of the file FORMAT: the salt, and a checksum of it. */
function formatOf(salt: number): string {
  const digits = hex(salt, 8);
  return `${FORMAT}\nsalt ${digits} ${hex(crc32(digits), 8)}\n`;
}

async function makeDirectories(disk: Disk): Promise<void> {
  await disk.makeDirectory(JOURNAL_DIRECTORY);
  await disk.makeDirectory(DATA_DIRECTORY);
  await disk.syncDirectory('');
}
