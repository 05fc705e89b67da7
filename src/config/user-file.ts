/**
 * Reads a small file that a user named: a configuration, a token, certificates. A wrong name may be anything, such as an
 * endless device or a pipe without a writer, so a read is limited in size and can be aborted.
 */
import { close, constants, fstat, open, read } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { fileProblem } from '../errors/index.ts';
import { formatSize } from '../units/index.ts';

/** The largest configuration, or file of certificates, in bytes: a larger file is the wrong file. */
const MAX_USER_FILE_BYTES = 4 * 1024 * 1024;

const [openFile, closeFile, factsOf] = [promisify(open), promisify(close), promisify(fstat)];

/** @throws an Error whose message says what is wrong with the file, or the reason of `signal` */
export async function readUserFile(
  file: string,
  { maxBytes = MAX_USER_FILE_BYTES, signal }: { maxBytes?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of piecesOf(file, signal)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > maxBytes) break;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(fileProblem(error), { cause: error });
  }
  if (bytes > maxBytes) throw new Error(`it has more than ${formatSize(maxBytes)}: is it the right file?`);
  return Buffer.concat(pieces);
}

const PIECE_BYTES = 64 * 1024;

async function* piecesOf(file: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  // Without O_NONBLOCK, opening a pipe that has no writer would block a thread, and with it the exit of the process.
  const descriptor = await openFile(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const facts = await factsOf(descriptor);
  if (facts.isFIFO()) {
    yield* new Socket({ fd: descriptor, readable: true, writable: false, signal }) as AsyncIterable<Buffer>;
    return;
  }
  try {
    for (;;) {
      signal?.throwIfAborted();
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const length = await new Promise<number>((resolve, reject) => {
        read(descriptor, piece, 0, PIECE_BYTES, null, (error, count) => (error ? reject(error) : resolve(count)));
      });
      if (length === 0) return;
      yield piece.subarray(0, length);
    }
  } finally {
    await closeFile(descriptor);
  }
}
