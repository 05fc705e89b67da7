/** Reads certificate and key, and checks them before use: no client could connect to a server with the wrong ones. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { TlsConfig } from '../config/index.ts';
import { readUserFile } from '../config/user-file.ts';
import { createError, isStreamFSError, shownName } from '../errors/index.ts';
import type { PluginLogger } from '../fs/index.ts';
import { checkTls, type TlsOptions } from '../server/index.ts';

/** @throws CONFIG_INVALID with the setting, the file and what is wrong with it */
export async function loadTls(files: TlsConfig): Promise<TlsOptions> {
  const certificate = await text('certificate', files);
  const key = await text('key', files);
  const parsed = parse('certificate', files, () => certificateOf(certificate));
  const privateKey = parse('key', files, () => keyOf(key, files.key));
  if (!parsed.checkPrivateKey(privateKey)) {
    throw problem('key', files, `it is not the key of the first certificate in ${files.certificate}`);
  }
  const options = { certificate, key };
  // OpenSSL has further rules, such as a minimum key length.
  parse('certificate', files, () => checkTls(options));
  return options;
}

/** Identifies the certificate in the log. */
export function factsOf(tls: TlsOptions | undefined): Record<string, string> {
  return tls === undefined ? {} : { certificate: new X509Certificate(tls.certificate).fingerprint256 };
}

/** Warns of a validity period for which the server accepts the certificate, but clients will reject it. */
export function warnOfValidity({ certificate }: TlsOptions, logger: PluginLogger): void {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const now = Date.now();
  if (Date.parse(validTo) < now) logger.warn('the certificate has expired: clients will refuse it', { validTo });
  if (Date.parse(validFrom) > now)
    logger.warn('the certificate is not valid yet: clients will refuse it', { validFrom });
}

type Setting = 'certificate' | 'key';

async function text(setting: Setting, files: TlsConfig): Promise<string> {
  try {
    return (await readUserFile(files[setting])).toString();
  } catch (error) {
    throw problem(setting, files, (error as Error).message);
  }
}

function certificateOf(pem: string): X509Certificate {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw createError('CONFIG_INVALID', {
      reason: 'expected a certificate in PEM, which begins with -----BEGIN CERTIFICATE-----',
    });
  }
  return new X509Certificate(pem);
}

function keyOf(pem: string, file: string) {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw createError('CONFIG_INVALID', {
      reason: 'expected a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----',
    });
  }
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(pem)) {
    throw createError('CONFIG_INVALID', {
      reason: `it is encrypted, and a server cannot ask for its password: decrypt it with openssl pkey -in ${file} -out NEW`,
    });
  }
  return createPrivateKey(pem);
}

function parse<T>(setting: Setting, files: TlsConfig, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { message } = error as Error;
    throw problem(setting, files, isStreamFSError(error) ? message : `it cannot be used: ${message}`);
  }
}

function problem(setting: Setting, files: TlsConfig, reason: string) {
  const [file, key] = [files[setting], `server.tls.${setting}`];
  return createError('CONFIG_INVALID', { reason: `${key}: ${shownName(file)}: ${reason}` }, { file, key });
}
