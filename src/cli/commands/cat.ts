import type { FollowOptions, FollowRecord, LagPolicy, StreamFSClient } from '../../client/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT, ExitError, UsageError } from '../exit-codes.ts';
import { isTerminal, printable } from '../io.ts';
import { RETRY_FOR, tryingAgain } from '../patience.ts';
import { Progress } from '../progress.ts';

interface Options {
  stream?: boolean;
  from?: 'earliest' | 'live';
  offset?: number;
  last?: number;
  lastLines?: number;
  onLag?: LagPolicy;
  create: boolean;
  reconnect: boolean;
  timeout?: number;
  /** Milliseconds. */
  retryFor?: number;
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
        ? followTo(context, client, path, { ...request, signal }, progress)
        : readTo(context, client, path, signal, progress),
    );
  } finally {
    progress.stop();
  }
}

/** The request of `cat --stream`. Without `--stream` none of its options means anything, which is said, not ignored. */
function followOptions(options: Options): FollowOptions {
  const { from, offset, last, lastLines } = options;
  const starts = { '--from': from, '--offset': offset, '--last': last, '--last-lines': lastLines };
  const given = Object.entries(starts).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other: give only one`);
  const others = {
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
  if (!options.stream && meaningless.length > 0) throw new UsageError(`${meaningless[0]} needs --stream`);
  return {
    ...(from === undefined ? {} : { from }),
    ...(offset === undefined ? {} : { offset }),
    ...(last === undefined ? {} : { last }),
    ...(lastLines === undefined ? {} : { lastLines }),
    ...(options.onLag === undefined ? {} : { onLag: options.onLag }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(options.create ? {} : { create: false }),
    ...(options.reconnect ? { reconnect: true, waitForServer: options.retryFor ?? RETRY_FOR } : { reconnect: false }),
    ...(options.retryFor === undefined ? {} : { retryFor: options.retryFor }),
  };
}

async function readTo(
  context: CommandContext,
  client: StreamFSClient,
  path: string,
  signal: AbortSignal,
  progress: Progress,
): Promise<number> {
  for await (const piece of client.download(path, { signal })) {
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
): Promise<number> {
  const report = new Report(context, path, options);
  for await (const record of client.follow(path, options)) {
    if (record.type === 'data') {
      report.hasBegun = true;
      progress.add(record.data.length);
      await context.output.write(record.data, context.signal);
    } else if (record.type === 'end') {
      const code = ended(context, path, options, record);
      if (report.lost === 0) return code;
      throw new ExitError('lost', `${path}: ${report.lost} bytes were lost on the way`);
    } else {
      report.tell(record);
    }
  }
  throw new ExitError('cut', `${path}: following stopped before the end was said`);
}

type Told = Exclude<FollowRecord, { type: 'data' | 'end' }>;

/** What happens to a reader, told on standard error. A loss is told even to those who want quiet (contract 9). */
class Report {
  readonly #context: CommandContext;
  readonly #path: string;
  readonly #firstWait: number;
  /** Something of the stream was reached: a gap from now on is a loss, and not where the stream's history begins. */
  hasBegun = false;
  /** Bytes lost on the way. */
  lost = 0;
  #away = false;
  #wasThere = false;

  constructor(context: CommandContext, path: string, { waitForServer }: FollowOptions) {
    this.#context = context;
    this.#path = printable(path);
    this.#firstWait = Number(waitForServer);
  }

  tell(record: Told): void {
    const { messages } = this.#context;
    switch (record.type) {
      case 'gap':
        if (!this.hasBegun) {
          const gone = `the ${record.to - record.from} bytes before it are no longer retained`;
          messages.warn(`${this.#path}: begins at offset ${record.to}: ${gone}`);
          this.hasBegun = true;
          break;
        }
        this.lost += record.to - record.from;
        messages.warn(
          `${this.#path}: lost ${record.to - record.from} bytes, offsets ${record.from} to ${record.to - 1}` +
            // 0: the ring does not know any more.
            `${record.chunks > 0 ? `, of ${record.chunks} chunks` : ''}: they are no longer held for this reader`,
        );
        break;
      case 'recreated':
        this.hasBegun = true;
        messages.warn(
          `${this.#path}: this is a new stream, generation ${record.generation} after ${record.previous}, ` +
            `of which ${record.lastOffset} bytes had been reached`,
        );
        break;
      case 'reconnecting':
        if (!this.#away) this.#note(this.#awayBecause(record.error.message));
        this.#away = true;
        break;
      case 'open':
        if (this.#away) this.#note(record.offset === undefined ? 'reconnected' : `goes on at offset ${record.offset}`);
        this.#away = false;
        this.#wasThere = true;
        break;
      case 'caught-up':
        this.hasBegun = true;
        break;
    }
  }

  #awayBecause(why: string): string {
    return this.#wasThere ? `${why}; reconnecting` : tryingAgain(why, this.#firstWait);
  }

  #note(text: string): void {
    if (this.#context.chatty) this.#context.messages.note(`${this.#path}: ${text}`);
  }
}

function ended(
  context: CommandContext,
  path: string,
  options: FollowOptions,
  record: Extract<FollowRecord, { type: 'end' }>,
): number {
  switch (record.reason) {
    case 'ended':
      if (context.chatty && (context.messages.terminal || record.status !== undefined)) {
        const status = record.status === undefined ? '' : `: ${record.status}`;
        context.messages.note(printable(`${path}: ended at offset ${record.offset}${status}`));
      }
      return EXIT.ok.code;
    case 'removed':
    case 'expired':
      if (context.chatty) context.messages.note(`${printable(path)}: ${record.reason} at offset ${record.offset}`);
      return EXIT.ok.code;
    case 'timeout':
      if (options.timeout === 0) return EXIT.ok.code;
      throw new ExitError('timeout', `${path}: nothing came for ${options.timeout} ms, at offset ${record.offset}`);
    case 'shutdown':
      throw new ExitError('cut', `${path}: the server shut down at offset ${record.offset}`);
  }
}
