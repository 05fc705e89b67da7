/** A live read that is answered without node:http: of its request nothing is kept while it lasts. */
import type { Socket } from 'node:net';
import { type StreamSource, writes } from '../../fs/index.ts';
import { liveHeaders, startLive } from '../egress/index.ts';
import { nextRequestId } from '../exchange.ts';
import { headText } from '../raw-answer.ts';
import { readFile } from '../routes/read.ts';
import type { DirectRequest } from './request.ts';
import type { DirectServer } from './server.ts';

type FollowRequest = Extract<DirectRequest, { kind: 'follow' }>;

/** A read whose stream is open and that waits for its answer to begin. */
export interface OpenedRead {
  /** Answers. The socket is the read's from here on. */
  begin(socket: Socket): void;
  /** Nobody is there any more. */
  giveUp(): void;
}

/** Opens the stream; undefined where it could not be, or where there is no live stream to follow. */
export async function openRead(
  { path, open, send }: FollowRequest,
  { context, done }: Pick<DirectServer, 'context' | 'done'>,
): Promise<OpenedRead | undefined> {
  const { bounds, logger, mounts } = context;
  const { reads } = bounds;
  let source: StreamSource;
  try {
    reads.enter();
  } catch {
    return undefined;
  }
  try {
    source = await mounts.openStream(path, open);
  } catch {
    reads.leave();
    return undefined;
  }
  if (source.kind !== 'live') {
    reads.leave();
    return undefined;
  }
  const { reader } = source;
  return {
    begin(socket) {
      const began = performance.now();
      const onOver = () => {
        reads.leave();
        done(socket);
        if (writes(logger, 'debug')) {
          const facts = { request: nextRequestId(), method: 'GET', route: readFile.pattern, path };
          logger.debug('request', { ...facts, status: 200, ms: Math.round(performance.now() - began) });
        }
      };
      socket.write(headText(200, liveHeaders(reader, send.format, true)), 'latin1');
      startLive(socket, reader, true, { ...send, logger, bounds }, onOver);
    },
    giveUp() {
      reader.close();
      reads.leave();
    },
  };
}
