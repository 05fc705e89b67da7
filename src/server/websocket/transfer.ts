/** A live read as WebSocket messages: each run is one message, with a head that is the same for all readers. */
import type { Transfer } from '../egress/index.ts';
import { closeCodeOf } from './close-codes.ts';
import { closeFrame, MAX_HEAD_BYTES, writeMessageHead } from './frame-writer.ts';

/** The longest run in a message, in bytes: a browser delivers only complete messages to its page. */
const MAX_MESSAGE_RUN_BYTES = 256 * 1024;

export const webSocketTransfer: Transfer = {
  kind: 'websocket',
  maxRunBytes: MAX_MESSAGE_RUN_BYTES,
  maxHeadBytes: MAX_HEAD_BYTES,
  writeHead: writeMessageHead,
  tail: Buffer.alloc(0),
  last: ({ reason }) => closeFrame(closeCodeOf(reason), reason),
  endsConnection: false,
};
