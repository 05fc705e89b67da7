/**
 * How writers of the command line continue after cuts, restarts and while there is no server yet (contract 89), and how
 * they report it.
 */
import type { WriteLoss, WriteOptions, WriteRetry } from '../client/index.ts';
import type { CommandContext } from './context.ts';
import { printable } from './io.ts';
import { RETRY_FOR, tryingAgain } from './patience.ts';

export interface LastingOptions {
  recreate?: boolean | undefined;
  /** Milliseconds. */
  retryFor?: number | undefined;
}

export function lastingWrite(
  context: CommandContext,
  path: string,
  { recreate = true, retryFor = RETRY_FOR }: LastingOptions,
): WriteOptions {
  return {
    reconnect: true,
    waitForServer: true,
    retryFor,
    onRetry: (retry) => tellRetry(context, retry, retryFor),
    ...(recreate ? { recreate, onLoss: (loss) => tellLoss(context, path, loss) } : {}),
  };
}

/** Reports once that the connection is lost, however many retries follow. */
function tellRetry(context: CommandContext, { attempt, error }: WriteRetry, retryFor: number): void {
  if (attempt === 1 && context.chatty) context.messages.note(tryingAgain(error.message, retryFor));
}

/** A loss is reported even with `--quiet`. */
function tellLoss(context: CommandContext, path: string, { lost, doubtful, error }: WriteLoss): void {
  const { chatty, messages } = context;
  if (doubtful > 0) {
    messages.warn(
      `${printable(path)}: the server has forgotten this writer during the interruption: up to ${doubtful} bytes may be written ` +
        `twice (${error.message})`,
    );
  } else if (lost > 0) {
    messages.warn(
      `${printable(path)}: the server was restarted: ${lost} bytes that it had acknowledged are lost, except ` +
        'for those that readers have received; continuing with a new stream',
    );
  } else if (chatty) {
    messages.note(`${printable(path)}: the server was restarted; continuing with a new stream`);
  }
}
