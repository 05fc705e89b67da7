/**
 * An HTTP server whose connections use TLS. It is node:http's server, which gets each connection wrapped in TLS as soon
 * as it is accepted. node:https would pass it on only after the handshake: until then it would not be counted, have no
 * timeout, and not be the same socket.
 */
import { constants } from 'node:crypto';
import { Server as HttpServer, type ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { SecureSocket } from './secure-socket.ts';

/** Certificate and private key, as PEM. */
export interface TlsOptions {
  /** The server's certificate, followed by its intermediate certificates. */
  certificate: string;
  key: string;
}

/** An HTTP server over TLS; for everything else see node:http. */
export class SecureHttpServer extends HttpServer {
  #context: SecureContext;
  readonly #plainTextResponse: () => string;

  /**
   * @param plainTextResponse see {@link SecureSocket}
   * @throws if OpenSSL rejects the certificate or the key
   */
  constructor(options: ServerOptions, tls: TlsOptions, plainTextResponse: () => string) {
    super(options);
    this.#plainTextResponse = plainTextResponse;
    this.#context = secureContextOf(tls);
  }

  /** Uses this certificate for new connections; existing ones continue. @throws as the constructor */
  replace(tls: TlsOptions): void {
    this.#context = secureContextOf(tls);
  }

  override emit(event: string, ...args: unknown[]): boolean {
    return super.emit(event, ...(event === 'connection' ? [this.#secured(args[0] as Socket)] : args));
  }

  #secured(wire: Socket): SecureSocket {
    const socket = new SecureSocket(wire, this.#context, this.#plainTextResponse);
    const onFailed = (error: Error) => this.emit('tlsClientError', error, socket);
    socket.once('error', onFailed);
    socket.once('secure', () => socket.off('error', onFailed));
    return socket;
  }
}

/** Renegotiation is off: it lets a peer cause handshakes at no cost of its own, and TLS 1.3 has none. */
const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE;

/** @throws the error of OpenSSL for an invalid certificate or key */
export function checkTls(tls: TlsOptions): void {
  secureContextOf(tls);
}

function secureContextOf({ certificate, key }: TlsOptions): SecureContext {
  return createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2', secureOptions: SECURE_OPTIONS });
}
