/** Sends a content that has an end (a file, README, /dev/zero) as a stream, in the form that was asked for. */
import type { ServerResponse } from 'node:http';
import type { BorrowedRun } from '../../core/internal.ts';
import { HEADERS } from '../../protocol/index.ts';
import { type EncodedStream, type Encoding, longestRun, sendableLength } from '../encoding/index.ts';
import { encodingFor, type SendOptions, streamHeaders } from './options.ts';
import { HeldPiece, writePiece } from './pieces.ts';

const EMPTY = new Uint8Array(0);
const NO_STREAM: EncodedStream = { generation: undefined };

/** @param from the offset that the content begins at in its file */
export async function sendContent(
  res: ServerResponse,
  content: AsyncIterable<Uint8Array>,
  options: SendOptions,
  from = 0,
): Promise<void> {
  const encoding = encodingFor(options.encoding);
  let offset = from;
  /** Bytes that the encoding holds back until more has come. */
  let heldBack: Uint8Array = EMPTY;
  const sendRuns = async (bytes: Uint8Array, isLast: boolean): Promise<void> => {
    let rest = bytes;
    while (rest.length > 0) {
      const run = rest.subarray(0, longestRun(encoding, offset, NO_STREAM));
      const length = sendableLength(encoding, runOf(offset, run), isLast && run.length === rest.length, NO_STREAM);
      if (length === 0) break;
      await writePiece(res, encodeRun(encoding, offset, run.subarray(0, length)));
      offset += length;
      rest = rest.subarray(length);
    }
    heldBack = rest.length === 0 ? EMPTY : Uint8Array.from(rest);
  };
  const holding = new HeldPiece(options.limits.held);
  try {
    for await (const piece of content) {
      if (res.destroyed) return;
      holding.take(piece);
      if (!res.headersSent) await begin(res, encoding, from);
      if (piece.length === 0) continue;
      await sendRuns(heldBack.length === 0 ? piece : Buffer.concat([heldBack, piece]), false);
    }
  } finally {
    holding.release();
  }
  if (!res.headersSent) await begin(res, encoding, from);
  await sendRuns(heldBack, true);
  const { control } = encoding;
  if (control !== undefined) {
    const records = [control.caughtUp(offset, NO_STREAM), control.end('ended', offset, NO_STREAM)];
    for (const record of records) if (record !== undefined) await writePiece(res, record);
  }
  res.end();
}

/** `chunked` where it is to be said, because there is no body that would show it. */
export function contentHeaders(encoding: Encoding, chunked: boolean, from = 0): Record<string, string> {
  const headers = { ...streamHeaders(encoding), [HEADERS.streamOffset]: String(from) };
  return chunked ? { ...headers, 'Transfer-Encoding': 'chunked' } : headers;
}

async function begin(res: ServerResponse, encoding: Encoding, offset: number): Promise<void> {
  res.writeHead(200, contentHeaders(encoding, false, offset));
  res.flushHeaders();
  const opening = encoding.control?.begin?.({ offset, recreatedFrom: undefined }, NO_STREAM);
  if (opening !== undefined) await writePiece(res, opening);
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
