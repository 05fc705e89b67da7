/**
 * An HTTP server whose connections speak TLS. It is node:http's server, which is handed each connection with TLS around
 * it the moment it comes. node:https would hand it over after the handshake: until then it would not be counted, not be
 * timed, and not be the same socket.
 */
import { constants } from 'node:crypto';
import { Server as HttpServer, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { SecureSocket } from './secure-socket.ts';

/** Certificate and private key, as PEM. */
export interface TlsOptions {
  /** The server's own certificate, and behind it those that lead to one that clients trust. */
  certificate: string;
  key: string;
}

/** Everything that is not TLS: see node:http. */
export class SecureHttpServer extends HttpServer {
  #context: SecureContext;
  readonly #plainAnswer: () => string;

  /**
   * @param plainAnswer see {@link SecureSocket}
   * @throws where OpenSSL does not take the certificate or the key
   */
  constructor(options: ServerOptions, tls: TlsOptions, plainAnswer: () => string) {
    super(options);
    this.#plainAnswer = plainAnswer;
    this.#context = secureContextOf(tls);
  }

  /** New connections get this certificate; those that are there go on. @throws as the constructor does */
  replace(tls: TlsOptions): void {
    this.#context = secureContextOf(tls);
  }

  override emit(event: string, ...args: unknown[]): boolean {
    return super.emit(event, ...(event === 'connection' ? [this.#secured(args[0] as Socket)] : args));
  }

  #secured(wire: Socket): SecureSocket {
    const socket = new SecureSocket(wire, this.#context, this.#plainAnswer);
    const onFailed = (error: Error) => this.emit('tlsClientError', error, socket);
    socket.once('error', onFailed);
    socket.once('secure', () => socket.off('error', onFailed));
    return socket;
  }
}

/** Renegotiation is off: it lets a peer cause handshakes at no cost of its own, and TLS 1.3 has none. */
const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE;

/** @throws what OpenSSL has against them */
export function checkTls(tls: TlsOptions): void {
  secureContextOf(tls);
}

function secureContextOf({ certificate, key }: TlsOptions): SecureContext {
  return createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2', secureOptions: SECURE_OPTIONS });
}
