/**
 * The tree of files and directories. Nodes store neither their name nor their parent, so that a rename moves a single
 * entry, however much is below it.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import { baseName, isWithin, parentPath, splitPath } from '../../fs/index.ts';
import { FileContent } from './content.ts';

/** Bytes charged for a file or directory in addition to its content: the name and the table entry. */
const NODE_COST = 512;

export interface FileNode {
  readonly kind: 'file';
  /** Replaced when the whole file is replaced: a running read continues with the old content. */
  content: FileContent;
  /** References from the directory and from open handles. At 0 the memory is released. */
  users: number;
  mode: number;
  modTime: Date;
}

export interface DirectoryNode {
  readonly kind: 'dir';
  readonly entries: Map<string, Node>;
  mode: number;
  modTime: Date;
}

export type Node = FileNode | DirectoryNode;

export class Tree {
  /** The maximum file size in bytes. */
  readonly maxFileSize: number;
  readonly root: DirectoryNode = newDirectory(0o755);
  readonly #memory: MemoryBudget | undefined;

  /** `memory` is charged for the contents of files. */
  constructor(maxFileSize: number, memory?: MemoryBudget) {
    this.maxFileSize = maxFileSize;
    this.#memory = memory;
  }

  /** Creates a content that does not belong to a file yet. */
  newContent(): FileContent {
    return new FileContent(this.maxFileSize, this.#memory);
  }

  /** The node at a path, or undefined. Throws NOT_A_DIRECTORY if the path leads through a file. */
  find(path: string): Node | undefined {
    let node: Node = this.root;
    let walked = '';
    for (const part of splitPath(path)) {
      if (node.kind !== 'dir') throw createError('NOT_A_DIRECTORY', { path: walked });
      const next = node.entries.get(part);
      if (!next) return undefined;
      walked += `/${part}`;
      node = next;
    }
    return node;
  }

  /** Throws FILE_NOT_FOUND, NOT_A_DIRECTORY. */
  node(path: string): Node {
    const node = this.find(path);
    if (!node) throw createError('FILE_NOT_FOUND', { path });
    return node;
  }

  /** Throws FILE_NOT_FOUND, NOT_A_DIRECTORY, IS_A_DIRECTORY. */
  file(path: string): FileNode {
    const node = this.node(path);
    if (node.kind === 'dir') throw createError('IS_A_DIRECTORY', { path });
    return node;
  }

  /** Throws FILE_NOT_FOUND, NOT_A_DIRECTORY. */
  directory(path: string): DirectoryNode {
    const node = this.node(path);
    if (node.kind !== 'dir') throw createError('NOT_A_DIRECTORY', { path });
    return node;
  }

  /** Adds an empty file. Throws FILE_EXISTS, DIRECTORY_EXISTS, and the errors of looking up its directory. */
  addFile(path: string, mode = 0o644): FileNode {
    const file: FileNode = { kind: 'file', content: this.newContent(), users: 1, mode, modTime: new Date() };
    this.#add(path, file);
    return file;
  }

  addDirectory(path: string, mode: number): void {
    this.#add(path, newDirectory(mode));
  }

  /** Adds a directory and its missing parents. */
  addDirectories(path: string): void {
    if (this.find(path)?.kind === 'dir') return;
    this.addDirectories(parentPath(path));
    this.addDirectory(path, 0o755);
  }

  /** Adds a node under a free name; never replaces an existing node. */
  #add(path: string, node: Node): void {
    const existing = this.find(path);
    if (existing) throw createError(existing.kind === 'dir' ? 'DIRECTORY_EXISTS' : 'FILE_EXISTS', { path });
    const parent = this.directory(parentPath(path));
    if (this.#memory?.tryTake(NODE_COST) === false) {
      throw createError('STORAGE_FULL', { size: NODE_COST, max: this.#memory.limit }, { limit: 'memory' });
    }
    parent.entries.set(baseName(path), node);
    parent.modTime = new Date();
  }

  /** Checks that the parent directory of a path exists. Throws FILE_NOT_FOUND, NOT_A_DIRECTORY. */
  checkRoomFor(path: string): void {
    this.directory(parentPath(path));
  }

  remove(path: string): void {
    const node = this.node(path);
    if (path === '/') throw createError('ROOT_IS_FIXED');
    if (node.kind === 'dir' && node.entries.size > 0) throw createError('DIRECTORY_NOT_EMPTY', { path });
    this.#forget(node);
    this.#detach(path);
  }

  /** Removes a path with everything below it. For the root, only the content is removed. */
  removeAll(path: string): void {
    const node = this.node(path);
    if (path === '/') {
      this.clear();
      return;
    }
    this.#forget(node);
    this.#detach(path);
  }

  /** Returns the memory of a node and everything below it to the budget, except files that handles still hold. */
  #forget(node: Node): void {
    this.#memory?.give(NODE_COST);
    if (node.kind === 'file') releaseFile(node);
    else for (const entry of node.entries.values()) this.#forget(entry);
  }

  clear(): void {
    for (const entry of this.root.entries.values()) this.#forget(entry);
    this.root.entries.clear();
    this.root.modTime = new Date();
  }

  #detach(path: string): void {
    const parent = this.directory(parentPath(path));
    parent.entries.delete(baseName(path));
    parent.modTime = new Date();
  }

  /** Moves a file or directory to a free path; moving to the same path does nothing. */
  move(from: string, to: string): void {
    const node = this.node(from);
    if (from === '/' || to === '/') throw createError('ROOT_IS_FIXED');
    if (from === to) return;
    if (isWithin(to, from))
      throw createError('INVALID_PATH', { path: to, reason: `it is inside ${from}, which is being moved` });
    this.#add(to, node);
    this.#memory?.give(NODE_COST);
    this.#detach(from);
  }
}

/** Drops one reference to a file. */
export function releaseFile(file: FileNode): void {
  file.users -= 1;
  if (file.users === 0) file.content.release();
}

function newDirectory(mode: number): DirectoryNode {
  return { kind: 'dir', entries: new Map(), mode, modTime: new Date() };
}
