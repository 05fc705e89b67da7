/** Headers and trailers of this protocol, beside those that HTTP defines. */

/** Names as they are sent. HTTP takes them in any case. */
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

/** The same names as Node gives those of a request: in lower case. */
export const REQUEST_HEADERS = {
  requestId: 'x-request-id',
  producerId: 'producer-id',
  producerEpoch: 'producer-epoch',
  producerSeq: 'producer-seq',
} as const satisfies { [Name in keyof typeof HEADERS]?: Lowercase<(typeof HEADERS)[Name]> };

/** Headers that others have defined, and HTTP has not. */
export const COMMON_HEADERS = {
  contentTypeOptions: 'X-Content-Type-Options',
  accelBuffering: 'X-Accel-Buffering',
} as const;

/** Where a header may stand, and what it says. */
export interface HeaderUse {
  readonly in: readonly ('request' | 'answer' | 'trailer')[];
  readonly meaning: string;
}

/** Every header with its use: CORS and the documentation are made from it. */
export const HEADER_USES: Readonly<Record<HeaderName, HeaderUse>> = {
  'X-Request-Id': {
    in: ['request', 'answer'],
    meaning: 'What the client calls its request, up to 128 characters. Errors have one in any case.',
  },
  'X-Bytes-Read': { in: ['answer'], meaning: 'Of a read through a handle: the length of the body in bytes.' },
  'X-EOF': { in: ['answer'], meaning: 'Of a read through a handle: `true` at the end, `false` after a timeout.' },
  'X-Stream-Offset': { in: ['answer'], meaning: 'The offset of the first byte to come.' },
  'X-Stream-End-Offset': {
    in: ['answer', 'trailer'],
    meaning: 'After a write, the end offset of the stream. As a trailer, the cursor of the reader at the end.',
  },
  'X-Stream-Generation': { in: ['answer'], meaning: 'The generation of the stream.' },
  'X-Stream-Header': {
    in: ['answer'],
    meaning: 'Bytes of the header of a media format that come before those of the stream.',
  },
  'X-Stream-Skipped': { in: ['answer', 'trailer'], meaning: 'Bytes lost in gaps.' },
  'X-Stream-End': { in: ['answer', 'trailer'], meaning: 'Why the read ended.' },
  'X-Stream-End-Status': {
    in: ['answer', 'trailer'],
    meaning: 'What the writer said of how it ended, such as `exit 3`; only where it said something.',
  },
  'X-Stream-Durable': {
    in: ['answer'],
    meaning:
      'After a write to a stream that is kept on disk, what has been acknowledged: `none`, it is in memory; `written`, the operating system has it; `synced`, it is on the disk.',
  },
  'Producer-Id': { in: ['request'], meaning: 'The name of an exactly-once writer.' },
  'Producer-Epoch': { in: ['request', 'answer'], meaning: 'The number of the writer’s session, from 0.' },
  'Producer-Seq': { in: ['request', 'answer'], meaning: 'The number of the append in its epoch, from 0.' },
  'Producer-Expected-Seq': { in: ['answer'], meaning: 'After a gap in the numbers: the one that was due.' },
  'Producer-Received-Seq': { in: ['answer'], meaning: 'After a gap in the numbers: the one that came.' },
};

/** Trailers of a live read over HTTP/1.1. */
export const READ_TRAILERS = {
  end: HEADERS.streamEnd,
  endOffset: HEADERS.streamEndOffset,
  skipped: HEADERS.streamSkipped,
  endStatus: HEADERS.streamEndStatus,
} as const;

/** The headers that may stand in requests, or in answers (trailers included). */
export function headersIn(place: 'request' | 'answer'): readonly HeaderName[] {
  return Object.values(HEADERS).filter((name) => HEADER_USES[name].in.includes(place));
}
