/**
 * Checks whether standard output is still read, for a command that has nothing to write and would not notice otherwise.
 *
 * An empty write detects it for a socket or a terminal. For a pipe only poll(2) does: once the last reader has closed
 * it, the writing end reports an error. The only poll that Node offers is that of WASI (`poll_oneoff`), which a
 * WebAssembly module that consists only of memory is used to call. Where WASI is unavailable, a closed pipe is noticed
 * at the next write.
 */
import { fstatSync } from 'node:fs';
import process from 'node:process';
import type { Writable } from 'node:stream';
import { isTerminal } from './is-terminal.ts';

/** False once the reader has gone. A socket or terminal reports that with an error of its stream instead. */
export type OutputCheck = () => boolean;

/**
 * The check for the type of `fd`; undefined for a file, which can always be written, and where no check is possible.
 */
export function outputCheck(fd: number, stream: Writable): OutputCheck | undefined {
  const facts = fstatSync(fd);
  if (facts.isFIFO()) return pipeCheck(fd);
  if (!facts.isSocket() && !isTerminal(stream)) return undefined;
  return () => {
    // Queued data will detect it anyway.
    if (stream.writableLength === 0 && !stream.destroyed) stream.write('');
    return true;
  };
}

/** `\0asm`, version 1; one page of memory; exported as `memory`. */
const MEMORY_ONLY = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x05, 0x03, 0x01, 0x00, 0x01],
  ...[0x07, 0x0a, 0x01, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00],
]);

/** Constants of WASI preview 1: sizes of its records, and the values used here. */
const SUBSCRIPTION_SIZE = 48;
const EVENT_SIZE = 32;
const CLOCK = 0;
const MONOTONIC = 1;
const FD_WRITE = 2;
const SUCCESS = 0;

/** Addresses of the two subscriptions, the events and their number in the memory. */
const SUBSCRIPTIONS = 0;
const EVENTS = 128;
const COUNT = 256;

/** Timeout in nanoseconds: a full pipe does not become ready. A pipe with room answers at once. */
const POLL_TIMEOUT_NS = 5_000_000n;

/** The part of WebAssembly used here. Its types belong to the browser types, which this layer does not include. */
declare const WebAssembly: {
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object) => { exports: { memory: { buffer: ArrayBuffer } } };
};

interface WasiImports {
  poll_oneoff(subscriptions: number, events: number, count: number, found: number): number;
}

function pipeCheck(fd: number): OutputCheck | undefined {
  try {
    const { WASI } = quietly(() => process.getBuiltinModule('node:wasi'));
    const wasi = new WASI({ version: 'preview1', stdin: fd, stdout: fd, stderr: fd });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(MEMORY_ONLY));
    wasi.initialize(instance);
    const view = new DataView(instance.exports.memory.buffer);
    view.setUint8(SUBSCRIPTIONS + 8, CLOCK);
    view.setUint32(SUBSCRIPTIONS + 16, MONOTONIC, true);
    view.setBigUint64(SUBSCRIPTIONS + 24, POLL_TIMEOUT_NS, true);
    view.setUint8(SUBSCRIPTIONS + SUBSCRIPTION_SIZE + 8, FD_WRITE);
    // Standard output of the module, which is `fd`.
    view.setUint32(SUBSCRIPTIONS + SUBSCRIPTION_SIZE + 16, 1, true);
    const imports = wasi.wasiImport as unknown as WasiImports;
    return () => {
      if (imports.poll_oneoff(SUBSCRIPTIONS, EVENTS, 2, COUNT) !== SUCCESS) return true;
      for (let n = 0; n < view.getUint32(COUNT, true); n++) {
        const event = EVENTS + n * EVENT_SIZE;
        if (view.getUint8(event + 10) === FD_WRITE && view.getUint16(event + 8, true) !== SUCCESS) return false;
      }
      return true;
    };
  } catch {
    return undefined;
  }
}

/** Loads a module that Node marks experimental, without the warning, which would appear among our messages. */
function quietly<T>(load: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
