/** Every exit code of the command line, and which error means which: scripts branch on these, so they are stable. */
import { isStreamFSError } from '../errors/index.ts';

export const EXIT = {
  ok: { code: 0, meaning: 'done; for cat --stream: the stream was ended or removed' },
  failed: { code: 1, meaning: 'any failure without a code of its own' },
  usage: { code: 2, meaning: 'wrong arguments, or a wrong configuration file' },
  notFound: { code: 3, meaning: 'not found: no such path, mount or handle' },
  refused: {
    code: 4,
    meaning: 'refused: not permitted, or what is there forbids it (ended, exists, no longer retained)',
  },
  unreachable: { code: 5, meaning: 'no server could be reached' },
  cut: { code: 6, meaning: 'the connection was cut, or the server shut down, and the work is not complete' },
  timeout: { code: 7, meaning: 'nothing came for as long as --timeout says' },
  interrupted: { code: 130, meaning: 'SIGINT' },
  brokenPipe: { code: 141, meaning: 'whoever read our output has gone; says nothing' },
  terminated: { code: 143, meaning: 'SIGTERM' },
} as const;

/** Wrong arguments that only a command can see. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure that knows its exit code. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exit: keyof typeof EXIT;

  constructor(exit: keyof typeof EXIT, message: string) {
    super(message);
    this.exit = exit;
  }
}

/** The process was asked to stop. The reason every operation is aborted with. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly signal: 'SIGINT' | 'SIGTERM';

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** Nobody reads our output any more. */
export class BrokenPipeError extends Error {
  override readonly name = 'BrokenPipeError';
}

/** What a refusal's status means; statuses not listed are plain failures. */
const BY_STATUS: Readonly<Record<number, keyof typeof EXIT>> = {
  401: 'refused',
  403: 'refused',
  404: 'notFound',
  409: 'refused',
  410: 'refused',
};

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) {
    return error.signal === 'SIGINT' ? EXIT.interrupted.code : EXIT.terminated.code;
  }
  if (error instanceof BrokenPipeError) return EXIT.brokenPipe.code;
  if (error instanceof UsageError) return EXIT.usage.code;
  if (error instanceof ExitError) return EXIT[error.exit].code;
  if (isStreamFSError(error, 'CONFIG_INVALID')) return EXIT.usage.code;
  if (isClientFailure(error)) {
    switch (error.kind) {
      case 'unreachable':
        return EXIT.unreachable.code;
      case 'cut':
        return EXIT.cut.code;
      case 'http':
        return EXIT[BY_STATUS[error.status] ?? 'failed'].code;
    }
  }
  return EXIT.failed.code;
}

/** Told by name rather than by class, so that a command that needs no client does not load it. */
function isClientFailure(
  error: unknown,
): error is { kind: 'http' | 'unreachable' | 'cut' | 'protocol'; status: number } {
  return error instanceof Error && error.name === 'StreamFSClientError' && 'kind' in error && 'status' in error;
}
