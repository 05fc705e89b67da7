/** Response headers that protect browsers. They are constant objects, so that they cost nothing per request. */
import { COMMON_HEADERS, isMediaContentType, listedContentType, OCTET_STREAM } from '../../protocol/index.ts';

/** For every response: browsers must not guess another type than the Content-Type. */
export const RESPONSE_HEADERS = { [COMMON_HEADERS.contentTypeOptions]: 'nosniff' } as const;

/**
 * For responses to GET and HEAD, which a browser must neither cache, interpret nor embed. Responses to other methods
 * cannot be embedded and are not cached, so they do without these headers, which would be longer than a short write.
 */
export const READ_HEADERS = {
  ...RESPONSE_HEADERS,
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const;

/** The same for sound, video and images: a browser that navigates to one plays or shows it, and runs no scripts. */
const MEDIA_HEADERS = {
  ...READ_HEADERS,
  'Content-Security-Policy': "default-src 'none'; img-src 'self'; media-src 'self'; frame-ancestors 'none'",
} as const;

/** The content type that the bytes of a stream are sent with: its own if it is listed (contract 99). */
export function sentContentType(type: string): string {
  return listedContentType(type) ?? OCTET_STREAM;
}

/** Headers of a response with a listed content type. */
export function readHeadersFor(type: string): typeof READ_HEADERS | typeof MEDIA_HEADERS {
  return isMediaContentType(type) ? MEDIA_HEADERS : READ_HEADERS;
}

/** For every response with the content of a file (contract 68). */
export const CONTENT_HEADERS = { 'Content-Type': OCTET_STREAM, ...READ_HEADERS } as const;

export function headersFor(method: string | undefined): typeof RESPONSE_HEADERS {
  return method === 'GET' || method === 'HEAD' ? READ_HEADERS : RESPONSE_HEADERS;
}
