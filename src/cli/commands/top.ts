import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { StreamFSClient } from '../../client/index.ts';
import type { CommandContext } from '../context.ts';
import { exitCodeOf, InterruptedError } from '../exit-codes.ts';
import { explained } from '../explain.ts';
import { isTerminal } from '../is-terminal.ts';
import { type Sample, takeSample } from '../top/sample.ts';
import { Screen } from '../top/screen.ts';
import { render, SORT_NAMES, SORTS, type Sort, type View } from '../top/view.ts';

interface Options {
  /** Milliseconds. */
  interval: number;
  sort: Sort;
}

/** Milliseconds between the two samples of a rate, if only one table is printed. */
const RATE_MS = 1000;
/** Width of a table that is not on a terminal. */
const PIPE_COLUMNS = 120;

/**
 * `streamfs top [PATH]`: redraws in place on a terminal, prints one table elsewhere. There, a directory that cannot be
 * listed is reported, and the first such failure decides the exit code.
 */
export async function top(
  context: CommandContext,
  path: string | undefined,
  options: Options,
): Promise<number | undefined> {
  const client = await context.client();
  const { json } = context.global;
  if (!json && isTerminal(context.io.stdout)) {
    await new Top(context, client, path, options).run();
    return;
  }
  const first = await takeSample(client, path, undefined, context.signal);
  await pause(RATE_MS, undefined, { signal: context.signal });
  const sample = await takeSample(client, path, first, context.signal);
  const { streams, slow, readers } = sample;
  for (const failure of sample.failures) context.messages.error(await textOf(failure, context));
  const code = sample.failures.length === 0 ? undefined : exitCodeOf(sample.failures[0]);
  if (json) {
    await context.printJson({ streams, slow_readers: slow, readers });
    return code;
  }
  const view: View = { url: client.url, sort: options.sort, isReversed: false, scroll: 0 };
  const { lines } = render(sample, view, { width: PIPE_COLUMNS, height: Number.POSITIVE_INFINITY });
  // Without the line of keys, which have no effect here.
  for (const line of lines.filter((_, n) => n !== 1)) await context.print(line);
  return code;
}

async function textOf(error: unknown, context: CommandContext): Promise<string> {
  const known = await explained(error, context);
  return known instanceof Error ? known.message : String(known);
}

class Top {
  readonly #context: CommandContext;
  readonly #client: StreamFSClient;
  readonly #path: string | undefined;
  readonly #interval: number;
  readonly #screen: Screen;
  readonly #view: View;
  readonly #leaving = new AbortController();
  #sample: Sample | undefined;

  constructor(context: CommandContext, client: StreamFSClient, path: string | undefined, { interval, sort }: Options) {
    const { stdin, stdout } = context.io;
    this.#context = context;
    this.#client = client;
    this.#path = path;
    this.#interval = interval;
    this.#screen = new Screen(stdout, isTerminal(stdin) ? stdin : undefined);
    this.#view = { url: client.url, sort, isReversed: false, scroll: 0 };
  }

  async run(): Promise<void> {
    const context = this.#context;
    const screen = this.#screen;
    const signal = AbortSignal.any([context.signal, this.#leaving.signal]);
    // Fails before the screen is switched, so that the error stays visible.
    this.#sample = await takeSample(this.#client, this.#path, undefined, signal);
    await this.#noteFailure();
    const releases = [
      screen.onResize(() => this.#draw()),
      screen.onKey((key) => this.#press(key)),
      context.io.process?.takeSignals((name) => this.#onSignal(name)),
    ];
    screen.enter();
    try {
      this.#draw();
      while (!signal.aborted) {
        await pause(this.#interval, undefined, { signal });
        await this.#refresh(signal);
        this.#draw();
      }
    } catch (error) {
      if (!this.#leaving.signal.aborted) throw error;
      const { reason } = this.#leaving.signal;
      if (reason instanceof InterruptedError) throw reason;
    } finally {
      for (const release of releases) release?.();
      screen.leave();
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    try {
      this.#sample = await takeSample(this.#client, this.#path, this.#sample, signal);
      await this.#noteFailure();
    } catch (error) {
      signal.throwIfAborted();
      this.#view.problem = await textOf(error, this.#context);
    }
  }

  /** Shows the first directory that could not be listed. */
  async #noteFailure(): Promise<void> {
    const [failure] = this.#sample?.failures ?? [];
    this.#view.problem = failure === undefined ? undefined : await textOf(failure, this.#context);
  }

  #draw(): void {
    if (this.#sample === undefined) return;
    const { lines, scroll } = render(this.#sample, this.#view, this.#screen.size);
    this.#view.scroll = scroll;
    this.#screen.draw(lines);
  }

  #press(key: string): void {
    const view = this.#view;
    const page = Math.max(1, this.#screen.size.height - 5);
    const steps: Record<string, number> = {
      ...{ '\x1b[A': -1, k: -1, '\x1b[B': 1, j: 1 },
      ...{ '\x1b[5~': -page, b: -page, '\x1b[6~': page, ' ': page },
    };
    if (key === 'q' || key === 'Q' || key === '\x04') this.#leaving.abort();
    else if (key === '\x03') this.#leaving.abort(new InterruptedError('SIGINT'));
    else if (Object.hasOwn(steps, key)) view.scroll = Math.max(0, view.scroll + steps[key]!);
    const sort = SORT_NAMES.find((name) => SORTS[name].key === key);
    if (sort !== undefined) {
      view.isReversed = sort === view.sort && !view.isReversed;
      view.sort = sort;
      view.scroll = 0;
    }
    if (!this.#leaving.signal.aborted) this.#draw();
  }

  /** Restores the terminal before a signal ends or stops the process. */
  #onSignal(name: NodeJS.Signals): boolean {
    if (name === 'SIGHUP' || name === 'SIGQUIT') this.#leaving.abort(new InterruptedError('SIGTERM'));
    if (name === 'SIGTSTP') {
      this.#screen.leave();
      process.kill(process.pid, 'SIGSTOP');
    }
    if (name === 'SIGCONT') {
      this.#screen.enter();
      this.#draw();
    }
    return false;
  }
}
