/** Certificates for tests, made with openssl: an authority, and its certificates for 127.0.0.1 and localhost. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';

export interface Certificate {
  /** Files, and their contents. */
  certificateFile: string;
  keyFile: string;
  certificate: string;
  key: string;
}

export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'streamfs-tls-'));
  readonly caFile = join(this.folder, 'ca.pem');
  readonly ca: string;
  #issued = 0;

  constructor() {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      this.#file('ca.key'),
    ];
    this.#openssl('req', '-x509', ...key, '-out', this.caFile, '-days', '2', '-subj', '/CN=Test authority');
    this.ca = readFileSync(this.caFile, 'utf8');
  }

  /** A certificate for this machine, with a separate key. */
  issue(names = 'IP:127.0.0.1,DNS:localhost', days = 2): Certificate {
    const name = `server-${++this.#issued}`;
    const [keyFile, request, certificateFile] = [`${name}.key`, `${name}.csr`, `${name}.pem`].map((file) =>
      this.#file(file),
    ) as [string, string, string];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
    this.#openssl('req', '-new', ...key, '-out', request, '-subj', `/CN=${name}`);
    writeFileSync(this.#file('extensions'), `subjectAltName=${names}\n`);
    const by = ['-CA', this.caFile, '-CAkey', this.#file('ca.key'), '-CAcreateserial'];
    const what = ['-in', request, '-out', certificateFile, '-extfile', this.#file('extensions')];
    this.#openssl('x509', '-req', ...what, ...by, '-days', String(days));
    const [certificate, text] = [readFileSync(certificateFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    return { certificateFile, keyFile, certificate, key: text };
  }

  /** The fingerprint of the certificate that a local server shows now, which must be one of this authority's. */
  async fingerprintAt(port: number): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1', ca: this.ca });
    await once(socket, 'secureConnect');
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  }

  /** The key of a certificate, encrypted. */
  encrypted({ keyFile }: Certificate): string {
    this.#openssl('pkey', '-in', keyFile, '-aes256', '-passout', 'pass:secret', '-out', `${keyFile}.encrypted`);
    return `${keyFile}.encrypted`;
  }

  /** Writes a file next to the others. */
  write(name: string, text: string): string {
    writeFileSync(this.#file(name), text);
    return this.#file(name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
