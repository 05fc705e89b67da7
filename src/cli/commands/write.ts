import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { StreamSettings, WriteOptions } from '../../client/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { printable } from '../io.ts';
import { isTerminal } from '../is-terminal.ts';
import { Progress } from '../progress.ts';
import { afterReadersJoin } from '../reader-wait.ts';
import { reconnectingWrite } from '../reconnecting-write.ts';
import { type SettingOptions, settingsOf } from '../setting-options.ts';
import { Tee, teed } from '../tee.ts';

interface Options extends SettingOptions {
  stream?: boolean | undefined;
  /** Whether readers get every byte: the writer waits for them. */
  lossless?: boolean | undefined;
  /** The number of readers to wait for before the first byte. */
  readers?: number | undefined;
  end?: boolean | undefined;
  create: boolean;
  retry: boolean;
  recreate: boolean;
  tee?: boolean | undefined;
  /** Milliseconds. */
  retryFor?: number | undefined;
}

/** The largest piece sent at once, in bytes (contract 85). */
const CHUNK_BYTES = 64 * 1024;

/**
 * `streamfs write [--stream] PATH`: sends standard input as it arrives, as fast as the server accepts it. With `--json`
 * the result goes to standard output, and nothing else does.
 */
export async function write(context: CommandContext, path: string, options: Options): Promise<number> {
  const { lossless = false, readers } = options;
  const settings = settingsOfWrite(options);
  // Options that only streams support imply --stream.
  const isStream = options.stream || settings !== undefined || readers !== undefined;
  const only = {
    '--end': options.end,
    '--no-create': !options.create,
    '--retry-for': options.retryFor,
    '--no-recreate': !options.recreate,
  };
  if (!isStream) {
    for (const [name, given] of Object.entries(only)) if (given) throw new UsageError(`${name} needs --stream`);
  }
  if (!options.retry && options.retryFor !== undefined) {
    throw new UsageError('--no-retry and --retry-for exclude each other: give only one');
  }
  if (options.tee && context.global.json) throw new UsageError('--tee and --json exclude each other: give only one');
  const client = await context.client();
  // On a terminal the progress would be mixed with the input being typed.
  const shown =
    context.chatty &&
    context.messages.terminal &&
    !isTerminal(context.io.stdin) &&
    !(options.tee && isTerminal(context.io.stdout));
  const progress = new Progress(context.messages, shown, shown ? context.io.inputSize?.() : undefined);
  const request: WriteOptions = {
    signal: context.signal,
    onProgress: (sent) => progress.set(sent),
    // With --lossless, losing the stream with its server is a failure: its readers would miss bytes.
    ...(isStream && options.retry
      ? reconnectingWrite(context, path, { ...options, recreate: options.recreate && !lossless })
      : {}),
    ...(options.end ? { end: true } : {}),
    ...(options.create ? {} : { create: false }),
    settings,
  };
  try {
    const pieces = piecesOf(context.io.stdin);
    const input = readers === undefined ? pieces : afterReadersJoin(pieces, { context, client, path, readers });
    const tee = options.tee ? new Tee(context, context.io.stdout) : undefined;
    const result = await client.write(path, tee === undefined ? input : teed(input, tee), request);
    await tee?.flush();
    progress.stop(`${printable(path)}: wrote`);
    if (context.global.json) await context.printJson({ path, ...result });
    return tee?.isIncomplete ? EXIT.failed.code : EXIT.ok.code;
  } finally {
    progress.stop();
    // It may be waiting for input that is no longer needed.
    if (!isTerminal(context.io.stdin)) context.io.stdin.destroy();
  }
}

function settingsOfWrite(options: Options): StreamSettings | undefined {
  if (!options.lossless) return settingsOf(options);
  const { onLag = 'block', readerBlock } = options;
  if (onLag !== 'block') {
    throw new UsageError(
      `--lossless and --on-lag ${onLag} exclude each other: a stream that drops bytes is not lossless`,
    );
  }
  if (readerBlock === 'never') {
    throw new UsageError(
      '--lossless and --reader-block never exclude each other: writers wait for readers, or they do not',
    );
  }
  return settingsOf({ ...options, onLag });
}

/**
 * Input piece by piece. A plain iterator rather than a generator: closing it must take effect while a read is pending.
 * Otherwise a refusal while the input is idle would be reported only with the next byte.
 */
export function piecesOf(input: Readable): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const source: AsyncIterator<Buffer | string> = input[Symbol.asyncIterator]();
      let rest: Buffer | undefined;
      return {
        async next() {
          if (rest === undefined || rest.length === 0) {
            const step = await source.next();
            if (step.done === true) return { done: true, value: undefined };
            rest = typeof step.value === 'string' ? Buffer.from(step.value) : step.value;
          }
          const piece = rest.subarray(0, CHUNK_BYTES);
          rest = rest.subarray(CHUNK_BYTES);
          return { done: false, value: piece };
        },
        async return() {
          input.destroy();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
