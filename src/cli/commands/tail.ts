import type { FollowOptions, FollowRecord, StreamFSClient } from '../../client/index.ts';
import { parseInteger } from '../../units/index.ts';
import type { CommandContext } from '../context.ts';
import { EXIT, ExitError, exitCodeOf, UsageError } from '../exit-codes.ts';
import { explained } from '../explain.ts';
import { FollowReport } from '../following.ts';
import { DEFAULT_RETRY_FOR_MS } from '../retry.ts';
import { MarkedLines, type TailOutput, UnderHeadings } from '../tail-output.ts';

interface Options {
  lines?: number | undefined;
  bytes?: number | undefined;
  follow?: boolean | undefined;
  prefix?: boolean | undefined;
  timestamps?: boolean | undefined;
  color: boolean;
  create: boolean;
  reconnect: boolean;
  /** Milliseconds. */
  retryFor?: number | undefined;
}

const DEFAULT_LINES = 10;
const NEWLINE = 10;

/** `streamfs tail PATH...`: tries each path; the first failure decides the exit code. */
export async function tail(context: CommandContext, given: readonly string[], options: Options): Promise<number> {
  const { paths, lines } = countOf(given, options.lines);
  const { bytes, follow, prefix = false, timestamps = false, color } = options;
  if (bytes !== undefined && lines !== undefined) {
    throw new UsageError('--lines and --bytes exclude each other: give only one');
  }
  const onlyFollowing = {
    '--no-create': !options.create,
    '--no-reconnect': !options.reconnect,
    '--retry-for': options.retryFor !== undefined,
  };
  for (const [name, given] of Object.entries(onlyFollowing)) {
    if (given && !follow) throw new UsageError(`${name} needs --follow`);
  }
  if (!options.reconnect && options.retryFor !== undefined) {
    throw new UsageError('--no-reconnect and --retry-for exclude each other: give only one');
  }
  const client = await context.client();
  const output =
    prefix || timestamps
      ? new MarkedLines(context, paths, { prefix, timestamps, color })
      : new UnderHeadings(context, paths.length > 1 && context.chatty);
  return await context.whileRead((signal) =>
    new Tail(context, client, output, { ...options, lines }, signal).all(paths),
  );
}

/** Accepts `tail -5 PATH`: the number is parsed as the first path. */
function countOf(
  given: readonly string[],
  lines: number | undefined,
): { paths: readonly string[]; lines: number | undefined } {
  const [first = '', ...paths] = given;
  if (!/^-\d+$/.test(first) || lines !== undefined) return { paths: given, lines };
  if (paths.length === 0) throw new UsageError("missing required argument 'path'");
  const count = parseInteger(first.slice(1), 0);
  if (count === undefined) throw new UsageError(`${first} is too large: at most -${Number.MAX_SAFE_INTEGER}`);
  return { paths, lines: count };
}

class Tail {
  readonly #context: CommandContext;
  readonly #client: StreamFSClient;
  readonly #output: TailOutput;
  readonly #options: Options;
  readonly #signal: AbortSignal;

  constructor(
    context: CommandContext,
    client: StreamFSClient,
    output: TailOutput,
    options: Options,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#client = client;
    this.#output = output;
    this.#options = options;
    this.#signal = signal;
  }

  async all(paths: readonly string[]): Promise<number> {
    const isOnly = paths.length === 1;
    const codes: Promise<number>[] = [];
    for (const path of paths) {
      if (!this.#options.follow) {
        codes.push(this.#trying(path, isOnly, () => this.#print(path)));
        await codes.at(-1);
        continue;
      }
      // The existing data of each path is printed before the next path starts; then all paths are followed together.
      await new Promise<void>((resolve) => {
        const over = this.#trying(path, isOnly, () => this.#followOn(path, resolve));
        over.then(
          () => resolve(),
          () => resolve(),
        );
        codes.push(over);
      });
    }
    const all = await Promise.all(codes);
    return all.find((code) => code !== EXIT.ok.code) ?? EXIT.ok.code;
  }

  /** With several paths, the failure of one is reported and the others continue. */
  async #trying(path: string, isOnly: boolean, act: () => Promise<number>): Promise<number> {
    try {
      return await act();
    } catch (error) {
      if (isOnly || this.#signal.aborted) throw error;
      const explainedError = await explained(error, this.#context, path);
      const text = explainedError instanceof Error ? explainedError.message : String(explainedError);
      this.#context.messages.error(text.startsWith(`${path}: `) ? text : `${path}: ${text}`);
      return exitCodeOf(error);
    }
  }

  async #print(path: string): Promise<number> {
    const { bytes, lines = DEFAULT_LINES } = this.#options;
    const wanted = bytes === undefined ? { lastLines: Math.max(1, lines) } : { last: bytes };
    const { generation, pieces } = await this.#client.openSnapshot(path, { ...wanted, signal: this.#signal });
    await this.#output.begin(path);
    // Reading a file cannot start relative to its end: it is read from the beginning.
    const last = generation === undefined ? [lastOf(await readAll(pieces), this.#options)] : pieces;
    for await (const piece of last) if (bytes !== undefined || lines > 0) await this.#output.write(path, piece);
    await this.#output.end(path);
    return EXIT.ok.code;
  }

  async #followOn(path: string, caughtUp: () => void): Promise<number> {
    const context = this.#context;
    const options = this.#options;
    const output = this.#output;
    const signal = this.#signal;
    const request = followOptions(options);
    const report = new FollowReport(context, path, request);
    try {
      for await (const record of this.#client.follow(path, { ...request, signal })) {
        if (record.type === 'open' && record.generation === undefined) {
          throw new ExitError('usage', `${path}: this is not a stream: leave out --follow`);
        }
        if (record.type === 'open' && !report.hasBegun) await output.begin(path);
        if (record.type === 'caught-up') caughtUp();
        if (record.type === 'end') return report.end(record);
        if (record.type === 'data') {
          report.hasBegun = true;
          await output.write(path, record.data);
        } else report.report(record as Exclude<FollowRecord, { type: 'data' | 'end' }>);
      }
    } finally {
      await output.end(path);
    }
    throw new ExitError('cut', `${path}: following stopped before the end of the stream`);
  }
}

function followOptions({ bytes, lines = DEFAULT_LINES, create, reconnect, retryFor }: Options): FollowOptions {
  const start: FollowOptions =
    bytes !== undefined ? { last: bytes } : lines === 0 ? { from: 'live' } : { lastLines: lines };
  return {
    ...start,
    ...(create ? {} : { create: false }),
    ...(reconnect ? { reconnect: true, waitForServer: retryFor ?? DEFAULT_RETRY_FOR_MS } : { reconnect: false }),
    retryFor,
  };
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** The last lines, not counting an empty one at the end, or the last bytes. */
function lastOf(data: Buffer, { bytes, lines = DEFAULT_LINES }: Options): Buffer {
  if (bytes !== undefined) return data.subarray(Math.max(0, data.length - bytes));
  let from = data.at(-1) === NEWLINE ? data.length - 1 : data.length;
  for (let n = 0; n < lines && from >= 0; n++) from = from === 0 ? -1 : data.lastIndexOf(NEWLINE, from - 1);
  return data.subarray(from + 1);
}
