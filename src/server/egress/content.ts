/** Sends content that has an end (a file, README, /dev/zero) as a stream, in the requested encoding. */
import type { ServerResponse } from 'node:http';
import type { BorrowedRun } from '../../core/internal.ts';
import { HEADERS } from '../../protocol/index.ts';
import { type EncodedStream, type Encoding, longestRun, type PayloadKind, sendableLength } from '../encoding/index.ts';
import { encodingFor, type SendOptions, streamHeaders } from './options.ts';
import { ChargedPiece, writePiece } from './piece-writer.ts';

const EMPTY = new Uint8Array(0);
const NO_STREAM: EncodedStream = { generation: undefined };

/** @param from the offset at which the content begins in its file */
export async function sendContent(
  res: ServerResponse,
  content: AsyncIterable<Uint8Array>,
  options: SendOptions,
  from = 0,
): Promise<void> {
  const encoding = encodingFor(options.encoding);
  for await (const { bytes } of encodedContent(content, encoding, options, from)) {
    if (res.destroyed) return;
    if (!res.headersSent) begin(res, encoding, from);
    await writePiece(res, bytes);
  }
  if (!res.headersSent) begin(res, encoding, from);
  res.end();
}

interface EncodedPiece {
  readonly bytes: Uint8Array;
  readonly payload: PayloadKind;
}

/**
 * Encodes content, with the records before and after it, into pieces to be sent in this order.
 *
 * @throws MEMORY_LIMIT, and the errors of the content
 */
export async function* encodedContent(
  content: AsyncIterable<Uint8Array>,
  encoding: Encoding,
  { limits }: Pick<SendOptions, 'limits'>,
  from = 0,
): AsyncGenerator<EncodedPiece> {
  const { payload, control } = encoding;
  let offset = from;
  let isBegun = false;
  /** Bytes that the encoding holds back until more have arrived. */
  let heldBack: Uint8Array = EMPTY;
  function* record(bytes: Uint8Array | undefined): Generator<EncodedPiece> {
    if (bytes !== undefined) yield { bytes, payload: payload.control };
  }
  function* opening(): Generator<EncodedPiece> {
    if (!isBegun) yield* record(control?.begin?.({ offset: from, recreatedFrom: undefined }, NO_STREAM));
    isBegun = true;
  }
  function* runs(bytes: Uint8Array, isLast: boolean): Generator<EncodedPiece> {
    let rest = bytes;
    while (rest.length > 0) {
      const run = rest.subarray(0, longestRun(encoding, offset, NO_STREAM));
      const length = sendableLength(encoding, runOf(offset, run), isLast && run.length === rest.length, NO_STREAM);
      if (length === 0) break;
      yield { bytes: encodeRun(encoding, offset, run.subarray(0, length)), payload: payload.data };
      offset += length;
      rest = rest.subarray(length);
    }
    heldBack = rest.length === 0 ? EMPTY : Uint8Array.from(rest);
  }
  const holding = new ChargedPiece(limits.sharedBuffers);
  try {
    for await (const piece of content) {
      holding.take(piece);
      yield* opening();
      if (piece.length === 0) continue;
      yield* runs(heldBack.length === 0 ? piece : Buffer.concat([heldBack, piece]), false);
    }
  } finally {
    holding.release();
  }
  yield* opening();
  yield* runs(heldBack, true);
  yield* record(control?.caughtUp(offset, NO_STREAM));
  yield* record(control?.end({ reason: 'ended', offset, skippedBytes: 0 }, NO_STREAM));
}

/** @param chunked adds the header `Transfer-Encoding: chunked`, for responses to HEAD, where Node does not set it */
export function contentHeaders(encoding: Encoding, chunked: boolean, from = 0): Record<string, string> {
  const headers = { ...streamHeaders(encoding), [HEADERS.streamOffset]: String(from) };
  return chunked ? { ...headers, 'Transfer-Encoding': 'chunked' } : headers;
}

function begin(res: ServerResponse, encoding: Encoding, offset: number): void {
  res.writeHead(200, contentHeaders(encoding, false, offset));
  res.flushHeaders();
}

function runOf(offset: number, bytes: Uint8Array): BorrowedRun {
  return { type: 'run', offset, length: bytes.length, parts: [bytes] };
}

function encodeRun(encoding: Encoding, offset: number, run: Uint8Array): Uint8Array {
  const { body, maxHeadBytes, tail } = encoding;
  if (body === undefined && maxHeadBytes === 0 && tail.length === 0) return run;
  const record = runOf(offset, run);
  const room = body?.maxLength(record, run.length, NO_STREAM) ?? run.length;
  const bytes = Buffer.allocUnsafe(maxHeadBytes + room + tail.length);
  let at = encoding.writeHead(bytes, 0, offset, run.length, NO_STREAM);
  if (body !== undefined) at += body.encode(bytes, at, record, run.length, NO_STREAM);
  else {
    bytes.set(run, at);
    at += run.length;
  }
  bytes.set(tail, at);
  return bytes.subarray(0, at + tail.length);
}
