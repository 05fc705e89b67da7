/**
 * Parses the head of a request, if it is one of the few that are served directly: a PUT, POST or GET with nothing
 * unusual in it. A head that deviates from RFC 9112, repeats a header, or has a header that is not in the list below is
 * passed to node:http unchanged. So requests that two servers might parse differently are never interpreted here.
 */

import { isHost } from '../http/message-rules.ts';

export interface RequestHead {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** As sent. */
  readonly target: string;
  readonly host: string;
  readonly authorization: string | undefined;
  readonly 'user-agent': string | undefined;
  readonly accept: string | undefined;
  readonly 'content-type': string | undefined;
  /** Length of the body in bytes; undefined for a chunked one. */
  readonly length: number | undefined;
  /** The client waits for 100 Continue before it sends its body. */
  readonly expectsContinue: boolean;
}

/** Longer heads, in bytes, are left to node:http. */
export const MAX_HEAD_BYTES = 8 * 1024;

const REQUEST_LINE = /^(GET|PUT|POST) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
/**
 * A name, and a value of visible characters, spaces and tabs, without those at its ends. A tab after the value is left
 * to node:http, which rejects it after a length and accepts it after anything else.
 */
const FIELD = /^([\w!#$%&'*+.^`|~-]+):[ \t]*((?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?) *$/;

/** Headers that are ignored. */
const IGNORED = [
  ...['user-agent', 'accept-encoding', 'accept-language', 'cache-control', 'pragma'],
  // Players send these with every request: a stream has no ranges to choose from, and no titles.
  ...['range', 'icy-metadata', 'referer'],
];
/** Sent without the other Sec-Fetch headers by Node's `fetch`; a browser sends the others as well. */
const FETCH_MODE = 'sec-fetch-mode';
const KNOWN: ReadonlySet<string> = new Set([
  ...IGNORED,
  FETCH_MODE,
  ...['host', 'authorization', 'accept', 'connection', 'content-type', 'content-length', 'transfer-encoding', 'expect'],
]);

/** The beginnings of the heads that are parsed here. */
const BEGINNINGS = ['GET /', 'PUT /', 'POST /'].map((text) => Buffer.from(text));

/** Whether the bytes at a position, however few, may become such a head. */
export function isHeadBegun(bytes: Buffer, at: number): boolean {
  const isBegun = (beginning: Buffer) => {
    const length = Math.min(beginning.length, bytes.length - at);
    return beginning.compare(bytes, at, at + length, 0, length) === 0;
  };
  if (!BEGINNINGS.some(isBegun)) return false;
  return endsLinesRight(bytes, at);
}

const CR = 13;
const LF = 10;

/** Whether CR and LF occur only together so far: otherwise the end of the head may never arrive. */
function endsLinesRight(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return false;
  }
  for (let at = bytes.indexOf(CR, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] !== LF) return false;
  }
  return true;
}

/** @param text a head without the empty line that ends it */
export function readHead(text: string): RequestHead | undefined {
  const lines = text.split('\r\n');
  const [, method, target] = REQUEST_LINE.exec(lines[0]!) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const fields = new Map<string, string>();
  for (let at = 1; at < lines.length; at++) {
    const [, name, value] = FIELD.exec(lines[at]!) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    if (!KNOWN.has(key) || fields.has(key)) return undefined;
    fields.set(key, value);
  }
  if ((fields.get(FETCH_MODE) ?? 'cors') !== 'cors') return undefined;
  const host = fields.get('host');
  if (host === undefined || host === '' || !isHost(host)) return undefined;
  const framing = method === 'GET' ? noBody(fields) : bodyOf(fields);
  if (framing === undefined) return undefined;
  return {
    method: method as RequestHead['method'],
    target,
    host,
    length: framing.length,
    expectsContinue: framing.expectsContinue,
    authorization: fields.get('authorization'),
    'user-agent': fields.get('user-agent'),
    accept: fields.get('accept'),
    'content-type': fields.get('content-type'),
  };
}

type Framing = Pick<RequestHead, 'length' | 'expectsContinue'>;

function bodyOf(fields: ReadonlyMap<string, string>): Framing | undefined {
  // A connection that closes after the request gains nothing here.
  if ((fields.get('connection') ?? 'keep-alive').toLowerCase() !== 'keep-alive') return undefined;
  const expect = fields.get('expect')?.toLowerCase();
  if (expect !== undefined && expect !== '100-continue') return undefined;
  const expectsContinue = expect !== undefined;
  const length = fields.get('content-length');
  const coding = fields.get('transfer-encoding');
  if (coding !== undefined) {
    if (length !== undefined || coding.toLowerCase() !== 'chunked') return undefined;
    return { length: undefined, expectsContinue };
  }
  if (length === undefined || !/^\d{1,15}$/.test(length)) return undefined;
  return { length: Number(length), expectsContinue };
}

function noBody(fields: ReadonlyMap<string, string>): Framing | undefined {
  if (['content-length', 'transfer-encoding', 'expect'].some((name) => fields.has(name))) return undefined;
  const connection = (fields.get('connection') ?? 'keep-alive').toLowerCase();
  if (connection !== 'keep-alive' && connection !== 'close') return undefined;
  return { length: 0, expectsContinue: false };
}
