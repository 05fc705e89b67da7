/**
 * An in-memory disk that behaves as badly as permitted: on power loss, unsynced data is lost, torn at sectors or kept, name by name
 * and sector by sector; writes are short, and fail.
 */
import type { Disk, DiskFile, OpenMode } from '../../src/persist/disk.ts';

const SECTOR = 512;

interface Inode {
  /** As the kernel sees it. */
  bytes: Buffer;
  /** As it is on the disk. */
  durable: Buffer;
}

/** Faults of the next writes and syncs. */
export interface Faults {
  /** Bytes that may still be written; then ENOSPC. */
  room: number;
  /** Writes accept at most this many bytes. */
  shortest: number;
  /** This many of the next writes fail with EIO. */
  failedWrites: number;
  /** All writes, or syncs, fail. */
  write: boolean;
  sync: boolean;
  /** The code with which each open fails, and each open for writing, write and truncation. */
  openCode: string | undefined;
  writeCode: string | undefined;
  /** Files that may be open at once; then EMFILE. */
  maxOpen: number;
}

export class SimulatedDisk implements Disk {
  readonly name = 'simulated';
  readonly faults: Faults = {
    room: Number.POSITIVE_INFINITY,
    shortest: Number.POSITIVE_INFINITY,
    failedWrites: 0,
    write: false,
    sync: false,
    openCode: undefined,
    writeCode: undefined,
    maxOpen: Number.POSITIVE_INFINITY,
  };
  /** Operations left until the process dies; then all fail. */
  left = Number.POSITIVE_INFINITY;
  operations = 0;
  reads = 0;
  syncs = 0;
  openFiles = 0;
  private names = new Map<string, Inode>();
  private durableNames = new Map<string, Inode>();

  private step(): void {
    this.operations++;
    if (this.left <= 0) throw Object.assign(new Error('the process is dead'), { code: 'EDEAD' });
    this.left--;
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await turn();
    this.step();
    const { faults } = this;
    if (faults.openCode !== undefined) throw coded(faults.openCode);
    if (mode !== 'read' && faults.writeCode !== undefined) throw coded(faults.writeCode);
    if (this.openFiles >= faults.maxOpen) throw coded('EMFILE');
    let inode = this.names.get(path);
    if (inode === undefined) {
      if (mode === 'read' || mode === 'change') throw coded('ENOENT');
      inode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) };
      this.names.set(path, inode);
    } else if (mode === 'make') throw coded('EEXIST');
    this.openFiles++;
    return this.fileOf(inode);
  }

  private fileOf(inode: Inode): DiskFile {
    const { faults } = this;
    return {
      write: async (parts, position) => {
        await turn();
        this.step();
        if (faults.writeCode !== undefined) throw coded(faults.writeCode);
        if (faults.write || faults.failedWrites > 0) {
          faults.failedWrites--;
          throw coded('EIO');
        }
        const data = Buffer.concat(parts).subarray(0, Math.min(faults.shortest, faults.room));
        if (data.length === 0 && parts.some(({ length }) => length > 0)) throw coded('ENOSPC');
        const end = Math.max(inode.bytes.length, position + data.length);
        const grown = Buffer.alloc(end);
        inode.bytes.copy(grown);
        data.copy(grown, position);
        faults.room -= Math.max(0, end - inode.bytes.length);
        inode.bytes = grown;
        return data.length;
      },
      read: async (into, position) => {
        this.reads++;
        await turn();
        const part = inode.bytes.subarray(position, position + into.length);
        into.set(part);
        return part.length;
      },
      sync: async () => {
        await turn();
        this.step();
        if (faults.sync) throw coded('EIO');
        this.syncs++;
        inode.durable = Buffer.from(inode.bytes);
      },
      truncate: async (length) => {
        await turn();
        this.step();
        if (faults.writeCode !== undefined) throw coded(faults.writeCode);
        faults.room += Math.max(0, inode.bytes.length - length);
        inode.bytes = Buffer.from(inode.bytes.subarray(0, length));
      },
      size: async () => inode.bytes.length,
      hasName: () => [...this.names.values()].includes(inode),
      close: async () => {
        this.openFiles--;
      },
    };
  }

  async list(path: string): Promise<string[]> {
    const prefix = path === '' ? '' : `${path}/`;
    const names = [...this.names.keys()].filter((name) => name.startsWith(prefix));
    return [...new Set(names.map((name) => name.slice(prefix.length).split('/')[0]!))];
  }

  async makeDirectory(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    await turn();
    this.step();
    const inode = this.names.get(from);
    if (inode === undefined) throw coded('ENOENT');
    this.names.delete(from);
    this.names.set(to, inode);
  }

  async remove(path: string): Promise<void> {
    await turn();
    this.step();
    const inode = this.names.get(path);
    this.names.delete(path);
    this.faults.room += inode?.bytes.length ?? 0;
  }

  async syncDirectory(path: string): Promise<void> {
    await turn();
    this.step();
    const isIn = (name: string) => (path === '' ? !name.includes('/') : name.startsWith(`${path}/`));
    for (const name of this.durableNames.keys())
      if (isIn(name) && !this.names.has(name)) this.durableNames.delete(name);
    for (const [name, inode] of this.names) if (isIn(name)) this.durableNames.set(name, inode);
  }

  /** All names of files, with their bytes as the kernel sees them, for tests that damage them. */
  get files(): ReadonlyMap<string, { bytes: Buffer }> {
    return this.names;
  }

  /** The process was killed: the kernel lives, and keeps everything written. */
  kill(): SimulatedDisk {
    const next = new SimulatedDisk();
    next.names = new Map(this.names);
    next.durableNames = new Map(this.durableNames);
    return next;
  }

  /**
   * Power loss: each unsynced sector, each name and the length of each file has its old or its new state.
   *
   * @param chance a number from 0 to below 1, a different one at each call
   */
  cutPower(chance: () => number): SimulatedDisk {
    const next = new SimulatedDisk();
    const names = new Map(this.durableNames);
    for (const [name, inode] of this.names) if (names.get(name) !== inode && chance() < 0.5) names.set(name, inode);
    for (const name of this.durableNames.keys()) if (!this.names.has(name) && chance() < 0.5) names.delete(name);
    for (const [name, { bytes, durable }] of names) {
      const torn = tornOf(durable, bytes, chance);
      const inode = { bytes: torn, durable: torn };
      next.names.set(name, inode);
      next.durableNames.set(name, inode);
    }
    return next;
  }
}

function tornOf(durable: Buffer, bytes: Buffer, chance: () => number): Buffer {
  // The length is independent: after the written part there are zeros.
  const length =
    chance() < 0.5 ? bytes.length : durable.length + Math.floor(chance() * Math.max(0, bytes.length - durable.length));
  const torn = Buffer.alloc(length);
  durable.copy(torn);
  const keepsAll = chance() < 0.3;
  for (let at = 0; at < length; at += SECTOR) {
    if (keepsAll || chance() < 0.5) bytes.copy(torn, at, at, Math.min(at + SECTOR, length));
  }
  return torn;
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Others may run between an operation and its effect. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
