/**
 * One process per directory. The file LOCK names its owner; a lock left by a crashed process is taken over. An owner on
 * the same machine can be checked directly. For an owner on another machine or in another container, the only sign of
 * life is the regularly updated modification time of the file.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { open, readFile, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createError } from '../errors/index.ts';
import { codeOf, isFull } from './disk.ts';
import { LOCK_FILE } from './layout.ts';
import { makeDirectory } from './make-directory.ts';

/** How often the owner touches the file, and after how long without a touch a remote owner is considered dead. */
const TOUCHED_EVERY_MS = 2000;
const DEAD_AFTER_MS = 10_000;

interface Owner {
  id: string;
  pid: number;
  /** The start time of the process as the kernel reports it; empty if unknown. */
  started: string;
  boot: string;
  host: string;
}

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

/** The 22nd field of the file, counted from the end of the process name, which may contain spaces. */
function startOf(pid: number): string {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export class DirectoryLock {
  readonly #path: string;
  readonly #owner: Owner;
  readonly #timer: NodeJS.Timeout;
  readonly #onLost: (reason: string) => void;
  /** The lock file was missing at the last check. */
  #isMissing = false;

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
      if (await make(path, owner)) break;
      const other = await readOwner(path);
      if (other !== undefined && (await isAlive(path, other))) {
        throw createError('DISK_LOCKED', { directory, owner: nameOf(other) });
      }
      await takeOver(path, other, owner.id);
    }
    return new DirectoryLock(path, owner, onLost);
  }

  private constructor(path: string, owner: Owner, onLost: (reason: string) => void) {
    this.#path = path;
    this.#owner = owner;
    this.#onLost = onLost;
    this.#timer = setInterval(() => void this.#touch(), TOUCHED_EVERY_MS);
    this.#timer.unref();
  }

  async #touch(): Promise<void> {
    const found = await readOwner(this.#path).catch(() => undefined);
    if (found !== undefined && found.id !== this.#owner.id) {
      clearInterval(this.#timer);
      this.#onLost('another process has taken its directory');
      return;
    }
    const now = new Date();
    try {
      await utimes(this.#path, now, now);
      this.#isMissing = false;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return;
      // If the whole directory is being removed, it must not get a new file: wait for the next check.
      if (this.#isMissing) await this.#makeAgain();
      this.#isMissing = true;
    }
  }

  /** Restores a lock file that was removed. If another process has created it since, the next check detects that. */
  async #makeAgain(): Promise<void> {
    try {
      await make(this.#path, this.#owner);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return;
      clearInterval(this.#timer);
      this.#onLost('its directory has been removed');
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    const found = await readOwner(this.#path).catch(() => undefined);
    if (found?.id === this.#owner.id) await rm(this.#path, { force: true });
  }
}

async function make(path: string, owner: Owner): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(JSON.stringify(owner)).finally(() => file.close());
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // A full disk may have room for the directory entry and none for the content.
    if (isFull(error)) return true;
    throw error;
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

function nameOf({ host, pid }: Owner): string {
  return `process ${pid} on ${host}`;
}

/** Undefined if the file does not exist or is incomplete: its writer died or the disk was full. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const owner: Partial<Owner> = JSON.parse(await readFile(path, 'utf8'));
    return typeof owner.pid === 'number' && typeof owner.id === 'string' ? (owner as Owner) : undefined;
  } catch (error) {
    if (codeOf(error) === undefined || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isAlive(path: string, { boot, host, pid, started }: Owner): Promise<boolean> {
  if (host === hostname()) {
    if (boot !== bootId()) return false;
    // A different start time means another process that reuses the number.
    return isRunning(pid) && startOf(pid) === started;
  }
  const before = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  for (let waited = 0; waited < DEAD_AFTER_MS; waited += TOUCHED_EVERY_MS / 4) {
    await delay(TOUCHED_EVERY_MS / 4);
    const now = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    if (now === undefined) return false;
    if (now !== before) return true;
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
async function takeOver(path: string, dead: Owner | undefined, id: string): Promise<void> {
  const aside = `${path}.${id}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await readOwner(aside);
  // The moved file belongs to another process that created it in between: put it back.
  if (moved !== undefined && moved.id !== dead?.id) await rename(aside, path);
  else await rm(aside, { force: true });
}
