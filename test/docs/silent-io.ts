/** An outside for the command line that says nothing and hears nothing: the tree of commands is all that is wanted. */
import { PassThrough, Writable } from 'node:stream';
import type { CliIo } from '../../src/cli/io.ts';

export function silentIo(): CliIo {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  const stdin = new PassThrough();
  stdin.end();
  return { stdin, stdout: nowhere(), stderr: nowhere(), env: {}, signal: new AbortController().signal };
}
