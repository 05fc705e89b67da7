import { ERRORS, type ErrorCode, type ErrorParams } from './table.ts';

/** Facts in addition to the message of an error, as JSON. A list has one record per item. */
export type ErrorDetails = Record<string, string | number | boolean | readonly Readonly<Record<string, string>>[]>;

/**
 * The only error class of the project. `code` is stable: programs branch on it. `message` is for people. `details` are
 * facts that a program may need (`earliest`, `bytes_written`, …); the server adds them to its JSON response.
 */
export class StreamFSError extends Error {
  override readonly name = 'StreamFSError';
  readonly code: ErrorCode;
  readonly details: Readonly<ErrorDetails>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** The HTTP status for this error's code. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** Creates the error for a code and fills in its message. `details` are added to the response next to the message. */
export function createError<C extends ErrorCode>(
  code: C,
  ...[params, details]: [keyof ErrorParams<C>] extends [never]
    ? [params?: Record<string, never>, details?: ErrorDetails]
    : [params: ErrorParams<C>, details?: ErrorDetails]
): StreamFSError {
  const values: Record<string, string | number> = { ...params };
  const message = ERRORS[code].text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
  return new StreamFSError(code, message, details);
}

/** The same error with a prefix before its message, as in `grep failed: …` (contract 47). */
export function prefixed(prefix: string, error: StreamFSError): StreamFSError {
  return new StreamFSError(error.code, prefix + error.message, { ...error.details }, error);
}

/** Whether `error` is a StreamFSError, optionally with one of the given codes. */
export function isStreamFSError(error: unknown, ...codes: ErrorCode[]): error is StreamFSError {
  return error instanceof StreamFSError && (codes.length === 0 || codes.includes(error.code));
}
