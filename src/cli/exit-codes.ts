/** Every exit code of the command line, and the errors it stands for. Scripts branch on these, so they are stable. */
import { isStreamFSError } from '../errors/index.ts';

export const EXIT = {
  ok: { code: 0, meaning: 'done; for cat --stream and tail --follow: the stream was ended or removed' },
  failed: { code: 1, meaning: 'any failure without its own code' },
  usage: { code: 2, meaning: 'wrong arguments, or a wrong configuration file' },
  notFound: { code: 3, meaning: 'not found: no such path, mount or handle' },
  refused: {
    code: 4,
    meaning:
      'refused: not permitted, or in conflict with the current state (ended, exists, offset no longer retained or beyond the end); disconnected: too slow',
  },
  unreachable: { code: 5, meaning: 'no server could be reached' },
  cut: { code: 6, meaning: 'the connection was cut, or the server shut down, and the work is not complete' },
  timeout: { code: 7, meaning: 'no bytes arrived within the time of --timeout' },
  lost: {
    code: 8,
    meaning:
      'cat --stream, tail --follow: bytes were lost while following, as reported, not counting those before its start; log: it is damaged',
  },
  notExecutable: {
    code: 126,
    meaning: 'exec: its command cannot be run; otherwise exec exits with the status of its command',
  },
  commandNotFound: { code: 127, meaning: 'exec: there is no such command' },
  interrupted: { code: 130, meaning: 'SIGINT' },
  brokenPipe: { code: 141, meaning: 'the reader of the output has exited; prints no message' },
  terminated: { code: 143, meaning: 'SIGTERM' },
} as const;

/** Wrong arguments that only the command itself can detect. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure with its exit code. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exit: keyof typeof EXIT;

  constructor(exit: keyof typeof EXIT, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.exit = exit;
  }
}

/** The process was asked to stop. Every operation is aborted with this reason. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly signal: 'SIGINT' | 'SIGTERM';

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** The reader of our output has gone. */
export class BrokenPipeError extends Error {
  override readonly name = 'BrokenPipeError';
}

/** Exit codes by HTTP status; other statuses are plain failures. */
const BY_STATUS: Readonly<Record<number, keyof typeof EXIT>> = {
  401: 'refused',
  403: 'refused',
  404: 'notFound',
  409: 'refused',
  410: 'refused',
  416: 'refused',
};

/** Refusals of the arguments themselves: a retry with the same arguments would fail in the same way. */
const WRONG_ARGUMENTS: ReadonlySet<string> = new Set([
  'CONFIG_INVALID',
  'INVALID_PARAMETER',
  'INVALID_PATH',
  'PARAMETER_REQUIRED',
  'PATH_REQUIRED',
  'PATH_TOO_DEEP',
  'PATH_TOO_LONG',
  'PLUGIN_INVALID',
  'UNKNOWN_FSTYPE',
]);

/** The exit code for an error of a command. */
export function exitCodeOf(error: unknown): number {
  return EXIT[exitOf(error)].code;
}

/** The same, by name. */
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

/** Checked by name rather than by class, so that a command without a client does not load it. */
function isClientFailure(
  error: unknown,
): error is { kind: 'http' | 'unreachable' | 'cut' | 'protocol'; status: number; code: string } {
  return error instanceof Error && error.name === 'StreamFSClientError' && 'kind' in error && 'code' in error;
}
