/** Turns an error of node:http's parser into one that says how to correct the request. */

import { createError, limitReached, type StreamFSError } from '../../errors/index.ts';
import type { ServerLimits } from '../limits/index.ts';
import { requestTimeout } from './respond.ts';

interface ParserError extends NodeJS.ErrnoException {
  /** The bytes that were being parsed, and how many of them were valid. */
  rawPacket?: Buffer | undefined;
  bytesParsed?: number | undefined;
}

const LINES = 'every line must end in CR LF, including the first and the empty one after the headers';
const HEADER =
  'a header must be written as "Name: value", without a space before the colon, on one line, without control characters, and end in CR LF';
const LENGTH = 'Content-Length must be one whole number, and is not allowed together with Transfer-Encoding';

const REASONS: Readonly<Record<string, string>> = {
  HPE_INVALID_METHOD: 'it does not begin with a method that HTTP has',
  HPE_INVALID_CONSTANT: 'the target must be followed by " HTTP/1.1"; a space in the target is written %20',
  HPE_INVALID_VERSION: 'its first line must end in " HTTP/1.1", CR and LF',
  HPE_CR_EXPECTED: LINES,
  HPE_LF_EXPECTED: LINES,
  HPE_STRICT: LINES,
  HPE_INVALID_HEADER_TOKEN: HEADER,
  HPE_INVALID_CONTENT_LENGTH: LENGTH,
  HPE_UNEXPECTED_CONTENT_LENGTH: LENGTH,
  HPE_INVALID_TRANSFER_ENCODING: 'Transfer-Encoding must be "chunked", once, and without Content-Length',
  HPE_PAUSED_H2_UPGRADE: 'it is HTTP/2, and this server speaks HTTP/1.1',
  HPE_INVALID_EOF_STATE: 'the connection was closed in the middle of it',
  HPE_CLOSED_CONNECTION: 'it follows a request that closes the connection',
};

/** The first byte of a TLS handshake record. */
const TLS_HANDSHAKE = 0x16;

export function refusalOf(error: ParserError, { headerSize, headerTimeout }: ServerLimits): StreamFSError {
  const { code = '', rawPacket } = error;
  switch (code) {
    case 'HPE_HEADER_OVERFLOW': {
      // If the first line alone exceeds the limit, the path is too long.
      const line = rawPacket?.subarray(0, headerSize);
      const isPath = line !== undefined && line.length === headerSize && !line.includes('\n');
      return limitReached(isPath ? 'PATH_TOO_LONG' : 'HEADERS_TOO_LARGE', 'header_size', headerSize);
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout(headerTimeout);
    default:
      return createError('BAD_REQUEST', { reason: reasonOf(error) });
  }
}

function reasonOf(error: ParserError): string {
  const { code = error.message, rawPacket } = error;
  const reason = rawPacket?.[0] === TLS_HANDSHAKE ? 'it is TLS; use http:// here' : mistake(error);
  return reason === undefined ? `this is not an HTTP request (${code})` : `this is not an HTTP request: ${reason}`;
}

function mistake({ code = '', rawPacket, bytesParsed = 0 }: ParserError): string | undefined {
  const byte = rawPacket?.[bytesParsed];
  if (code !== 'HPE_INVALID_URL') return REASONS[code];
  if (byte !== undefined && byte >= 0x80) {
    return 'its target holds letters beyond ASCII; percent-encode their UTF-8, such as %C3%A4 for ä';
  }
  return 'its target must be a path, with all other characters percent-encoded, such as %20 for a space';
}
