/** The bytes alone, as they were written. Gaps and the end are told by the trailers of the answer. */
import { OCTET_STREAM } from '../../protocol/index.ts';
import type { Encoding } from './encoding.ts';

export const rawEncoding: Encoding = {
  name: 'raw',
  mediaType: OCTET_STREAM,
  maxRunBytes: Number.POSITIVE_INFINITY,
  maxHeadBytes: 0,
  writeHead: () => 0,
  tail: Buffer.alloc(0),
  body: undefined,
  control: undefined,
  payload: { data: 'binary', control: 'text' },
};
