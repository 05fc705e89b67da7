/**
 * The certificates that the command line trusts, and its message for an untrusted one. The message says what to do,
 * unlike OpenSSL's "self-signed certificate in certificate chain".
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { shownName } from '../errors/index.ts';
import { UsageError } from './exit-codes.ts';

/** The certificates in a PEM file, which the option or variable `from` named. Only these are trusted. @throws UsageError */
export async function readCaFile(file: string, from: string, signal?: AbortSignal): Promise<string> {
  const [{ X509Certificate }, { readUserFile }] = await Promise.all([
    import('node:crypto'),
    import('../config/user-file.ts'),
  ]);
  const name = shownName(file);
  const bytes = await readUserFile(file, { signal }).catch((error: Error) => {
    throw new UsageError(`${from}: cannot read ${name}: ${error.message}`);
  });
  const text = bytes.toString();
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) {
    throw new UsageError(
      `${from}: ${name} has no certificate: expected PEM, which begins with -----BEGIN CERTIFICATE-----`,
    );
  }
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw new UsageError(`${from}: ${name} has a certificate that cannot be read: ${(error as Error).message}`);
    }
  }
  return text;
}

const NOT_TRUSTED =
  'its certificate is not signed by a trusted authority: set --ca-file or STREAMFS_CA_FILE to a file with the certificate of that authority';

const MESSAGES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  CERT_SIGNATURE_FAILURE: NOT_TRUSTED,
  CERT_HAS_EXPIRED: 'its certificate has expired: the server needs a new one',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is the clock of this machine correct?',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: use http:// instead of https://',
};

/** The error of a connection, with a text that gives advice if it is about TLS, and a matching code. */
export function explained(error: Error, socket: Socket | null): Error {
  const { code: given = '' } = error as NodeJS.ErrnoException;
  // The peer did not answer the TLS handshake with TLS. Later the same code means that the connection failed.
  const isNoHandshake =
    given === 'EPROTO' && (socket as TLSSocket & { secureConnecting?: boolean | undefined })?.secureConnecting;
  const code = isNoHandshake ? 'ERR_SSL_WRONG_VERSION_NUMBER' : given;
  const text = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? wrongName(error) : MESSAGES[code];
  return text === undefined ? error : Object.assign(new Error(text), { code });
}

function wrongName(error: Error): string {
  const { host = 'this name', cert } = error as Error & {
    host?: string | undefined;
    cert?: { subjectaltname?: string | undefined } | undefined;
  };
  return `its certificate is not for ${host}, but for ${cert?.subjectaltname ?? 'nothing'}: use one of those names in the URL`;
}
