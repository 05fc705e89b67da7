import process from 'node:process';
import { isClientError, type StreamFSClient, type WriteResult } from '../../client/index.ts';
import { Child, type ChildEnd } from '../child/child.ts';
import { EndWatch } from '../child/end-watch.ts';
import type { ChildOutput } from '../child/output.ts';
import { ChildSource } from '../child/source.ts';
import { onTerminal } from '../child/terminal.ts';
import type { CommandContext } from '../context.ts';
import { ExitError, UsageError } from '../exit-codes.ts';
import { explained } from '../explain.ts';
import { printable } from '../io.ts';
import { reconnectingWrite } from '../reconnecting-write.ts';
import { type SettingOptions, settingsOf } from '../setting-options.ts';
import { Tee } from '../tee.ts';

interface Options extends SettingOptions {
  lines?: boolean | undefined;
  split?: boolean | undefined;
  tee?: boolean | undefined;
  tty?: boolean | undefined;
  replace?: boolean | undefined;
  /** Milliseconds. */
  retryFor?: number | undefined;
}

/**
 * `streamfs exec PATH -- COMMAND ARG...`: starts the command once its stream exists. If the stream fails later, the
 * command continues: it matters more than its copy.
 */
export async function exec(
  context: CommandContext,
  path: string,
  command: string,
  args: readonly string[],
  options: Options,
): Promise<number> {
  if (options.tty && options.split) {
    throw new UsageError('--tty and --split exclude each other: a terminal has one output');
  }
  if (options.lines && options.atomic === 'none') {
    throw new UsageError('--lines and --atomic none exclude each other: give only one');
  }
  if (options.tee && context.global.json) throw new UsageError('--tee and --json exclude each other: give only one');
  const what = options.tty ? onTerminal(command, args, context.io.env) : { command, args };
  const paths = options.split ? [`${path}.out`, `${path}.err`] : [path];
  const client = await context.client();
  if (options.replace) for (const each of paths) await removeEnded(client, each);
  return await new Execution(context, client, paths, options).run(what);
}

class Execution {
  readonly #context: CommandContext;
  readonly #client: StreamFSClient;
  readonly #paths: readonly string[];
  readonly #options: Options;
  readonly #watch: EndWatch;
  readonly #notStarted = new AbortController();
  #child: Child | undefined;
  readonly #sources: ChildSource[] = [];

  constructor(context: CommandContext, client: StreamFSClient, paths: readonly string[], options: Options) {
    this.#context = context;
    this.#client = client;
    this.#paths = paths;
    this.#options = options;
    this.#watch = new EndWatch(context);
  }

  async run(what: { command: string; args: readonly string[] }): Promise<number> {
    const context = this.#context;
    const options = this.#options;
    const paths = this.#paths;
    let start = (): void => undefined;
    const started = new Promise<Child>((resolve) => {
      start = () => {
        this.#child = new Child({
          ...what,
          hasInput: context.io.process !== undefined,
          isSplit: options.split === true || options.lines === true,
        });
        resolve(this.#child);
      };
    });
    const missing = new Set(paths);
    const tees = options.tee ? [new Tee(context, context.io.stdout), new Tee(context, context.io.stderr)] : [];
    const writes = paths.map((path, n) => {
      const onOpen = () => {
        if (missing.delete(path) && missing.size === 0) start();
      };
      return this.#write(path, started, n, tees, onOpen);
    });
    const streamed = Promise.allSettled(writes);
    let child: Child;
    try {
      child = await Promise.race([started, Promise.all(writes).then(() => started)]);
    } catch (error) {
      this.#notStarted.abort(error);
      await streamed;
      throw isClientError(error, 'STREAM_CLOSED') ? hasEnded(error) : error;
    }
    const release = context.io.process?.takeSignals((name) => forward(child, name));
    const end = await child.ended;
    this.#watch.send({ status: end.status });
    this.#tellEnd(child, end);
    const results = await streamed;
    await Promise.all(this.#sources.map(({ dropped }) => dropped));
    for (const tee of tees) await tee.flush();
    await this.#watch.close();
    release?.();
    context.signal.throwIfAborted();
    if (context.global.json) {
      const streams = results.flatMap((result, n) =>
        result.status === 'fulfilled' && result.value !== undefined ? [{ path: paths[n], ...result.value }] : [],
      );
      await context.printJson({ command: what.command, args: what.args, code: end.code, status: end.status, streams });
    }
    return end.code;
  }

  /** Streams the output for one path. A failure before the start is thrown; a later one is reported. */
  async #write(
    path: string,
    started: Promise<Child>,
    n: number,
    tees: readonly Tee[],
    onOpen: () => void,
  ): Promise<WriteResult | undefined> {
    const client = this.#client;
    const context = this.#context;
    const options = this.#options;
    const watch = this.#watch;
    try {
      const result = await client.write(path, this.#source(started, n, tees), {
        ...reconnectingWrite(context, path, options),
        ...(options.lines ? { atomic: 'lines' } : {}),
        settings: settingsOf(options),
        end: true,
        endStatus: () => this.#child?.end?.status,
        onOpen: ({ generation }) => {
          watch.send({ path, generation });
          onOpen();
        },
        signal: AbortSignal.any([context.signal, this.#notStarted.signal]),
      });
      watch.send({ done: path });
      return result;
    } catch (error) {
      if (this.#child === undefined) throw error;
      if (context.signal.aborted) return undefined;
      const known = await explained(error, context, path);
      const what =
        this.#child.end === undefined
          ? 'the command continues, but its output is no longer streamed'
          : 'the last output of the command may be missing';
      context.messages.error(`${path}: ${known instanceof Error ? known.message : known}; ${what}`);
      return undefined;
    }
  }

  /** The output of the command, from its start. */
  #source(started: Promise<Child>, n: number, tees: readonly Tee[]): AsyncIterable<Uint8Array> {
    const options = this.#options;
    return {
      [Symbol.asyncIterator]: () => {
        const pieces = started.then((child) => {
          const outputs = options.split ? [child.outputs[n]!] : child.outputs;
          const tee = async (output: ChildOutput, piece: Buffer) =>
            await tees[child.outputs.indexOf(output)]?.write(piece);
          const source = new ChildSource(child, outputs, { lines: options.lines === true, tee });
          this.#sources.push(source);
          return source[Symbol.asyncIterator]();
        });
        return {
          next: async () => await (await pieces).next(),
          return: async () => (await (await pieces).return?.()) ?? { done: true, value: undefined },
        };
      },
    };
  }

  #tellEnd({ outputs }: Child, { failure }: ChildEnd): void {
    const context = this.#context;
    const paths = this.#paths;
    if (failure !== undefined) context.messages.error(failure);
    if (context.chatty && outputs.some(({ isLeftOpen }) => isLeftOpen)) {
      const left = 'the command has ended, but a process it started can still print: that output is not streamed';
      context.messages.note(printable(`${paths.join(', ')}: ${left}`));
    }
  }
}

/** A terminal stop signal also stops the command, which would block anyway once its pipe is full. */
function forward(child: Child, name: NodeJS.Signals): boolean {
  if (name !== 'SIGTSTP') return child.signal(name);
  child.signal('SIGSTOP');
  process.kill(process.pid, 'SIGSTOP');
  return true;
}

async function removeEnded(client: StreamFSClient, path: string): Promise<void> {
  try {
    const { meta } = await client.stat(path);
    if (meta.Content?.state === 'ended') await client.remove(path);
  } catch (error) {
    // Without a server there is no stream either.
    if (!isClientError(error, 'STREAM_NOT_FOUND', 'UNREACHABLE')) throw error;
  }
}

function hasEnded(cause: unknown): ExitError {
  return new ExitError('refused', 'this stream has ended: --replace creates a new one in its place', { cause });
}
