/**
 * Writes the body of a request to a file as it arrives: no piece waits for the next, and at most one piece of the body
 * is held (contract 70). Reading stops while the file's writer has to wait.
 */
import { MAX_CHUNK } from '../../core/index.ts';
import { createError, limitReached, type StreamFSError } from '../../errors/index.ts';
import { abortWrite } from '../../fs/abort-write.ts';
import type { FileWriter } from '../../fs/index.ts';
import { asArrived, type Cutter, fixedLength } from './cutter.ts';
import type { BodySource } from './source.ts';
import { track, untrack } from './uploads.ts';

export interface ReceiveOptions {
  /** End the stream after the last byte. A body that breaks off does not end it. */
  end?: boolean | undefined;
  /** With `end`: the result that the writer reports. */
  endStatus?: string | undefined;
  /** Maximum length of the body in bytes; undefined: none. */
  limit?: number | undefined;
  /** Whether the body may stall for as long as one for a stream. Default: whether it is for a stream. */
  live?: boolean | undefined;
}

/**
 * Reads the whole body into `writer`, closes it, and returns the number of bytes. Bytes that arrived before a failure
 * stay written if the file can keep them (contract 72).
 *
 * @throws BODY_BROKE_OFF and BODY_TIMEOUT with `written`, BODY_TOO_LARGE, or the errors of the writer
 */
export async function receiveBody(body: BodySource, writer: FileWriter, options: ReceiveOptions = {}): Promise<number> {
  try {
    await pour(body, writer, options);
  } catch (error) {
    await abortWrite(writer, error);
  }
  await writer.close({ end: options.end, endStatus: options.endStatus });
  return writer.written;
}

function pour(body: BodySource, writer: FileWriter, options: ReceiveOptions): Promise<void> {
  const pieces = piecesOf(body, writer);
  const { limit = Number.POSITIVE_INFINITY } = options;
  const { socket } = body;
  let arrived = 0;
  return new Promise((resolve, reject) => {
    /** The write of the last piece, while the writer has to wait. */
    let pending: Promise<void> | undefined;
    const settle = (act: () => void) => {
      body.stop();
      untrack(socket);
      writer.onStop = undefined;
      pieces.release();
      act();
    };
    const failed = (error: unknown) => settle(() => reject(error));
    const write = (piece: Uint8Array | undefined) => {
      if (piece === undefined) return;
      const wait = writer.write(piece);
      if (wait !== undefined) pending = wait;
    };
    const data = (bytes: Uint8Array) => {
      arrived += bytes.length;
      if (arrived > limit) return failed(limitReached('BODY_TOO_LARGE', 'body_size', limit));
      try {
        write(pieces.take(bytes));
      } catch (error) {
        return failed(error);
      }
      if (pending === undefined) return;
      body.pause();
      pending.then(() => {
        pending = undefined;
        body.resume();
      }, failed);
    };
    /** The body is over, and complete unless it broke off: writes the rest of it, then calls `act`. */
    const finish = (act: () => void, isWhole = false) => {
      try {
        // The rest of an incomplete producer append is dropped: the producer repeats the append, in one piece.
        if (isWhole || writer.producer === undefined) write(pieces.rest());
      } catch (error) {
        return failed(error);
      }
      if (pending === undefined) settle(act);
      else pending.then(() => settle(act), failed);
    };
    const broken = () => finish(() => reject(bodyBrokeOff(writer.written)));
    track(socket, {
      isForStream: options.live ?? writer.generation !== undefined,
      isWaiting: () => pending !== undefined,
      held: () => pieces.held,
      abort: (why) => finish(() => reject(why(writer.written))),
    });
    writer.onStop = failed;
    body.start({ data, end: () => finish(resolve, true), broken });
  });
}

export function bodyBrokeOff(written: number): StreamFSError {
  return createError('BODY_BROKE_OFF', { written }, { written });
}

export function bodyTimeout(milliseconds: number, written: number): StreamFSError {
  const seconds = milliseconds / 1000;
  return createError('BODY_TIMEOUT', { seconds }, { limit: 'body_timeout', max: seconds, written });
}

/** How the body is cut: a short body of known length is one piece, unless its writer cuts at newlines. */
function piecesOf({ length = 0 }: BodySource, { keepsLines = false }: FileWriter): Cutter {
  return !keepsLines && length > 0 && length <= MAX_CHUNK ? fixedLength(length) : asArrived;
}

export { RequestBody } from './source.ts';
export { track, type Upload, untrack, uploadOf } from './uploads.ts';
