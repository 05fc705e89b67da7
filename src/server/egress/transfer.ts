/**
 * How a transport carries a body of unknown length: HTTP/1.1 in chunks (RFC 9112 section 7.1), HTTP/1.0 until the
 * connection closes. Like an encoding it adds framing bytes, the same for all readers.
 */
import { READ_TRAILERS } from '../../protocol/index.ts';
import type { PayloadKind, ReadSummary } from '../encoding/index.ts';

export interface Transfer {
  /** The kind of its reads in the list of readers. Undefined: the name of the encoding. */
  readonly kind: string | undefined;
  /** The longest run that it carries at once, in bytes. Infinity: no limit. */
  readonly maxRunBytes: number;
  /** Maximum number of bytes that `writeHead` writes. */
  readonly maxHeadBytes: number;
  /**
   * Writes the bytes that precede `length` bytes.
   *
   * @param payload the kind of those bytes, for transports that distinguish text from binary
   * @returns how many bytes were written to `target` from `at` on
   */
  writeHead(target: Buffer, at: number, length: number, payload: PayloadKind): number;
  readonly tail: Buffer;
  /** The bytes that end the body. */
  last(end: ReadSummary): Buffer;
  /** Whether the connection ends after the body. Otherwise the socket's owner ends it, once the read is over. */
  readonly endsConnection: boolean;
}

const EMPTY = Buffer.alloc(0);
const CRLF = Buffer.from('\r\n');

export const chunkedTransfer: Transfer = {
  kind: undefined,
  maxRunBytes: Number.POSITIVE_INFINITY,
  // Eight hexadecimal digits and a line end: enough for any run.
  maxHeadBytes: 10,
  writeHead: (target, at, length) => target.write(`${length.toString(16)}\r\n`, at, 'latin1'),
  tail: CRLF,
  last: ({ reason, status, offset, skippedBytes }) =>
    Buffer.from(
      `0\r\n${READ_TRAILERS.end}: ${reason}\r\n${READ_TRAILERS.endOffset}: ${offset}\r\n` +
        `${READ_TRAILERS.skipped}: ${skippedBytes}\r\n` +
        `${status === undefined ? '' : `${READ_TRAILERS.endStatus}: ${status}\r\n`}\r\n`,
      'latin1',
    ),
  endsConnection: true,
};

/** HTTP/1.0: the bytes unchanged; the connection closes at the end. */
export const closeTransfer: Transfer = {
  kind: undefined,
  maxRunBytes: Number.POSITIVE_INFINITY,
  maxHeadBytes: 0,
  writeHead: () => 0,
  tail: EMPTY,
  last: () => EMPTY,
  endsConnection: true,
};
