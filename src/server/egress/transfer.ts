/**
 * How HTTP carries a body whose length is not known: chunked (RFC 9112 section 7.1), or for HTTP/1.0 until the
 * connection closes. Like an encoding it puts bytes around bytes, the same for all readers.
 */
export interface Transfer {
  /** The largest number of bytes `writeHead` can take. */
  readonly maxHead: number;
  /** Writes what comes before `length` bytes into `target` at `at`, and gives how many bytes that took. */
  writeHead(target: Buffer, at: number, length: number): number;
  readonly tail: Buffer;
  /** What ends the body. */
  last(trailers: Record<string, string>): Buffer;
}

const CRLF = Buffer.from('\r\n');

export const chunkedTransfer: Transfer = {
  // Eight hexadecimal digits and a line end: more than any run is long.
  maxHead: 10,
  writeHead: (target, at, length) => target.write(`${length.toString(16)}\r\n`, at, 'latin1'),
  tail: CRLF,
  last: (trailers) => {
    const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.from(`0\r\n${lines.join('')}\r\n`, 'latin1');
  },
};

/** HTTP/1.0: the bytes as they are; the end is the end of the connection. */
export const closeTransfer: Transfer = {
  maxHead: 0,
  writeHead: () => 0,
  tail: Buffer.alloc(0),
  last: () => Buffer.alloc(0),
};
