/** Helpers for the cases: instances that are always shut down, waits with a timeout, and checks of errors. */
import assert from 'node:assert/strict';
import { type ErrorCode, isStreamFSError, type StreamFSError } from '../../errors/index.ts';
import type { FileInfo, FileSystem, PluginInstance, PluginLogger, StreamSource } from '../../fs/index.ts';
import type { ContractCase, ContractOptions, PluginTraits } from './types.ts';

export const READ_ONLY = 0;
export const WRITE_ONLY = 1;
export const READ_WRITE = 2;

/** Milliseconds: longer than any step of a case takes, and short enough to wait for when it hangs. */
const PATIENCE = 5_000;

const SILENT: PluginLogger = { debug() {}, info() {}, warn() {}, error() {} };

/** The environment of a case. */
export interface Bench {
  options: ContractOptions;
  traits: PluginTraits;
  fs: FileSystem;
  instance: PluginInstance;
  /** A writable file: a new name if files are free, otherwise the existing file. */
  path: string;
  /** Creates `path`, empty, unless files are fixed and it already exists. */
  makeFile(): Promise<void>;
}

export type Trial = (bench: Bench) => Promise<void>;

/** A case with a separate instance, which is always shut down. */
export function caseOf(options: ContractOptions, name: string, trial: Trial): ContractCase {
  const run = async () => {
    const instance = await newInstance(options);
    const { traits } = options;
    const path = traits.present ?? '/contract-file';
    const fs = instance.fileSystem;
    const makeFile = async () => {
      if (traits.files === 'free') await fs.create(path);
    };
    try {
      await trial({ options, traits, fs, instance, path, makeFile });
    } finally {
      await soon(instance.shutdown(), 'shutdown');
    }
  };
  return { name, run };
}

export async function newInstance({ plugin, config = {} }: ContractOptions): Promise<PluginInstance> {
  plugin.validate(config);
  return plugin.initialize(config, { mountPath: '/contract', logger: SILENT });
}

/** The result of `promise`, if it settles in time. */
export async function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what} did not come to an end` })),
      PATIENCE,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The error with which `promise` fails. It must be a StreamFSError with the given status and, if given, one of the
 * codes.
 */
export async function refused(
  promise: Promise<unknown>,
  what: string,
  status: number | readonly number[],
  ...codes: ErrorCode[]
): Promise<StreamFSError> {
  const outcome = await soon(
    promise.then(
      () => undefined,
      (error: unknown) => ({ error }),
    ),
    what,
  );
  if (!outcome) assert.fail(`${what} must be refused`);
  const { error } = outcome;
  if (!isStreamFSError(error)) assert.fail(`${what} must fail with a StreamFSError, not with ${String(error)}`);
  const statuses = typeof status === 'number' ? [status] : status;
  assert.ok(
    statuses.includes(error.status),
    `${what} must be refused with ${statuses.join(' or ')}, not ${error.status} (${error.message})`,
  );
  if (codes.length > 0) {
    assert.ok(codes.includes(error.code), `${what} must fail with ${codes.join(' or ')}, not ${error.code}`);
  }
  return error;
}

/** Paths in errors are relative to the mount, as the plugin received them. */
export function names(error: StreamFSError, path: string): void {
  assert.ok(error.message.includes(path), `the error must name ${path}: ${error.message}`);
}

/** The whole content of a finite source; of a live source, the first `length` bytes. */
export async function bytesOf(source: StreamSource, length: number): Promise<Uint8Array> {
  const taken: Uint8Array[] = [];
  let size = 0;
  if (source.kind === 'content') {
    for await (const piece of source.content) taken.push(Uint8Array.from(piece));
    return Buffer.concat(taken);
  }
  try {
    while (size < length) {
      const record = await soon(source.reader.read(), 'a read of what was written');
      if (record.type === 'end') break;
      if (record.type !== 'data') continue;
      taken.push(Uint8Array.from(record.data));
      size += record.data.length;
    }
  } finally {
    source.reader.close();
  }
  return Buffer.concat(taken);
}

/** Compares a file's content with `expected`, with every method that its traits allow. */
export async function holds({ fs, traits }: Bench, path: string, expected: string): Promise<void> {
  const { size } = await fs.stat(path);
  if (traits.content === 'discarded') return;
  assert.equal(size, expected.length, `size of ${path}`);
  const { parts } = await fs.snapshot(path);
  assert.equal(text(Buffer.concat(parts)), expected, `snapshot of ${path}`);
  const streamed = await bytesOf(await fs.openStream(path), expected.length);
  assert.equal(text(streamed), expected, `stream of ${path}`);
  if (traits.content !== 'random-access') return;
  assert.equal(text(await fs.read(path, 0, -1)), expected, `read of ${path}`);
}

export function isFileInfo(info: FileInfo, pluginName: string, what: string): void {
  assert.ok(info.name.length > 0, `${what}: its name is not empty`);
  assert.ok(info.name === '/' || !info.name.includes('/'), `${what}: its name has no slash`);
  assert.ok(Number.isSafeInteger(info.size) && info.size >= 0, `${what}: its size is a whole number`);
  assert.ok(Number.isInteger(info.mode) && info.mode >= 0 && info.mode <= 0o7777, `${what}: its mode is bits`);
  assert.ok(Number.isFinite(info.modTime.getTime()), `${what}: its modTime is a time`);
  assert.equal(typeof info.isDir, 'boolean', `${what}: isDir is true or false`);
  assert.equal(info.meta.Name, pluginName, `${what}: meta.Name is the plugin's`);
  assert.equal(typeof info.meta.Type, 'string', `${what}: meta.Type is a text`);
  for (const [key, value] of Object.entries(info.meta.Content ?? {})) {
    assert.equal(typeof value, 'string', `${what}: meta.Content.${key} is a text`);
  }
}

export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
