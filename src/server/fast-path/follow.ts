/** A live read that is answered without node:http: of its request nothing is kept while it lasts. */
import type { Socket } from 'node:net';
import type { StreamSource } from '../../fs/index.ts';
import { HEADERS, OCTET_STREAM } from '../../protocol/index.ts';
import {
  chunkedTransfer,
  encodingFor,
  firstOffset,
  formatHeader,
  type LiveSource,
  liveHeaders,
  startLive,
} from '../egress/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { headLines, httpDate } from '../http/response-text.ts';
import type { ServerContext } from '../http/route.ts';
import type { RequestLog } from './request-log.ts';
import type { FollowRequest } from './requests.ts';

/** Opens the stream; undefined where it could not be, or where there is no live stream to follow. */
export async function openRead(
  { path, open, caller }: FollowRequest,
  { limits, mounts }: ServerContext,
): Promise<LiveSource | undefined> {
  const { reads } = limits;
  let source: StreamSource;
  try {
    reads.enter(caller?.account);
  } catch {
    return undefined;
  }
  try {
    source = await mounts.openStream(path, open);
  } catch {
    reads.leave(caller?.account);
    return undefined;
  }
  if (source.kind === 'live') return source;
  reads.leave(caller?.account);
  return undefined;
}

/** The client has gone. */
export function giveUpRead({ reader }: LiveSource, { caller }: FollowRequest, { limits }: ServerContext): void {
  reader.close();
  limits.reads.leave(caller?.account);
}

/** Answers. The socket is the read's from here on. */
export function beginRead(source: LiveSource, request: FollowRequest, socket: Socket, exchanges: RequestLog): void {
  const { reader, type } = source;
  const { send, caller } = request;
  const encoding = encodingFor(send.encoding, type);
  const { reads } = send.limits;
  const account = caller?.account;
  socket.write(headOf(source, encoding), 'latin1');
  startLive(socket, { reader, encoding }, chunkedTransfer, send, () => {
    reads.leave(account);
    exchanges.followed();
  });
}

/** The beginning of heads of live reads in an encoding, for streams without a content type of their own. */
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
  return `${headBefore(encoding, type)}${place}${format.join('')}Date: ${httpDate()}\r\n\r\n`;
}
