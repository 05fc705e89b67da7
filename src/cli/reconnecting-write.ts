/**
 * How writers of the command line continue after cuts, restarts and while there is no server yet (contract 89), and how
 * they report it.
 */
import type { WriteLoss, WriteOptions, WriteRetry } from '../client/index.ts';
import type { CommandContext } from './context.ts';
import { printable } from './io.ts';
import { DEFAULT_RETRY_FOR_MS, retryMessage } from './retry.ts';

export interface ReconnectingWriteOptions {
  recreate?: boolean | undefined;
  /** Milliseconds. */
  retryFor?: number | undefined;
}

export function reconnectingWrite(
  context: CommandContext,
  path: string,
  { recreate = true, retryFor = DEFAULT_RETRY_FOR_MS }: ReconnectingWriteOptions,
): WriteOptions {
  return {
    reconnect: true,
    waitForServer: true,
    retryFor,
    onRetry: (retry) => reportRetry(context, retry, retryFor),
    ...(recreate ? { recreate, onLoss: (loss) => reportLoss(context, path, loss) } : {}),
  };
}

/** Reports once that the connection is lost, however many retries follow. */
function reportRetry(context: CommandContext, { attempt, error }: WriteRetry, retryFor: number): void {
  if (attempt === 1 && context.chatty) context.messages.note(retryMessage(error.message, retryFor));
}

/** A loss is reported even with `--quiet`. */
function reportLoss(context: CommandContext, path: string, { lost, doubtful, error }: WriteLoss): void {
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
