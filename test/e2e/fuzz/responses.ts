/** Checks everything received on a connection against what a server may send, whatever it was asked. */
import { ERRORS, type ErrorCode } from '../../../src/errors/index.ts';
import { parseResponse, type WireResponse } from '../../harness/wire.ts';

/** Statuses of responses that are not errors. */
const KNOWN = new Set([100, 101, 200, 201, 204, 206, 302, 304]);

/**
 * Counts the complete responses in `bytes`, and reports whether one of them announced that none would follow. Throws for
 * anything that is not a response, or not a response of the protocol.
 *
 * @param methods of the requests, in order, since a response to HEAD has no body; empty if they are not known
 */
export function checkResponses(bytes: Buffer, methods: readonly string[]): { count: number; closes: boolean } {
  let rest = bytes;
  let count = 0;
  let closes = false;
  while (rest.length > 0) {
    const isHead = methods[count] === 'HEAD' || (methods.length === 0 && isFollowedByResponse(rest));
    const response = parseResponse(rest, false, isHead);
    if (response === undefined || !response.complete) return { count, closes };
    checkOne(response, isHead);
    if (response.status >= 200) count++;
    if (/(^|,) *close *(,|$)/.test(response.headers.connection ?? '')) closes = true;
    rest = response.rest;
  }
  return { count, closes };
}

/** Whether another head follows directly after the first: a mutation may have repeated a HEAD request. */
function isFollowedByResponse(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  return end >= 0 && bytes.toString('latin1', end + 4, end + 13) === 'HTTP/1.1 ';
}

function checkOne({ status, headers, body }: WireResponse, isHead: boolean): void {
  // 500 is reserved for bugs.
  if (status < 400 ? !KNOWN.has(status) : status === 500) {
    throw new Error(`a response with ${status}: ${body.toString().slice(0, 300)}`);
  }
  if (status < 400 || isHead) return;
  // Node itself refuses an expectation, without a body.
  if (status === 417) return;
  const type = headers['content-type'];
  if (type !== 'application/json') throw new Error(`an error ${status} of the type ${type}`);
  const { error, code } = JSON.parse(body.toString()) as Record<string, unknown>;
  if (typeof error !== 'string' || error === '') throw new Error(`an error ${status} without text: ${body}`);
  if (typeof code !== 'string' || !(code in ERRORS))
    throw new Error(`an error ${status} without a code of the table: ${body}`);
  const { status: expected } = ERRORS[code as ErrorCode];
  if (status !== expected) throw new Error(`${code} with ${status}, not ${expected}`);
  if (/undefined|\[object|NaN|\{\w+\}/.test(error.replace(/"(\\.|[^"])*"|got .*|not .*/g, '')))
    throw new Error(`an error that says: ${error}`);
}
