/** Holds all that came over a connection to what a server may say, whatever it was asked. */
import { ERRORS, type ErrorCode } from '../../../src/errors/index.ts';

interface Answer {
  status: number;
  headers: Map<string, string>;
  body: Buffer;
}

/** Of answers that are no errors. */
const KNOWN = new Set([100, 101, 200, 201, 204, 206, 302, 304]);

/**
 * How many complete answers there are in `bytes`, and whether one said that none would follow. Throws where they are no
 * answers, or not such as the protocol has.
 *
 * @param methods of the requests, in order: an answer to HEAD has no body; none where they are not known
 */
export function checkAnswers(bytes: Buffer, methods: readonly string[]): { count: number; closes: boolean } {
  let rest = bytes;
  let count = 0;
  let closes = false;
  while (rest.length > 0) {
    const isHead = methods[count] === 'HEAD' || (methods.length === 0 && isFollowedByAnswer(rest));
    const found = next(rest, isHead);
    if (found === undefined) return { count, closes };
    const { answer, after } = found;
    checkOne(answer, isHead);
    if (answer.status >= 200) count++;
    if (/(^|,) *close *(,|$)/.test(answer.headers.get('connection') ?? '')) closes = true;
    rest = after;
  }
  return { count, closes };
}

/** Whether another head comes right behind the first: a request to HEAD may have been repeated by a mutation. */
function isFollowedByAnswer(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n');
  return end >= 0 && bytes.toString('latin1', end + 4, end + 13) === 'HTTP/1.1 ';
}

function checkOne({ status, headers, body }: Answer, isHead: boolean): void {
  // 500 is for bugs of our own.
  if (status < 400 ? !KNOWN.has(status) : status === 500) {
    throw new Error(`an answer with ${status}: ${body.toString().slice(0, 300)}`);
  }
  if (status < 400 || isHead) return;
  // Refusing an expectation is node's own, and has no body.
  if (status === 417) return;
  const type = headers.get('content-type');
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

/** The first answer, if all of it is there. */
function next(bytes: Buffer, isHead: boolean): { answer: Answer; after: Buffer } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not an answer: ${JSON.stringify(first.slice(0, 200))}`);
  const headers = new Map(
    lines.map((line) => [line.split(':')[0]!.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const content = bytes.subarray(end + 4);
  const give = (body: Buffer, used: number) => ({ answer: { status, headers, body }, after: content.subarray(used) });
  if (isHead || status < 200 || status === 204) return give(Buffer.alloc(0), 0);
  const length = headers.get('content-length');
  if (length !== undefined) {
    const size = Number(length);
    return content.length < size ? undefined : give(content.subarray(0, size), size);
  }
  if (headers.get('transfer-encoding') !== 'chunked') return undefined;
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = content.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const line = content.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`not the size of a chunk: ${JSON.stringify(line.slice(0, 50))}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const last = content.indexOf('\r\n\r\n', at - 2);
      return last < 0 ? undefined : give(Buffer.concat(parts), last + 4);
    }
    if (content.length < at + size + 2) return undefined;
    parts.push(content.subarray(at, at + size));
    at += size + 2;
  }
}
