import { ERRORS, type ErrorCode, type ErrorParams } from './table.ts';

/** Facts beside the text of an error, as JSON: a list has a record for each of several things. */
export type ErrorDetails = Record<string, string | number | boolean | readonly Readonly<Record<string, string>>[]>;

/**
 * The one error class of the project. `code` is stable and made to be branched on, `message` is made to be read.
 * `details` are facts a program may need (`earliest`, `bytes_written`, …); a server adds them to the JSON answer.
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

  /** The HTTP status of this error's code. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** The error for a code, its text filled in. `details` go to the answer beside the text. */
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

/** The same error with a prefix before its text, as in `grep failed: …` (contract 47). */
export function prefixed(prefix: string, error: StreamFSError): StreamFSError {
  return new StreamFSError(error.code, prefix + error.message, { ...error.details }, error);
}

/** Whether `error` is one of ours, optionally with one of the given codes. */
export function isStreamFSError(error: unknown, ...codes: ErrorCode[]): error is StreamFSError {
  return error instanceof StreamFSError && (codes.length === 0 || codes.includes(error.code));
}
