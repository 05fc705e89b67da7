/** Every exit code of the command line, and which error means which: scripts branch on these, so they are stable. */
import { isStreamFSError } from '../errors/index.ts';

export const EXIT = {
  ok: { code: 0, meaning: 'done; for cat --stream and tail --follow: the stream was ended or removed' },
  failed: { code: 1, meaning: 'any failure without a code of its own' },
  usage: { code: 2, meaning: 'wrong arguments, or a wrong configuration file' },
  notFound: { code: 3, meaning: 'not found: no such path, mount or handle' },
  refused: {
    code: 4,
    meaning:
      'refused: not permitted, or what is there forbids it (ended, exists, no longer retained); disconnected: too slow',
  },
  unreachable: { code: 5, meaning: 'no server could be reached' },
  cut: { code: 6, meaning: 'the connection was cut, or the server shut down, and the work is not complete' },
  timeout: { code: 7, meaning: 'nothing came for as long as --timeout says' },
  lost: {
    code: 8,
    meaning:
      'cat --stream, tail --follow: bytes were lost on the way, as was told; where it began does not count; log: something is damaged',
  },
  notExecutable: { code: 126, meaning: 'exec: its command cannot be run; otherwise exec ends as its command does' },
  commandNotFound: { code: 127, meaning: 'exec: there is no such command' },
  interrupted: { code: 130, meaning: 'SIGINT' },
  brokenPipe: { code: 141, meaning: 'the program that reads the output has gone; says nothing' },
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

  constructor(exit: keyof typeof EXIT, message: string, options?: { cause?: unknown }) {
    super(message, options);
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

/** The reader of our output is gone. */
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

/** Refusals of the arguments themselves: another try with the same arguments would fail in the same way. */
const WRONG_ARGUMENTS: ReadonlySet<string> = new Set([
  'CONFIG_INVALID',
  'INVALID_PARAMETER',
  'INVALID_PATH',
  'PATH_TOO_DEEP',
  'PATH_TOO_LONG',
  'PLUGIN_INVALID',
  'UNKNOWN_FSTYPE',
]);

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  return EXIT[exitOf(error)].code;
}

/** The same by its name. */
export function exitOf(error: unknown): keyof typeof EXIT {
  if (error instanceof InterruptedError) return error.signal === 'SIGINT' ? 'interrupted' : 'terminated';
  if (error instanceof BrokenPipeError) return 'brokenPipe';
  if (error instanceof UsageError) return 'usage';
  if (error instanceof ExitError) return error.exit;
  if (isStreamFSError(error, 'CONFIG_INVALID')) return 'usage';
  if (!isClientFailure(error)) return 'failed';
  if (error.kind === 'unreachable' || error.kind === 'cut') return error.kind;
  if (error.kind !== 'http') return 'failed';
  return WRONG_ARGUMENTS.has(error.code) ? 'usage' : (BY_STATUS[error.status] ?? 'failed');
}

/** Told by name rather than by class, so that a command that needs no client does not load it. */
function isClientFailure(
  error: unknown,
): error is { kind: 'http' | 'unreachable' | 'cut' | 'protocol'; status: number; code: string } {
  return error instanceof Error && error.name === 'StreamFSClientError' && 'kind' in error && 'code' in error;
}
