/** The bytes of the stream, unchanged. The trailers of the response report gaps and the end. */
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
