/**
 * A plain model of a server of streams: mounts, paths, streams and handles as maps, every stream a {@link ModelStream}.
 * The model-based test compares a real server with it, over the wire.
 */
import type { ReaderStart } from '../../../src/core/index.ts';
import { ModelReader, ModelStream } from '../../core/model.ts';

/** A refusal: the status and code that the server must answer with. */
export class Refusal {
  readonly status: number;
  readonly code: string;
  /** The number of the expected append. */
  readonly expected: number | undefined;

  constructor(status: number, code: string, expected?: number) {
    this.status = status;
    this.code = code;
    this.expected = expected;
  }
}

const refuse = (status: number, code: string, expected?: number): never => {
  throw new Refusal(status, code, expected);
};

/** The identity of an append. */
export interface Producer {
  id: string;
  epoch: number;
  seq: number;
}

export interface Entry {
  path: string;
  stream: ModelStream;
  /** Created by reading: removed with its last reader if nothing was written. */
  auto: boolean;
  handles: number;
  /** As reported by the server. */
  generation: string | undefined;
  /** The epoch of each producer, and the next append expected in it. */
  producers: Map<string, { epoch: number; expected: number }>;
}

interface MountModel {
  policy: 'drop-oldest' | 'drop-newest';
  limits: { retention: number; maxLag: number };
  entries: Map<string, Entry>;
}

export interface HandleModel {
  mount: MountModel;
  entry: Entry;
  reader: ModelReader | undefined;
  writes: boolean;
  /** Bytes lost before the position, not yet reported. */
  skipped: number;
}

export class World {
  readonly mounts = new Map<string, MountModel>();
  /** Open handles by the number the server gave. */
  readonly handles = new Map<number, HandleModel>();

  // ── mounts ─────────────────────────────────────────────────────────────────────────────────────────────────────

  mount(path: string, policy: MountModel['policy'], limits: MountModel['limits']): void {
    if (this.mounts.has(path)) refuse(409, 'MOUNT_EXISTS');
    this.mounts.set(path, { policy, limits, entries: new Map() });
  }

  unmount(path: string): void {
    const mount = this.mounts.get(path) ?? refuse(404, 'MOUNT_NOT_FOUND');
    this.mounts.delete(path);
    for (const [id, handle] of this.handles) if (handle.mount === mount) this.handles.delete(id);
  }

  private hasMountBelow(path: string): boolean {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...this.mounts.keys()].some((mount) => mount.startsWith(prefix));
  }

  private covering(path: string): { mount: MountModel; inside: string } | undefined {
    const found = [...this.mounts.keys()]
      .filter((mount) => path === mount || path.startsWith(`${mount}/`))
      .sort((a, b) => b.length - a.length)[0];
    if (found === undefined) return undefined;
    return { mount: this.mounts.get(found)!, inside: path.slice(found.length) || '/' };
  }

  private resolve(path: string): { mount: MountModel; inside: string } {
    const found = this.covering(path);
    if (found !== undefined) return found;
    if (path === '/' || this.hasMountBelow(path)) return refuse(400, 'IS_A_DIRECTORY');
    return refuse(404, 'NOTHING_MOUNTED');
  }

  private refuseMounts(path: string): void {
    if (path === '/' || this.mounts.has(path) || this.hasMountBelow(path)) refuse(400, 'MOUNT_IS_FIXED');
  }

  // ── streams ────────────────────────────────────────────────────────────────────────────────────────────────────

  private isDirectory(mount: MountModel, inside: string): boolean {
    return inside === '/' || [...mount.entries.keys()].some((path) => path.startsWith(`${inside}/`));
  }

  private requireFree(mount: MountModel, inside: string): void {
    if (this.isDirectory(mount, inside)) refuse(400, 'IS_A_DIRECTORY');
    for (const path of mount.entries.keys()) if (inside.startsWith(`${path}/`)) refuse(400, 'NOT_A_DIRECTORY');
  }

  private add(mount: MountModel, inside: string, auto: boolean): Entry {
    this.requireFree(mount, inside);
    const stream = new ModelStream(mount.limits);
    const entry: Entry = { path: inside, stream, auto, handles: 0, generation: undefined, producers: new Map() };
    mount.entries.set(inside, entry);
    return entry;
  }

  private findOrAdd(mount: MountModel, inside: string, create: boolean, auto: boolean): Entry {
    const entry = mount.entries.get(inside);
    if (entry !== undefined) return entry;
    if (this.isDirectory(mount, inside)) refuse(400, 'IS_A_DIRECTORY');
    if (!create) refuse(404, 'STREAM_NOT_FOUND');
    return this.add(mount, inside, auto);
  }

  private find(mount: MountModel, inside: string): Entry {
    return mount.entries.get(inside) ?? refuse(404, 'STREAM_NOT_FOUND');
  }

  private drop(mount: MountModel, entry: Entry): void {
    entry.stream.ended ??= 'removed';
    // Its path may belong to another stream by now.
    if (mount.entries.get(entry.path) === entry) mount.entries.delete(entry.path);
  }

  private dropIfUnused(mount: MountModel, entry: Entry): void {
    const { auto, handles, stream } = entry;
    if (auto && handles === 0 && stream.readers.size === 0 && stream.end === 0) this.drop(mount, entry);
  }

  create(path: string): void {
    const { mount, inside } = this.resolve(path);
    if (inside === '/') refuse(400, 'IS_A_DIRECTORY');
    if (mount.entries.has(inside)) refuse(409, 'STREAM_EXISTS');
    this.add(mount, inside, false);
  }

  write(path: string, bytes: Uint8Array, options: { create: boolean; end: boolean }): Entry {
    const { mount, inside } = this.resolve(path);
    const entry = this.findOrAdd(mount, inside, options.create, false);
    entry.auto = false;
    if (entry.stream.ended !== undefined) refuse(409, 'STREAM_CLOSED');
    entry.stream.append(bytes);
    if (options.end) entry.stream.ended = 'ended';
    return entry;
  }

  /** A numbered append, applied once, whatever else is requested. */
  appendOnce(
    path: string,
    { id, epoch, seq }: Producer,
    bytes: Uint8Array,
    options: { create: boolean; end: boolean },
  ): { entry: Entry; isRepeated: boolean; last: number } {
    const { mount, inside } = this.resolve(path);
    const there = mount.entries.get(inside);
    const known = there?.producers.get(id);
    if (there === undefined && options.create && seq !== 0) {
      this.requireFree(mount, inside);
      refuse(409, 'PRODUCER_GAP', 0);
    }
    const entry = this.findOrAdd(mount, inside, options.create, false);
    entry.auto = false;
    if (known !== undefined && epoch < known.epoch) refuse(403, 'PRODUCER_FENCED');
    if (known !== undefined && epoch > known.epoch && seq !== 0) refuse(400, 'PRODUCER_EPOCH_START');
    const expected = known?.epoch === epoch ? known.expected : 0;
    if (seq > expected) refuse(409, 'PRODUCER_GAP', expected);
    if (seq < expected) return { entry, isRepeated: true, last: expected - 1 };
    if (entry.stream.ended !== undefined) refuse(409, 'STREAM_CLOSED');
    entry.producers.set(id, { epoch, expected: seq + 1 });
    entry.stream.append(bytes);
    if (options.end) entry.stream.ended = 'ended';
    return { entry, isRepeated: false, last: seq };
  }

  end(path: string): void {
    const { mount, inside } = this.resolve(path);
    this.find(mount, inside).stream.ended ??= 'ended';
  }

  touch(path: string): void {
    const { mount, inside } = this.resolve(path);
    if (inside === '/') refuse(400, 'IS_A_DIRECTORY');
    if (!mount.entries.has(inside)) this.add(mount, inside, false);
  }

  truncate(path: string): void {
    const { mount, inside } = this.resolve(path);
    if (this.isDirectory(mount, inside)) refuse(400, 'IS_A_DIRECTORY');
    this.find(mount, inside);
  }

  mkdir(path: string): void {
    if (path === '/' || this.mounts.has(path) || this.hasMountBelow(path)) refuse(409, 'DIRECTORY_EXISTS');
    this.resolve(path);
    refuse(501, 'STREAM_NO_DIRECTORIES');
  }

  remove(path: string, recursive: boolean): void {
    this.refuseMounts(path);
    const { mount, inside } = this.resolve(path);
    const entry = mount.entries.get(inside);
    if (entry !== undefined) {
      this.drop(mount, entry);
      return;
    }
    if (!this.isDirectory(mount, inside)) refuse(404, 'STREAM_NOT_FOUND');
    if (!recursive) refuse(409, 'DIRECTORY_NOT_EMPTY');
    for (const one of [...mount.entries.values()]) if (one.path.startsWith(`${inside}/`)) this.drop(mount, one);
  }

  /** The result of stat: a stream, or undefined for a directory. */
  stat(path: string): Entry | undefined {
    const found = this.covering(path);
    if (found === undefined) {
      if (path === '/' || this.hasMountBelow(path)) return undefined;
      return refuse(404, 'NOTHING_MOUNTED');
    }
    const { mount, inside } = found;
    if (this.isDirectory(mount, inside) || this.hasMountBelow(path)) return mount.entries.get(inside);
    return this.find(mount, inside);
  }

  /** The names in a directory, and whether each is a directory, in any order. README is in every mount. */
  list(path: string): Map<string, boolean> {
    const names = new Map<string, boolean>();
    const found = this.covering(path);
    const below = (all: Iterable<string>, directory: string, isDirectory: boolean) => {
      const prefix = directory === '/' ? '/' : `${directory}/`;
      for (const one of all) {
        if (!one.startsWith(prefix)) continue;
        const [name = '', ...rest] = one.slice(prefix.length).split('/');
        names.set(name, isDirectory || rest.length > 0);
      }
    };
    if (found === undefined) {
      if (path !== '/' && !this.hasMountBelow(path)) refuse(404, 'NOTHING_MOUNTED');
    } else {
      const { mount, inside } = found;
      if (inside === '/') names.set('README', false);
      if (this.isDirectory(mount, inside)) below(mount.entries.keys(), inside, false);
      else if (mount.entries.has(inside)) refuse(400, 'NOT_A_DIRECTORY');
      else if (!this.hasMountBelow(path)) refuse(404, 'STREAM_NOT_FOUND');
    }
    below(this.mounts.keys(), path, true);
    return names;
  }

  // ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where a read starts. */
  private startOf(stream: ModelStream, start: ReaderStart): number {
    const at = stream.startOf(start);
    if ('offset' in start && at < stream.start && start.onExpired !== 'skip') refuse(410, 'OFFSET_GONE');
    if (stream.ended !== undefined && at > stream.end) refuse(416, 'OFFSET_BEYOND_END');
    return at;
  }

  /** A live read that ends when nothing is left: returns its reader, which is compared with the data received and then closed. */
  openStream(
    path: string,
    start: ReaderStart,
    create: boolean,
  ): { entry: Entry; reader: ModelReader; close: () => void } {
    const { mount, inside } = this.resolve(path);
    const entry = this.findOrAdd(mount, inside, create, true);
    try {
      const reader = new ModelReader(entry.stream, mount.policy, this.startOf(entry.stream, start));
      const close = () => {
        entry.stream.leave(reader);
        this.dropIfUnused(mount, entry);
      };
      return { entry, reader, close };
    } catch (error) {
      this.dropIfUnused(mount, entry);
      throw error;
    }
  }

  snapshot(path: string, start: ReaderStart): { offset: number; data: Uint8Array } {
    const { mount, inside } = this.resolve(path);
    if (this.isDirectory(mount, inside)) refuse(400, 'IS_A_DIRECTORY');
    const { stream } = this.find(mount, inside);
    const offset = Math.min(Math.max(this.startOf(stream, start), stream.start), stream.end);
    return { offset, data: stream.slice(offset, stream.end) };
  }

  // ── handles ────────────────────────────────────────────────────────────────────────────────────────────────────

  open(path: string, flags: number): HandleModel {
    const { mount, inside } = this.resolve(path);
    if (inside === '/') refuse(400, 'IS_A_DIRECTORY');
    const entry = this.findOrAdd(mount, inside, true, true);
    entry.handles++;
    const reads = (flags & 1) === 0;
    const reader = reads ? new ModelReader(entry.stream, mount.policy, entry.stream.start) : undefined;
    return { mount, entry, reader, writes: !reads || (flags & 2) !== 0, skipped: 0 };
  }

  /** The handle with this number. */
  handle(id: number): HandleModel {
    return this.handles.get(id) ?? refuse(404, 'HANDLE_NOT_FOUND');
  }

  close(id: number): void {
    const handle = this.handle(id);
    this.handles.delete(id);
    if (handle.reader) handle.entry.stream.leave(handle.reader);
    handle.entry.handles--;
    this.dropIfUnused(handle.mount, handle.entry);
  }

  handleWrite(id: number, bytes: Uint8Array): number {
    const { entry, writes } = this.handle(id);
    if (!writes) refuse(403, 'HANDLE_READ_ONLY');
    if (entry.stream.ended !== undefined) refuse(409, 'STREAM_CLOSED');
    entry.stream.append(bytes);
    return entry.stream.end;
  }

  seek(id: number, offset: number, whence: 0 | 1 | 2): number {
    const handle = this.handle(id);
    const { stream } = handle.entry;
    const position = handle.reader?.cursor ?? stream.end;
    const target = [0, position, stream.end][whence]! + offset;
    if (target < 0) refuse(400, 'NEGATIVE_OFFSET');
    if (target === handle.reader?.cursor) return target;
    if (target < stream.start) refuse(410, 'OFFSET_GONE');
    if (stream.ended !== undefined && target > stream.end) refuse(416, 'OFFSET_BEYOND_END');
    handle.reader?.seek(target);
    handle.skipped = 0;
    return target;
  }
}
