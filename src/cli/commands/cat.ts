import {
  type FollowOptions,
  isClientError,
  type LagPolicy,
  type StreamFSClient,
  type StreamFSClientError,
} from '../../client/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT, ExitError, UsageError } from '../exit-codes.ts';
import { FollowReport } from '../following.ts';
import { isTerminal } from '../is-terminal.ts';
import { Progress } from '../progress.ts';
import { DEFAULT_RETRY_FOR_MS } from '../retry.ts';

interface Options {
  stream?: boolean | undefined;
  snapshot?: boolean | undefined;
  from?: 'earliest' | 'live' | undefined;
  /** Fail unless the read begins at byte 0. */
  fromStart?: boolean | undefined;
  offset?: number | undefined;
  last?: number | undefined;
  lastLines?: number | undefined;
  join?: FollowOptions['join'];
  onLag?: LagPolicy | undefined;
  create: boolean;
  reconnect: boolean;
  timeout?: number | undefined;
  /** Milliseconds. */
  retryFor?: number | undefined;
}

/** `streamfs cat [--stream] PATH`: bytes to standard output, and nothing else. */
export async function cat(context: CommandContext, path: string, options: Options): Promise<number> {
  if (!options.reconnect && options.retryFor !== undefined) {
    throw new UsageError('--no-reconnect and --retry-for exclude each other: give only one');
  }
  const request = followOptions(options);
  const client = await context.client();
  const showProgress = context.chatty && context.messages.terminal && !isTerminal(context.io.stdout);
  const progress = new Progress(context.messages, showProgress);
  try {
    return await context.whileRead((signal) =>
      options.stream
        ? followTo(context, client, path, { ...request, signal }, progress, options.fromStart)
        : readTo(
            context,
            options.snapshot ? snapshotOf(client, path, options, signal) : client.download(path, { signal }),
            signal,
            progress,
          ),
    );
  } catch (error) {
    throw options.fromStart && isClientError(error, 'OFFSET_GONE') ? startNotRetained(error) : error;
  } finally {
    progress.stop();
  }
}

function startNotRetained(cause: StreamFSClientError): ExitError {
  const { earliest } = cause.details;
  const text = `its first ${earliest} bytes are no longer retained: begin with --offset ${earliest}, or without --from-start`;
  return new ExitError('refused', text, { cause });
}

/** The request of `cat --stream`. Without `--stream` most options are an error rather than being ignored. */
function followOptions(options: Options): FollowOptions {
  const { from, fromStart, last, lastLines } = options;
  const offset = fromStart ? 0 : options.offset;
  const starts = {
    '--from': from,
    '--from-start': fromStart,
    '--offset': options.offset,
    '--last': last,
    '--last-lines': lastLines,
  };
  const given = Object.entries(starts).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other: give only one`);
  const others = {
    '--join': options.join,
    '--on-lag': options.onLag,
    '--no-create': !options.create,
    '--no-reconnect': !options.reconnect,
    '--timeout': options.timeout,
    '--retry-for': options.retryFor,
  };
  const meaningless = [
    ...given,
    ...Object.entries(others).flatMap(([name, value]) => (value === undefined || value === false ? [] : [name])),
  ];
  if (options.stream && options.snapshot) {
    throw new UsageError('--stream and --snapshot exclude each other: give only one');
  }
  const meant = options.snapshot ? ['--from-start', '--offset', '--last', '--last-lines'] : [];
  const needsStream = options.stream ? undefined : meaningless.find((name) => !meant.includes(name));
  if (needsStream !== undefined) throw new UsageError(`${needsStream} needs --stream`);
  return {
    from,
    offset,
    last,
    lastLines,
    // An explicit offset is a position to resume at, so it is exact to the byte.
    join: options.join ?? (offset === undefined ? 'boundary' : 'any'),
    onLag: options.onLag,
    timeout: options.timeout,
    ...(options.create ? {} : { create: false }),
    ...(options.reconnect
      ? { reconnect: true, waitForServer: options.retryFor ?? DEFAULT_RETRY_FOR_MS }
      : { reconnect: false }),
    retryFor: options.retryFor,
  };
}

/** The retained bytes of the stream. */
async function* snapshotOf(client: StreamFSClient, path: string, options: Options, signal: AbortSignal) {
  const { last, lastLines } = options;
  const offset = options.fromStart ? 0 : options.offset;
  const { pieces } = await client.openSnapshot(path, { last, lastLines, offset, signal });
  yield* pieces;
}

async function readTo(
  context: CommandContext,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  progress: Progress,
): Promise<number> {
  for await (const piece of pieces) {
    progress.add(piece.length);
    await context.output.write(piece, signal);
  }
  return EXIT.ok.code;
}

async function followTo(
  context: CommandContext,
  client: StreamFSClient,
  path: string,
  options: FollowOptions,
  progress: Progress,
  fromStart = false,
): Promise<number> {
  const report = new FollowReport(context, path, options);
  // With --from-start, missing bytes at the beginning count as lost.
  report.hasBegun = fromStart;
  for await (const record of client.follow(path, options)) {
    if (record.type === 'data') {
      report.hasBegun = true;
      progress.add(record.data.length);
      await context.output.write(record.data, context.signal);
    } else if (record.type === 'header') {
      await context.output.write(record.data, context.signal);
    } else if (record.type === 'end') {
      return report.end(record);
    } else {
      report.report(record);
    }
  }
  throw new ExitError('cut', `${path}: following stopped before the end of the stream`);
}
