/** Live reads that are served without node:http, so that nothing of the request stays in memory while they last. */
import type { Socket } from 'node:net';
import type { OpenStreamOptions } from '../../fs/index.ts';
import { HEADERS, OCTET_STREAM } from '../../protocol/index.ts';
import type { Principal } from '../auth/index.ts';
import type { DurableReadRoute } from '../durable-streams/index.ts';
import {
  chunkedTransfer,
  encodingFor,
  firstOffset,
  formatHeader,
  type LiveSource,
  liveHeaders,
  type SendOptions,
  startLive,
} from '../egress/index.ts';
import type { Encoding } from '../encoding/index.ts';
import type { Query } from '../http/query.ts';
import { headLines, httpDate } from '../http/response-text.ts';
import type { ServerContext } from '../http/route.ts';
import type { RequestLog } from './request-log.ts';
import type { FollowRequest, OpenRead } from './requests.ts';

/** Opens a read; undefined if that fails, or if there is no live stream to follow. */
export async function openRead(request: FollowRequest, { limits }: ServerContext): Promise<OpenRead | undefined> {
  const { reads } = limits;
  const account = request.caller?.account;
  try {
    reads.enter(account);
  } catch {
    return undefined;
  }
  const open = await request.open().catch(ignore);
  if (open === undefined) reads.leave(account);
  return open;
}

/** Opens a live read of a file. */
export async function openFile(
  path: string,
  open: OpenStreamOptions,
  send: SendOptions,
  { mounts }: ServerContext,
): Promise<OpenRead | undefined> {
  const source = await mounts.openStream(path, open);
  if (source.kind !== 'live') return undefined;
  const encoding = encodingFor(send.encoding, source.type);
  return { reader: source.reader, encoding, head: headOf(source, encoding), sending: send };
}

/** Opens a live read by Durable Streams. */
export async function openDurable(
  route: DurableReadRoute,
  query: Query,
  caller: Principal | undefined,
  server: ServerContext,
): Promise<OpenRead | undefined> {
  const read = await route.openLive(query, caller, server);
  if (read === undefined) return undefined;
  const { encoding, headers, reader, sending } = read;
  return { reader, encoding, head: headText(headers), sending };
}

/** The text of headers that many responses share. */
const texts = new WeakMap<Readonly<Record<string, string>>, string>();

function headText(headers: Readonly<Record<string, string>>): string {
  let text = texts.get(headers);
  if (text === undefined) {
    text = headLines(200, headers);
    texts.set(headers, text);
  }
  return text;
}

/** Closes a read whose client has disconnected meanwhile. */
export function giveUpRead({ reader }: OpenRead, { caller }: FollowRequest, { limits }: ServerContext): void {
  reader.close();
  limits.reads.leave(caller?.account);
}

/** Begins the response. The read owns the socket from here on. @param vary the `Vary` line of the head, or empty */
export function beginRead(
  { reader, encoding, head, sending }: OpenRead,
  socket: Socket,
  exchanges: RequestLog,
  vary: string,
): void {
  socket.write(`${head}${vary}Date: ${httpDate()}\r\n\r\n`, 'latin1');
  startLive(socket, { reader, encoding }, chunkedTransfer, sending, exchanges);
}

/** Cached first parts of heads of live reads by encoding, for streams without a content type of their own. */
const heads = new WeakMap<Encoding, string>();

function headBefore(encoding: Encoding, type: string): string {
  if (type !== OCTET_STREAM) return headLines(200, liveHeaders(encoding, true, type));
  let head = heads.get(encoding);
  if (head === undefined) {
    head = headLines(200, liveHeaders(encoding, true, type));
    heads.set(encoding, head);
  }
  return head;
}

function headOf({ reader, type }: LiveSource, encoding: Encoding): string {
  const format = Object.entries(formatHeader(reader, encoding)).map(([name, value]) => `${name}: ${value}\r\n`);
  const place = `${HEADERS.streamOffset}: ${firstOffset(reader, encoding)}\r\n${HEADERS.streamGeneration}: ${reader.stream.generation}\r\n`;
  return `${headBefore(encoding, type)}${place}${format.join('')}`;
}

function ignore(): undefined {
  return undefined;
}
