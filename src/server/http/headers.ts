/**
 * Headers that answers have because of browsers. They are objects made once: what a request costs for them is what it
 * takes to send them.
 */
import { COMMON_HEADERS, isMediaContentType, listedContentType, OCTET_STREAM } from '../../protocol/index.ts';

/** Of every answer: bytes are what the Content-Type says, and nothing that a browser would rather see in them. */
export const ANSWER_HEADERS = { [COMMON_HEADERS.contentTypeOptions]: 'nosniff' } as const;

/**
 * Of answers to GET and HEAD, which a browser may keep, show and embed: it is to do none of that. Answers to other
 * methods cannot be embedded, and are not kept; a write of a few bytes is not to be answered with many.
 */
export const READ_HEADERS = {
  ...ANSWER_HEADERS,
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const;

/** The same where the answer is sound, video or an image: a browser that is sent to it plays or shows it, and runs nothing. */
const MEDIA_HEADERS = {
  ...READ_HEADERS,
  'Content-Security-Policy': "default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'",
} as const;

/** The type that the bytes of a stream are sent with: its own if it is listed (contract 99). */
export function sentContentType(type: string): string {
  return listedContentType(type) ?? OCTET_STREAM;
}

/** Headers of an answer with a content type of the list. */
export function readHeadersFor(type: string): typeof READ_HEADERS | typeof MEDIA_HEADERS {
  return isMediaContentType(type) ? MEDIA_HEADERS : READ_HEADERS;
}

/** Of every answer that is the content of a file (contract 68). */
export const CONTENT_HEADERS = { 'Content-Type': OCTET_STREAM, ...READ_HEADERS } as const;

export function headersFor(method: string | undefined): typeof ANSWER_HEADERS {
  return method === 'GET' || method === 'HEAD' ? READ_HEADERS : ANSWER_HEADERS;
}
