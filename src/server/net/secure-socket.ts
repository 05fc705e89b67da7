/**
 * One connection with TLS, from its first byte on: everything that counts, limits and serves connections sees only this
 * socket, before the handshake as well as after it.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/**
 * The most bytes that are encrypted ahead. OpenSSL takes all bytes at once, and keeps a second, encrypted copy until
 * the system has taken it: a peer that stops reading a long response would double its memory.
 */
const MAX_ENCRYPT_BYTES = 64 * 1024;

interface Queued {
  chunk: Uint8Array | string;
  encoding: BufferEncoding;
}

type Done = (error?: Error | null) => void;

export class SecureSocket extends TLSSocket {
  /** The underlying TCP connection, which carries the encrypted bytes. */
  readonly wire: Socket;
  /** Whether the handshake is done. */
  isSecure = false;

  readonly #plainTextResponse: () => string;

  /** @param plainTextResponse the response, in clear text, to a peer that speaks HTTP without TLS */
  constructor(wire: Socket, secureContext: SecureContext, plainTextResponse: () => string) {
    const size = { highWaterMark: wire.writableHighWaterMark };
    super(wire, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'], ...size });
    this.wire = wire;
    this.#plainTextResponse = plainTextResponse;
    this.once('secure', () => {
      this.isSecure = true;
    });
    // Node reports errors after the handshake to the server that created the socket, and this socket has none.
    this.on('_tlsError', (error: Error) => this.destroy(error));
  }

  /**
   * Delays the end of the input while the socket is paused, as without TLS: it arrives together with the last bytes,
   * which may still be in processing.
   */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || !this.isPaused()) return super.push(chunk, encoding);
    this.once('resume', () => this.push(null));
    return false;
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.isSecure || !isPlainHttp(error) || !this.wire.writable) {
      super._destroy(error, done);
      return;
    }
    // Nothing has been encrypted, so the underlying connection can carry the response in clear text.
    this.wire.write(this.#plainTextResponse(), () => super._destroy(error, done));
  }

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, done: Done): void {
    if (chunk.length <= MAX_ENCRYPT_BYTES / 4 || (typeof chunk !== 'string' && chunk.length <= MAX_ENCRYPT_BYTES)) {
      super._write(chunk, encoding, done);
    } else this.#inPieces([{ chunk, encoding }], done);
  }

  override _writev(chunks: Queued[], done: Done): void {
    let length = 0;
    // A character takes up to four bytes.
    for (const { chunk } of chunks) length += typeof chunk === 'string' ? chunk.length * 4 : chunk.length;
    if (length <= MAX_ENCRYPT_BYTES) super._writev!(chunks, done);
    else this.#inPieces(chunks, done);
  }

  /** Each piece is encrypted when the system has taken the previous one. */
  #inPieces(chunks: readonly Queued[], done: Done): void {
    const pieces = piecesOf(chunks);
    const next: Done = (error) => {
      const piece = error ? undefined : pieces.next().value;
      if (piece === undefined) done(error);
      else super._writev!(Object.assign(piece, { allBuffers: true }), next);
    };
    next();
  }
}

function* piecesOf(chunks: readonly Queued[]): Generator<{ chunk: Uint8Array; encoding: BufferEncoding }[]> {
  let piece: { chunk: Uint8Array; encoding: BufferEncoding }[] = [];
  let room = MAX_ENCRYPT_BYTES;
  for (const { chunk, encoding } of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + room);
      piece.push({ chunk: part, encoding });
      at += part.length;
      room -= part.length;
      if (room > 0) continue;
      yield piece;
      piece = [];
      room = MAX_ENCRYPT_BYTES;
    }
  }
  if (piece.length > 0) yield piece;
}

/** The errors of OpenSSL for a first message that is an HTTP request, or not TLS at all. */
function isPlainHttp(error: Error | null): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'ERR_SSL_HTTP_REQUEST' || code === 'ERR_SSL_WRONG_VERSION_NUMBER';
}

/** Whether a connection uses TLS. */
export function isEncrypted(socket: Socket): boolean {
  return socket instanceof SecureSocket;
}

/** The socket through which the bytes of a connection leave the process: below TLS, if there is TLS. */
export function wireOf(socket: Socket): Socket {
  return socket instanceof SecureSocket ? socket.wire : socket;
}
