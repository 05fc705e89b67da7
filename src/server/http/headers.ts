/**
 * Headers that answers have because of browsers. They are objects made once: what a request costs for them is what it
 * takes to send them.
 */
import { COMMON_HEADERS, OCTET_STREAM } from '../../protocol/index.ts';

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

/** Of every answer that is the content of a file (contract 68). */
export const CONTENT_HEADERS = { 'Content-Type': OCTET_STREAM, ...READ_HEADERS } as const;

export function headersFor(method: string | undefined): typeof ANSWER_HEADERS {
  return method === 'GET' || method === 'HEAD' ? READ_HEADERS : ANSWER_HEADERS;
}
