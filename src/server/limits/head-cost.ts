/** The heap memory of a request's head, until the request has been answered. */
import type { IncomingMessage } from 'node:http';

/** Per header line, in bytes: two strings, their slots in an array, and in an object by name. */
const BYTES_PER_HEADER_LINE = 100;
/** Per byte of the head: a name is stored as received and in lower case. */
const BYTES_PER_HEADER_BYTE = 2;

/** In bytes. */
export function headCost({ rawHeaders, url }: IncomingMessage): number {
  let length = url?.length ?? 0;
  for (const text of rawHeaders) length += text.length;
  return BYTES_PER_HEADER_LINE * (rawHeaders.length / 2) + BYTES_PER_HEADER_BYTE * length;
}
