/**
 * A request may offer to go on in another protocol. None is spoken here, so it is answered as if it had not offered, which
 * is what HTTP asks for (RFC 9110 section 7.8). node:http can do that too, but drops what came in one packet with the
 * request, its pipelined successors: so it is given the request anew, without the offer.
 */
import type { IncomingMessage } from 'node:http';

/** The head of a request without its offer, with the empty line that ends it. */
export function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() !== 'upgrade') head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}
