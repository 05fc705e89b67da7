/** The encoding of a read in `streamfs.v1`: the bytes unchanged, with control records as JSON texts between them. */
import { type Encoding, rawEncoding } from '../encoding/index.ts';
import { recordText } from './frame-writer.ts';

export const recordEncoding: Encoding = {
  ...rawEncoding,
  name: 'websocket',
  control: {
    gap: ({ from, to, chunks }) => recordText({ type: 'gap', from, to, chunks }),
    header: (bytes, offset) => recordText({ type: 'header', offset, base64: Buffer.from(bytes).toString('base64') }),
    caughtUp: (offset) => recordText({ type: 'caught-up', offset }),
    heartbeat: (offset, { endOffset }) => recordText({ type: 'heartbeat', offset, end: endOffset }),
    end: ({ offset, reason, retryAfterMs, skippedBytes: skipped, status }) =>
      recordText({ type: 'end', reason, offset, skipped, status, retry_after_ms: retryAfterMs }),
  },
};
