/**
 * Takes the body of a request into a file, as it comes: no piece waits for the next, and no more of the body is held
 * than one piece (contract 70). Reading stops while the file asks its writer to wait.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { MAX_CHUNK } from '../../core/index.ts';
import { fail, limitReached, type StreamFSError } from '../../errors/index.ts';
import type { FileWriter } from '../../fs/index.ts';
import { asArrived, lines, type Pieces, whole } from './pieces.ts';

export interface ReceiveOptions {
  /** Cut pieces at newlines (`atomic=lines`). */
  lines?: boolean;
  /** End the stream behind the last byte. A body that breaks off does not end it. */
  end?: boolean;
  /** The largest body in bytes; undefined: none. */
  limit?: number | undefined;
  /** Whether it may stand still as long as one for a stream may. Default: if it is for a stream. */
  live?: boolean;
}

/** A body on its way into a file, as it is seen from outside. */
export interface Upload {
  /** Whether it is appended to a stream. */
  readonly isForStream: boolean;
  breakOff(): void;
  /** Whether the file makes its writer wait just now. */
  isWaiting(): boolean;
  /** Bytes of it that are kept until more comes. */
  held(): number;
  /** Ends it with an error, made from how much was written. */
  giveUp(why: (written: number) => StreamFSError): void;
}

/** Uploads under way, by the socket they come from. */
const underWay = new WeakMap<Duplex, Upload>();

export function uploadOf(socket: Duplex): Upload | undefined {
  return underWay.get(socket);
}

/**
 * Tells an upload that its body cannot go on, as when the chunked encoding is broken: it ends with BODY_BROKE_OFF, so
 * that its route can still answer. False when no upload is under way on this socket.
 */
export function breakOff(socket: Duplex): boolean {
  const upload = underWay.get(socket);
  upload?.breakOff();
  return upload !== undefined;
}

/**
 * Reads the whole body into `writer`, closes it, and gives the number of bytes. What arrived before a failure stays
 * written where the file can keep it (contract 72).
 *
 * @throws BODY_BROKE_OFF and BODY_TIMEOUT with `written`, BODY_TOO_LARGE, or what the writer throws
 */
export async function receiveBody(
  req: IncomingMessage,
  writer: FileWriter,
  options: ReceiveOptions = {},
): Promise<number> {
  try {
    await pour(req, writer, options);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close({ end: options.end ?? false });
  return writer.written;
}

function pour(req: IncomingMessage, writer: FileWriter, options: ReceiveOptions): Promise<void> {
  const pieces = piecesOf(req, options);
  const { limit = Number.POSITIVE_INFINITY } = options;
  const { socket } = req;
  let arrived = 0;
  return new Promise((resolve, reject) => {
    /** The last piece, while the file makes its writer wait. */
    let pending: Promise<void> | undefined;
    const settle = (act: () => void) => {
      req.off('data', onData).off('end', onEnd).off('close', onBreak).off('error', onBreak);
      // A request whose socket breaks may still raise an error after we have gone.
      req.on('error', () => undefined);
      underWay.delete(socket);
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
    const onData = (bytes: Uint8Array) => {
      arrived += bytes.length;
      if (arrived > limit) return failed(limitReached('BODY_TOO_LARGE', 'body_size', limit));
      try {
        write(pieces.take(bytes));
      } catch (error) {
        return failed(error);
      }
      if (pending === undefined) return;
      req.pause();
      pending.then(() => {
        pending = undefined;
        req.resume();
      }, failed);
    };
    /** The body is over, and whole unless it broke off: writes what is left of it, then does `act`. */
    const finish = (act: () => void, isWhole = false) => {
      try {
        // What is left of an append that will be repeated comes with its repetition, in one piece.
        if (isWhole || writer.producer === undefined) write(pieces.rest());
      } catch (error) {
        return failed(error);
      }
      if (pending === undefined) settle(act);
      else pending.then(() => settle(act), failed);
    };
    const onEnd = () => finish(resolve, true);
    const onBreak = () => {
      if (req.complete) return;
      finish(() => reject(fail('BODY_BROKE_OFF', { written: writer.written }, { written: writer.written })));
    };
    req.on('data', onData).on('end', onEnd).on('close', onBreak).on('error', onBreak);
    underWay.set(socket, {
      isForStream: options.live ?? writer.generation !== undefined,
      breakOff: onBreak,
      isWaiting: () => pending !== undefined,
      held: () => pieces.held,
      giveUp: (why) => finish(() => reject(why(writer.written))),
    });
    writer.onStop = failed;
  });
}

export function bodyTimeout(milliseconds: number, written: number): StreamFSError {
  const seconds = milliseconds / 1000;
  return fail('BODY_TIMEOUT', { seconds }, { limit: 'body_timeout', max: seconds, written });
}

/** How the body is to be cut: what the writer asked for, else whole if it is short and says so. */
function piecesOf(req: IncomingMessage, options: ReceiveOptions): Pieces {
  if (options.lines) return lines();
  const length = Number(req.headers['content-length'] ?? Number.NaN);
  return length > 0 && length <= MAX_CHUNK ? whole(length) : asArrived;
}
