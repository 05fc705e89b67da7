/**
 * Ignores offers to upgrade to another protocol, as HTTP requires for unsupported ones (RFC 9110 section 7.8).
 * node:http can do that too, but drops pipelined requests that arrived in the same packet. So the request is passed to
 * node:http again, without the offer.
 */
import type { IncomingMessage } from 'node:http';

/** The head of a request without its upgrade offer, with the empty line that ends it. */
export function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() !== 'upgrade') head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}
