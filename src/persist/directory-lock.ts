/**
 * One process per directory. The file LOCK names its owner; a lock left by a crashed process is taken over. On the same
 * computer it is known whether the owner is alive; of an owner on another computer, or in another container, only the
 * regularly updated modification time of the file tells that.
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

/** How often the owner touches the file, and after how long without that an owner elsewhere counts as dead. */
const TOUCHED_EVERY_MS = 2000;
const DEAD_AFTER_MS = 10_000;

interface Owner {
  id: string;
  pid: number;
  /** When the process started, as the kernel counts; empty where that is not known. */
  started: string;
  boot: string;
  host: string;
}

/** What the running kernel calls itself; empty where that is not known. */
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

/** The twenty-second field, counted from behind the name, which may have spaces in it. */
function startOf(pid: number): string {
  const stat = readOr(`/proc/${pid}/stat`, '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export class DirectoryLock {
  readonly #path: string;
  readonly #owner: Owner;
  readonly #timer: NodeJS.Timeout;
  readonly #onLost: (reason: string) => void;
  /** It was not there at the last look. */
  #isMissing = false;

  /**
   * Takes the directory. Where it looks as if another process had it that cannot be asked, waits some seconds to see
   * whether that is alive.
   *
   * @param onLost called where it cannot be kept, with why: another process has taken it, which thinks that this one is
   * dead, or it is gone
   * @throws DISK_LOCKED; what the disk throws
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
      // Whoever removes all of the directory just now is not to find a file in it again.
      if (this.#isMissing) await this.#makeAgain();
      this.#isMissing = true;
    }
  }

  /** Somebody has removed the file. Where another process has made it since, the next look finds that. */
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
    // On a full disk there may be a place for the name and none for what is in it.
    if (isFull(error)) return true;
    throw error;
  }
}

/**
 * The process that uses a directory; undefined where none does. Takes some seconds where its owner cannot be asked.
 * Changes nothing.
 */
export async function userOf(directory: string): Promise<string | undefined> {
  const path = join(directory, LOCK_FILE);
  const owner = await readOwner(path);
  return owner !== undefined && (await isAlive(path, owner)) ? nameOf(owner) : undefined;
}

function nameOf({ host, pid }: Owner): string {
  return `process ${pid} on ${host}`;
}

/** Undefined where the file is gone again, or says nothing: its writer died, or had no room. */
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
    // With another start time it is another process with the same number.
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

/** Of several that take over at once, one moves the file of the dead away; the others find another file, or none. */
async function takeOver(path: string, dead: Owner | undefined, id: string): Promise<void> {
  const aside = `${path}.${id}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await readOwner(aside);
  // It was another's, made in between: it gets its place back.
  if (moved !== undefined && moved.id !== dead?.id) await rename(aside, path);
  else await rm(aside, { force: true });
}
