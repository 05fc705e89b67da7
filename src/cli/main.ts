#!/usr/bin/env node
/** The executable: connects one run of the command line to this process, its streams and its signals. */
import { fstatSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { Readable } from 'node:stream';
import { EXIT } from './exit-codes.ts';
import { outputCheck } from './output-check.ts';
import { run } from './run.ts';
import { Signals } from './signals.ts';

const signals = new Signals();

// A write reports that the output has gone; here the error must only not be unhandled.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

const code = await run(process.argv.slice(2), {
  // Opening standard input has side effects, so only a command that reads it opens it.
  get stdin() {
    // Node reads a directory as an empty input, which would truncate the written file.
    if (fstatSync(0).isDirectory()) return Readable.from(refuseDirectory());
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  inputSize,
  outputCheck: () => outputCheck(1, process.stdout),
  env: process.env,
  signal: signals.signal,
  process: {
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    takeSignals: (handler) => signals.take(handler),
  },
});

// Node aborts if it exits after its terminal has gone, so the process ends itself with the terminal's SIGHUP.
if (code === EXIT.brokenPipe.code && process.stdout.isTTY) process.kill(process.pid, 'SIGHUP');

process.exitCode = code;
if (!signals.signal.aborted) await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// A failed command may leave a read of standard input pending.
process.exit(code);

/** The remaining bytes of a file; undefined for everything else. */
function inputSize(): number | undefined {
  const facts = fstatSync(0);
  if (!facts.isFile()) return undefined;
  let position = 0;
  try {
    // Another program may have read part of it. Only Linux reports the position.
    position = Number(/^pos:\s*(\d+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? 0);
  } catch {}
  return Math.max(0, facts.size - position);
}

async function* refuseDirectory(): AsyncGenerator<Uint8Array> {
  yield* [];
  throw new Error('standard input is a directory');
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.errored) {
      resolve();
      return;
    }
    stream.once('error', () => resolve());
    stream.once('close', () => resolve());
    stream.write('', () => resolve());
  });
}
