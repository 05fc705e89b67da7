/**
 * A file system in memory: directories, files, handles. Every operation completes within one turn of the event loop, so
 * no caller sees a partial change.
 */
import { createError } from '../../errors/index.ts';
import type {
  ByteRange,
  FileHandle,
  FileInfo,
  FileWriter,
  OpenHandleOptions,
  OpenStreamOptions,
  SizedContent,
  Snapshot,
  WriteOptions,
} from '../../fs/index.ts';
import { BLOCK_BYTES, baseName, contentOfParts } from '../../fs/index.ts';
import { fileAccessOf } from '../access.ts';
import { BaseFileSystem } from '../base/base-file-system.ts';
import { startOf } from '../base/start.ts';
import { checkedInteger, checkedMode, checkedOffset, readRange } from '../numbers.ts';
import type { FileContent } from './content.ts';
import { MemHandle } from './handle.ts';
import type { FileNode, Node, Tree } from './tree.ts';
import { MemWriter } from './writer.ts';

const NAME = 'memfs';

export class MemFileSystem extends BaseFileSystem {
  readonly #tree: Tree;

  constructor(tree: Tree) {
    super(NAME);
    this.#tree = tree;
  }

  override async create(path: string): Promise<void> {
    this.#tree.addFile(path);
  }

  override async mkdir(path: string, mode: number): Promise<void> {
    this.#tree.addDirectory(path, checkedMode(mode));
  }

  /** Throws DIRECTORY_NOT_EMPTY, ROOT_IS_FIXED. */
  override async remove(path: string): Promise<void> {
    this.#tree.remove(path);
  }

  /** For the root, removes everything below it. */
  override async removeAll(path: string): Promise<void> {
    this.#tree.removeAll(path);
  }

  override async read(path: string, offset: number, size: number): Promise<Uint8Array> {
    const { content } = this.#tree.file(path);
    return content.copy(...readRange(content.size, offset, size));
  }

  /**
   * Without an offset, `data` replaces the file; with one, it is written there, and a gap after the old end is filled
   * with zeros. `append` ignores the offset and writes at the end; `truncate` first empties the file.
   */
  override async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<number> {
    this.#checkWritable(path, options);
    const content = this.#tree.newContent();
    content.write(data, 0);
    this.#store(path, content, options);
    return data.length;
  }

  override async openWrite(path: string, options: WriteOptions = {}): Promise<FileWriter> {
    this.#checkWritable(path, options);
    const content = this.#tree.newContent();
    return new MemWriter(content, (whole) => this.#store(path, whole, options));
  }

  /** Checks whether a write may begin, so that a body that cannot be stored is refused before it is sent. */
  #checkWritable(path: string, options: WriteOptions): void {
    const { offset = -1 } = options;
    if (offset !== -1) checkedOffset(offset);
    const node = this.#tree.find(path);
    if (node?.kind === 'dir') throw createError('IS_A_DIRECTORY', { path });
    if (node && options.exclusive) throw createError('FILE_EXISTS', { path });
    if (!node && options.create === false) throw createError('FILE_NOT_FOUND', { path });
    if (!node) this.#tree.checkRoomFor(path);
  }

  /** Takes ownership of the content: it becomes a file's content or is released. */
  #store(path: string, content: FileContent, options: WriteOptions): void {
    try {
      if (this.#put(path, content, options)) return;
    } catch (error) {
      content.release();
      throw error;
    }
    content.release();
  }

  /** Returns whether the content became the file's content, rather than being copied into it. */
  #put(path: string, content: FileContent, options: WriteOptions): boolean {
    this.#checkWritable(path, options);
    const { offset = -1 } = options;
    const existing = this.#tree.find(path) as FileNode | undefined;
    const keeps = existing !== undefined && !options.truncate && (offset >= 0 || options.append);
    if (keeps) {
      existing.content.write(content.view(), options.append ? existing.content.size : offset);
      existing.modTime = new Date();
      return false;
    }
    const placed = options.append || offset <= 0 ? content : this.#moved(content, offset);
    const file = existing ?? this.#added(path, placed);
    file.content.release();
    file.content = placed;
    file.modTime = new Date();
    return placed === content;
  }

  /** Adds a file for a content. If there is no room for the file, the content is released. */
  #added(path: string, content: FileContent): FileNode {
    try {
      return this.#tree.addFile(path);
    } catch (error) {
      content.release();
      throw error;
    }
  }

  /** The same bytes after `offset` zeros. An empty content stays empty, as with any empty write. */
  #moved(content: FileContent, offset: number): FileContent {
    const moved = this.#tree.newContent();
    moved.write(content.view(), offset);
    return moved;
  }

  override async readDir(path: string): Promise<FileInfo[]> {
    const entries = [...this.#tree.directory(path).entries];
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([name, node]) => infoOf(name, node));
  }

  override async stat(path: string): Promise<FileInfo> {
    return infoOf(baseName(path), this.#tree.node(path));
  }

  /** The target must be free: an existing file is never replaced. */
  override async rename(from: string, to: string): Promise<void> {
    this.#tree.move(from, to);
  }

  override async chmod(path: string, mode: number): Promise<void> {
    this.#tree.node(path).mode = checkedMode(mode);
  }

  override async truncate(path: string, size: number): Promise<void> {
    const file = this.#tree.file(path);
    file.content.truncate(checkedInteger('size', size, 0));
    file.modTime = new Date();
  }

  override async touch(path: string): Promise<void> {
    const node = this.#tree.find(path) ?? this.#tree.addFile(path);
    node.modTime = new Date();
  }

  override async open(path: string, { offset = 0, size = -1 }: ByteRange = {}): Promise<SizedContent> {
    const { content } = this.#tree.file(path);
    const [start, end] = readRange(content.size, offset, size);
    // The next write below a view has to move the file, so small ranges are copied.
    return contentOfParts([end - start <= BLOCK_BYTES ? content.copy(start, end) : content.view(start, end)]);
  }

  /** Returns a read-only view of the file's memory. Throws NOT_SUPPORTED for a generation, which files do not have. */
  override async snapshot(path: string, options: OpenStreamOptions = {}): Promise<Snapshot> {
    const { content } = this.#tree.file(path);
    if (options.generation !== undefined) throw this.notSupported('generation');
    const bytes = content.view();
    const offset = startOf(bytes, options.start);
    return { parts: [bytes.subarray(offset)], offset };
  }

  /**
   * A handle opened for writing with `create` creates an absent file; otherwise throws FILE_NOT_FOUND. Throws
   * FILE_EXISTS for an exclusive open of an existing file.
   */
  override async openHandle(path: string, options: OpenHandleOptions): Promise<FileHandle> {
    const flags = checkedInteger('flags', options.flags, 0);
    const mode = checkedMode(options.mode);
    const access = fileAccessOf(flags, options.create);
    const existing = this.#tree.find(path);
    if (existing && access.isExclusive) {
      throw createError(existing.kind === 'dir' ? 'DIRECTORY_EXISTS' : 'FILE_EXISTS', { path });
    }
    const file = access.creates && !existing ? this.#tree.addFile(path, mode) : this.#tree.file(path);
    return new MemHandle(path, file, access, () => infoOf(baseName(path), file));
  }
}

function infoOf(name: string, node: Node): FileInfo {
  return {
    name,
    size: node.kind === 'dir' ? 0 : node.content.size,
    mode: node.mode,
    modTime: node.modTime,
    isDir: node.kind === 'dir',
    meta: { Name: NAME, Type: node.kind, Content: null },
  };
}
