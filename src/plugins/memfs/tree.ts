/**
 * The files and directories of a memory file system, and their lookup. Nodes know neither their name nor their parent: a
 * rename moves one entry, however much lies below it.
 */
import type { MemoryBudget } from '../../core/index.ts';
import { createError } from '../../errors/index.ts';
import { baseName, isWithin, parentPath, splitPath } from '../../fs/index.ts';
import { FileContent } from './content.ts';

/** What a file or a directory is charged beside its content, in bytes: its name and its place. */
const NODE_COST = 512;

export interface FileNode {
  readonly kind: 'file';
  /** Another object once the whole file has been replaced: a read of the old one goes on with the old one. */
  content: FileContent;
  /** How many refer to it: its directory, and every open handle. At 0 its memory is given back. */
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
  /** The largest file, in bytes. */
  readonly maxFileSize: number;
  readonly root: DirectoryNode = newDirectory(0o755);
  readonly #memory: MemoryBudget | undefined;

  /** `memory` is charged with the contents of files. */
  constructor(maxFileSize: number, memory?: MemoryBudget) {
    this.maxFileSize = maxFileSize;
    this.#memory = memory;
  }

  /** A content that is in no file yet. */
  newContent(): FileContent {
    return new FileContent(this.maxFileSize, this.#memory);
  }

  /** The node of a path, or undefined. NOT_A_DIRECTORY where the way leads through a file. */
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

  /** FILE_NOT_FOUND, NOT_A_DIRECTORY. */
  node(path: string): Node {
    const node = this.find(path);
    if (!node) throw createError('FILE_NOT_FOUND', { path });
    return node;
  }

  /** FILE_NOT_FOUND, NOT_A_DIRECTORY, IS_A_DIRECTORY. */
  file(path: string): FileNode {
    const node = this.node(path);
    if (node.kind === 'dir') throw createError('IS_A_DIRECTORY', { path });
    return node;
  }

  /** FILE_NOT_FOUND, NOT_A_DIRECTORY. */
  directory(path: string): DirectoryNode {
    const node = this.node(path);
    if (node.kind !== 'dir') throw createError('NOT_A_DIRECTORY', { path });
    return node;
  }

  /** Adds an empty file. FILE_EXISTS, DIRECTORY_EXISTS, and what its directory may lack. */
  addFile(path: string, mode = 0o644): FileNode {
    const file: FileNode = { kind: 'file', content: this.newContent(), users: 1, mode, modTime: new Date() };
    this.#add(path, file);
    return file;
  }

  addDirectory(path: string, mode: number): void {
    this.#add(path, newDirectory(mode));
  }

  /** Adds a directory and those above it, where they are not there. */
  addDirectories(path: string): void {
    if (this.find(path)?.kind === 'dir') return;
    this.addDirectories(parentPath(path));
    this.addDirectory(path, 0o755);
  }

  /** A node comes in under a name that is free: nothing is ever replaced by the way. */
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

  /** Whether the directory a path is to lie in is there. FILE_NOT_FOUND, NOT_A_DIRECTORY. */
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

  /** Removes a path with all below it. Of the root, only what lies below. */
  removeAll(path: string): void {
    const node = this.node(path);
    if (path === '/') {
      this.clear();
      return;
    }
    this.#forget(node);
    this.#detach(path);
  }

  /** Gives back the memory of a node and of all below it, except of files that handles still hold. */
  #forget(node: Node): void {
    this.#memory?.give(NODE_COST);
    if (node.kind === 'file') leave(node);
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

  /** Moves a file or a directory to a path that is free; to its own path it does nothing. */
  move(from: string, to: string): void {
    const node = this.node(from);
    if (from === '/' || to === '/') throw createError('ROOT_IS_FIXED');
    if (from === to) return;
    if (isWithin(to, from))
      throw createError('INVALID_PATH', { path: to, reason: `it lies inside ${from}, which is to move` });
    this.#add(to, node);
    this.#memory?.give(NODE_COST);
    this.#detach(from);
  }
}

/** One that held on to a file does so no more. */
export function leave(file: FileNode): void {
  file.users -= 1;
  if (file.users === 0) file.content.release();
}

function newDirectory(mode: number): DirectoryNode {
  return { kind: 'dir', entries: new Map(), mode, modTime: new Date() };
}
