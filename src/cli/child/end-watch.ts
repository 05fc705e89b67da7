/**
 * A helper process that ends the streams of a command when its `exec` was killed and cannot do so. It runs in its own
 * session, so it survives what kills our process group. Its standard input closes when we are gone; it does nothing if a
 * message said before that all streams have ended.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { CommandContext } from '../context.ts';
import { END_WATCH } from './words.ts';

/** A line on the standard input of that process. */
export type EndWatchMessage =
  /** A stream that is to be ended. */
  | { path: string; generation: string | undefined }
  /** How the command ended. */
  | { status: string }
  /** A stream that has been ended. */
  | { done: string };

export class EndWatch {
  readonly #watcher: ChildProcess | undefined;

  /** Starts it, where there is a command line to start. */
  constructor({ global, io }: CommandContext) {
    const [node, ...args] = io.process?.self ?? [];
    if (node === undefined) return;
    const { caFile, tokenFile, url } = global;
    const options = { '--url': url, '--token-file': tokenFile, '--ca-file': caFile };
    const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
    this.#watcher = spawn(node, [...args, ...given, END_WATCH], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      windowsHide: true,
    });
    // It only matters if this process is killed, so failing to start it is no error.
    this.#watcher.on('error', () => undefined);
    this.#watcher.stdin?.on('error', () => undefined);
    this.#watcher.unref();
  }

  tell(message: EndWatchMessage): void {
    this.#watcher?.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Waits until all messages have been written to it. */
  async close(): Promise<void> {
    const input = this.#watcher?.stdin;
    if (input === undefined || input === null || input.destroyed) return;
    await new Promise<void>((resolve) => {
      input.once('close', () => resolve());
      input.end(() => resolve());
    });
  }
}
