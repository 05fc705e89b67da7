/**
 * A helper process that ends the streams of a command if `exec` is killed and cannot do so itself. It runs in its own
 * session, so it survives a kill of the process group. Its standard input closes when `exec` dies. If a message has
 * said that all streams have ended, it does nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { CommandContext } from '../context.ts';
import { END_WATCH } from './constants.ts';

/** One line on the standard input of the helper. */
export type EndWatchMessage =
  /** A stream to end. */
  | { path: string; generation: string | undefined }
  /** How the command ended. */
  | { status: string }
  /** A stream that has ended. */
  | { done: string };

export class EndWatch {
  readonly #watcher: ChildProcess | undefined;

  /** Starts the helper, if there is a command line to start. */
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
    // It only matters if this process is killed, so a failure to start it is ignored.
    this.#watcher.on('error', () => undefined);
    this.#watcher.stdin?.on('error', () => undefined);
    this.#watcher.unref();
  }

  send(message: EndWatchMessage): void {
    this.#watcher?.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Waits until all messages have been written. */
  async close(): Promise<void> {
    const input = this.#watcher?.stdin;
    if (input === undefined || input === null || input.destroyed) return;
    await new Promise<void>((resolve) => {
      input.once('close', () => resolve());
      input.end(() => resolve());
    });
  }
}
