/**
 * One connection inside TLS, from its first byte on: all that counts, bounds and answers connections sees this socket
 * and no other, before the handshake as well as after it.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/**
 * The most that is encrypted ahead, in bytes. OpenSSL takes all it is given at once and keeps a second, encrypted copy
 * of it until the system has it: a peer that has stopped reading a long answer would double its memory.
 */
const MAX_ENCRYPT_BYTES = 64 * 1024;

interface Queued {
  chunk: Uint8Array | string;
  encoding: BufferEncoding;
}

type Done = (error?: Error | null) => void;

export class SecureSocket extends TLSSocket {
  /** The connection below: what it has sent is encrypted. */
  readonly wire: Socket;
  /** Whether the handshake is done. */
  isSecure = false;

  readonly #plainAnswer: () => string;

  /** @param plainAnswer the answer, in clear text, to a peer that speaks HTTP without TLS */
  constructor(wire: Socket, secureContext: SecureContext, plainAnswer: () => string) {
    const size = { highWaterMark: wire.writableHighWaterMark };
    super(wire, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'], ...size });
    this.wire = wire;
    this.#plainAnswer = plainAnswer;
    this.once('secure', () => {
      this.isSecure = true;
    });
    // Errors after the handshake go to the server that made a socket, and this socket has none.
    this.on('_tlsError', (error: Error) => this.destroy(error));
  }

  /**
   * The end of what is read waits while the socket is paused, as it does without TLS: it comes with the last bytes, of which
   * some may still be looked at.
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
    // Nothing has been encrypted yet, and nothing will be: the connection below takes the answer as it is.
    this.wire.write(this.#plainAnswer(), () => super._destroy(error, done));
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

  /** The next piece is encrypted when the system has the one before. */
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

/** What OpenSSL says of a first message that is a request, or no message of TLS at all. */
function isPlainHttp(error: Error | null): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === 'ERR_SSL_HTTP_REQUEST' || code === 'ERR_SSL_WRONG_VERSION_NUMBER';
}

/** Whether there is TLS around a connection. */
export function isEncrypted(socket: Socket): boolean {
  return socket instanceof SecureSocket;
}

/** Where the bytes of a connection leave this program: below TLS, where there is TLS. */
export function wireOf(socket: Socket): Socket {
  return socket instanceof SecureSocket ? socket.wire : socket;
}
