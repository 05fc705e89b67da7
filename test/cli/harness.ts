/** One run of the command line inside the test: the real code, with its own streams, environment and signals. */
import { PassThrough, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { type AppOptions, startApp } from '../../src/app/index.ts';
import { InterruptedError } from '../../src/cli/exit-codes.ts';
import type { CliIo } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

/** Records everything written to it. */
class Capture extends Writable {
  readonly pieces: Buffer[] = [];
  isTTY?: boolean;

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.pieces.push(piece);
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  get text(): string {
    return this.bytes.toString();
  }
}

export interface CliRun {
  code: Promise<number>;
  stdin: PassThrough;
  stdout: Writable;
  err: Capture;
  /** Standard output so far; empty if the test passed its own. */
  out(): string;
  outBytes(): Buffer;
  interrupt(signal: 'SIGINT' | 'SIGTERM'): void;
}

export interface CliOptions {
  /** The complete standard input. Without it the test writes to `stdin` itself. */
  input?: string | Uint8Array;
  url?: string;
  env?: Record<string, string>;
  stdout?: Writable;
  errIsTerminal?: boolean;
  inIsTerminal?: boolean;
  outIsTerminal?: boolean;
  outputCheck?: CliIo['outputCheck'];
}

/** Starts the command line with `argv`; a run that is still waiting is interrupted with the test. */
export function cli(argv: string[], options: CliOptions = {}): CliRun {
  const stdin = Object.assign(new PassThrough(), options.inIsTerminal ? { isTTY: true } : {});
  const captured = new Capture();
  if (options.outIsTerminal) captured.isTTY = true;
  const stdout = options.stdout ?? captured;
  const err = new Capture();
  if (options.errIsTerminal) err.isTTY = true;
  const abort = new AbortController();
  const interrupt = (signal: 'SIGINT' | 'SIGTERM') => abort.abort(new InterruptedError(signal));
  const env = { ...(options.url === undefined ? {} : { STREAMFS_URL: options.url }), ...options.env };
  if (options.input !== undefined) stdin.end(options.input);
  const code = run(argv, {
    stdin,
    stdout,
    stderr: err,
    env,
    signal: abort.signal,
    ...(options.outputCheck === undefined ? {} : { outputCheck: options.outputCheck }),
  });
  onTestFinished(async () => {
    interrupt('SIGTERM');
    await code;
  });
  return { code, stdin, stdout, err, out: () => captured.text, outBytes: () => captured.bytes, interrupt };
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A real server with streams at /streamfs and files at /memfs, closed with the test. */
export async function realServer(
  config: AppOptions['config'] = {},
  address = '127.0.0.1:0',
): Promise<{ url: string; shutdown(): Promise<void> }> {
  const app = await startApp({ address, logger: silent, config });
  onTestFinished(() => app.shutdown());
  return { url: app.url, shutdown: () => app.shutdown() };
}
