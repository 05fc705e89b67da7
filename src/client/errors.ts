/**
 * Everything that can go wrong for a client, as one class. A program branches on `kind` (refused, no server, broken
 * connection, invalid response) and on `code`, never on a message.
 */
import type { ErrorCode } from '../errors/index.ts';

/**
 * - `http`: the server answered with a refusal; `status` and `code` say which.
 * - `unreachable`: no connection, or no response to a request that changes nothing.
 * - `cut`: the connection broke, or closed without signalling the end of the stream.
 * - `protocol`: the response violates the protocol. Reconnecting would not help.
 */
export type ClientErrorKind = 'http' | 'unreachable' | 'cut' | 'protocol';

/** A code of the server's error table, or one of the client's own; other servers may send other codes. */
export type ClientErrorCode = ErrorCode | 'UNREACHABLE' | 'CUT' | 'PROTOCOL' | (string & {});

export interface ClientErrorFacts {
  status?: number | undefined;
  code?: ClientErrorCode | undefined;
  details?: Readonly<Record<string, unknown>> | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
}

const OWN_CODES = { http: 'HTTP', unreachable: 'UNREACHABLE', cut: 'CUT', protocol: 'PROTOCOL' } as const;

export class StreamFSClientError extends Error {
  override readonly name = 'StreamFSClientError';
  readonly kind: ClientErrorKind;
  /** The HTTP status, or 0 if there was no response. */
  readonly status: number;
  readonly code: ClientErrorCode;
  /** Facts in addition to the text: `earliest` of OFFSET_GONE, `written` of BODY_BROKE_OFF, `offset` of a cut. */
  readonly details: Readonly<Record<string, unknown>>;

  /** Milliseconds after which the server suggests another attempt; undefined if it names no time. */
  readonly retryAfter: number | undefined;

  constructor(kind: ClientErrorKind, message: string, facts: ClientErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.kind = kind;
    this.status = facts.status ?? 0;
    this.code = facts.code ?? OWN_CODES[kind];
    this.details = facts.details ?? {};
    this.retryAfter = facts.retryAfter;
  }
}

/** Whether `error` is a client error, optionally with one of the given codes. */
export function isClientError(error: unknown, ...codes: ClientErrorCode[]): error is StreamFSClientError {
  return error instanceof StreamFSClientError && (codes.length === 0 || codes.includes(error.code));
}

/** The text of a thrown value, including the system's error code that fetch hides in a cause. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = systemCode(error);
  if (code !== undefined && code in SYSTEM_CODES) return SYSTEM_CODES[code as keyof typeof SYSTEM_CODES];
  return cause.message || code || error.message || error.name;
}

const SYSTEM_CODES = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'name lookup failed',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_SOCKET: 'connection closed',
} as const;

/** Errors that occur before any part of a request was sent. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Like {@link NEVER_CONNECTED}, but a retry cannot help until the server, or another program that answers in its place,
 * is reconfigured.
 */
const NOT_TRUSTED = new Set([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
]);

function systemCode(error: Error): string | undefined {
  for (const candidate of [error, error.cause]) {
    if (candidate instanceof Error && 'code' in candidate && typeof candidate.code === 'string') return candidate.code;
  }
  return undefined;
}

/** Whether the failure shows that no connection was made, so that the server received nothing of the request. */
export function neverConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = systemCode(error);
  return code !== undefined && (NEVER_CONNECTED.has(code) || NOT_TRUSTED.has(code));
}

/** Whether retrying is useless, although failures of this kind are usually transient. */
export function isPermanent({ cause, code }: StreamFSClientError): boolean {
  if (code === 'MOUNT_FAILED') return true;
  const system = cause instanceof Error ? systemCode(cause) : undefined;
  return system !== undefined && NOT_TRUSTED.has(system);
}
