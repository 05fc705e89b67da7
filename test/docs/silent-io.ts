/** Input and output for the command line that discard everything: only the command tree is needed. */
import { PassThrough, Writable } from 'node:stream';
import type { CliIo } from '../../src/cli/io.ts';

export function silentIo(): CliIo {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  const stdin = new PassThrough();
  stdin.end();
  return { stdin, stdout: nowhere(), stderr: nowhere(), env: {}, signal: new AbortController().signal };
}
