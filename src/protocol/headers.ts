/** Headers and trailers of this protocol, in addition to those that HTTP defines. */

/** Names as they are sent. In HTTP they are case-insensitive. */
export const HEADERS = {
  requestId: 'X-Request-Id',
  bytesRead: 'X-Bytes-Read',
  eof: 'X-EOF',
  streamOffset: 'X-Stream-Offset',
  streamEndOffset: 'X-Stream-End-Offset',
  streamGeneration: 'X-Stream-Generation',
  streamHeader: 'X-Stream-Header',
  streamSkipped: 'X-Stream-Skipped',
  streamEnd: 'X-Stream-End',
  streamEndStatus: 'X-Stream-End-Status',
  streamDurable: 'X-Stream-Durable',
  producerId: 'Producer-Id',
  producerEpoch: 'Producer-Epoch',
  producerSeq: 'Producer-Seq',
  producerExpectedSeq: 'Producer-Expected-Seq',
  producerReceivedSeq: 'Producer-Received-Seq',
} as const;

export type HeaderName = (typeof HEADERS)[keyof typeof HEADERS];

/** The names of request headers as Node reports them: in lower case. */
export const REQUEST_HEADERS = {
  requestId: 'x-request-id',
  producerId: 'producer-id',
  producerEpoch: 'producer-epoch',
  producerSeq: 'producer-seq',
} as const satisfies { [Name in keyof typeof HEADERS]?: Lowercase<(typeof HEADERS)[Name]> };

/** Headers that are neither part of HTTP nor defined by StreamFS. */
export const COMMON_HEADERS = {
  contentTypeOptions: 'X-Content-Type-Options',
  accelBuffering: 'X-Accel-Buffering',
} as const;

/** Where a header may appear, and its meaning. */
export interface HeaderUse {
  readonly in: readonly ('request' | 'response' | 'trailer')[];
  readonly meaning: string;
}

/** Every header with its use. The CORS headers and the documentation are generated from it. */
export const HEADER_USES: Readonly<Record<HeaderName, HeaderUse>> = {
  'X-Request-Id': {
    in: ['request', 'response'],
    meaning: 'The name that the client gives to its request, up to 128 characters. Error responses always have one.',
  },
  'X-Bytes-Read': { in: ['response'], meaning: 'For a read through a handle: the length of the body in bytes.' },
  'X-EOF': { in: ['response'], meaning: 'For a read through a handle: `true` at the end, `false` after a timeout.' },
  'X-Stream-Offset': { in: ['response'], meaning: 'The offset at which the response begins.' },
  'X-Stream-End-Offset': {
    in: ['response', 'trailer'],
    meaning: 'After a write, the end offset of the stream. As a trailer, the cursor of the reader at the end.',
  },
  'X-Stream-Generation': { in: ['response'], meaning: 'The generation of the stream.' },
  'X-Stream-Header': {
    in: ['response'],
    meaning: 'The length of the media header that precedes the bytes of the stream, in bytes.',
  },
  'X-Stream-Skipped': { in: ['response', 'trailer'], meaning: 'Bytes lost in gaps.' },
  'X-Stream-End': { in: ['response', 'trailer'], meaning: 'Why the read ended.' },
  'X-Stream-End-Status': {
    in: ['response', 'trailer'],
    meaning: 'The end status given by the writer, such as `exit 3`; absent if there is none.',
  },
  'X-Stream-Durable': {
    in: ['response'],
    meaning:
      'After a write to a persisted stream, the durability of the written bytes: `none` (in memory), `written` (passed to the operating system) or `synced` (on the disk).',
  },
  'Producer-Id': { in: ['request'], meaning: 'The name of the producer.' },
  'Producer-Epoch': { in: ['request', 'response'], meaning: 'The epoch of the producer, from 0.' },
  'Producer-Seq': { in: ['request', 'response'], meaning: 'The sequence number of the append in its epoch, from 0.' },
  'Producer-Expected-Seq': { in: ['response'], meaning: 'After a gap in the sequence numbers: the expected number.' },
  'Producer-Received-Seq': { in: ['response'], meaning: 'After a gap in the sequence numbers: the received number.' },
};

/** Trailers of a live read over HTTP/1.1. */
export const READ_TRAILERS = {
  end: HEADERS.streamEnd,
  endOffset: HEADERS.streamEndOffset,
  skipped: HEADERS.streamSkipped,
  endStatus: HEADERS.streamEndStatus,
} as const;

/** The headers that may appear in requests, or in responses including their trailers. */
export function headersIn(place: 'request' | 'response'): readonly HeaderName[] {
  return Object.values(HEADERS).filter((name) => HEADER_USES[name].in.includes(place));
}
