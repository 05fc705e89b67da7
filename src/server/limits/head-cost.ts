/** What a request keeps of JavaScript's heap by its head alone, until it has been answered. */
import type { IncomingMessage } from 'node:http';

/** For each header line, in bytes: two texts, their places in a list, and in an object by name. */
const BYTES_PER_HEADER_LINE = 100;
/** For each byte of it: a name is kept as it came and in small letters. */
const BYTES_PER_HEADER_BYTE = 2;

/** Bytes. */
export function headCost({ rawHeaders, url }: IncomingMessage): number {
  let length = url?.length ?? 0;
  for (const text of rawHeaders) length += text.length;
  return BYTES_PER_HEADER_LINE * (rawHeaders.length / 2) + BYTES_PER_HEADER_BYTE * length;
}
