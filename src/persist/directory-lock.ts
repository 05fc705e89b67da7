/**
 * One process per directory. The file LOCK names its owner; a lock left by a crashed process is taken over. An owner on
 * the same machine can be checked directly. For any other owner, the only sign of life is the regularly updated
 * modification time of the file: one on another machine or in another container, and one that the file does not name,
 * because the disk was full or the file is just being written.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createError } from '../errors/index.ts';
import { codeOf, isFull } from './disk.ts';
import { LOCK_FILE } from './layout.ts';
import { makeDirectory } from './make-directory.ts';

/**
 * How often the owner touches the file, and after how long without a touch an owner that cannot be checked directly is
 * considered dead. An owner that could not touch it for half that time looks at the file before it writes again.
 */
const TOUCHED_EVERY_MS = 2000;
const DEAD_AFTER_MS = 10_000;
const DOUBTFUL_AFTER_MS = DEAD_AFTER_MS / 2;

interface Owner {
  id: string;
  pid: number;
  /** The start time of the process as the kernel reports it; empty if unknown. */
  started: string;
  boot: string;
  host: string;
}

/** An owner that its lock file does not name. */
const UNKNOWN = 'unknown';

/** The boot ID of the running kernel; empty if unknown. */
export function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id', '');
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return otherwise;
  }
}

/** States of a process that has exited, until its parent has read its exit code: see proc_pid_stat(5). */
const EXITED_STATES = ['Z', 'X', 'x'];

/**
 * When a process started, in clock ticks since boot; empty for one that has exited. It is the 22nd field of the file and
 * the state is the third, counted from the end of the process name, which may contain spaces.
 */
function startOf(pid: number): string {
  const stat = readOr(`/proc/${pid}/stat`, '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return EXITED_STATES.includes(fields[0]!) ? '' : (fields[19] ?? '');
}

export class DirectoryLock {
  readonly #path: string;
  readonly #owner: Owner;
  /** The lock file. As long as it is open, no other file can have its inode number. */
  #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  readonly #onLost: (reason: string) => void;
  /** The lock file was missing at the last check. */
  #isMissing = false;
  #isLost = false;
  /** When the file was last known to be that of this process, in milliseconds since 1970. */
  #touchedAt = Date.now();

  /**
   * Takes the lock of a directory. If the owner cannot be checked directly, waits some seconds for a sign of life.
   *
   * @param onLost called with the reason when the lock is lost: another process considered this one dead and took it,
   * or the directory was removed
   * @throws DISK_LOCKED; errors of the disk
   */
  static async take(directory: string, onLost: (reason: string) => void): Promise<DirectoryLock> {
    await makeDirectory(directory);
    const path = join(directory, LOCK_FILE);
    const { pid } = process;
    const owner: Owner = { id: randomUUID(), pid, started: startOf(pid), boot: bootId(), host: hostname() };
    for (;;) {
      const file = await make(path, owner);
      if (file !== undefined) {
        await restoreMoved(directory, owner);
        if (await isAt(path, file)) return new DirectoryLock(path, owner, file, onLost);
        await file.close();
      }
      const other = await readOwner(path);
      if (other === undefined) continue;
      if (await isAlive(path, other)) throw createError('DISK_LOCKED', { directory, owner: nameOf(other) });
      await takeOver(path, other, owner.id);
    }
  }

  private constructor(path: string, owner: Owner, file: FileHandle, onLost: (reason: string) => void) {
    this.#path = path;
    this.#owner = owner;
    this.#file = file;
    this.#onLost = onLost;
    this.#timer = setInterval(() => void this.#touch(), TOUCHED_EVERY_MS);
    this.#timer.unref();
  }

  /**
   * Whether the directory still belongs to this process; to be called before a write. No other process can have taken a
   * lock that was touched recently. If it was not, this process was suspended, or its event loop was blocked, and the
   * file is checked.
   */
  isHeld(): boolean | Promise<boolean> {
    if (this.#isLost || Math.abs(Date.now() - this.#touchedAt) < DOUBTFUL_AFTER_MS) return !this.#isLost;
    return this.#touch().then(() => !this.#isLost);
  }

  async #touch(): Promise<void> {
    const at = Date.now();
    const isOther = await this.#belongsToOther().catch(() => false);
    if (this.#isLost) return;
    if (isOther) {
      this.#lose('another process has taken its directory');
      return;
    }
    const now = new Date();
    try {
      await utimes(this.#path, now, now);
      this.#isMissing = false;
      this.#touchedAt = at;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return;
      // If the whole directory is being removed, it must not get a new file: wait for the next check.
      if (this.#isMissing) await this.#makeAgain();
      this.#isMissing = true;
    }
  }

  /** Also names this process in its file, if there was no room for that before. */
  async #belongsToOther(): Promise<boolean> {
    const found = await readOwner(this.#path);
    if (found === undefined) return false;
    if (found !== UNKNOWN) return found.id !== this.#owner.id;
    if (!(await isAt(this.#path, this.#file))) return true;
    await writeOwner(this.#file, this.#owner);
    return false;
  }

  #lose(reason: string): void {
    this.#isLost = true;
    clearInterval(this.#timer);
    this.#onLost(reason);
  }

  /** Restores a lock file that was removed. If another process has created it since, the next check detects that. */
  async #makeAgain(): Promise<void> {
    try {
      const file = await make(this.#path, this.#owner);
      if (file === undefined) return;
      await this.#file.close();
      this.#file = file;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') this.#lose('its directory has been removed');
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    const found = await readOwner(this.#path).catch(() => undefined);
    const isOwn = found === UNKNOWN ? await isAt(this.#path, this.#file) : found?.id === this.#owner.id;
    if (isOwn) await rm(this.#path, { force: true });
    await this.#file.close();
  }
}

/**
 * Creates the lock file. Returns undefined if it exists.
 *
 * @throws errors of the disk, also ENOSPC: without the file another process could use the directory as well
 */
async function make(path: string, owner: Owner): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx', 0o600);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
  try {
    await writeOwner(file, owner);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Whether a path still leads to an open file. */
async function isAt(path: string, file: FileHandle): Promise<boolean> {
  const { dev, ino } = await file.stat();
  const there = statSync(path, { throwIfNoEntry: false });
  return there?.ino === ino && there.dev === dev;
}

/** A full disk may have room for the directory entry and none for the content. Then the file names no owner. */
async function writeOwner(file: FileHandle, owner: Owner): Promise<void> {
  try {
    await file.write(JSON.stringify(owner), 0);
  } catch (error) {
    if (!isFull(error)) throw error;
  }
}

/**
 * The process that holds the lock of a directory; undefined if there is none. Takes some seconds for an owner that
 * cannot be checked directly. Changes nothing.
 */
export async function lockOwner(directory: string): Promise<string | undefined> {
  const path = join(directory, LOCK_FILE);
  const owner = await readOwner(path);
  return owner !== undefined && (await isAlive(path, owner)) ? nameOf(owner) : undefined;
}

function nameOf(owner: Owner | typeof UNKNOWN): string {
  return owner === UNKNOWN ? 'a process that its file LOCK does not name' : `process ${owner.pid} on ${owner.host}`;
}

/** Undefined if the file does not exist; UNKNOWN if it is empty or incomplete. */
async function readOwner(path: string): Promise<Owner | typeof UNKNOWN | undefined> {
  try {
    const owner: Partial<Owner> | null = JSON.parse(await readFile(path, 'utf8'));
    return typeof owner?.pid === 'number' && typeof owner.id === 'string' ? (owner as Owner) : UNKNOWN;
  } catch (error) {
    if (codeOf(error) === undefined) return UNKNOWN;
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isAlive(path: string, owner: Owner | typeof UNKNOWN): Promise<boolean> {
  if (owner !== UNKNOWN && owner.host === hostname()) {
    if (owner.boot !== bootId()) return false;
    // A different start time means another process that reuses the number.
    return isRunning(owner.pid) && startOf(owner.pid) === owner.started;
  }
  const before = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  for (let waited = 0; waited < DEAD_AFTER_MS; waited += TOUCHED_EVERY_MS / 4) {
    await delay(TOUCHED_EVERY_MS / 4);
    const now = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (now === undefined) return false;
    if (now === before) continue;
    // The owner may just have written its name.
    const named = owner === UNKNOWN ? await readOwner(path) : owner;
    return named === UNKNOWN || named === owner || (named !== undefined && isAlive(path, named));
  }
  return false;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/**
 * If several processes take over concurrently, one moves the dead owner's file away; the others find another file, or
 * none.
 */
async function takeOver(path: string, dead: Owner | typeof UNKNOWN, id: string): Promise<void> {
  const aside = `${path}.${id}`;
  const before = statSync(path, { throwIfNoEntry: false })?.ino;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await readOwner(aside);
  const isDead =
    moved === UNKNOWN ? dead === UNKNOWN && statSync(aside).ino === before : dead !== UNKNOWN && moved?.id === dead.id;
  // The moved file belongs to another process that created it in between: put it back.
  if (isDead) await rm(aside, { force: true });
  else await renameIfExists(aside, path);
}

/**
 * Puts back lock files that a concurrent takeover has just moved away, and that belong to a living process. The caller
 * has created its own file meanwhile, which is replaced.
 */
async function restoreMoved(directory: string, own: Owner): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(`${LOCK_FILE}.`)) continue;
    const aside = join(directory, name);
    const owner = await readOwner(aside);
    if (owner === undefined) continue;
    if ((owner !== UNKNOWN && owner.id === own.id) || (await isAlive(aside, owner))) {
      await renameIfExists(aside, join(directory, LOCK_FILE));
    } else await rm(aside, { force: true });
  }
}

async function renameIfExists(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
